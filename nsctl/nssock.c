/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/nssock.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "nsctl/netns.h"

/* The ports of a killed io_uring process stayed bound for about 8 ms (measured, Linux 6.18): its ring ends in
 * a kernel worker, after the process. Ten times that, and a little. */
enum { BIND_ATTEMPTS = 21, BIND_PAUSE_MS = 5 };

/* Of 0777 they leave 0660 and 0600. */
enum { UNIX_SOCKET_UMASK = 0117, UNIX_PRIVATE_UMASK = 0177 };

/* ---- as whom and where ---- */

struct visit {
	int home;
	uid_t uid;
};

/* setfsuid(2) reports no failure; asked for the invalid uid -1, which is NSSOCK_UID_OWN, it changes nothing
 * and tells the present one. */
static int switch_fsuid(uid_t uid, uid_t *ret_former, struct err *err)
{
	uid_t former = (uid_t)setfsuid(uid);

	if (uid != NSSOCK_UID_OWN && (uid_t)setfsuid(NSSOCK_UID_OWN) != uid)
		return err_set(err, EPERM, "make sockets as uid %u: not permitted; CAP_SETUID is needed",
		               uid);
	*ret_former = former;
	return 0;
}

static void restore_fsuid(uid_t former)
{
	setfsuid(former);
	CHECK((uid_t)setfsuid(NSSOCK_UID_OWN) == former);
}

static int visit_begin(struct visit *visit, int ns_fd, uid_t uid, struct err *err)
{
	int rc = netns_enter(ns_fd, &visit->home, err);

	if (rc < 0)
		return rc;
	rc = switch_fsuid(uid, &visit->uid, err);
	if (rc < 0)
		netns_leave(visit->home);
	return rc;
}

static void visit_end(struct visit *visit)
{
	restore_fsuid(visit->uid);
	netns_leave(visit->home);
}

static int make_socket(sa_family_t family, struct err *err)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd < 0 ? err_set_errno(err, "socket") : fd;
}

static int make_socket_in(int ns_fd, sa_family_t family, uid_t uid, struct err *err)
{
	struct visit visit;
	int fd = visit_begin(&visit, ns_fd, uid, err);

	if (fd < 0)
		return fd;
	fd = make_socket(family, err);
	visit_end(&visit);
	return fd;
}

/* ---- options ---- */

struct setting {
	int level;
	int name;
	int value;
	const char *text;
};

static int apply(int fd, const struct setting *setting, struct err *err)
{
	if (setsockopt(fd, setting->level, setting->name, &setting->value, sizeof(setting->value)) == 0)
		return 0;
	return err_set_errno(err, "set %s to %d", setting->text, setting->value);
}

static bool choose_congestion(int fd, const char *name)
{
	return setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name)) == 0;
}

static int set_congestion(int fd, const char *name, struct err *err)
{
	if (!*name || choose_congestion(fd, name))
		return 0;
	/* ENOENT: not in this kernel; EPERM: not in net.ipv4.tcp_allowed_congestion_control. */
	if (!strcmp(name, "cubic") && (errno == ENOENT || errno == EPERM) && choose_congestion(fd, "reno"))
		return 0;
	return err_set_errno(err, "congestion control %s (see net.ipv4.tcp_allowed_congestion_control)",
	                     name);
}

static int set_tcp_options(int fd, const struct nssock_tcp_options *options, struct err *err)
{
	const struct setting settings[] = {
	        {IPPROTO_TCP, TCP_NODELAY, options->nodelay, "TCP_NODELAY"},
	        {SOL_SOCKET, SO_KEEPALIVE, options->keepalive_idle_s > 0, "SO_KEEPALIVE"},
	        {IPPROTO_TCP, TCP_KEEPIDLE, (int)options->keepalive_idle_s, "TCP_KEEPIDLE"},
	        {IPPROTO_TCP, TCP_KEEPINTVL, (int)options->keepalive_interval_s, "TCP_KEEPINTVL"},
	        {IPPROTO_TCP, TCP_KEEPCNT, (int)options->keepalive_count, "TCP_KEEPCNT"},
	        {IPPROTO_TCP, TCP_USER_TIMEOUT, (int)options->user_timeout_ms, "TCP_USER_TIMEOUT"},
	        {SOL_SOCKET, SO_MARK, (int)options->mark, "SO_MARK"},
	        /* Of IPv6 as well: both are one flag of the socket. */
	        {IPPROTO_IP, IP_TRANSPARENT, options->transparent, "IP_TRANSPARENT"},
	        {IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, options->transparent && !options->backlog, "IP_BIND_ADDRESS_NO_PORT"},
	};

	for (size_t i = 0; i < ARRAY_COUNT(settings); i++) {
		int rc = settings[i].value == 0 ? 0 : apply(fd, &settings[i], err);

		if (rc < 0)
			return rc;
	}
	return set_congestion(fd, options->congestion, err);
}

