/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/testns.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "nsctl/netns.h"

static struct netns_ref ref_to_name(const char *name)
{
	struct netns_ref ref = {.kind = NETNS_NAME};

	snprintf(ref.text, sizeof(ref.text), "%s", name);
	return ref;
}

static struct netns_ref ref_to_path(const char *path)
{
	struct netns_ref ref = {.kind = NETNS_PATH};

	snprintf(ref.text, sizeof(ref.text), "%s", path);
	return ref;
}

static struct netns_id identify(int fd)
{
	struct netns_id id = {0};
	struct err err = ERR_INIT;

	assert_success(netns_identify(fd, &id, &err), &err);
	return id;
}

static bool is_same(int a, int b)
{
	struct netns_id id_a = identify(a), id_b = identify(b);

	return netns_id_equal(&id_a, &id_b);
}

static int open_ref(const struct netns_ref *ref)
{
	struct err err = ERR_INIT;
	int fd = netns_open(ref, &err);

	assert_success(fd, &err);
	return testns_keep_fd(fd);
}

static int open_self(void)
{
	const struct netns_ref self = {.kind = NETNS_SELF};

	return open_ref(&self);
}

/* ---- opening ---- */

static void name_opens_the_namespace_of_that_name(void **state)
{
	int one = testns_new_named("open-one");
	int two = testns_new_named("open-two");
	struct netns_ref ref = ref_to_name("open-one");

	(void)state;
	assert_true(is_same(open_ref(&ref), one));
	assert_false(is_same(open_ref(&ref), two));
}

static void path_opens_the_namespace_of_that_file(void **state)
{
	int named = testns_new_named("open-path");
	struct netns_ref ref = ref_to_path("/run/netns/open-path");

	(void)state;
	assert_true(is_same(open_ref(&ref), named));
}

static void missing_name_is_refused_with_the_command_that_makes_it(void **state)
{
	struct netns_ref ref = ref_to_name("no-such-namespace");
	struct err err = ERR_INIT;

	(void)state;
	assert_refusal(netns_open(&ref, &err), ENOENT, &err,
	               "namespace no-such-namespace: /run/netns/no-such-namespace does not exist; "
	               "`ip netns add no-such-namespace` makes it");
}

static void missing_path_is_refused(void **state)
{
	struct netns_ref ref = ref_to_path("/no/such/file");
	struct err err = ERR_INIT;

	(void)state;
	assert_refusal(netns_open(&ref, &err), ENOENT, &err, "/no/such/file does not exist");
}

static void file_that_is_no_network_namespace_is_refused(void **state)
{
	static const char *const paths[] = {"/proc/self/ns/uts", "/proc/self/status", "/", "/dev/null"};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
		struct netns_ref ref = ref_to_path(paths[i]);
		struct err err = ERR_INIT;

		assert_refusal(netns_open(&ref, &err), EINVAL, &err, "is not a network namespace");
	}
}

static void fifo_is_refused_without_waiting_for_a_writer(void **state)
{
	char folder[] = "/tmp/test_netns.XXXXXX";
	struct netns_ref ref;
	struct err err = ERR_INIT;
	int rc;

	(void)state;
	assert_non_null(mkdtemp(folder));
	ref = ref_to_path(folder);
	strcat(ref.text, "/fifo");
	assert_int_equal(mkfifo(ref.text, 0600), 0);
	rc = netns_open(&ref, &err);
	unlink(ref.text);
	rmdir(folder);
	assert_refusal(rc, EINVAL, &err, "is not a network namespace");
}

static void name_that_leads_out_of_the_folder_is_refused(void **state)
{
	static const char *const names[] = {"", ".", "..", "../netns/x", "/etc"};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		struct netns_ref ref = ref_to_name(names[i]);
		struct err err = ERR_INIT;

		assert_refusal(netns_open(&ref, &err), EINVAL, &err, "cannot name a namespace");
		assert_refusal(netns_create(names[i], &err), EINVAL, &err, "cannot name a namespace");
		assert_refusal(netns_delete(names[i], &err), EINVAL, &err, "cannot name a namespace");
	}
}

static void pid_opens_the_namespace_of_the_process(void **state)
{
	int inside = testns_new();
	struct netns_ref ref = {.kind = NETNS_PID, .pid = testns_spawn(inside, TESTNS_ARGV("sleep", "1000"))};

	(void)state;
	assert_true(is_same(open_ref(&ref), inside));
}

static void ended_process_is_refused(void **state)
{
	struct netns_ref ref = {.kind = NETNS_PID, .pid = testns_spawn(-1, TESTNS_ARGV("true"))};
	struct err err = ERR_INIT;
	siginfo_t info;

	(void)state;
	/* It has ended, but its pid is still its own. */
	assert_int_equal(waitid(P_PID, (id_t)ref.pid, &info, WEXITED | WNOWAIT), 0);
	assert_refusal(netns_open(&ref, &err), ESRCH, &err, "has ended");
	testns_await_exit(ref.pid);
	assert_refusal(netns_open(&ref, &err), ESRCH, &err, "there is no process");
}

