/* SPDX-License-Identifier: Apache-2.0 */
/* The system calls that a taken-over relay process would like to have, each tried from inside. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/check.h"
#include "tests/integration/app/inside.h"
#include "tests/lib/testns.h"

static long try_open(struct inside *inside)
{
	(void)inside;
	return syscall(SYS_open, "/dev/null", O_RDONLY);
}

static long try_openat(struct inside *inside)
{
	(void)inside;
	return syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY);
}

static long try_openat2(struct inside *inside)
{
	struct open_how how = {.flags = O_RDONLY};
	(void)inside;
	return syscall(SYS_openat2, AT_FDCWD, "/dev/null", &how, sizeof(how));
}

static long try_socket(struct inside *inside)
{
	(void)inside;
	return syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
}

static long try_socketpair(struct inside *inside)
{
	int pair[2];
	(void)inside;
	return syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, pair);
}

static long try_bind(struct inside *inside)
{
	(void)inside;
	return syscall(SYS_bind, -1, NULL, 0);
}

static long try_listen(struct inside *inside)
{
	(void)inside;
	return syscall(SYS_listen, -1, 1);
}

static long try_setns(struct inside *inside)
{
	return syscall(SYS_setns, inside->ns_fd,
	               CLONE_NEWUSER); /* not of that type: EINVAL, were it permitted */
}

static long try_unshare(struct inside *inside)
{
	(void)inside;
	return syscall(SYS_unshare, CLONE_FS);
}

static long try_execve(struct inside *inside)
{
	(void)inside;
	return syscall(SYS_execve, "/nonexistent", NULL, NULL);
}

static long try_execveat(struct inside *inside)
{
	(void)inside;
	return syscall(SYS_execveat, AT_FDCWD, "/nonexistent", NULL, NULL, 0);
}

static long try_ring_setup(struct inside *inside)
{
	struct io_uring_params params = {0};
	(void)inside;
	return syscall(SYS_io_uring_setup, 4, &params);
}

static long try_ring_register(struct inside *inside)
{
	(void)inside;
	return syscall(SYS_io_uring_register, -1, IORING_UNREGISTER_FILES, NULL, 0);
}

/* The child ends at once: this is about being allowed to make it. */
static long end_child(long pid)
{
	if (pid == 0)
		_exit(0);
	return pid;
}

static long try_fork(struct inside *inside)
{
	(void)inside;
	return end_child(syscall(SYS_fork));
}

static long try_clone(struct inside *inside)
{
	(void)inside;
	return end_child(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL));
}

static long try_clone3(struct inside *inside)
{
	struct clone_args args = {.exit_signal = SIGCHLD};
	(void)inside;
	return end_child(syscall(SYS_clone3, &args, sizeof(args)));
}

static long try_ptrace(struct inside *inside)
{
	return ptrace(PTRACE_ATTACH, inside->neighbour, NULL, NULL) < 0
	               ? -1
	               : ptrace(PTRACE_DETACH, inside->neighbour, NULL, NULL);
}

static long try_read_memory(struct inside *inside)
{
	char byte;
	struct iovec to = {&byte, 1}, from = {&byte, 1};
	return syscall(SYS_process_vm_readv, inside->neighbour, &to, 1, &from, 1, 0);
}

static long try_kill(struct inside *inside)
{
	return syscall(SYS_kill, inside->neighbour, 0);
}

static long try_tgkill(struct inside *inside)
{
	return syscall(SYS_tgkill, inside->neighbour, inside->neighbour, 0);
}

static long try_tkill(struct inside *inside)
{
	return syscall(SYS_tkill, inside->neighbour, 0);
}

static long try_pidfd(struct inside *inside)
{
	return syscall(SYS_pidfd_open, inside->neighbour, 0);
}

static long map_failed(void *memory)
{
	return memory == MAP_FAILED ? -1 : 0;
}

