/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted, by HTTP: the program behind its sandbox, read by promtool and scraped by Prometheus. */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "relay/limits.h"
#include "tests/lib/relayproc.h"
#include "tests/lib/testlink.h"

enum { PAGE_MAX = 1 << 20, STEP_MS = 100 };

static char page[PAGE_MAX];
static char folder[] = "/tmp/nsrelay-metrics-XXXXXX";

/* Where the program's own sockets are: nobody else's. */
static int own(void)
{
	return testns_keep_fd(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
}

/* ask - send @request, and read all of the answer into page */
static const char *ask_on(int fd, const char *request)
{
	size_t size = 0;
	testns_write(fd, request, strlen(request));
	for (ssize_t n; size < PAGE_MAX - 1 && (n = read(fd, page + size, PAGE_MAX - 1 - size)) > 0;)
		size += (size_t)n;
	page[size] = '\0';
	return page;
}

static const char *get(const char *address, const char *path)
{
	char request[512];
	int fd = testns_connect(own(), address);
	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n", path);
	ask_on(fd, request);
	testns_close(fd);
	return page;
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' is not in:\n%s", part, text);
}

static void assert_status(const char *answer, const char *status)
{
	assert_int_equal(strncmp(answer, "HTTP/1.1 ", 9), 0);
	assert_int_equal(strncmp(answer + 9, status, strlen(status)), 0);
}

/* pass_one - a connection by the example's relay, from its beginning to its end */
static void pass_one(struct relayproc *relay, int front, int listener, const char *address)
{
	struct relayproc_record record;
	int client = testns_connect(front, address), server = testns_accept(listener);
	testns_assert_connected(client, server);
	testns_close(client);
	testns_close(server);
	relayproc_await_record(relay, "closed", &record);
}

/* Both ends of a relay that tells metrics. */
static struct here {
	struct relayproc *relay;
	int front, listener;
} here;

static void start(void)
{
	int back = testns_new();
	here.front = testns_new();
	here.listener = testns_listen(back, "127.0.0.1:8080");
	here.relay = relayproc_start(TESTNS_ARGV("--metrics", "127.0.0.1:9100", "--name", "web", "--listen",
						 relayproc_endpoint(here.front, "127.0.0.1:80"), "--to",
						 relayproc_endpoint(back, "127.0.0.1:8080")));
}

static void start_and_pass_one(void)
{
	start();
	pass_one(here.relay, here.front, here.listener, "127.0.0.1:80");
}

static void example_tells_what_was_relayed(void **state)
{
	(void)state;
	int front = testns_new_named("web"), app = testns_new_named("app");
	int listener = testns_listen(app, "127.0.0.1:8080");
	struct relayproc *relay = relayproc_start_example("metrics.yaml", "");
	pass_one(relay, front, listener, "127.0.0.1:80");
	get("127.0.0.1:9100", "/metrics");
	assert_status(page, "200");
	assert_has(page, "Content-Type: text/plain; version=0.0.4");
	assert_has(page, "\nnsrelay_accepted_total 1\n");
	assert_has(page, "\nnsrelay_relay_accepted_total{relay=\"web\",namespace=\"web\"} 1\n");
	assert_has(page, "\nnsrelay_relay_connections{relay=\"web\",namespace=\"web\"} 0\n");
	assert_has(page, "\nnsrelay_relay_duration_seconds_count{relay=\"web\",namespace=\"web\"} 1\n");
	assert_has(page, "\nnsrelay_backend_connect_seconds_count{pool=\"web\",backend=\"app/127.0.0.1:8080\"} 1\n");
	assert_has(page, "\nnsrelay_backend_out{pool=\"web\",backend=\"app/127.0.0.1:8080\",reason=\"down\"} 0\n");
	assert_has(page, "\nistio_tcp_connections_opened_total{reporter=\"source\",request_protocol=\"tcp\","
			 "connection_security_policy=\"none\",source_workload_namespace=\"web\",destination_service=\"web\"} 1\n");
	assert_has(page, "\nistio_tcp_connections_closed_total{");
	assert_has(page, "\nistio_tcp_sent_bytes_total{");
	assert_has(page, "\nistio_tcp_received_bytes_total{");
	assert_status(get("127.0.0.1:9100", "/healthz"), "200");
	assert_status(get("127.0.0.1:9100", "/healthz"), "200");
	assert_status(get("127.0.0.1:9100", "/readyz"), "200");
	assert_status(get("127.0.0.1:9100", "/"), "404");
	assert_int_equal(relayproc_stop(relay), 0);
}

static void other_methods_are_refused(void **state)
{
	(void)state;
	start_and_pass_one();
	int fd = testns_connect(own(), "127.0.0.1:9100");
	assert_status(ask_on(fd, "POST /metrics HTTP/1.1\r\nHost: here\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"),
		      "405");
	testns_close(fd);
}

static void unix_socket_tells_the_same(void **state)
{
	(void)state;
	char path[256];
	int front = testns_new(), back = testns_new();
	snprintf(path, sizeof(path), "%s/metrics.sock", folder);
	struct relayproc *relay = relayproc_start(TESTNS_ARGV("--metrics-socket", path, "--listen",
							      relayproc_endpoint(front, "127.0.0.1:80"), "--to",
							      relayproc_endpoint(back, "127.0.0.1:8080")));
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	memcpy(addr.sun_path, path, strlen(path) + 1);
	int fd = testns_keep_fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_status(ask_on(fd, "GET /metrics HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"), "200");
	assert_has(page, "\nnsrelay_accepted_total 0\n");
	assert_int_equal(relayproc_stop(relay), 0);
	assert_int_equal(access(path, F_OK), -1);
}

/* comes_to - ask until the answer has @status; false: it never does */
static bool comes_to(const char *path, const char *status)
{
	for (int waited = 0; strncmp(get("127.0.0.1:9100", path) + 9, status, 3) != 0; waited += STEP_MS) {
		if (waited >= TESTNS_PATIENCE_MS)
			return false;
		nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000}, NULL);
	}
	return true;
}

