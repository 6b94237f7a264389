/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/sandbox.h"

/* linux/netfilter_ipv4.h gives way to the C library's struct in_addr only when that comes first. */
#include <netinet/in.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/netfilter_ipv4.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"

/* ---- who to be ---- */

static bool may_change_user(void)
{
	cap_flag_value_t value = CAP_CLEAR;
	cap_t caps = cap_get_proc();
	if (!caps)
		return false;
	cap_get_flag(caps, CAP_SETUID, CAP_EFFECTIVE, &value);
	cap_free(caps);
	return value == CAP_SET;
}

int sandbox_find_user(const char *name, struct sandbox_user *ret, struct err *err)
{
	if (!may_change_user()) {
		*ret = (struct sandbox_user){getuid(), getgid()};
		return 0;
	}
	const struct passwd *user = getpwnam(name[0] ? name : "nsrelay");
	if (!user && !name[0])
		user = getpwnam("nobody");
	if (!user)
		return err_set(err, ENOENT, "user '%s' does not exist: expected the name of a user that the relay may run as",
			       name[0] ? name : "nobody");
	if (user->pw_uid == 0)
		return err_set(err, EINVAL, "user '%s' is the superuser: expected one without privileges", name);
	*ret = (struct sandbox_user){user->pw_uid, user->pw_gid};
	return 0;
}

/* ---- what was inherited ---- */

static bool is_inherited(int fd)
{
	return fd > STDERR_FILENO && (fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0;
}

void sandbox_close_inherited(void)
{
	DIR *dir = opendir("/proc/self/fd"); /* close-on-exec itself, opendir(3) */
	if (!dir)
		return;
	for (const struct dirent *entry; (entry = readdir(dir));) {
		int fd = (int)strtol(entry->d_name, NULL, 10); /* "." and "..": 0, which stays */
		if (is_inherited(fd))
			close(fd);
	}
	closedir(dir);
}

/* ---- privileges ---- */

static int change_user(const struct sandbox_user *user, struct err *err)
{
	if (!may_change_user())
		return 0;
	if (setgroups(0, NULL) < 0 || setresgid(user->gid, user->gid, user->gid) < 0 ||
	    setresuid(user->uid, user->uid, user->uid) < 0)
		return err_set_errno(err, "become user %u", (unsigned)user->uid);
	return 0;
}

/* empty_bounding_set - no executable gives anything back; not permitted without CAP_SETPCAP, and then not needed */
static void empty_bounding_set(void)
{
	for (cap_value_t cap = 0; cap <= cap_max_bits(); cap++)
		cap_drop_bound(cap);
}

int sandbox_drop(const struct sandbox_user *user, struct err *err)
{
	empty_bounding_set();
	int rc = change_user(user, err);
	if (rc < 0)
		return rc;
	cap_t none = cap_init();
	if (!none || cap_set_proc(none) < 0) {
		rc = err_set_errno(err, "drop capabilities");
		cap_free(none);
		return rc;
	}
	cap_free(none);
	/* Also lost by becoming another user; said again for those who stay who they were. */
	cap_reset_ambient();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set_errno(err, "no_new_privs");
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return 0;
}

/* ---- system calls ---- */

/* Whatever their arguments are. */
static const int allowed_calls[] = {
	/* moving bytes */
	SCMP_SYS(io_uring_enter), SCMP_SYS(recvfrom), SCMP_SYS(sendto), SCMP_SYS(recvmsg), SCMP_SYS(sendmsg),
	SCMP_SYS(splice), SCMP_SYS(tee), SCMP_SYS(read), SCMP_SYS(pread64), SCMP_SYS(write), SCMP_SYS(writev),
	/* connections */
	SCMP_SYS(accept4), SCMP_SYS(connect), SCMP_SYS(shutdown), SCMP_SYS(close), SCMP_SYS(getpeername),
	SCMP_SYS(getsockname),
	/* threads, time and memory */
	SCMP_SYS(futex), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_ctl), SCMP_SYS(restart_syscall), SCMP_SYS(sched_yield),
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(gettimeofday), SCMP_SYS(munmap),
	SCMP_SYS(madvise), SCMP_SYS(brk), SCMP_SYS(rseq), SCMP_SYS(set_robust_list),
	/* ending, and abort() when an invariant is broken */
	SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction),
	SCMP_SYS(sigaltstack), SCMP_SYS(getpid), SCMP_SYS(gettid),
};

