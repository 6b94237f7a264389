/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/look/proc.h"

#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nsctl/look/holders.h"
#include "tests/unit/unit.h"

static void an_inode_is_read_from_its_own_kind_alone(void **state)
{
	uint64_t inode = 1;

	(void)state;
	assert_true(proc_inode("socket:[123]", "socket", &inode));
	assert_int_equal(inode, 123);
	assert_true(proc_inode("net:[18446744073709551615]", "net", &inode));
	assert_int_equal(inode, UINT64_MAX);
	inode = 1;
	assert_false(proc_inode("pipe:[123]", "socket", &inode));
	assert_false(proc_inode("socket:[]", "socket", &inode));
	assert_false(proc_inode("socket:[12", "socket", &inode));
	assert_false(proc_inode("socket:[12]x", "socket", &inode));
	assert_false(proc_inode("socket:[99999999999999999999]", "socket", &inode));
	assert_false(proc_inode("socket", "socket", &inode));
	assert_false(proc_inode("/dev/null", "net", &inode));
	assert_false(proc_inode("", "net", &inode));
	assert_int_equal(inode, 1);
}

static void a_name_may_hold_anything(void **state)
{
	char name[PROC_NAME_MAX], former[PROC_NAME_MAX];

	(void)state;
	prctl(PR_GET_NAME, former);
	prctl(PR_SET_NAME, "a) b\nc\n");
	assert_string_equal(proc_name(getpid(), name, sizeof(name)), "a) b\nc\n");
	prctl(PR_SET_NAME, former);
	assert_string_equal(proc_name(0x7fffffff, name, sizeof(name)), "?");
}

static void a_namespace_is_that_of_its_file(void **state)
{
	struct stat stat_;
	uint64_t inode;

	(void)state;
	assert_int_equal(stat("/proc/self/ns/net", &stat_), 0);
	assert_true(proc_namespace(getpid(), getpid(), "net", "net", &inode));
	assert_int_equal(inode, stat_.st_ino);
	assert_true(proc_namespace(getpid(), getpid(), "pid_for_children", "pid", &inode));
	assert_false(proc_namespace(getpid(), getpid(), "net", "mnt", &inode));
	assert_false(proc_namespace(getpid(), getpid(), "nosuch", "nosuch", &inode));
	assert_false(proc_namespace(0x7fffffff, 0x7fffffff, "net", "net", &inode));
}

static void the_holder_of_a_socket_is_found_once_for_all_its_descriptors(void **state)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), copy = dup(fd);
	struct holders holders;
	const struct holder *holder;
	struct stat stat;
	size_t count;

	(void)state;
	assert_int_equal(fstat(fd, &stat), 0);
	assert_int_equal(holders_read(&holders, NULL), 0);
	holder = holders_find(&holders, stat.st_ino, &count);
	assert_int_equal(count, 1);
	assert_int_equal(holder->inode, stat.st_ino);
	assert_int_equal(holder->pid, getpid());
	assert_null(holders_find(&holders, UINT64_MAX, &count));
	assert_int_equal(count, 0);
	assert_null(holders_find(&holders, 0, &count));
	vec_clear(&holders.all);
	close(copy);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(an_inode_is_read_from_its_own_kind_alone),
	        cmocka_unit_test(a_name_may_hold_anything),
	        cmocka_unit_test(a_namespace_is_that_of_its_file),
	        cmocka_unit_test(the_holder_of_a_socket_is_found_once_for_all_its_descriptors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