/* A connection that is still open keeps a daemon that drains alive. */
static void who_drains_is_healthy_and_not_ready(void **state)
{
	(void)state;
	struct relayproc_record record;
	start();
	int client = testns_connect(here.front, "127.0.0.1:80"), server = testns_accept(here.listener);
	testns_assert_connected(client, server);
	assert_has(get("127.0.0.1:9100", "/metrics"), "\nnsrelay_connections 1\n");
	relayproc_signal(here.relay, SIGTERM);
	relayproc_await_record(here.relay, "stopping", &record);
	assert_true(comes_to("/readyz", "503")); /* the relay process has yet to be told */
	assert_has(page, "draining");
	assert_status(get("127.0.0.1:9100", "/healthz"), "200");
	testns_close(client);
	testns_close(server);
	assert_int_equal(relayproc_await_exit(here.relay), 0);
}

/* stop_thread, go_on - a relay thread of the daemon, by ptrace(2): SIGSTOP would stop all of them */
static void stop_thread(pid_t tid)
{
	int status;
	assert_int_equal(ptrace(PTRACE_ATTACH, tid, NULL, NULL), 0);
	assert_int_equal(waitpid(tid, &status, __WALL), tid);
	assert_true(WIFSTOPPED(status));
}

static void go_on(pid_t tid)
{
	assert_int_equal(ptrace(PTRACE_DETACH, tid, NULL, NULL), 0);
}

/* relay_thread - the one that has a ring: the youngest of the process but for those that talk (the relay has one here) */
static pid_t relay_thread(void)
{
	char path[64], comm[32] = "";
	pid_t found = 0;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)relayproc_child(here.relay));
	DIR *dir = opendir(path);
	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir));) {
		char file[sizeof(path) + sizeof(entry->d_name) + sizeof("//syscall")];
		snprintf(file, sizeof(file), "%s/%s/syscall", path, entry->d_name);
		FILE *in = fopen(file, "re");
		if (!in)
			continue;
		if (fgets(comm, sizeof(comm), in) && strtol(comm, NULL, 10) == SYS_io_uring_enter)
			found = (pid_t)strtol(entry->d_name, NULL, 10);
		fclose(in);
	}
	closedir(dir);
	return found;
}

