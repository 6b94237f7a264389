/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/verb_doctor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/nsrelay/try_intercept.h"
#include "base/check.h"
#include "io/probe.h"
#include "io/ring.h"
#include "nsctl/netns.h"
#include "relay/config.h"
#include "relay/limits.h"

enum state { OK, FALLBACK, MISSING };

static const char *const state_names[] = {[OK] = "ok", [FALLBACK] = "fallback", [MISSING] = "missing"};

/* What one check found. */
struct finding {
	enum state state;
	char text[96];
	char advice[ERR_TEXT_MAX]; /* "" with OK */
};

/* What is the same for all checks, found out once. */
struct machine {
	struct io_features features;
	bool has_io_uring;
	struct err io_uring_err; /* why not */
	unsigned processors;
};

/* One line of the table: a function, and what else it has to know. */
struct check {
	const char *name;
	struct finding (*look)(const struct machine *machine, const struct check *check);
	const char *advice; /* what to do when it is not OK */
	enum state without; /* how bad that is */
	long value;         /* capability, smallest good value, or index of a feature: as @look takes it */
};

__attribute__((format(printf, 1, 2))) static struct finding ok(const char *fmt, ...)
{
	struct finding finding = {.state = OK};
	va_list args;
	va_start(args, fmt);
	vsnprintf(finding.text, sizeof(finding.text), fmt, args);
	va_end(args);
	return finding;
}

/* short_of - what is there falls short of what @check asks for */
__attribute__((format(printf, 2, 3))) static struct finding short_of(const struct check *check,
								     const char *fmt, ...)
{
	struct finding finding = {.state = check->without};
	va_list args;
	va_start(args, fmt);
	vsnprintf(finding.text, sizeof(finding.text), fmt, args);
	va_end(args);
	snprintf(finding.advice, sizeof(finding.advice), "%s", check->advice);
	return finding;
}

/* ---- io_uring ---- */

static struct finding look_io_uring(const struct machine *machine, const struct check *check)
{
	if (machine->has_io_uring)
		return ok("a ring can be made");
	struct finding finding = short_of(check, "no ring can be made");
	snprintf(finding.advice, sizeof(finding.advice), "%s", machine->io_uring_err.text);
	return finding;
}

static struct finding look_feature(const struct machine *machine, const struct io_feature *feature)
{
	if (machine->has_io_uring && io_feature_is_there(feature, &machine->features))
		return ok("works");
	struct finding finding = {.state = feature->required ? MISSING : FALLBACK};
	snprintf(finding.text, sizeof(finding.text), "does not work");
	snprintf(finding.advice, sizeof(finding.advice), "%s; Linux 6.1 or newer has it", feature->without);
	return finding;
}

static int drop_capabilities(struct err *err)
{
	cap_t none = cap_init();
	int rc = none && cap_set_proc(none) == 0 ? 0 : err_set_errno(err, "drop capabilities");
	cap_free(none);
	return rc;
}

/* In a child: make the rings of every thread as the relay process does. They end with the child. */
static int make_rings_unprivileged(const struct machine *machine, struct err *err)
{
	const struct ring_config config = {
		.features = &machine->features,
		.sq_entries = LIMIT_SQ_ENTRIES,
		.cq_entries = LIMIT_CQ_ENTRIES,
		.buffer_count = LIMIT_BUFFER_COUNT,
		.buffer_size = LIMIT_BUFFER_SIZE,
	};
	int rc = drop_capabilities(err);
	for (unsigned i = 0; i < machine->processors && rc == 0; i++)
		if (!ring_open(&config, err))
			rc = -1;
	return rc;
}

