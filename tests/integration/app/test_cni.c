/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nsrelay-cni by the plugins' protocol, behind Debian's bridge and host-local as examples/cni.conflist has them. The "host" is
 * a namespace of the test's; the daemon is a thread that serves the methods and remembers, or fails them, and once nsrelay.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "app/varlink/server.h"
#include "tests/lib/relayproc.h"
#include "tests/lib/testns.h"

#define PLUGINS "/usr/lib/cni/"

enum { PATH_SIZE = 128, ROWS = 4, UID_SIZE = 128, SLOW_MS = 200 };

/* ---- a daemon ---- */

enum mood { SERVES, REFUSES, HESITATES, IS_STUCK, IS_SLOW };

/* Held by the daemon's thread while it serves. */
static pthread_mutex_t serving = PTHREAD_MUTEX_INITIALIZER;

static void lock(void *ctx)
{
	(void)ctx;
	pthread_mutex_lock(&serving);
}

static void unlock(void *ctx)
{
	(void)ctx;
	pthread_mutex_unlock(&serving);
}

/* meet - the daemon's thread, so that each sees what the other has written: that a plugin lived meanwhile orders them too, but
 * tells no memory model so */
static void meet(void)
{
	lock(NULL);
	unlock(NULL);
}

/* Changed by the daemon's thread within a call, and looked at by the test between two. */
static struct {
	char folder[32], socket[PATH_SIZE];
	int host;
	enum mood mood;
	struct {
		char uid[UID_SIZE], name[UID_SIZE], policy[UID_SIZE];
		ino_t inode;
	} rows[ROWS];
	size_t count, withdrawals;
	struct varlink_server server;
	pthread_t thread;
	bool runs;
} here;

static size_t find_row(const char *uid)
{
	size_t i = 0;
	while (i < here.count && strcmp(here.rows[i].uid, uid) != 0)
		i++;
	return i;
}

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

static enum varlink_outcome enrol(const struct varlink_service *service, struct varlink_call *call,
                                  struct json *out)
{
	struct stat there;
	(void)service;
	if (here.mood == IS_STUCK)
		return VARLINK_WAITS;
	if (here.mood == REFUSES || !call->has_file || fstat(call->file, &there) < 0)
		return varlink_fail(call, "io.nsrelay.Control.NamespaceRefused", "reason", "it is the host's",
		                    NULL, NULL);
	size_t i = find_row(varlink_text(call, "uid"));
	if (i == ROWS)
		return varlink_fail(call, "io.nsrelay.Control.EnrolmentFailed", "reason", "full", NULL, NULL);
	here.count += i == here.count;
	snprintf(here.rows[i].uid, UID_SIZE, "%s", varlink_text(call, "uid"));
	snprintf(here.rows[i].name, UID_SIZE, "%s", or_empty(varlink_text(call, "name")));
	snprintf(here.rows[i].policy, UID_SIZE, "%s", or_empty(varlink_text(call, "policy")));
	here.rows[i].inode = there.st_ino;
	json_text(out, "state", here.mood == HESITATES ? "pending" : "served");
	return VARLINK_LAST;
}

static enum varlink_outcome withdraw(const struct varlink_service *service, struct varlink_call *call,
                                     struct json *out)
{
	size_t i = find_row(varlink_text(call, "uid"));
	(void)service;
	(void)out;
	here.withdrawals++;
	if (here.mood == IS_SLOW)
		usleep(SLOW_MS * 1000);
	if (here.mood == REFUSES)
		return varlink_fail(call, "io.nsrelay.Control.Busy", "advice", "later", NULL, NULL);
	if (i < here.count)
		here.rows[i] = here.rows[--here.count];
	return VARLINK_LAST;
}