static void who_is_stuck_is_not_healthy(void **state)
{
	(void)state;
	start();
	assert_status(get("127.0.0.1:9100", "/healthz"), "200");
	pid_t tid = relay_thread();
	assert_true(tid > 0);
	stop_thread(tid);
	bool told = comes_to("/healthz", "503") && strstr(page, "relay thread ");
	go_on(tid); /* in any case: who is stopped so cannot be ended */
	assert_true(told);
	assert_true(comes_to("/healthz", "200"));
	assert_int_equal(relayproc_stop(here.relay), 0);
}

#define HEALTH "GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n"

/* As many clients as there may be say nothing: who comes then is answered when their time is over. */
static void silent_clients_are_let_go(void **state)
{
	(void)state;
	start();
	for (int i = 0; i < LIMIT_METRICS_CLIENTS; i++)
		testns_connect(own(), "127.0.0.1:9100");
	int fd = testns_connect(own(), "127.0.0.1:9100");
	testns_write(fd, HEALTH, sizeof(HEALTH) - 1);
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};
	assert_int_equal(poll(&pollfd, 1, 3 * TESTNS_PATIENCE_MS), 1); /* their time is 10 s */
	testns_read(fd, page, 12);
	assert_int_equal(memcmp(page, "HTTP/1.1 200", 12), 0);
	assert_int_equal(relayproc_stop(here.relay), 0);
}

/* What has no rows yet is there too: a dashboard that asks for something else would stay empty and say nothing. */
static void dashboard_asks_for_what_there_is(void **state)
{
	static char dashboard[1 << 16];
	size_t count = 0;
	(void)state;
	FILE *file = fopen(DASHBOARD, "re");
	assert_non_null(file);
	dashboard[fread(dashboard, 1, sizeof(dashboard) - 1, file)] = '\0';
	fclose(file);
	start_and_pass_one();
	get("127.0.0.1:9100", "/metrics");
	for (char *name = dashboard; (name = strstr(name, "nsrelay_")); count++) {
		size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz_");
		char line[128];
		snprintf(line, sizeof(line), "\n%.*s", (int)length, name);
		assert_has(page, line);
		name += length;
	}
	assert_true(count > 10);
}