static int open_stranger(void *pid)
{
	struct netns_ref ref = {.kind = NETNS_PID, .pid = *(pid_t *)pid};
	struct err err = ERR_INIT;

	if (netns_open(&ref, &err) != -EACCES)
		return 1;
	return strstr(err.text, "CAP_SYS_PTRACE") ? 0 : 2;
}

static void process_of_a_stranger_takes_privilege_to_open(void **state)
{
	pid_t own = getpid();

	(void)state;
	assert_int_equal(testns_as_nobody(testns_new(), open_stranger, &own), 0);
}

static void self_is_the_namespace_of_the_calling_thread(void **state)
{
	int inside = testns_new();
	int home, seen;

	(void)state;
	assert_int_equal(netns_enter(inside, &home, NULL), 0);
	seen = open_self();
	netns_leave(home);
	assert_true(is_same(seen, inside));
	assert_false(is_same(open_self(), inside));
}

/* ---- identity ---- */

static void cookie_tells_namespaces_apart(void **state)
{
	int one = testns_new(), two = testns_new();
	uint64_t first = 0, second = 0, again = 0;
	struct err err = ERR_INIT;

	(void)state;
	assert_success(netns_cookie(one, &first, &err), &err);
	assert_success(netns_cookie(two, &second, &err), &err);
	assert_success(netns_cookie(one, &again, &err), &err);
	assert_true(first != 0 && first != second && first == again);
}

/* ---- visiting ---- */

static void visits_nest_and_lead_back(void **state)
{
	int outside = open_self(), one = testns_new(), two = testns_new();
	int home, middle;

	(void)state;
	assert_int_equal(netns_enter(one, &home, NULL), 0);
	assert_int_equal(netns_enter(two, &middle, NULL), 0);
	assert_true(is_same(open_self(), two));
	netns_leave(middle);
	assert_true(is_same(open_self(), one));
	netns_leave(home);
	assert_true(is_same(open_self(), outside));
}

static void visit_leaves_no_descriptor_behind(void **state)
{
	int inside = testns_new();
	size_t before = testns_count_fds();
	uint64_t cookie;
	int home;

	(void)state;
	assert_int_equal(netns_enter(inside, &home, NULL), 0);
	netns_leave(home);
	assert_int_equal(netns_cookie(inside, &cookie, NULL), 0);
	assert_int_equal(netns_enter(open("/dev/null", O_RDONLY | O_CLOEXEC), &home, NULL), -EINVAL);
	assert_int_equal(testns_count_fds(), before + 1);
	testns_keep_fd((int)before);
}

static int enter_own_and_other(void *other)
{
	const struct netns_ref self = {.kind = NETNS_SELF};
	struct err err = ERR_INIT;
	int home, fd = netns_open(&self, NULL);

	if (fd < 0 || netns_enter(fd, &home, NULL) < 0)
		return 1;
	netns_leave(home);
	if (netns_enter(*(int *)other, &home, &err) != -EPERM)
		return 2;
	return strstr(err.text, "CAP_SYS_ADMIN") ? 0 : 3;
}

static void only_another_namespace_takes_privilege_to_enter(void **state)
{
	int own = testns_new(), other = testns_new();

	(void)state;
	assert_int_equal(testns_as_nobody(own, enter_own_and_other, &other), 0);
}

/* ---- making and removing ---- */

static void created_namespace_is_one_of_ip_netns(void **state)
{
	(void)state;
	testns_new_named("for-ip");
	assert_int_equal(testns_run(-1, TESTNS_ARGV("ip", "netns", "exec", "for-ip", "true")), 0);
	assert_int_equal(testns_run(-1, TESTNS_ARGV("ip", "netns", "delete", "for-ip")), 0);
	assert_int_equal(access("/run/netns/for-ip", F_OK), -1);
}

static void namespace_of_ip_netns_is_opened_and_deleted(void **state)
{
	struct netns_ref ref = ref_to_name("by-ip");
	struct err err = ERR_INIT;

	(void)state;
	testns_hide_run();
	assert_int_equal(testns_run(-1, TESTNS_ARGV("ip", "netns", "add", "by-ip")), 0);
	open_ref(&ref);
	assert_success(netns_delete("by-ip", &err), &err);
	assert_int_equal(access("/run/netns/by-ip", F_OK), -1);
}

static void creating_twice_is_refused_and_harms_nothing(void **state)
{
	int first = testns_new_named("twice");
	struct netns_ref ref = ref_to_name("twice");
	struct err err = ERR_INIT;

	(void)state;
	assert_refusal(netns_create("twice", &err), EEXIST, &err,
	               "namespace twice: /run/netns/twice exists already");
	assert_true(is_same(open_ref(&ref), first));
}