static enum varlink_outcome enrolled(const struct varlink_service *service, struct varlink_call *call,
                                     struct json *out)
{
	size_t i = call->place[0]++;
	(void)service;
	json_begin_array(out, "enrolments");
	if (i < here.count) {
		json_begin_object(out, NULL);
		json_text(out, "uid", here.rows[i].uid);
		json_text(out, "state", "served");
		json_number(out, "netns_inode", here.rows[i].inode);
		json_end(out);
	}
	json_end(out);
	return i + 1 < here.count ? VARLINK_CONTINUES : VARLINK_LAST;
}

static const struct varlink_field enrol_takes[] = {
        {.name = "uid", .kind = VARLINK_STRING},
        {.name = "name", .kind = VARLINK_STRING, .optional = true},
        {.name = "policy", .kind = VARLINK_STRING, .optional = true},
        {.name = "deadline_ms", .kind = VARLINK_INT, .optional = true}};
static const struct varlink_field withdraw_takes[] = {{.name = "uid", .kind = VARLINK_STRING}};
static const struct varlink_field enrolled_takes[] = {
        {.name = "prefix", .kind = VARLINK_STRING, .optional = true}};
static const struct varlink_method enrol_method = {
        .name = "Enrol", .takes = VARLINK_FIELDS(enrol_takes), .fn = enrol};
static const struct varlink_method withdraw_method = {
        .name = "Withdraw", .takes = VARLINK_FIELDS(withdraw_takes), .fn = withdraw};
static const struct varlink_method enrolled_method = {
        .name = "Enrolled", .takes = VARLINK_FIELDS(enrolled_takes), .streams = true, .fn = enrolled};
static const struct varlink_method *const methods[] = {&enrol_method, &withdraw_method, &enrolled_method};
static const struct varlink_interface interface = {
        .name = "io.nsrelay.Control", .methods = methods, .method_count = ARRAY_COUNT(methods)};
static const struct varlink_service service = {
        .vendor = "", .product = "", .version = "", .url = "", .interface = &interface};

static void *serve(void *arg)
{
	(void)arg;
	varlink_server_run(&here.server);
	return NULL;
}

/* new_socket - where nobody listens yet */
static int new_socket(void)
{
	return testns_keep_fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

static void serve_by(int fd)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	memcpy(addr.sun_path, here.socket, strlen(here.socket) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 8), 0);
	here.server = (struct varlink_server){.service = &service,
	                                      .listen_fd = fd,
	                                      .stop_fd = eventfd(0, EFD_CLOEXEC),
	                                      .event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	                                      .wake = lock,
	                                      .sleep = unlock,
	                                      .clients_max = 4,
	                                      .message_max = 65536,
	                                      .uids = {getuid()},
	                                      .uid_count = 1,
	                                      .too_many = "io.nsrelay.Control.Busy",
	                                      .too_many_text = "later"};
	assert_int_equal(pthread_create(&here.thread, NULL, serve, NULL), 0);
	here.runs = true;
}

static void start_daemon(void)
{
	serve_by(new_socket());
}

static int set_up(void **state)
{
	(void)state;
	memset(&here, 0, sizeof(here));
	strcpy(here.folder, "/tmp/nsrelay-cni-XXXXXX");
	assert_non_null(mkdtemp(here.folder));
	snprintf(here.socket, sizeof(here.socket), "%s/socket", here.folder);
	return 0;
}

static int tear_down(void **state)
{
	uint64_t one = 1;
	if (here.runs) {
		assert_int_equal(write(here.server.stop_fd, &one, sizeof(one)), sizeof(one));
		pthread_join(here.thread, NULL);
		close(here.server.stop_fd);
		close(here.server.event_fd);
	}
	testns_run(-1, TESTNS_ARGV("rm", "-rf", here.folder));
	return testns_teardown(state);
}

/* ---- a runtime ---- */

static void start_host(void)
{
	testns_require_root();
	if (access(PLUGINS "bridge", X_OK) < 0) {
		print_message("skipped: no containernetworking-plugins here\n");
		skip();
	}
	here.host = testns_new();
}

static void start(void)
{
	start_host();
	start_daemon();
}

/*
 * run_plugin - with @config on its standard input, in the host's namespace
 * Returns what it has printed, NULL for nothing; the caller's to json_decref(). @ret_status: its exit status.
 */
