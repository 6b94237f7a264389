/* SPDX-License-Identifier: Apache-2.0 */
/* Both ends of varlink over a socket: what a client makes of an odd service, and a service of a kernel without memory. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "app/varlink/client.h"
#include "app/varlink/server.h"
#include "tests/unit/unit.h"

/* ---- a kernel without memory ---- */

static _Atomic int failures, failure; /* so many calls of send(2) or recvmsg(2) of the server's fail, with this errno */

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the names are ld(1)'s, --wrap */
ssize_t __real_send(int fd, const void *buf, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *buf, size_t size, int flags);
ssize_t __real_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags);

static bool fails(void)
{
	if (failures == 0)
		return false;
	failures--;
	errno = failure;
	return true;
}

ssize_t __wrap_send(int fd, const void *buf, size_t size, int flags)
{
	return fails() ? -1 : __real_send(fd, buf, size, flags);
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags)
{
	return fails() ? -1 : __real_recvmsg(fd, message, flags);
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

/* ---- a service in a thread ---- */

static enum varlink_outcome count(const struct varlink_service *service, struct varlink_call *call, struct json *out)
{
	(void)service;
	json_number(out, "number", ++call->place[0]);
	return (int64_t)call->place[0] < varlink_number(call, "to", 1) ? VARLINK_CONTINUES : VARLINK_LAST;
}

static enum varlink_outcome refuse(const struct varlink_service *service, struct varlink_call *call, struct json *out)
{
	(void)service;
	(void)out;
	return varlink_fail(call, "org.example.Ends.No", "reason", "one\ntwo", NULL, NULL);
}

static const struct varlink_field takes[] = {{.name = "to", .kind = VARLINK_INT, .optional = true}};
static const struct varlink_field returns[] = {{.name = "number", .kind = VARLINK_INT}};
static const struct varlink_field reason[] = {{.name = "reason", .kind = VARLINK_STRING}};
static const struct varlink_method count_method = {
        .name = "Count", .takes = VARLINK_FIELDS(takes), .returns = VARLINK_FIELDS(returns), .streams = true, .fn = count};
static const struct varlink_method one_method = {
        .name = "One", .returns = VARLINK_FIELDS(returns), .fn = count};
static const struct varlink_method refuse_method = {.name = "Refuse", .fn = refuse};
static const struct varlink_method *const methods[] = {&count_method, &one_method, &refuse_method};
static const struct varlink_error errors[] = {{"No", "No.", VARLINK_FIELDS(reason)}};
static const struct varlink_interface ends = {.name = "org.example.Ends",
                                              .methods = methods,
                                              .method_count = ARRAY_COUNT(methods),
                                              .errors = errors,
                                              .error_count = 1};
static const struct varlink_service service = {
        .vendor = "v", .product = "p", .version = "1", .url = "", .interface = &ends};

static struct {
	char folder[32], path[64];
	struct varlink_server server;
	pthread_t thread;
	bool runs;
} here;

static void *run(void *arg)
{
	(void)arg;
	assert_int_equal(varlink_server_run(&here.server), 0);
	return NULL;
}

static int listen_there(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	strcpy(addr.sun_path, here.path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static int set_up(void **state)
{
	(void)state;
	strcpy(here.folder, "/tmp/varlink-XXXXXX");
	assert_non_null(mkdtemp(here.folder));
	snprintf(here.path, sizeof(here.path), "%s/s", here.folder);
	return 0;
}

static void start_service(void)
{
	here.server = (struct varlink_server){.service = &service,
	                                      .listen_fd = listen_there(),
	                                      .stop_fd = eventfd(0, EFD_CLOEXEC),
	                                      .event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	                                      .clients_max = 2,
	                                      .message_max = 4096,
	                                      .uids = {getuid()},
	                                      .uid_count = 1,
	                                      .too_many = "org.example.Ends.Busy",
	                                      .too_many_text = "later"};
	assert_int_equal(pthread_create(&here.thread, NULL, run, NULL), 0);
	here.runs = true;
}

static int tear_down(void **state)
{
	uint64_t one = 1;
	(void)state;
	failures = 0;
	if (here.runs) {
		assert_int_equal(write(here.server.stop_fd, &one, sizeof(one)), sizeof(one));
		pthread_join(here.thread, NULL);
		close(here.server.listen_fd);
		close(here.server.stop_fd);
		close(here.server.event_fd);
		here.runs = false;
	}
	unlink(here.path);
	rmdir(here.folder);
	return 0;
}

/* ---- calls ---- */

static int add(void *ctx, const json_t *reply, struct err *err)
{
	json_int_t *sum = ctx, number = json_integer_value(json_object_get(reply, "number"));
	(void)err;
	*sum += number;
	return *sum > 100 ? 7 : 0;
}

/* sum_to - of the numbers from 1 on; what varlink_each() returns is @ret */
static json_int_t sum_to(int to, int *ret)
{
	struct varlink_client client;
	struct err err = ERR_INIT;
	json_int_t sum = 0;
	assert_int_equal(varlink_connect(&client, here.path, &err), 0);
	*ret = varlink_each(&client, "org.example.Ends.Count", json_pack("{s:i}", "to", to), add, &sum, &err);
	varlink_disconnect(&client);
	return sum;
}

static void call_has_one_answer(void **state)
{
	struct err err = ERR_INIT;
	json_t *reply;
	(void)state;
	start_service();
	assert_int_equal(varlink_call(here.path, "org.example.Ends.One", NULL, -1, &reply, &err), 0);
	assert_int_equal(json_integer_value(json_object_get(reply, "number")), 1);
	json_decref(reply);
}

static void each_reply_of_several_is_taken_until_somebody_has_enough(void **state)
{
	int r;
	(void)state;
	start_service();
	assert_int_equal(sum_to(10, &r), 55);
	assert_int_equal(r, 0);
	assert_int_equal(sum_to(1000, &r), 105);
	assert_int_equal(r, 7);
}

static void refusal_is_told_whole(void **state)
{
	struct varlink_client client;
	struct err err = ERR_INIT;
	json_t *reply;
	(void)state;
	start_service();
	assert_int_equal(varlink_connect(&client, here.path, &err), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(varlink_ask(&client, "org.example.Ends.Refuse", NULL, -1, &reply, &err), -EREMOTEIO);
		assert_string_equal(json_string_value(json_object_get(client.refusal, "reason")), "one\ntwo");
		assert_non_null(strstr(err.text, "No: one"));
	}
	varlink_disconnect(&client);
}

static void memory_that_runs_out_for_a_while_ends_no_call(void **state)
{
	static const int codes[] = {ENOBUFS, ENOMEM};
	(void)state;
	start_service();
	for (size_t i = 0; i < ARRAY_COUNT(codes); i++) {
		int r;
		failure = codes[i];
		failures = 2;
		assert_int_equal(sum_to(3, &r), 6);
		assert_int_equal(r, 0);
		assert_int_equal(failures, 0);
	}
}

/* ---- odd services ---- */

struct oddity {
	int listener;
	const char *answer; /* its end included, or not */
	size_t size;
};

static void *answer_oddly(void *arg)
{
	const struct oddity *oddity = arg;
	char bytes[256];
	int fd = accept(oddity->listener, NULL, NULL);
	assert_true(recv(fd, bytes, sizeof(bytes), 0) > 0);
	assert_int_equal(write(fd, oddity->answer, oddity->size), oddity->size);
	close(fd);
	return NULL;
}

static int ask_odd(const char *answer, size_t size, struct err *err)
{
	struct oddity oddity = {socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), answer, size};
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	pthread_t thread;
	json_int_t sum = 0;
	struct varlink_client client;
	strcpy(addr.sun_path, here.path);
	unlink(here.path);
	assert_int_equal(bind(oddity.listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(oddity.listener, 1), 0);
	assert_int_equal(pthread_create(&thread, NULL, answer_oddly, &oddity), 0);
	assert_int_equal(varlink_connect(&client, here.path, err), 0);
	int r = varlink_each(&client, "org.example.Ends.Count", json_pack("{s:i}", "to", 2), add, &sum, err);
	varlink_disconnect(&client);
	pthread_join(thread, NULL);
	close(oddity.listener);
	return r;
}

#define ASK_ODD(answer, err) ask_odd(answer, sizeof(answer) - 1, err)

static void service_that_answers_oddly_is_told(void **state)
{
	struct err err = ERR_INIT;
	(void)state;
	assert_int_equal(ASK_ODD("{\"parameters\":{\"number\":1},\"continues\":true}\0{\"para", &err), -ECONNRESET);
	assert_non_null(strstr(err.text, "ended the connection"));
	assert_int_equal(ASK_ODD("[]\0", &err), -EPROTO);
	assert_int_equal(ASK_ODD("HTTP/1.1 400 Bad Request\0", &err), -EPROTO);
	assert_int_equal(ASK_ODD("{\"error\":\"a.B\"}\0", &err), -EREMOTEIO);
	assert_non_null(strstr(err.text, "refuses: B"));
	assert_int_equal(ASK_ODD("{}\0", &err), 0);
}

static void nobody_there_is_told_with_what_to_do(void **state)
{
	struct err err = ERR_INIT;
	json_t *reply;
	(void)state;
	assert_int_equal(varlink_call(here.path, "org.example.Ends.Count", json_object(), -1, &reply, &err), -ENOENT);
	assert_non_null(strstr(err.text, "is nsrelay running"));
}

#define ENDS_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ENDS_TEST(call_has_one_answer),
		ENDS_TEST(each_reply_of_several_is_taken_until_somebody_has_enough),
		ENDS_TEST(refusal_is_told_whole),
		ENDS_TEST(memory_that_runs_out_for_a_while_ends_no_call),
		ENDS_TEST(service_that_answers_oddly_is_told),
		ENDS_TEST(nobody_there_is_told_with_what_to_do),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
