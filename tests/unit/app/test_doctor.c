/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/nsrelay/verb_doctor.h"
#include "io/probe.h"

enum { REPORT_MAX = 16384 };

/* What the doctor said, in memory that a child can fill. */
struct visit {
	int status;
	char report[REPORT_MAX];
};

static struct visit *visit_new(void)
{
	struct visit *visit = mmap(NULL, sizeof(*visit), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
				   -1, 0);

	assert_ptr_not_equal(visit, MAP_FAILED);
	return visit;
}

static void visit_free(struct visit *visit)
{
	munmap(visit, sizeof(*visit));
}

static void visit_doctor(struct visit *visit)
{
	FILE *out = fmemopen(visit->report, sizeof(visit->report), "w");

	if (!out)
		abort();
	visit->status = verb_doctor(out);
	fclose(out);
}

/* Have a child lose something, by @spoil, and then visit. */
static struct visit *visit_spoilt(bool (*spoil)(void))
{
	struct visit *visit = visit_new();
	int status = -1;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		if (!spoil())
			_exit(1);
		visit_doctor(visit);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	return visit;
}

/* The state in the line that starts with @name; "" when there is none. */
static const char *state_of(const char *report, const char *name)
{
	static const char *const states[] = {"ok", "fallback", "missing"};
	size_t length = strlen(name);
	char word[16];

	for (const char *line = report; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, length) != 0 || line[length] != ' ' ||
		    sscanf(line + length, "%15s", word) != 1)
			continue;
		for (size_t i = 0; i < ARRAY_COUNT(states); i++)
			if (strcmp(word, states[i]) == 0)
				return states[i];
	}
	return "";
}

/* Every line up to the blank one before the verdict has a name and one of the three words. */
static void each_line_has_one_of_three_words(void **state)
{
	struct visit *visit = visit_new();
	char *rest = visit->report, *line;
	int count = 0;

	(void)state;
	visit_doctor(visit);
	char *verdict = strstr(visit->report, "\n\n");
	assert_non_null(verdict);
	*verdict = '\0';
	while ((line = strsep(&rest, "\n"))) {
		/* A name may hold a blank: the word stands at the start of the second column. */
		assert_true(strlen(line) > 26);
		const char *word = line + 26;
		if (strncmp(word, "ok ", 3) && strncmp(word, "fallback ", 9) && strncmp(word, "missing ", 8))
			fail_msg("no state in '%s'", line);
		count++;
	}
	assert_true(count > IO_FEATURE_COUNT);
	visit_free(visit);
}

static void whatever_is_not_ok_comes_with_advice(void **state)
{
	struct visit *visit = visit_new();
	char *rest = visit->report, *line;

	(void)state;
	visit_doctor(visit);
	*strstr(visit->report, "\n\n") = '\0';
	while ((line = strsep(&rest, "\n")))
		if (strncmp(line + 26, "ok ", 3) != 0 && strlen(line) < 80)
			fail_msg("no advice in '%s'", line);
	visit_free(visit);
}

static void required_features_are_ok_where_io_uring_is(void **state)
{
	struct io_features features;
	struct err err = ERR_INIT;
	struct visit *visit;

	(void)state;
	if (io_probe(&features, &err) < 0) {
		print_message("skipped: %s\n", err.text);
		skip();
	}
	visit = visit_new();
	visit_doctor(visit);
	assert_string_equal(state_of(visit->report, "io_uring"), "ok");
	for (size_t i = 0; i < IO_FEATURE_COUNT; i++)
		if (io_feature_table[i].required)
			assert_string_equal(state_of(visit->report, io_feature_table[i].name), "ok");
	assert_string_equal(state_of(visit->report, "splice"), "ok");
	visit_free(visit);
}

static void status_is_zero_exactly_when_nothing_is_missing(void **state)
{
	struct visit *visit = visit_new();

	(void)state;
	visit_doctor(visit);
	assert_int_equal(visit->status, strstr(visit->report, " missing ") ? 1 : 0);
	visit_free(visit);
}

static bool lose_capabilities(void)
{
	cap_t none = cap_init();
	bool lost = none && cap_set_proc(none) == 0;

	cap_free(none);
	return lost;
}

static void without_privileges_namespaces_are_missing(void **state)
{
	struct visit *visit = visit_spoilt(lose_capabilities);

	(void)state;
	assert_string_equal(state_of(visit->report, "CAP_SYS_ADMIN"), "missing");
	assert_string_equal(state_of(visit->report, "CAP_SETUID"), "fallback");
	assert_string_equal(state_of(visit->report, "setns"), "missing");
	assert_string_equal(state_of(visit->report, "interception, redirect"), "fallback");
	assert_int_equal(visit->status, 1);
	visit_free(visit);
}

static bool lose_io_uring(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = ARRAY_COUNT(filter), .filter = filter};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

static void forbidden_io_uring_is_missing_and_explained(void **state)
{
	struct visit *visit = visit_spoilt(lose_io_uring);

	(void)state;
	assert_string_equal(state_of(visit->report, "io_uring"), "missing");
	assert_string_equal(state_of(visit->report, "buffer_ring"), "missing");
	assert_string_equal(state_of(visit->report, "msg_ring"), "fallback");
	assert_contains(visit->report, "io_uring");
	assert_int_equal(visit->status, 1);
	visit_free(visit);
}

static bool lose_descriptors(void)
{
	struct rlimit few = {.rlim_cur = 64, .rlim_max = 64};

	return setrlimit(RLIMIT_NOFILE, &few) == 0;
}

static void too_few_descriptors_are_missing(void **state)
{
	struct visit *visit = visit_spoilt(lose_descriptors);

	(void)state;
	assert_string_equal(state_of(visit->report, "RLIMIT_NOFILE"), "missing");
	assert_contains(visit->report, "raise RLIMIT_NOFILE");
	visit_free(visit);
}

/* The doctor connects to itself: in a namespace of the test's own where that can be had. */
static void enter_own_namespace(void)
{
	struct ifreq up = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		return;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &up) < 0)
		abort();
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_line_has_one_of_three_words),
		cmocka_unit_test(whatever_is_not_ok_comes_with_advice),
		cmocka_unit_test(required_features_are_ok_where_io_uring_is),
		cmocka_unit_test(status_is_zero_exactly_when_nothing_is_missing),
		cmocka_unit_test(without_privileges_namespaces_are_missing),
		cmocka_unit_test(forbidden_io_uring_is_missing_and_explained),
		cmocka_unit_test(too_few_descriptors_are_missing),
	};

	enter_own_namespace();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
