/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/relayproc.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/endpoint.h"

enum {
	PROCS_MAX = 4,
	ARGS_MAX = 64,
	ENDPOINTS_MAX = 64,
	LOG_SHOWN = 4096,
	NAP_MS = 2, /* between two looks at something that cannot be waited for */
};

struct relayproc {
	pid_t pid;   /* 0: it has ended */
	pid_t guard; /* kills it should this program be killed; see guard_over() */
	int log_fd;  /* a memory file: its standard error */
	size_t log_cursor;
};

static struct relayproc procs[PROCS_MAX];
static size_t proc_count;

/* ---- waiting ---- */

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void nap(void)
{
	poll(NULL, 0, NAP_MS);
}

/* ---- the log ---- */

struct log_text {
	const char *data;
	size_t size;
};

static struct log_text map_log(const struct relayproc *proc)
{
	struct stat stat;
	void *data;

	if (fstat(proc->log_fd, &stat) < 0 || stat.st_size == 0)
		return (struct log_text){"", 0};
	data = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_SHARED, proc->log_fd, 0);
	if (data == MAP_FAILED)
		fail_msg("map the log: %s", strerror(errno));
	return (struct log_text){data, (size_t)stat.st_size};
}

static void unmap_log(struct log_text log)
{
	if (log.size > 0)
		munmap((void *)(uintptr_t)log.data, log.size);
}

static void show_log(const struct relayproc *proc, size_t size)
{
	struct log_text log = map_log(proc);
	size_t shown = log.size < size ? log.size : size;

	fprintf(stderr, "the log of nsrelay%s:\n", shown < log.size ? ", its end" : "");
	fwrite(log.data + log.size - shown, 1, shown, stderr);
	unmap_log(log);
}

#define fail_with_log(proc, ...)                                                                             \
	do {                                                                                                 \
		show_log(proc, LOG_SHOWN);                                                                   \
		fail_msg(__VA_ARGS__);                                                                       \
	} while (0)

/* next_line - copy the complete line at *@cursor and step over it; false when there is none */
static bool next_line(struct log_text log, size_t *cursor, struct relayproc_record *ret)
{
	const char *line = log.data + *cursor;
	const char *end = *cursor < log.size ? memchr(line, '\n', log.size - *cursor) : NULL;
	size_t size;

	if (!end)
		return false;
	size = (size_t)(end - line);
	*cursor += size + 1;
	if (size > LOG_RECORD_MAX)
		size = LOG_RECORD_MAX; /* no record: something else that is written to standard error */
	memcpy(ret->text, line, size);
	ret->text[size] = '\0';
	return true;
}

/* skip_value - behind the value at @text, quoted or not */
static const char *skip_value(const char *text)
{
	if (*text != '"')
		return text + strcspn(text, " ");
	for (text++; *text && *text != '"'; text++)
		text += *text == '\\' && text[1];
	return *text ? text + 1 : text;
}

/* find_value - where the value of @key starts, or NULL */
static const char *find_value(const struct relayproc_record *record, const char *key)
{
	size_t size = strlen(key);

	for (const char *field = record->text; *field; field += *field == ' ') {
		const char *equals = strchr(field, '=');

		if (!equals)
			return NULL;
		if ((size_t)(equals - field) == size && memcmp(field, key, size) == 0)
			return equals + 1;
		field = skip_value(equals + 1);
	}
	return NULL;
}

static void copy_value(const char *value, char *buf, size_t size)
{
	const char *end = skip_value(value);
	size_t length = 0;
	bool quoted = *value == '"';

	for (value += quoted; value < end - quoted && length + 1 < size; value++) {
		if (quoted && *value == '\\')
			value++;
		buf[length++] = *value;
	}
	buf[length] = '\0';
}

static bool is_message(const struct relayproc_record *record, const char *message)
{
	const char *value = find_value(record, "msg");
	char text[128];

	if (!value)
		return false;
	copy_value(value, text, sizeof(text));
	return strcmp(text, message) == 0;
}

/* find_record - the first record of @message from *@cursor on; moves the cursor behind what it has looked at
 */
static bool find_record(const struct relayproc *proc, const char *message, size_t *cursor,
                        struct relayproc_record *ret)
{
	struct log_text log = map_log(proc);
	bool found = false;

	while (!found && next_line(log, cursor, ret))
		found = is_message(ret, message);
	unmap_log(log);
	return found;
}