static _Noreturn void tell_and_exit(int rc, const struct err *err, int fd)
{
	if (rc < 0 && write(fd, err, sizeof(*err)) < 0)
		_exit(EXIT_FAILURE);
	_exit(rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* try_rings_in_child - 0, or what went wrong in @err */
static int try_rings_in_child(const struct machine *machine, struct err *err)
{
	int ends[2];
	struct err told = ERR_INIT;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set_errno(err, "pipe");
	pid_t child = fork();
	if (child == 0)
		tell_and_exit(make_rings_unprivileged(machine, &told), &told, ends[1]);
	close(ends[1]);
	int status = -1;
	if (child < 0)
		err_set_errno(err, "fork");
	else if (waitpid(child, &status, 0) != child || status != 0)
		err_set(err, EIO, "%s",
			read(ends[0], &told, sizeof(told)) == sizeof(told) ? told.text
									   : "the trying process died");
	close(ends[0]);
	return status == 0 ? 0 : -EIO;
}

/*
 * From some version on the kernel charges rings to RLIMIT_MEMLOCK of a user without CAP_IPC_LOCK, so that
 * root can make rings which the relay process cannot.
 */
static struct finding look_memlock(const struct machine *machine, const struct check *check)
{
	struct rlimit limit = {0};
	struct err err = ERR_INIT;
	getrlimit(RLIMIT_MEMLOCK, &limit);
	if (!machine->has_io_uring)
		return short_of(check, "not tried, for want of io_uring");
	if (try_rings_in_child(machine, &err) == 0)
		return ok("rings of %u threads can be made without privileges", machine->processors);
	struct finding finding = short_of(check, "%llu KiB", (unsigned long long)limit.rlim_cur / 1024);
	snprintf(finding.advice, sizeof(finding.advice), "%.300s; %s", err.text, check->advice);
	return finding;
}

/* ---- privileges and limits ---- */

static struct finding look_capability(const struct machine *machine, const struct check *check)
{
	(void)machine;
	cap_flag_value_t flag = CAP_CLEAR;
	cap_t caps = cap_get_proc();
	if (caps)
		cap_get_flag(caps, (cap_value_t)check->value, CAP_EFFECTIVE, &flag);
	cap_free(caps);
	return flag == CAP_SET ? ok("effective") : short_of(check, "not effective");
}

/* What one relay with one listener could carry. */
static struct finding look_nofile(const struct machine *machine, const struct check *check)
{
	struct rlimit limit = {0};
	struct limits limits;
	struct err err = ERR_INIT;
	getrlimit(RLIMIT_NOFILE, &limit);
	const struct limits_input input = {
		.nofile = limit.rlim_max, .processors = machine->processors, .listeners = 1};
	if (limits_compute(&input, &limits, &err) < 0) {
		struct finding finding = short_of(check, "%llu", (unsigned long long)limit.rlim_max);
		finding.state = MISSING;
		snprintf(finding.advice, sizeof(finding.advice), "%s", err.text);
		return finding;
	}
	if (limits.connections < check->value)
		return short_of(check, "%llu: %u connections", (unsigned long long)limit.rlim_max,
				limits.connections);
	return ok("%llu: %u connections", (unsigned long long)limit.rlim_max, limits.connections);
}

/* ---- sysctls ---- */

/* read_sysctl - the text of a sysctl named as sysctl(8) does, tabs as blanks; false when it is not there */
static bool read_sysctl(const char *name, char *buf, int size)
{
	char path[128] = "/proc/sys/";
	size_t used = strlen(path);
	for (; *name && used + 1 < sizeof(path); name++)
		path[used++] = (char)(*name == '.' ? '/' : *name);
	path[used] = '\0';
	FILE *file = fopen(path, "re");
	if (!file)
		return false;
	bool got = fgets(buf, size, file);
	fclose(file);
	if (!got)
		return false;
	buf[strcspn(buf, "\n")] = '\0';
	for (char *tab = buf; (tab = strchr(tab, '\t'));)
		*tab = ' ';
	return true;
}

/* The largest number is the last one: a limit alone, or "min default max". */
static struct finding look_sysctl(const struct machine *machine, const struct check *check)
{
	(void)machine;
	char text[64];
	if (!read_sysctl(check->name, text, sizeof(text)))
		return short_of(check, "not readable");
	const char *last = strrchr(text, ' ');
	return strtol(last ? last + 1 : text, NULL, 10) >= check->value ? ok("%s", text)
									: short_of(check, "%s", text);
}

/* look_unneeded_sysctl - shown because people look for it; it may not be visible in a namespace of its own */
static struct finding look_unneeded_sysctl(const struct machine *machine, const struct check *check)
{
	(void)machine;
	char text[64];
	return read_sysctl(check->name, text, sizeof(text)) ? ok("%s, not used", text) : ok("not used");
}

/* As look_sysctl(), for a limit that 0 switches off. */
static struct finding look_sysctl_zero_is_unlimited(const struct machine *machine, const struct check *check)
{
	char text[64];
	if (read_sysctl(check->name, text, sizeof(text)) && strcmp(text, "0") == 0)
		return ok("0, unlimited");
	return look_sysctl(machine, check);
}

/*
 * Linux 6.6 brought it. 1 forbids it to those without CAP_SYS_ADMIN: to the relay process, unless its group
 * is excepted.
 */
static struct finding look_io_uring_disabled(const struct machine *machine, const struct check *check)
{
	(void)machine;
	char text[16];
	if (!read_sysctl(check->name, text, sizeof(text)))
		return ok("no such sysctl: nothing is forbidden");
	return strcmp(text, "0") == 0 ? ok("0") : short_of(check, "%s", text);
}

static struct finding look_backlog(const struct machine *machine, const struct check *check)
{
	struct config_relay defaults;
	struct check with_default = *check;
	config_relay_init(&defaults);
	with_default.value = defaults.tcp.backlog;
	return look_sysctl(machine, &with_default);
}

/* ---- the kernel ---- */

/*
 * Whether a socket takes it is what counts; net.ipv4.tcp_allowed_congestion_control binds those without
 * CAP_NET_ADMIN.
 */
static struct finding look_congestion(const struct machine *machine, const struct check *check)
{
	(void)machine;
	char now[64] = "?", available[64] = "?";
	read_sysctl("net.ipv4.tcp_congestion_control", now, sizeof(now));
	read_sysctl("net.ipv4.tcp_available_congestion_control", available, sizeof(available));
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool taken = fd >= 0 && setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", strlen("cubic")) == 0;
	if (fd >= 0)
		close(fd);
	return taken ? ok("default %.20s, cubic can be set", now)
		     : short_of(check, "default %.20s, available: %.40s", now, available);
}

/* Entering the namespace one is in changes nothing but asks for the same privilege. */
static struct finding look_setns(const struct machine *machine, const struct check *check)
{
	(void)machine;
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	bool entered = fd >= 0 && setns(fd, CLONE_NEWNET) == 0;
	struct finding finding = entered ? ok("works") : short_of(check, "%s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return finding;
}

static struct finding look_pidfd(const struct machine *machine, const struct check *check)
{
	(void)machine;
	int fd = pidfd_open(getpid(), 0);
	if (fd < 0)
		return short_of(check, "%s", strerror(errno));
	close(fd);
	return ok("works");
}

static struct finding look_cookie(const struct machine *machine, const struct check *check)
{
	(void)machine;
	uint64_t cookie = 0;
	socklen_t size = sizeof(cookie);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool got = fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) == 0;
	struct finding finding = got ? ok("works") : short_of(check, "%s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return finding;
}

static struct finding look_intercept(const struct machine *machine, const struct check *check)
{
	struct err err = ERR_INIT;
	(void)machine;
	return try_intercept(check->value, &err) < 0 ? short_of(check, "%s", err.text) : ok("works");
}

static struct finding look_accepting_marks(const struct machine *machine, const struct check *check)
{
	struct err err = ERR_INIT;
	(void)machine;
	return try_accepting_marks(&err) < 0 ? short_of(check, "%s", err.text) : ok("can be set");
}

static struct finding look_seccomp(const struct machine *machine, const struct check *check)
{
	(void)machine;
	uint32_t action = SECCOMP_RET_ERRNO;
	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0)
		return ok("filters can be set");
	return short_of(check, "%s", strerror(errno));
}

/* tcp_pair_open - two connected sockets on the loopback of the own namespace; false when that is down */
static bool tcp_pair_open(int ret[2])
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(addr);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int server = -1;
	if (listener >= 0 && client >= 0 && bind(listener, (struct sockaddr *)&addr, size) == 0 &&
	    listen(listener, 1) == 0 && getsockname(listener, (struct sockaddr *)&addr, &size) == 0 &&
	    connect(client, (struct sockaddr *)&addr, size) == 0)
		server = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (listener >= 0)
		close(listener);
	if (server < 0 && client >= 0)
		close(client);
	ret[0] = client;
	ret[1] = server;
	return server >= 0;
}

/* Through the pipe and back to where it came from. */
static bool splice_goes_round(const int tcp[2])
{
	int ends[2];
	char byte = 'x';
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return false;
	bool works = send(tcp[0], &byte, 1, MSG_NOSIGNAL) == 1 && recv(tcp[1], &byte, 1, MSG_PEEK) == 1 &&
		     splice(tcp[1], NULL, ends[1], NULL, 1, SPLICE_F_NONBLOCK) == 1 &&
		     splice(ends[0], NULL, tcp[1], NULL, 1, SPLICE_F_NONBLOCK) == 1;
	close(ends[0]);
	close(ends[1]);
	return works;
}

static struct finding look_splice(const struct machine *machine, const struct check *check)
{
	(void)machine;
	int tcp[2];
	if (!tcp_pair_open(tcp)) {
		const struct check untried = {.advice = "to have it tried: ip link set lo up",
					      .without = FALLBACK};
		return short_of(&untried, "not tried: loopback is down");
	}
	bool works = splice_goes_round(tcp);
	struct finding finding = works ? ok("socket to pipe to socket works")
				       : short_of(check, "%s", strerror(errno));
	close(tcp[0]);
	close(tcp[1]);
	return finding;
}

static struct finding look_cgroup(const struct machine *machine, const struct check *check)
{
	(void)machine;
	return access("/sys/fs/cgroup/cgroup.controllers", R_OK) == 0 ? ok("version 2")
								      : short_of(check, "not version 2");
}

static struct finding look_named_namespaces(const struct machine *machine, const struct check *check)
{
	(void)machine;
	DIR *dir = opendir(NETNS_RUN_DIR);
	if (!dir)
		return short_of(check, "%s", strerror(errno));
	unsigned count = 0;
	for (const struct dirent *entry; (entry = readdir(dir));)
		count += entry->d_name[0] != '.';
	closedir(dir);
	return ok("%u namespaces", count);
}

/* ---- the table ---- */

enum { CONNECTIONS_GOOD = 1000, TCP_BUFFER_GOOD = 4 << 20 }; /* the default of tcp_wmem, tcp(7) */

static const struct check checks[] = {
	{"io_uring", look_io_uring, "", MISSING, 0},
	{"kernel.io_uring_disabled", look_io_uring_disabled,
	 "sysctl -w kernel.io_uring_disabled=0, or 1 and the relay's group in kernel.io_uring_group", MISSING,
	 0},
	{"RLIMIT_MEMLOCK", look_memlock, "raise it (ulimit -l, LimitMEMLOCK=) if memory is what is short",
	 MISSING, 0},
	{"RLIMIT_NOFILE", look_nofile, "raise it (ulimit -n, LimitNOFILE=) for more connections", FALLBACK,
	 CONNECTIONS_GOOD},
	{"CAP_SYS_ADMIN", look_capability, "other namespaces cannot be entered: start as root", MISSING,
	 CAP_SYS_ADMIN},
	{"CAP_NET_ADMIN", look_capability, "congestion control is limited to what the namespace allows",
	 FALLBACK, CAP_NET_ADMIN},
	{"CAP_NET_BIND_SERVICE", look_capability,
	 "ports below net.ipv4.ip_unprivileged_port_start cannot be listened on", FALLBACK,
	 CAP_NET_BIND_SERVICE},
	{"CAP_SETUID", look_capability, "the relay process stays the user that started it", FALLBACK,
	 CAP_SETUID},
	{"CAP_SETGID", look_capability, "the relay process stays in the groups it was started in", FALLBACK,
	 CAP_SETGID},
	{"setns", look_setns, "other namespaces cannot be entered: start as root, allow setns(2) in seccomp",
	 MISSING, 0},
	{"pidfd", look_pidfd, "pid:N as a namespace does not work", FALLBACK, 0},
	{"SO_NETNS_COOKIE", look_cookie, "namespaces cannot be enrolled, and are told apart by inodes only",
	 FALLBACK, 0},
	{"interception, redirect", look_intercept,
	 "connections cannot be steered: load nf_tables, nft_chain_nat, nft_redir and nf_conntrack, Linux 5.12 or later", FALLBACK, false},
	{"interception, tproxy", look_intercept,
	 "mode: tproxy does not work, redirect may: load nft_tproxy, nf_tproxy_ipv4 and nf_tproxy_ipv6", FALLBACK, true},
	{"tcp_fwmark_accept", look_accepting_marks,
	 "source: client needs servers that have a route to their clients: let /proc/sys be written", FALLBACK, 0},
	{NETNS_RUN_DIR, look_named_namespaces,
	 "no namespace has a name yet: `ip netns add NAME` makes one; pid: and path: work", FALLBACK, 0},
	{"seccomp", look_seccomp, "the relay process runs only with --no-sandbox", MISSING, 0},
	{"splice", look_splice, "no bulk transfer: allow splice(2) in seccomp", MISSING, 0},
	{"fs.pipe-max-size", look_sysctl, "bulk transfer is slower: sysctl -w fs.pipe-max-size=1048576",
	 FALLBACK, LIMIT_PIPE_SIZE},
	{"fs.pipe-user-pages-soft", look_sysctl_zero_is_unlimited,
	 "without CAP_SYS_ADMIN pipes stay small: sysctl -w fs.pipe-user-pages-soft=16384", FALLBACK, 16384},
	{"congestion control", look_congestion,
	 "reno in place of cubic: modprobe tcp_cubic, and put it in net.ipv4.tcp_allowed_congestion_control",
	 FALLBACK, 0},
	{"net.core.somaxconn", look_backlog,
	 "a longer backlog is cut to this: sysctl -w net.core.somaxconn=4096", FALLBACK, 0},
	{"net.ipv4.tcp_rmem", look_sysctl,
	 "one connection is slower over a long path: let the last number be 4194304 or more", FALLBACK,
	 TCP_BUFFER_GOOD},
	{"net.ipv4.tcp_wmem", look_sysctl,
	 "one connection is slower over a long path: let the last number be 4194304 or more", FALLBACK,
	 TCP_BUFFER_GOOD},
	/* These two bind who sets a buffer's size himself: the relay never does, the kernel tunes it. */
	{"net.core.rmem_max", look_unneeded_sysctl, "", OK, 0},
	{"net.core.wmem_max", look_unneeded_sysctl, "", OK, 0},
	/* This one moves what waits at a listener that closes to the next of its group: the broker keeps all of them open. */
	{"net.ipv4.tcp_migrate_req", look_unneeded_sysctl, "", OK, 0},
	{"cgroup", look_cgroup, "memory cannot be limited and told per service by a version 2 hierarchy",
	 FALLBACK, 0},
};

/* ---- what is printed ---- */

static void print_line(FILE *out, const char *name, const struct finding *finding)
{
	if (finding->advice[0])
		fprintf(out, "%-25s %-9s %-40s  %s\n", name, state_names[finding->state], finding->text,
			finding->advice);
	else
		fprintf(out, "%-25s %-9s %s\n", name, state_names[finding->state], finding->text);
}

static void look_at_machine(struct machine *ret)
{
	cpu_set_t cpus;
	CPU_ZERO(&cpus);
	sched_getaffinity(0, sizeof(cpus), &cpus);
	*ret = (struct machine){.processors = (unsigned)CPU_COUNT(&cpus)};
	ret->has_io_uring = io_probe_features(&ret->features, &ret->io_uring_err) == 0;
}

int verb_doctor(FILE *out)
{
	struct machine machine;
	bool complete = true;
	look_at_machine(&machine);
	for (size_t i = 0; i < ARRAY_COUNT(checks); i++) {
		struct finding finding = checks[i].look(&machine, &checks[i]);
		complete = complete && finding.state != MISSING;
		print_line(out, checks[i].name, &finding);
	}
	for (size_t i = 0; i < IO_FEATURE_COUNT; i++) {
		struct finding finding = look_feature(&machine, &io_feature_table[i]);
		complete = complete && finding.state != MISSING;
		print_line(out, io_feature_table[i].name, &finding);
	}
	fprintf(out, "\n%s\n", complete ? "Everything needed is there." : "Something needed is missing.");
	return complete ? EXIT_SUCCESS : EXIT_FAILURE;
}