static json_t *run_plugin(const char *plugin, const char *command, int pod, const json_t *config,
                          int *ret_status)
{
	char in[PATH_SIZE], out[PATH_SIZE], netns[PATH_SIZE], action[PATH_SIZE];
	snprintf(in, sizeof(in), "%s/in", here.folder);
	snprintf(out, sizeof(out), "%s/out", here.folder);
	snprintf(netns, sizeof(netns), "CNI_NETNS=/proc/%d/fd/%d", getpid(), pod);
	snprintf(action, sizeof(action), "CNI_COMMAND=%s", command);
	assert_int_equal(json_dump_file(config, in, 0), 0);
	meet();
	*ret_status = testns_run(
	        here.host, TESTNS_ARGV("env", action, netns, "CNI_CONTAINERID=c1", "CNI_IFNAME=eth0",
	                               "CNI_PATH=" PLUGINS,
	                               "CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web",
	                               "sh", "-c", "exec \"$0\" <\"$1\" >\"$2\"", plugin, in, out));
	meet();
	return json_load_file(out, 0, NULL);
}

/* configuration - of the example's plugin @index, as a runtime passes it on; the caller's to json_decref() */
static json_t *configuration(size_t index, const char *version, json_t *result)
{
	json_t *list = json_load_file(EXAMPLES "/cni.conflist", 0, NULL);
	json_t *config = json_deep_copy(json_array_get(json_object_get(list, "plugins"), index));
	assert_non_null(config);
	json_object_set(config, "name", json_object_get(list, "name"));
	json_object_set_new(config, "cniVersion", json_string(version));
	if (index == 0)
		json_object_set_new(json_object_get(config, "ipam"), "dataDir", json_string(here.folder));
	else
		json_object_set_new(config, "socket", json_string(here.socket));
	if (result)
		json_object_set(config, "prevResult", result);
	json_decref(list);
	return config;
}

/* run_ours - status of nsrelay-cni; its error's code at @ret_code, 0: none */
static int run_ours(const char *command, int pod, const json_t *config, json_int_t *ret_code)
{
	int status;
	json_t *said = run_plugin(NSRELAY_CNI_BINARY, command, pod, config, &status);
	*ret_code = json_integer_value(json_object_get(said, "code"));
	json_decref(said);
	return status;
}

/* expect - nsrelay-cni ends with @code, 0 for success */
static void expect(const char *command, int pod, const json_t *config, json_int_t code)
{
	json_int_t was;
	int status = run_ours(command, pod, config, &was);
	assert_int_equal(was, code);
	assert_int_equal(status == 0, code == 0);
}

static json_t *small_result(const char *version)
{
	return json_pack("{s:s, s:[], s:{}}", "cniVersion", version, "ips", "dns");
}

static ino_t inode_of(int fd)
{
	struct stat there;
	assert_int_equal(fstat(fd, &there), 0);
	return there.st_ino;
}

/* ---- tests ---- */

static void pod_lives_behind_bridge_in(const char *version)
{
	int pod = testns_new(), status;
	json_t *bridge = configuration(0, version, NULL);
	json_t *made = run_plugin(PLUGINS "bridge", "ADD", pod, bridge, &status);
	assert_int_equal(status, 0);
	json_t *ours = configuration(1, version, made);
	json_t *passed = run_plugin(NSRELAY_CNI_BINARY, "ADD", pod, ours, &status);
	assert_int_equal(status, 0);
	assert_true(json_equal(made, passed));
	assert_int_equal(here.count, 1);
	assert_string_equal(here.rows[0].uid, "cni/pods/c1/eth0");
	assert_string_equal(here.rows[0].name, "shop/web");
	assert_string_equal(here.rows[0].policy, "pods");
	assert_int_equal(here.rows[0].inode, inode_of(pod));
	expect("ADD", pod, ours, 0);
	assert_int_equal(here.count, 1);
	expect("DEL", pod, ours, 0);
	assert_int_equal(here.count, 0);
	json_object_set(bridge, "prevResult", made);
	json_decref(run_plugin(PLUGINS "bridge", "DEL", pod, bridge, &status));
	assert_int_equal(status, 0);
	json_decref(bridge);
	json_decref(made);
	json_decref(ours);
	json_decref(passed);
}

