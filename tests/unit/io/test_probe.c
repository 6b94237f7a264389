/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/probe.h"

static void need_io_uring(void)
{
	struct io_features features;
	struct err err = ERR_INIT;

	if (io_probe_features(&features, &err) < 0) {
		print_message("skipped: %s\n", err.text);
		skip();
	}
}

static int count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static void every_required_feature_is_there(void **state)
{
	struct io_features features = {0};
	struct err err = ERR_INIT;

	(void)state;
	need_io_uring();
	assert_int_equal(io_probe(&features, &err), 0);
	for (size_t i = 0; i < IO_FEATURE_COUNT; i++)
		if (io_feature_table[i].required)
			assert_true(io_feature_is_there(&io_feature_table[i], &features));
}

/* Linux 6.1, the oldest kernel supported, has all of them. */
static void optional_features_are_there_too(void **state)
{
	struct io_features features = {0};

	(void)state;
	need_io_uring();
	assert_int_equal(io_probe_features(&features, NULL), 0);
	for (size_t i = 0; i < IO_FEATURE_COUNT; i++)
		if (!io_feature_is_there(&io_feature_table[i], &features))
			fail_msg("%s is not there", io_feature_table[i].name);
}

static void probing_leaves_no_descriptor_behind(void **state)
{
	struct io_features features;
	int before;

	(void)state;
	need_io_uring();
	before = count_descriptors();
	assert_int_equal(io_probe(&features, NULL), 0);
	assert_int_equal(count_descriptors(), before);
}

static void table_names_each_feature_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < IO_FEATURE_COUNT; i++) {
		assert_int_equal(io_feature_table[i].offset, i * sizeof(bool));
		assert_true(strlen(io_feature_table[i].name) > 0);
		assert_true(strlen(io_feature_table[i].without) > 0);
	}
}

/* From here on in this process system call @number fails with @code. */
static bool forbid(int number, int code)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)code),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = ARRAY_COUNT(filter), .filter = filter};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

struct refusal {
	int number;       /* of the system call that fails */
	int code;         /* with this errno */
	int rc;           /* what io_probe() has to return */
	const char *text; /* and its error to say */
};

/* The exit code of the child that probes behind the filter. */
static int probe_refused(const struct refusal *refusal)
{
	struct io_features features, untouched;
	struct err err = ERR_INIT;

	memset(&features, 1, sizeof(features));
	memcpy(&untouched, &features, sizeof(features));
	if (!forbid(refusal->number, refusal->code))
		return 1;
	if (io_probe(&features, &err) != refusal->rc)
		return 2;
	if (!strstr(err.text, refusal->text))
		return 3;
	return memcmp(&features, &untouched, sizeof(features)) == 0 ? 0 : 4;
}

static void expect_refused(const struct refusal *refusal)
{
	int status = -1;
	pid_t child;

	need_io_uring();
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(probe_refused(refusal));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void seccomp_refusal_is_told_from_the_sysctl(void **state)
{
	const struct refusal refusal = {SYS_io_uring_setup, EPERM, -EPERM, "seccomp"};

	(void)state;
	expect_refused(&refusal);
}

static void kernel_without_io_uring_is_explained(void **state)
{
	const struct refusal refusal = {SYS_io_uring_setup, ENOSYS, -ENOSYS, "CONFIG_IO_URING"};

	(void)state;
	expect_refused(&refusal);
}

static void missing_required_feature_is_named(void **state)
{
	const struct refusal refusal = {SYS_io_uring_register, EINVAL, -EOPNOTSUPP,
					"lacks buffer_ring, multishot_recv;"};

	(void)state;
	expect_refused(&refusal);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_required_feature_is_there),
		cmocka_unit_test(optional_features_are_there_too),
		cmocka_unit_test(probing_leaves_no_descriptor_behind),
		cmocka_unit_test(table_names_each_feature_once),
		cmocka_unit_test(seccomp_refusal_is_told_from_the_sysctl),
		cmocka_unit_test(kernel_without_io_uring_is_explained),
		cmocka_unit_test(missing_required_feature_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