static void deleting_twice_is_refused(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	testns_new_named("gone");
	assert_success(netns_delete("gone", &err), &err);
	assert_refusal(netns_delete("gone", &err), ENOENT, &err, "namespace gone");
}

static void leftover_file_and_link_are_deleted_like_a_namespace(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	testns_new_named("neighbour"); /* makes the folder */
	close(open("/run/netns/leftover", O_CREAT | O_CLOEXEC | O_WRONLY, 0));
	assert_int_equal(symlink("/run/netns/neighbour", "/run/netns/link"), 0);
	assert_success(netns_delete("leftover", &err), &err);
	assert_success(netns_delete("link", &err), &err);
	assert_int_equal(access("/run/netns/link", F_OK), -1);
	assert_int_equal(testns_run(-1, TESTNS_ARGV("ip", "netns", "exec", "neighbour", "true")), 0);
}

/* The fields of a mount are in proc(5), "mountinfo". */
static size_t count_run_dir_mounts(const char *property)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char line[4096];
	size_t count = 0;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		count += strstr(line, " " NETNS_RUN_DIR " ") && strstr(line, property);
	fclose(file);
	return count;
}

/* As on a machine where nobody has made a namespace yet. */
static void remove_run_dir(void)
{
	testns_hide_run();
	testns_run(-1, TESTNS_ARGV("sh", "-c", "umount -R /run/netns; rm -rf /run/netns"));
	assert_int_equal(access(NETNS_RUN_DIR, F_OK), -1);
}

static void run_dir_is_made_a_shared_mount_once(void **state)
{
	(void)state;
	remove_run_dir();
	testns_new_named("share-one");
	assert_int_equal(count_run_dir_mounts(" shared:"), 1);
	testns_new_named("share-two");
	assert_int_equal(count_run_dir_mounts(" shared:"), 1);
	assert_int_equal(count_run_dir_mounts(""), 1);
}

static void strict_umask_does_not_lock_the_run_dir(void **state)
{
	mode_t former;
	struct stat stat_buf;
	struct err err = ERR_INIT;
	int rc;

	(void)state;
	remove_run_dir();
	former = umask(0077);
	rc = netns_create("masked", &err);
	umask(former);
	assert_success(rc, &err);
	assert_int_equal(stat(NETNS_RUN_DIR, &stat_buf), 0);
	assert_int_equal(stat_buf.st_mode & 0777, 0755);
}

static void creating_leaves_the_thread_where_it_was(void **state)
{
	int outside = open_self();

	(void)state;
	assert_false(is_same(testns_bare(), outside));
	testns_new_named("elsewhere");
	assert_true(is_same(open_self(), outside));
}

static int create_unprivileged(void *arg)
{
	struct err err = ERR_INIT;

	(void)arg;
	if (netns_create_anonymous(&err) != -EPERM)
		return 1;
	return strstr(err.text, "CAP_SYS_ADMIN") ? 0 : 2;
}

static void creating_without_privilege_names_the_capability(void **state)
{
	(void)state;
	assert_int_equal(testns_as_nobody(testns_new(), create_unprivileged, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        testns_test(name_opens_the_namespace_of_that_name),
	        testns_test(path_opens_the_namespace_of_that_file),
	        testns_test(missing_name_is_refused_with_the_command_that_makes_it),
	        testns_test(missing_path_is_refused),
	        testns_test(file_that_is_no_network_namespace_is_refused),
	        testns_test(fifo_is_refused_without_waiting_for_a_writer),
	        testns_test(name_that_leads_out_of_the_folder_is_refused),
	        testns_test(pid_opens_the_namespace_of_the_process),
	        testns_test(ended_process_is_refused),
	        testns_test(process_of_a_stranger_takes_privilege_to_open),
	        testns_test(self_is_the_namespace_of_the_calling_thread),
	        testns_test(cookie_tells_namespaces_apart),
	        testns_test(visits_nest_and_lead_back),
	        testns_test(visit_leaves_no_descriptor_behind),
	        testns_test(only_another_namespace_takes_privilege_to_enter),
	        testns_test(created_namespace_is_one_of_ip_netns),
	        testns_test(namespace_of_ip_netns_is_opened_and_deleted),
	        testns_test(creating_twice_is_refused_and_harms_nothing),
	        testns_test(deleting_twice_is_refused),
	        testns_test(leftover_file_and_link_are_deleted_like_a_namespace),
	        testns_test(run_dir_is_made_a_shared_mount_once),
	        testns_test(strict_umask_does_not_lock_the_run_dir),
	        testns_test(creating_leaves_the_thread_where_it_was),
	        testns_test(creating_without_privilege_names_the_capability),
	};

	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