static void a_pod_of_the_example_is_served_in_each_version(void **state)
{
	static const char *const versions[] = {"0.3.1", "0.4.0",
	                                       "1.0.0"}; /* Debian's plugins know no later one */
	(void)state;
	start();
	for (size_t i = 0; i < ARRAY_COUNT(versions); i++)
		pod_lives_behind_bridge_in(versions[i]);
}

static void check_tells_another_namespace(void **state)
{
	json_t *result = small_result("1.1.0");
	(void)state;
	start();
	json_t *config = configuration(1, "1.1.0", result);
	int pod = testns_new(), other = testns_new();
	expect("CHECK", pod, config, 101);
	expect("ADD", pod, config, 0);
	expect("CHECK", pod, config, 0);
	expect("CHECK", other, config, 101);
	expect("ADD", other, config, 0);
	expect("CHECK", other, config, 0);
	json_decref(config);
	json_decref(result);
}

static void garbage_is_what_the_runtime_does_not_know(void **state)
{
	json_t *config;
	(void)state;
	start();
	config = configuration(1, "1.1.0", NULL);
	here.count = 2;
	strcpy(here.rows[0].uid, "cni/pods/gone/eth0");
	strcpy(here.rows[1].uid, "cni/pods/c1/eth0");
	expect("STATUS", here.host, config, 0);
	json_object_set_new(config, "cni.dev/valid-attachments",
	                    json_pack("[{s:s, s:s}]", "containerID", "c1", "ifname", "eth0"));
	expect("GC", here.host, config, 0);
	assert_int_equal(here.count, 1);
	assert_string_equal(here.rows[0].uid, "cni/pods/c1/eth0");
	json_decref(config);
}

/* garbage - two attachments that the runtime does not know; the caller's to json_decref() */
static json_t *garbage(void)
{
	json_t *config = configuration(1, "1.1.0", NULL);
	json_object_set_new(config, "cni.dev/valid-attachments", json_array());
	here.count = 2;
	strcpy(here.rows[0].uid, "cni/pods/a/eth0");
	strcpy(here.rows[1].uid, "cni/pods/b/eth0");
	return config;
}

static void garbage_has_one_deadline_however_much_it_is(void **state)
{
	(void)state;
	here.mood = IS_SLOW;
	start();
	json_t *config = garbage();
	/* long enough for either, too short for both */
	json_object_set_new(config, "deadline_ms", json_integer(SLOW_MS + SLOW_MS / 2));
	expect("GC", here.host, config, 11);
	json_decref(config);
}

static void garbage_that_stays_keeps_no_other(void **state)
{
	(void)state;
	here.mood = REFUSES;
	start();
	json_t *config = garbage();
	expect("GC", here.host, config, 11);
	assert_int_equal(here.withdrawals, 2);
	json_decref(config);
}

static void a_pod_that_is_served_too_late_is_withdrawn(void **state)
{
	json_t *result = small_result("1.0.0");
	(void)state;
	here.mood = HESITATES;
	start();
	json_t *config = configuration(1, "1.0.0", result);
	expect("ADD", here.host, config, 11);
	assert_int_equal(here.count, 0);
	json_object_set_new(config, "onFailure", json_string("proceed"));
	expect("ADD", here.host, config, 0);
	assert_int_equal(here.count, 1);
	expect("DEL", here.host, config, 0);
	assert_int_equal(here.count, 0);
	json_decref(config);
	json_decref(result);
}

/* start_late - the daemon, once a pod waits for it */
static void *start_late(void *arg)
{
	usleep(SLOW_MS * 1000);
	serve_by(*(const int *)arg);
	return NULL;
}