static bool has_ended(const struct relayproc *proc)
{
	siginfo_t info = {0};

	return proc->pid == 0 ||
	       (waitid(P_PID, (id_t)proc->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid);
}

static void await_record_from(const struct relayproc *proc, const char *message, size_t *cursor,
                              struct relayproc_record *ret)
{
	uint64_t deadline = now_ms() + TESTNS_PATIENCE_MS;

	for (;;) {
		bool ended = has_ended(proc); /* asked first: its last words come before its end */

		if (find_record(proc, message, cursor, ret))
			return;
		if (ended)
			fail_with_log(proc, "nsrelay has ended without a record '%s'", message);
		if (now_ms() > deadline)
			fail_with_log(proc, "no record '%s'", message);
		nap();
	}
}

void relayproc_await_record(struct relayproc *proc, const char *message, struct relayproc_record *ret)
{
	await_record_from(proc, message, &proc->log_cursor, ret);
}

size_t relayproc_count_records(const struct relayproc *proc, const char *message)
{
	struct relayproc_record record;
	size_t cursor = 0, count = 0;

	while (find_record(proc, message, &cursor, &record))
		count++;
	return count;
}

bool relayproc_says(const struct relayproc *proc, const char *text)
{
	struct log_text log = map_log(proc);
	bool found = memmem(log.data, log.size, text, strlen(text));

	unmap_log(log);
	return found;
}

const char *relayproc_text(const struct relayproc_record *record, const char *key, char *buf, size_t size)
{
	const char *value = find_value(record, key);

	if (!value)
		fail_msg("no field '%s' in: %s", key, record->text);
	copy_value(value, buf, size);
	return buf;
}

uint64_t relayproc_number(const struct relayproc_record *record, const char *key)
{
	char text[32], *end;
	uint64_t number;

	relayproc_text(record, key, text, sizeof(text));
	number = strtoull(text, &end, 10);
	if (*end || !isdigit((unsigned char)text[0]))
		fail_msg("field '%s' is no number in: %s", key, record->text);
	return number;
}

void relayproc_await_closed(struct relayproc *proc, const char *cause, struct relayproc_record *ret)
{
	char text[64];

	relayproc_await_record(proc, "closed", ret);
	if (strcmp(relayproc_text(ret, "cause", text, sizeof(text)), cause) != 0)
		fail_msg("closed for %s, expected %s: %s", text, cause, ret->text);
}

uint64_t relayproc_counter(const struct relayproc *proc, const char *name)
{
	struct relayproc_record record;
	struct log_text log = map_log(proc);
	size_t cursor = log.size;

	unmap_log(log);
	relayproc_signal(proc, SIGUSR1);
	await_record_from(proc, "counters", &cursor, &record);
	return relayproc_number(&record, name);
}

void relayproc_await_counter(const struct relayproc *proc, const char *name, uint64_t value)
{
	uint64_t deadline = now_ms() + TESTNS_PATIENCE_MS, now;

	while ((now = relayproc_counter(proc, name)) < value) {
		if (now_ms() > deadline)
			fail_with_log(proc, "%s is %llu, expected %llu", name, (unsigned long long)now,
			              (unsigned long long)value);
		nap();
	}
}

/* ---- starting ---- */

static const char *binary(void)
{
	const char *other = getenv("NSRELAY_BINARY");

	return other ? other : NSRELAY_BUILT_BINARY;
}

static void kill_process(int pidfd)
{
	pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
}

/*
 * guard_over - a process that kills @pid once this program has ended
 * PR_SET_PDEATHSIG, by which testns ends its children, is lost by a process that changes its fsuid, as the
 * broker does.
 */
static pid_t guard_over(pid_t pid)
{
	pid_t parent = getpid(), guard;

	fflush(NULL);
	guard = fork();
	if (guard != 0)
		return guard;
	close_range(3, ~0U, 0); /* it must not keep a socket of the test's open */
	struct pollfd pollfd = {.fd = pidfd_open(parent, 0), .events = POLLIN};
	int ward = pidfd_open(pid, 0);
	while (getppid() == parent)
		poll(&pollfd, 1, -1);
	kill_process(ward);
	_exit(0);
}

static void end_guard(struct relayproc *proc)
{
	if (proc->guard <= 0)
		return;
	kill(proc->guard, SIGKILL);
	waitpid(proc->guard, NULL, 0);
	proc->guard = 0;
}

static struct relayproc *add_proc(void)
{
	if (proc_count == PROCS_MAX)
		fail_msg("more than %d nsrelays in one test", PROCS_MAX);
	/* A relay process whose supervisor is gone becomes a child of ours, so that its end can be
	 * awaited. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	struct relayproc *proc = &procs[proc_count++];
	*proc = (struct relayproc){.log_fd = memfd_create("log", MFD_CLOEXEC)};
	/* Threads and processes of nsrelay write side by side. In a memory file, unlike one that was opened by name,
	 * they would overwrite each other: Linux locks the position of the latter only (FMODE_ATOMIC_POS). */
	if (proc->log_fd < 0 || fcntl(proc->log_fd, F_SETFL, O_APPEND) < 0)
		fail_msg("memfd_create: %s", strerror(errno));
	return proc;
}

struct relayproc *relayproc_launch(const char *const args[])
{
	const char *argv[ARGS_MAX + 2] = {binary()};
	size_t count = 1;
	struct relayproc *proc;

	testns_require_root();
	for (; *args; args++) {
		assert_true(count <= ARGS_MAX);
		argv[count++] = *args;
	}
	proc = add_proc();
	proc->pid = testns_spawn_logging(-1, argv, proc->log_fd);
	proc->guard = guard_over(proc->pid);
	return proc;
}

struct relayproc *relayproc_start(const char *const args[])
{
	const char *all[ARGS_MAX + 1] = {"run"};
	struct relayproc_record ready;
	struct relayproc *proc;

	for (size_t i = 0; args[i]; i++) {
		assert_true(i + 2 < ARGS_MAX);
		all[i + 1] = args[i];
	}
	proc = relayproc_launch(all);
	relayproc_await_record(proc, "ready", &ready);
	return proc;
}

struct relayproc *relayproc_start_config(const char *yaml)
{
	return relayproc_start(TESTNS_ARGV("-c", relayproc_file(yaml)));
}

struct relayproc *relayproc_start_example(const char *name, const char *more)
{
	char path[256], yaml[16 * 1024];
	size_t size = (size_t)snprintf(yaml, sizeof(yaml), "%s", more);
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", NSRELAY_EXAMPLES, name);
	file = fopen(path, "re");
	if (!file)
		fail_msg("%s: %s", path, strerror(errno));
	size += fread(yaml + size, 1, sizeof(yaml) - size, file);
	fclose(file);
	assert_true(size < sizeof(yaml));
	yaml[size] = '\0';
	return relayproc_start_config(yaml);
}

const char *relayproc_file(const char *text)
{
	static char path[64];
	int fd = testns_keep_fd(memfd_create("relay.yaml", MFD_CLOEXEC));

	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		fail_msg("write a file of %zu bytes: %s", strlen(text), strerror(errno));
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), fd);
	return path;
}