static long try_mmap_code(struct inside *inside)
{
	(void)inside;
	return map_failed(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static long try_mprotect_code(struct inside *inside)
{
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	(void)inside;
	return mprotect(memory, 4096, PROT_READ | PROT_EXEC);
}

static long try_bpf(struct inside *inside)
{
	union bpf_attr attr = {
	        .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
	(void)inside;
	return syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

static long try_mount(struct inside *inside)
{
	(void)inside;
	return mount("none", "/", "tmpfs", 0, NULL);
}

static long try_memfd(struct inside *inside)
{
	(void)inside;
	return syscall(SYS_memfd_create, "x", 0);
}

static long try_readlink(struct inside *inside)
{
	char path[64];
	(void)inside;
	return syscall(SYS_readlink, "/proc/self/exe", path, sizeof(path));
}

static long try_stat(struct inside *inside)
{
	struct stat stat;
	(void)inside;
	return syscall(SYS_newfstatat, AT_FDCWD, "/", &stat, 0);
}

static long try_unlink(struct inside *inside)
{
	(void)inside;
	return syscall(SYS_unlink, "/nonexistent");
}

static long try_chmod(struct inside *inside)
{
	(void)inside;
	return syscall(SYS_chmod, "/nonexistent", 0777);
}

static long try_setuid(struct inside *inside)
{
	(void)inside;
	return syscall(SYS_setuid, getuid());
}

static long try_prctl(struct inside *inside)
{
	(void)inside;
	return prctl(PR_SET_NAME, "x");
}

static long try_prlimit(struct inside *inside)
{
	(void)inside;
	return syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, NULL);
}

static long try_pidfd_getfd(struct inside *inside)
{
	(void)inside;
	return syscall(SYS_pidfd_getfd, -1, 0, 0);
}

static long try_ioctl(struct inside *inside)
{
	int blocking = 0;
	return ioctl(inside->ns_fd, FIONBIO, &blocking);
}

static long try_getsockopt(struct inside *inside)
{
	int value;
	socklen_t size = sizeof(value);
	return getsockopt(inside->ns_fd, SOL_SOCKET, SO_TYPE, &value, &size);
}

static long try_setsockopt(struct inside *inside)
{
	int value = 1;
	return setsockopt(inside->ns_fd, SOL_SOCKET, SO_REUSEPORT, &value, sizeof(value));
}

/* Classic BPF is code too. */
static long try_filter(struct inside *inside)
{
	struct sock_filter code = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = {.len = 1, .filter = &code};
	return setsockopt(inside->ns_fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static long try_i_know_no_such_call(struct inside *inside)
{
	(void)inside;
	return syscall(9999);
}

/* All harmless where they succeed. */
static const struct attempt {
	const char *name;
	long (*make)(struct inside *inside);
	bool fails_anyway; /* with EPERM, for want of privilege or by the machine's policy */
} attempts[] = {
        {"open", try_open, false},
        {"openat", try_openat, false},
        {"openat2", try_openat2, false},
        {"socket", try_socket, false},
        {"socketpair", try_socketpair, false},
        {"bind to no IP address", try_bind, false},
        {"listen", try_listen, false},
        {"setns", try_setns, false},
        {"unshare", try_unshare, false},
        {"execve", try_execve, false},
        {"execveat", try_execveat, false},
        {"io_uring_setup", try_ring_setup, false},
        {"io_uring_register", try_ring_register, false},
        {"fork", try_fork, false},
        {"clone", try_clone, false},
        {"clone3", try_clone3, false},
        {"ptrace", try_ptrace, true},
        {"process_vm_readv", try_read_memory, true},
        {"kill of another process", try_kill, false},
        {"tgkill of another process", try_tgkill, false},
        {"tkill", try_tkill, false},
        {"pidfd_open", try_pidfd, false},
        {"pidfd_getfd", try_pidfd_getfd, false},
        {"mmap of code", try_mmap_code, false},
        {"mprotect to code", try_mprotect_code, false},
        {"bpf", try_bpf, true},
        {"mount", try_mount, true},
        {"memfd_create", try_memfd, false},
        {"readlink", try_readlink, false},
        {"stat", try_stat, false},
        {"unlink", try_unlink, false},
        {"chmod", try_chmod, false},
        {"setuid", try_setuid, false},
        {"prctl", try_prctl, false},
        {"prlimit64", try_prlimit, false},
        {"ioctl", try_ioctl, false},
        {"getsockopt", try_getsockopt, false},
        {"setsockopt", try_setsockopt, false},
        {"a socket filter", try_filter, false},
        {"a system call of the future", try_i_know_no_such_call, false},
};

static void make_attempts(struct inside *inside)
{
	for (size_t i = 0; i < ARRAY_COUNT(attempts); i++)
		inside_tell(inside, attempts[i].make(inside));
}

static void system_call_that_relaying_does_not_need_is_refused(void **state)
{
	(void)state;
	if (!INSIDE_IS_SEALED) {
		print_message("skipped: a build with sanitizers does not seal itself\n");
		skip();
	}
	/* Once before, to see that it is the seal that refuses. */
	const struct inside_report *report = inside_run(make_attempts, make_attempts, testns_new());
	assert_int_equal(report->count, 2 * ARRAY_COUNT(attempts));
	for (size_t i = 0; i < ARRAY_COUNT(attempts); i++) {
		int before = report->results[i], after = report->results[ARRAY_COUNT(attempts) + i];
		if (before == -EPERM && !attempts[i].fails_anyway)
			fail_msg("%s fails before the seal already", attempts[i].name);
		if (after != -EPERM)
			fail_msg("%s is not refused: %d", attempts[i].name, after);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        testns_test(system_call_that_relaying_does_not_need_is_refused),
	};
	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