static void a_daemon_that_is_being_started_is_waited_for(void **state)
{
	json_t *result = small_result("1.0.0");
	pthread_t late;
	(void)state;
	start_host();
	json_t *config = configuration(1, "1.0.0", result);
	int fd = new_socket();
	assert_int_equal(pthread_create(&late, NULL, start_late, &fd), 0);
	expect("ADD", here.host, config, 0);
	pthread_join(late, NULL);
	assert_int_equal(here.count, 1);
	json_decref(config);
	json_decref(result);
}

static void a_pod_that_is_refused_does_not_start_unless_it_may(void **state)
{
	json_t *result = small_result("1.0.0");
	(void)state;
	here.mood = REFUSES;
	start();
	json_t *config = configuration(1, "1.0.0", result);
	expect("ADD", here.host, config, 100);
	json_object_set_new(config, "onFailure", json_string("proceed"));
	expect("ADD", here.host, config, 0);
	json_decref(config);
	json_decref(result);
}

static void a_daemon_that_is_stuck_holds_nobody(void **state)
{
	json_t *result = small_result("1.0.0");
	(void)state;
	here.mood = IS_STUCK;
	start();
	json_t *config = configuration(1, "1.0.0", result);
	json_object_set_new(config, "deadline_ms", json_integer(200));
	expect("ADD", here.host, config, 11);
	json_decref(config);
	json_decref(result);
}

static void the_daemon_itself_takes_each_command(void **state)
{
	json_t *result = small_result("1.1.0");
	(void)state;
	start_host();
	testns_hide_run();
	int pod = testns_new(), other = testns_new();
	int own = testns_keep_fd(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
	assert_int_equal(mkdir("/run/nsrelay", 0755), 0);
	struct relayproc *relay = relayproc_start_example("enrolment.yaml", "");
	strcpy(here.socket, "/run/nsrelay/control.sock");
	json_t *config = configuration(1, "1.1.0", result);
	json_t *valid = json_pack("[{s:s, s:s}]", "containerID", "c1", "ifname", "eth0");
	expect("STATUS", here.host, config, 0);
	expect("CHECK", pod, config, 101);
	expect("ADD", own, config, 100);
	expect("ADD", pod, config, 0);
	expect("ADD", pod, config, 0);
	expect("CHECK", pod, config, 0);
	expect("CHECK", other, config, 101);
	json_object_set(config, "cni.dev/valid-attachments", valid);
	expect("GC", here.host, config, 0);
	expect("CHECK", pod, config, 0);
	json_array_clear(valid);
	expect("GC", here.host, config, 0);
	expect("CHECK", pod, config, 101);
	expect("ADD", other, config, 0);
	expect("DEL", other, config, 0);
	expect("DEL", other, config, 0);
	expect("CHECK", other, config, 101);
	assert_int_equal(relayproc_stop(relay), 0);
	json_decref(valid);
	json_decref(config);
	json_decref(result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(a_pod_of_the_example_is_served_in_each_version, set_up,
	                                        tear_down),
	        cmocka_unit_test_setup_teardown(check_tells_another_namespace, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(garbage_is_what_the_runtime_does_not_know, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(garbage_has_one_deadline_however_much_it_is, set_up,
	                                        tear_down),
	        cmocka_unit_test_setup_teardown(garbage_that_stays_keeps_no_other, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(a_pod_that_is_served_too_late_is_withdrawn, set_up,
	                                        tear_down),
	        cmocka_unit_test_setup_teardown(a_daemon_that_is_being_started_is_waited_for, set_up,
	                                        tear_down),
	        cmocka_unit_test_setup_teardown(the_daemon_itself_takes_each_command, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(a_pod_that_is_refused_does_not_start_unless_it_may, set_up,
	                                        tear_down),
	        cmocka_unit_test_setup_teardown(a_daemon_that_is_stuck_holds_nobody, set_up, tear_down),
	};
	return testns_result(cmocka_run_group_tests(tests, testns_hide_net, NULL));
}