#define EQUAL(argument, value)                                                                               \
	{                                                                                                    \
		(argument), SCMP_CMP_EQ, (value), 0                                                          \
	}
#define WITHOUT(argument, bits)                                                                              \
	{                                                                                                    \
		(argument), SCMP_CMP_MASKED_EQ, (bits), 0                                                    \
	}

/* Only with such arguments. */
static const struct narrow_call {
	int call;
	unsigned count;
	struct scmp_arg_cmp arguments[2];
} narrow_calls[] = {
	{SCMP_SYS(getsockopt), 2, {EQUAL(1, SOL_SOCKET), EQUAL(2, SO_ERROR)}},
	{SCMP_SYS(getsockopt), 2, {EQUAL(1, SOL_SOCKET), EQUAL(2, SO_MEMINFO)}},
	{SCMP_SYS(setsockopt), 2, {EQUAL(1, SOL_SOCKET), EQUAL(2, SO_LINGER)}},
	{SCMP_SYS(setsockopt), 2, {EQUAL(1, IPPROTO_TCP), EQUAL(2, TCP_QUICKACK)}},
	{SCMP_SYS(getsockopt), 2, {EQUAL(1, SOL_SOCKET), EQUAL(2, SO_PEERCRED)}},
	{SCMP_SYS(getsockopt), 2, {EQUAL(1, IPPROTO_TCP), EQUAL(2, TCP_INFO)}},
	{SCMP_SYS(getsockopt), 2, {EQUAL(1, IPPROTO_IP), EQUAL(2, SO_ORIGINAL_DST)}},
	{SCMP_SYS(getsockopt), 2, {EQUAL(1, IPPROTO_IPV6), EQUAL(2, SO_ORIGINAL_DST)}},
	{SCMP_SYS(setsockopt), 2, {EQUAL(1, IPPROTO_TCP), EQUAL(2, TCP_NODELAY)}},
	{SCMP_SYS(setsockopt), 2, {EQUAL(1, IPPROTO_TCP), EQUAL(2, TCP_CORK)}},
	{SCMP_SYS(bind), 1, {EQUAL(2, sizeof(struct sockaddr_in))}}, /* upstream sockets to their clients' addresses */
	{SCMP_SYS(bind), 1, {EQUAL(2, sizeof(struct sockaddr_in6))}},
	{SCMP_SYS(ioctl), 1, {EQUAL(1, SIOCOUTQ)}},
	{SCMP_SYS(ioctl), 1, {EQUAL(1, SIOCINQ)}},
	{SCMP_SYS(ioctl), 1, {EQUAL(1, SIOCATMARK)}},
	/* Memory may be mapped and its protection changed, but never so that data becomes code. */
	{SCMP_SYS(mmap), 1, {WITHOUT(2, PROT_EXEC)}},
	{SCMP_SYS(mprotect), 1, {WITHOUT(2, PROT_EXEC)}},
};

static int add_rules(scmp_filter_ctx filter)
{
	int rc = 0;
	for (size_t i = 0; i < ARRAY_COUNT(allowed_calls) && rc == 0; i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed_calls[i], 0);
	for (size_t i = 0; i < ARRAY_COUNT(narrow_calls) && rc == 0; i++)
		rc = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, narrow_calls[i].call, narrow_calls[i].count,
					    narrow_calls[i].arguments);
	/* abort(3) signals its own thread. No other process of the same user is to be had. */
	const struct scmp_arg_cmp own_process = EQUAL(0, (scmp_datum_t)getpid());
	if (rc == 0)
		rc = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &own_process);
	return rc;
}

#ifdef NSRELAY_SANITIZED
enum { SEAL_WANTED = 0 };
#else
enum { SEAL_WANTED = 1 };
#endif

int sandbox_seal(struct err *err)
{
	if (!SEAL_WANTED)
		return 0;
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!filter)
		return err_set(err, ENOMEM, "seccomp filter: out of memory");
	/* TSYNC: the threads that wait with their rings get the filter too. */
	int rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (rc == 0)
		rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (rc == 0)
		rc = add_rules(filter);
	if (rc == 0)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	return rc < 0 ? err_set(err, -rc, "seccomp filter: %s", strerror(-rc)) : 0;
}