const char *relayproc_endpoint(int ns_fd, const char *address)
{
	static char texts[ENDPOINTS_MAX][ENDPOINT_TEXT_MAX];
	static size_t next;
	char *text = texts[next++ % ENDPOINTS_MAX];

	snprintf(text, ENDPOINT_TEXT_MAX, "path:/proc/%d/fd/%d/%s", (int)getpid(), ns_fd, address);
	return text;
}

/* ---- ending ---- */

static void forget(struct relayproc *proc)
{
	end_guard(proc);
	proc->pid = 0;
}

int relayproc_await_exit(struct relayproc *proc)
{
	int status = testns_await_exit(proc->pid);

	forget(proc);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int relayproc_stop(struct relayproc *proc)
{
	relayproc_signal(proc, SIGTERM);
	return relayproc_await_exit(proc);
}

void relayproc_signal(const struct relayproc *proc, int signal)
{
	if (proc->pid == 0 || kill(proc->pid, signal) < 0)
		fail_with_log(proc, "signal %d: nsrelay is not there", signal);
}

/* destroy - both processes; the child first, so that it is still known whose it is */
static void destroy(struct relayproc *proc)
{
	pid_t child = relayproc_child(proc);

	kill(proc->pid, SIGKILL);
	testns_await_exit(proc->pid);
	if (child > 0 && kill(child, SIGKILL) == 0)
		waitpid(child, NULL, 0);
	forget(proc);
}

int relayproc_teardown(void **state)
{
	while (proc_count > 0) {
		struct relayproc *proc = &procs[--proc_count];

		if (getenv("NSRELAY_TEST_LOG"))
			show_log(proc, SIZE_MAX);
		if (proc->pid > 0)
			destroy(proc);
		end_guard(proc);
		close(proc->log_fd);
	}
	return testns_teardown(state);
}

/* ---- processes ---- */

pid_t relayproc_pid(const struct relayproc *proc)
{
	return proc->pid;
}

/* read_file - the start of /proc/@pid/@name; false when there is none */
static bool read_file(pid_t pid, const char *name, char *buf, size_t size)
{
	char path[64];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	file = fopen(path, "re");
	if (!file)
		return false;
	n = fread(buf, 1, size - 1, file);
	buf[n] = '\0';
	fclose(file);
	return n > 0;
}

/* parent_of - field 4 of /proc/PID/stat, behind the name in parentheses; proc(5) */
static pid_t parent_of(pid_t pid)
{
	char text[512];
	const char *name_end;
	int parent = 0;

	if (!read_file(pid, "stat", text, sizeof(text)))
		return 0;
	name_end = strrchr(text, ')');
	if (name_end)
		sscanf(name_end, ") %*c %d", &parent);
	return parent;
}

pid_t relayproc_child(const struct relayproc *proc)
{
	DIR *dir = opendir("/proc");
	pid_t found = 0;

	assert_non_null(dir);
	for (struct dirent *entry; found == 0 && (entry = readdir(dir));) {
		pid_t pid = atoi(entry->d_name);

		if (pid > 0 && parent_of(pid) == proc->pid)
			found = pid;
	}
	closedir(dir);
	return found;
}

/* A measure of one process. */
typedef uint64_t measure_fn(pid_t pid);

static uint64_t sum(const struct relayproc *proc, measure_fn *measure)
{
	pid_t child = relayproc_child(proc);

	return measure(proc->pid) + (child > 0 ? measure(child) : 0);
}

static uint64_t cpu_us_of(pid_t pid)
{
	struct timespec used;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) < 0)
		fail_msg("no processor time of process %d", (int)pid);
	return (uint64_t)used.tv_sec * 1000000 + (uint64_t)used.tv_nsec / 1000;
}