static int set_listener_options(int fd, sa_family_t family, bool reuseport, struct err *err)
{
	/* REUSEADDR: connections in TIME_WAIT do not keep a restarted program from its port. */
	const struct setting reuse_addr = {SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR"};
	const struct setting reuse_port = {SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT"};
	const struct setting dual_stack = {IPPROTO_IPV6, IPV6_V6ONLY, 0, "IPV6_V6ONLY"};
	int rc = apply(fd, &reuse_addr, err);

	if (rc == 0 && reuseport)
		rc = apply(fd, &reuse_port, err);
	if (rc == 0 && family == AF_INET6)
		rc = apply(fd, &dual_stack, err);
	return rc;
}

/* ---- TCP listeners ---- */

static const char *bind_hint(int code)
{
	static const struct {
		int code;
		const char *text;
	} hints[] = {
	        {EADDRINUSE, "; another socket has it"},
	        {EADDRNOTAVAIL, "; the namespace has no such address"},
	        {EACCES, "; this port needs CAP_NET_BIND_SERVICE"},
	};

	for (size_t i = 0; i < ARRAY_COUNT(hints); i++) {
		if (hints[i].code == code)
			return hints[i].text;
	}
	return "";
}

static int explain_bind(int code, struct err *err)
{
	return err_set(err, code, "bind: %s%s", strerror(code), bind_hint(code));
}

static void pause_bind(void)
{
	const struct timespec pause = {.tv_nsec = BIND_PAUSE_MS * 1000000L};

	nanosleep(&pause, NULL);
}

static int bind_patiently(int fd, const struct endpoint *listener, struct err *err)
{
	for (int attempt = 1; bind(fd, &listener->addr.any, listener->addr_len) < 0; attempt++) {
		if (errno != EADDRINUSE || attempt == BIND_ATTEMPTS)
			return explain_bind(errno, err);
		pause_bind();
	}
	return 0;
}

static int start_listening(int fd, const struct nssock_tcp_options *options, struct err *err)
{
	return listen(fd, (int)options->backlog) < 0 ? err_set_errno(err, "listen") : 0;
}

static int set_up_listener(int fd, const struct endpoint *listener, const struct nssock_tcp_options *options,
                           bool reuseport, struct err *err)
{
	int rc = set_listener_options(fd, listener->addr.family, reuseport, err);

	if (rc == 0)
		rc = set_tcp_options(fd, options, err);
	if (rc == 0)
		rc = bind_patiently(fd, listener, err);
	if (rc == 0)
		rc = start_listening(fd, options, err);
	return rc;
}

static int listen_tcp(int ns_fd, const struct endpoint *listener, const struct nssock_tcp_options *options,
                      bool reuseport, uid_t uid, struct err *err)
{
	int fd = make_socket_in(ns_fd, listener->addr.family, uid, err);
	int rc;

	if (fd < 0)
		return fd;
	rc = set_up_listener(fd, listener, options, reuseport, err);
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

/* ---- unix sockets ---- */

static int connect_unix(int fd, const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(addr.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(addr.sun_path, path);
	return connect(fd, (const struct sockaddr *)&addr, sizeof(addr));
}

int nssock_connect_unix(const char *path, struct err *err)
{
	int fd = make_socket(AF_UNIX, err);
	int rc;

	if (fd < 0 || connect_unix(fd, path) == 0)
		return fd;
	rc = err_set_errno(err, "connect to unix:%s", path);
	close(fd);
	return rc;
}

/* Does a socket file have nobody behind it? Whatever else is the matter with it, it is not ours to remove. */
static bool is_stale(const char *path)
{
	int fd = nssock_connect_unix(path, NULL);

	if (fd >= 0)
		close(fd);
	return fd == -ECONNREFUSED;
}

static int remove_stale(const char *path, struct err *err)
{
	struct stat stat;

	if (lstat(path, &stat) < 0)
		return err_set_errno(err, "look at %s", path);
	if (!S_ISSOCK(stat.st_mode))
		return err_set(err, EADDRINUSE, "bind: %s exists and is not a socket", path);
	if (!is_stale(path))
		return err_set(err, EADDRINUSE, "bind: another program listens on %s", path);
	return unlink(path) < 0 ? err_set_errno(err, "remove stale %s", path) : 0;
}

static int bind_file(int fd, const struct endpoint *listener, bool owner_only)
{
	mode_t former = umask(owner_only ? UNIX_PRIVATE_UMASK : UNIX_SOCKET_UMASK);
	int rc = bind(fd, &listener->addr.any, listener->addr_len) < 0 ? -errno : 0;

	umask(former);
	return rc;
}

static int bind_unix(int fd, const struct endpoint *listener, bool owner_only, struct err *err)
{
	int rc = bind_file(fd, listener, owner_only);

	if (rc == -EADDRINUSE) {
		rc = remove_stale(listener->addr.un.sun_path, err);
		if (rc < 0)
			return rc;
		rc = bind_file(fd, listener, owner_only);
	}
	return rc < 0 ? err_set(err, -rc, "bind: %s", strerror(-rc)) : 0;
}

static int listen_unix(const struct endpoint *listener, const struct nssock_tcp_options *options,
                       struct err *err)
{
	int fd = make_socket(AF_UNIX, err);
	int rc;

	if (fd < 0)
		return fd;
	rc = bind_unix(fd, listener, options->owner_only, err);
	if (rc == 0)
		rc = start_listening(fd, options, err);
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

/* ---- what callers see ---- */

int nssock_listen(int ns_fd, const struct endpoint *listener, const struct nssock_tcp_options *options,
                  bool reuseport, uid_t uid, struct err *err)
{
	char text[ENDPOINT_TEXT_MAX];
	int fd = listener->addr.family == AF_UNIX ? listen_unix(listener, options, err)
	                                          : listen_tcp(ns_fd, listener, options, reuseport, uid, err);

	if (fd < 0)
		err_prefix(err, "listen on %s", endpoint_format(listener, text, sizeof(text)));
	return fd;
}

/* clear_tcp_options - those that are off, and may have been on */
static void clear_tcp_options(int fd, const struct nssock_tcp_options *options)
{
	const int off = 0;

	if (!options->nodelay)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &off, sizeof(off));
	if (!options->keepalive_idle_s)
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &off, sizeof(off));
	if (!options->user_timeout_ms)
		setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &off, sizeof(off));
	if (!options->mark)
		setsockopt(fd, SOL_SOCKET, SO_MARK, &off, sizeof(off));
	if (!options->transparent)
		setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &off, sizeof(off));
}

int nssock_listen_again(int fd, const struct endpoint *listener, const struct nssock_tcp_options *options,
                        struct err *err)
{
	char text[ENDPOINT_TEXT_MAX];
	int rc = 0;

	if (listener->addr.family != AF_UNIX) {
		clear_tcp_options(fd, options);
		rc = set_tcp_options(fd, options, err);
	}
	listen(fd, (int)options->backlog);
	return rc < 0 ? err_prefix(err, "listener %s", endpoint_format(listener, text, sizeof(text))) : 0;
}

int nssock_refuse_handshakes(int fd)
{
	/* A socket filter sees the TCP header at offset 0; byte 13 holds the flags: SYN is 0x02, ACK 0x10 (RFC 9293). */
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x12),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x02, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	struct sock_fprog program = {.len = ARRAY_COUNT(code), .filter = code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno : 0;
}

static int make_upstream(sa_family_t family, const struct nssock_tcp_options *options, struct err *err)
{
	int fd = make_socket(family, err);
	int rc = fd < 0 ? fd : set_tcp_options(fd, options, err);

	if (fd >= 0 && rc < 0)
		close(fd);
	return rc < 0 ? rc : fd;
}

int nssock_upstream_batch(int ns_fd, sa_family_t family, const struct nssock_tcp_options *options, uid_t uid,
                          uint32_t count, int *fds, uint32_t *ret_count, struct err *err)
{
	struct visit visit;
	uint32_t made = 0;
	int rc;

	*ret_count = 0;
	rc = visit_begin(&visit, ns_fd, uid, err);
	if (rc < 0)
		return rc;
	while (made < count && rc >= 0) {
		rc = make_upstream(family, options, err);
		if (rc >= 0)
			fds[made++] = rc;
	}
	visit_end(&visit);
	*ret_count = made;
	return rc < 0 ? rc : 0;
}
