/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/topology/sysctl.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "tests/lib/testns.h"

static void read_value(int ns_fd, enum sysctl key, char value[SYSCTL_VALUE_MAX])
{
	struct err err = ERR_INIT;

	assert_success(sysctl_read(ns_fd, "box", key, value, SYSCTL_VALUE_MAX, &err), &err);
}

static void assert_value(int ns_fd, enum sysctl key, const char *expected)
{
	char value[SYSCTL_VALUE_MAX];

	read_value(ns_fd, key, value);
	assert_string_equal(value, expected);
}

static void write_value(int ns_fd, enum sysctl key, const char *value)
{
	struct err err = ERR_INIT;

	assert_success(sysctl_write(ns_fd, "box", key, value, &err), &err);
}

static void value_is_that_of_the_namespace_alone(void **state)
{
	int a = testns_bare(), b = testns_bare();
	char before[SYSCTL_VALUE_MAX];

	(void)state;
	read_value(-1, SYSCTL_IP_FORWARD, before);
	write_value(a, SYSCTL_IP_FORWARD, "1");
	write_value(b, SYSCTL_IP_FORWARD, "0");
	assert_value(a, SYSCTL_IP_FORWARD, "1");
	assert_value(b, SYSCTL_IP_FORWARD, "0");
	assert_value(-1, SYSCTL_IP_FORWARD, before);
}

static void every_setting_can_be_read_and_written_back(void **state)
{
	int inside = testns_bare();

	(void)state;
	write_value(inside, SYSCTL_TCP_CONGESTION_CONTROL,
	            "reno"); /* the one that every namespace may choose */
	for (enum sysctl key = 0; key < SYSCTL_COUNT; key++) {
		char value[SYSCTL_VALUE_MAX];

		read_value(inside, key, value);
		assert_int_not_equal(value[0], '\0');
		write_value(inside, key, value);
		assert_value(inside, key, value);
	}
}

static void unknown_congestion_control_is_refused_with_those_there_are(void **state)
{
	struct err err = ERR_INIT;
	int inside = testns_bare();

	(void)state;
	assert_refusal(sysctl_write(inside, "box", SYSCTL_TCP_CONGESTION_CONTROL, "none_such", &err), ENOENT,
	               &err,
	               "namespace box: congestion control none_such is not known to the kernel; available: ");
	assert_non_null(strstr(err.text, "reno"));
}

/* restricted - a congestion control that the kernel has, but not for every namespace; "" when there is
 * none */
static void find_restricted(int ns_fd, char *ret, size_t size)
{
	static const char script[] =
	        "cd /proc/sys/net/ipv4; for name in $(cat tcp_available_congestion_control); do"
	        " case \" $(cat tcp_allowed_congestion_control) \" in *\" $name \"*) ;;"
	        " *) [ $name = \"$1\" ] && exit 0;; esac; done; exit 1";
	static const char *const candidates[] = {"cubic", "bbr", "dctcp", "htcp"};

	ret[0] = '\0';
	for (size_t i = 0; i < sizeof(candidates) / sizeof(*candidates) && !*ret; i++) {
		if (testns_run(ns_fd, TESTNS_ARGV("sh", "-c", script, "sh", candidates[i])) == 0)
			strncat(ret, candidates[i], size - 1);
	}
}

static void restricted_congestion_control_is_refused_with_those_allowed(void **state)
{
	struct err err = ERR_INIT;
	int inside = testns_bare();
	char name[16];

	(void)state;
	find_restricted(inside, name, sizeof(name));
	if (!*name) {
		print_message("skipped: every congestion control of this kernel is allowed everywhere\n");
		skip();
	}
	assert_refusal(sysctl_write(inside, "box", SYSCTL_TCP_CONGESTION_CONTROL, name, &err), EPERM, &err,
	               " is not allowed there; allowed: ");
	assert_non_null(strstr(err.text, "reno"));
}

static void value_that_the_kernel_refuses_is_an_error(void **state)
{
	struct err err = ERR_INIT;
	int inside = testns_bare();

	(void)state;
	assert_refusal(sysctl_write(inside, "box", SYSCTL_IP_FORWARD, "many", &err), EINVAL, &err,
	               "namespace box: write /proc/sys/net/ipv4/ip_forward: Invalid argument");
}

static int write_as_nobody(void *arg)
{
	struct err err = ERR_INIT;

	(void)arg;
	return -sysctl_write(-1, "box", SYSCTL_IP_FORWARD, "1", &err);
}

static void write_without_privilege_is_refused(void **state)
{
	(void)state;
	assert_int_equal(testns_as_nobody(testns_bare(), write_as_nobody, NULL), EACCES);
}

static void setting_that_is_not_there_is_said_to_be_missing(void **state)
{
	struct err err = ERR_INIT;
	char value[SYSCTL_VALUE_MAX] = "untouched";
	int inside = testns_bare(), read_rc, write_rc;

	(void)state;
	testns_hide_run(); /* from now on mounts are this program's own */
	assert_int_equal(mount("none", "/proc/sys/net", "tmpfs", 0, NULL), 0);
	read_rc = sysctl_read(inside, "box", SYSCTL_TCP_CONGESTION_CONTROL, value, sizeof(value), &err);
	write_rc = sysctl_write(inside, "box", SYSCTL_TCP_CONGESTION_CONTROL, "reno", NULL);
	assert_int_equal(umount("/proc/sys/net"), 0);
	assert_refusal(read_rc, ENOENT, &err,
	               "namespace box: read /proc/sys/net/ipv4/tcp_congestion_control: it is not there");
	assert_int_equal(write_rc, -ENOENT);
	assert_string_equal(value, "untouched");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        testns_test(value_is_that_of_the_namespace_alone),
	        testns_test(every_setting_can_be_read_and_written_back),
	        testns_test(unknown_congestion_control_is_refused_with_those_there_are),
	        testns_test(restricted_congestion_control_is_refused_with_those_allowed),
	        testns_test(value_that_the_kernel_refuses_is_an_error),
	        testns_test(write_without_privilege_is_refused),
	        testns_test(setting_that_is_not_there_is_said_to_be_missing),
	};
	return testns_result(cmocka_run_group_tests(tests, testns_hide_net, NULL));
}