static uint64_t status_field(pid_t pid, const char *name)
{
	char text[4096];
	const char *field;

	field = read_file(pid, "status", text, sizeof(text)) ? strstr(text, name) : NULL;
	if (!field)
		fail_msg("no %s of process %d", name, (int)pid);
	return strtoull(field + strlen(name), NULL, 10);
}

static uint64_t memory_of(pid_t pid)
{
	return status_field(pid, "\nVmRSS:") * 1024;
}

static uint64_t threads_of(pid_t pid)
{
	return status_field(pid, "\nThreads:");
}

static DIR *open_fds(pid_t pid)
{
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	if (!dir)
		fail_msg("%s: %s", path, strerror(errno));
	return dir;
}

static uint64_t fds_of(pid_t pid)
{
	DIR *dir = open_fds(pid);
	uint64_t count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count - 2; /* "." and ".." */
}

uint64_t relayproc_cpu_us(const struct relayproc *proc)
{
	return sum(proc, cpu_us_of);
}

size_t relayproc_memory(const struct relayproc *proc)
{
	return sum(proc, memory_of);
}

size_t relayproc_threads(const struct relayproc *proc)
{
	return sum(proc, threads_of);
}

size_t relayproc_fds(const struct relayproc *proc)
{
	return sum(proc, fds_of);
}

/* ---- its sockets ---- */

typedef int name_fn(int fd, struct sockaddr *restrict addr, socklen_t *restrict size);

/* name_of - ADDRESS:PORT as @name_fn says it; "" when it does not */
static const char *name_of(int fd, name_fn *ask, char *buf, size_t size)
{
	struct sockaddr_storage addr = {0};
	socklen_t addr_size = sizeof(addr);

	buf[0] = '\0';
	if (ask(fd, (struct sockaddr *)&addr, &addr_size) == 0 && addr.ss_family != AF_UNIX)
		endpoint_format_address((struct sockaddr *)&addr, buf, size);
	return buf;
}

/* are_connected - is each the other's peer? */
static bool are_connected(int a, int b)
{
	char name[ENDPOINT_TEXT_MAX], peer[ENDPOINT_TEXT_MAX];

	name_of(a, getsockname, name, sizeof(name));
	if (!name[0] || strcmp(name, name_of(b, getpeername, peer, sizeof(peer))) != 0)
		return false;
	name_of(a, getpeername, peer, sizeof(peer));
	return peer[0] && strcmp(peer, name_of(b, getsockname, name, sizeof(name))) == 0;
}

int relayproc_socket_of(const struct relayproc *proc, int fd)
{
	pid_t pid = relayproc_child(proc);
	int pidfd = pidfd_open(pid, 0), found = -1;
	DIR *dir = open_fds(pid);

	for (struct dirent *entry; found < 0 && (entry = readdir(dir));) {
		int theirs = isdigit((unsigned char)entry->d_name[0])
		                     ? pidfd_getfd(pidfd, atoi(entry->d_name), 0)
		                     : -1;

		if (theirs >= 0 && are_connected(theirs, fd))
			found = theirs;
		else if (theirs >= 0)
			close(theirs);
	}
	closedir(dir);
	close(pidfd);
	if (found < 0)
		fail_with_log(proc, "no socket of nsrelay is connected to descriptor %d", fd);
	return testns_keep_fd(found);
}