static void write_file(const char *name, const char *text, char path[256])
{
	snprintf(path, 256, "%s/%s", folder, name);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void require(const char *program)
{
	char command[64];
	snprintf(command, sizeof(command), "command -v %s >/dev/null", program);
	if (testns_run(own(), TESTNS_ARGV("sh", "-c", command)) == 0)
		return;
	print_message("%s is not installed (package prometheus)\n", program);
	skip();
}

static void reload(const char *text)
{
	struct relayproc_record record;
	char path[256];
	write_file("relays.yaml", text, path);
	relayproc_signal(here.relay, SIGHUP);
	relayproc_await_record(here.relay, "reloaded", &record);
}

static void counts_go_on_through_a_reload(void **state)
{
	char path[256];
	(void)state;
	here.front = testns_new_named("web");
	here.listener = testns_listen(testns_new_named("app"), "127.0.0.1:8080");
#define METRICS "metrics: { listen: '127.0.0.1:9100' }\nrelays:\n"
#define RELAY(name, port) "- { name: " name ", listen: web/127.0.0.1:" port ", to: app/127.0.0.1:8080 }\n"
	write_file("relays.yaml", METRICS RELAY("one", "80") RELAY("two", "81"), path);
	here.relay = relayproc_start(TESTNS_ARGV("-c", path));
	pass_one(here.relay, here.front, here.listener, "127.0.0.1:80");
	pass_one(here.relay, here.front, here.listener, "127.0.0.1:81");
	reload(METRICS RELAY("zero", "79") RELAY("one", "80"));
	pass_one(here.relay, here.front, here.listener, "127.0.0.1:80");
	get("127.0.0.1:9100", "/metrics");
	assert_has(page, "\nnsrelay_accepted_total 3\n");
	assert_has(page, "\nnsrelay_relay_accepted_total{relay=\"one\",namespace=\"web\"} 2\n");
	assert_has(page, "\nnsrelay_relay_accepted_total{relay=\"zero\",namespace=\"web\"} 0\n");
	assert_has(page, "\nnsrelay_backend_connect_seconds_count{pool=\"one\",backend=\"app/127.0.0.1:8080\"} 2\n");
	/* What is removed stays for whoever is still connected by it, and is gone a change later. */
	for (int i = 0; i < 3; i++)
		reload(METRICS RELAY("one", "80"));
	get("127.0.0.1:9100", "/metrics");
	assert_has(page, "\nnsrelay_relay_accepted_total{relay=\"one\",namespace=\"web\"} 2\n");
	assert_null(strstr(page, "relay=\"two\""));
	assert_null(strstr(page, "relay=\"zero\""));
	assert_int_equal(relayproc_stop(here.relay), 0);
}

static void promtool_finds_no_fault(void **state)
{
	char path[256], command[512];
	(void)state;
	require("promtool");
	start_and_pass_one();
	const char *body = strstr(get("127.0.0.1:9100", "/metrics"), "\r\n\r\n");
	assert_non_null(body);
	write_file("page", body + 4, path);
	snprintf(command, sizeof(command), "promtool check metrics <%s", path);
	assert_int_equal(testns_run(own(), TESTNS_ARGV("sh", "-c", command)), 0);
}

static void prometheus_scrapes_it(void **state)
{
	char path[256], config[300], data[300];
	(void)state;
	require("prometheus");
	start_and_pass_one();
	write_file("prometheus.yml",
		   "global: { scrape_interval: 1s }\n"
		   "scrape_configs: [ { job_name: nsrelay, static_configs: [ { targets: [ '127.0.0.1:9100' ] } ] } ]\n",
		   path);
	snprintf(config, sizeof(config), "--config.file=%s", path);
	snprintf(data, sizeof(data), "--storage.tsdb.path=%s/data", folder);
	pid_t pid = testns_spawn(own(), TESTNS_ARGV("prometheus", config, data, "--web.listen-address=127.0.0.1:9190",
						    "--log.level=error"));
	for (int waited = 0;; waited += STEP_MS) {
		int fd = testns_try_connect(own(), "127.0.0.1:9190");
		if (fd >= 0) {
			close(fd);
			get("127.0.0.1:9190", "/api/v1/query?query=nsrelay_relay_accepted_total");
			if (strstr(page, "\"relay\":\"web\"") && strstr(page, ",\"1\"]"))
				break;
		}
		assert_true(waited < 6 * TESTNS_PATIENCE_MS);
		nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000}, NULL);
	}
	kill(pid, SIGTERM);
	testns_await_exit(pid);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	return testns_run(own(), TESTNS_ARGV("rm", "-rf", folder));
}

/* take_namespace - the daemon's own namespace, where it tells metrics, is this program's: it must not be the machine's */
static void take_namespace(void)
{
	if (unshare(CLONE_NEWNET) < 0)
		return; /* every test is skipped for the same reason */
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	testlink_set_up(fd, "lo", true);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		relayproc_test(example_tells_what_was_relayed),
		relayproc_test(other_methods_are_refused),
		relayproc_test(unix_socket_tells_the_same),
		relayproc_test(who_drains_is_healthy_and_not_ready),
		relayproc_test(who_is_stuck_is_not_healthy),
		relayproc_test(silent_clients_are_let_go),
		relayproc_test(counts_go_on_through_a_reload),
		relayproc_test(dashboard_asks_for_what_there_is),
		relayproc_test(promtool_finds_no_fault),
		relayproc_test(prometheus_scrapes_it),
	};
	take_namespace();
	return testns_result(cmocka_run_group_tests(tests, make_folder, remove_folder));
}
