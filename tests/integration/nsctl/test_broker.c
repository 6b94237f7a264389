/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/testns.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "base/endpoint.h"
#include "nsctl/broker.h"
#include "nsctl/broker_client.h"

enum { TARGET_TCP4, TARGET_TCP6, TARGET_GONE, TARGET_UNIX, TARGET_COUNT };

/* Broker and asker in one process: each call of serve() is the broker's turn. */
static struct broker_target targets[TARGET_COUNT];
static struct broker broker;
static struct broker_channel channel = BROKER_CHANNEL_INIT;
static int worker;
static size_t fd_count_at_start;

static int close_rig(void **state)
{
	broker_channel_close(&channel);
	if (targets[TARGET_UNIX].unix_path[0])
		unlink(targets[TARGET_UNIX].unix_path);
	return testns_teardown(state);
}

static void open_rig(void)
{
	int inside = testns_new();
	struct err err = ERR_INIT;

	memset(targets, 0, sizeof(targets));
	targets[TARGET_TCP4] = (struct broker_target){.ns_fd = inside, .family = AF_INET};
	targets[TARGET_TCP6] = (struct broker_target){.ns_fd = inside, .family = AF_INET6};
	targets[TARGET_GONE] = (struct broker_target){.ns_fd = -1, .family = AF_INET};
	targets[TARGET_UNIX] = (struct broker_target){.ns_fd = -1, .family = AF_UNIX};
	broker = (struct broker){.targets = targets, .target_count = TARGET_COUNT, .uid = NSSOCK_UID_OWN};
	assert_success(broker_channel_open(&channel, &worker, &err), &err);
	testns_keep_fd(worker);
	fd_count_at_start = testns_count_fds();
}

static int serve(void)
{
	struct err err = ERR_INIT;
	int rc = broker_serve(&broker, &channel, &err);

	if (rc < 0)
		assert_int_equal(err.code, -rc);
	return rc;
}

static void request(uint32_t target, uint32_t count)
{
	assert_int_equal(broker_client_request(worker, target, count), 0);
}

static void close_fds(const int *fds, uint32_t count)
{
	while (count > 0)
		close(fds[--count]);
}

/* Ask, serve, receive; what came is left in @fds. */
static struct broker_reply ask(uint32_t target, uint32_t count, int fds[static BROKER_BATCH_MAX])
{
	struct broker_reply reply = {0};

	request(target, count);
	assert_int_equal(serve(), BROKER_WAITS_FOR_REQUEST);
	assert_int_equal(broker_client_receive(worker, &reply, fds), 1);
	assert_int_equal(reply.target, target);
	assert_int_equal(reply.asked, count);
	return reply;
}

static void assert_no_fd_left(void)
{
	assert_int_equal(testns_count_fds(), fd_count_at_start);
}

/* ---- what is asked for comes ---- */

static void sockets_of_both_families_come_and_connect_inside(void **state)
{
	static const struct {
		uint32_t target;
		const char *address, *listener;
	} cases[] = {{TARGET_TCP4, "/127.0.0.1:80", "127.0.0.1:80"}, {TARGET_TCP6, "/[::1]:80", "[::1]:80"}};

	(void)state;
	open_rig();
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		int listener = testns_listen(targets[0].ns_fd, cases[i].listener);
		int fds[BROKER_BATCH_MAX];
		struct broker_reply reply = ask(cases[i].target, 3, fds);
		struct endpoint to;

		assert_int_equal(reply.error, 0);
		assert_int_equal(reply.count, 3);
		assert_int_equal(endpoint_parse(cases[i].address, &to, NULL), 0);
		for (uint32_t j = 0; j < reply.count; j++) {
			testns_keep_fd(fds[j]);
			assert_true(fcntl(fds[j], F_GETFD) & FD_CLOEXEC);
			assert_true(fcntl(fds[j], F_GETFL) & O_NONBLOCK);
			assert_true(connect(fds[j], &to.addr.any, to.addr_len) == 0 || errno == EINPROGRESS);
			testns_await(fds[j], POLLOUT);
			testns_assert_connected(fds[j], testns_accept(listener));
		}
	}
}

static void largest_batch_comes_whole_and_the_broker_keeps_no_copy(void **state)
{
	int fds[BROKER_BATCH_MAX];
	struct broker_reply reply;

	(void)state;
	open_rig();
	reply = ask(TARGET_TCP4, BROKER_BATCH_MAX, fds);
	assert_int_equal(reply.error, 0);
	assert_int_equal(reply.count, BROKER_BATCH_MAX);
	assert_int_equal(testns_count_fds(), fd_count_at_start + BROKER_BATCH_MAX);
	close_fds(fds, reply.count);
	assert_no_fd_left();
}

static int listen_on_a_file(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = testns_keep_fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));

	strcpy(addr.sun_path, path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 16), 0);
	return fd;
}

static void unix_target_comes_connected_once_for_each_asked(void **state)
{
	char *path = targets[TARGET_UNIX].unix_path;
	int fds[BROKER_BATCH_MAX];
	struct broker_reply reply;
	int listener;

	(void)state;
	open_rig();
	snprintf(path, sizeof(targets[0].unix_path), "/tmp/test_broker.%d", (int)getpid());
	listener = listen_on_a_file(path);
	reply = ask(TARGET_UNIX, 2, fds);
	assert_int_equal(reply.error, 0);
	assert_int_equal(reply.count, 2);
	for (uint32_t i = 0; i < reply.count; i++)
		testns_assert_connected(testns_keep_fd(fds[i]), testns_accept(listener));
}

/* ---- what is not to be had ---- */

static void request_that_cannot_be_met_is_answered_with_the_reason(void **state)
{
	static const struct {
		uint32_t target, count;
		int error;
	} cases[] = {
	        {TARGET_COUNT, 1, ENOENT},         {UINT32_MAX, 1, ENOENT},
	        {TARGET_TCP4, 0, EINVAL},          {TARGET_TCP4, BROKER_BATCH_MAX + 1, EINVAL},
	        {TARGET_TCP4, UINT32_MAX, EINVAL}, {TARGET_GONE, 1, ESTALE},
	        {TARGET_UNIX, 1, ENOENT},
	};
	int fds[BROKER_BATCH_MAX];

	(void)state;
	open_rig();
	strcpy(targets[TARGET_UNIX].unix_path, "/tmp/no-such-socket");
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct broker_reply reply = ask(cases[i].target, cases[i].count, fds);

		assert_int_equal(reply.error, cases[i].error);
		assert_int_equal(reply.count, 0);
	}
	assert_no_fd_left();
}

static void sockets_made_before_an_error_come_with_it(void **state)
{
	struct broker_reply reply;
	int fds[BROKER_BATCH_MAX];
	int wait;

	(void)state;
	open_rig();
	request(TARGET_TCP4, 10);
	testns_limit_fds(4 + 1); /* one is for the way home */
	wait = serve();
	testns_unlimit_fds();
	assert_int_equal(wait, BROKER_WAITS_FOR_REQUEST);
	assert_int_equal(broker_client_receive(worker, &reply, fds), 1);
	assert_int_equal(reply.error, EMFILE);
	assert_int_equal(reply.count, 4);
	close_fds(fds, reply.count);
	assert_no_fd_left();
}

static void target_taken_off_the_table_is_refused(void **state)
{
	int fds[BROKER_BATCH_MAX];

	(void)state;
	open_rig();
	close_fds(fds, ask(TARGET_TCP6, 1, fds).count);
	broker.target_count = TARGET_TCP6;
	assert_int_equal(ask(TARGET_TCP6, 1, fds).error, ENOENT);
}

/* ---- askers that cannot be trusted ---- */

static void message_of_the_wrong_size_ends_the_channel(void **state)
{
	static const size_t sizes[] = {1, sizeof(struct broker_request) - 1,
	                               sizeof(struct broker_request) + 1, 4096};
	static const char bytes[4096];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		open_rig();
		assert_int_equal(send(worker, bytes, sizes[i], 0), sizes[i]);
		assert_int_equal(serve(), -EPROTO);
		broker_channel_close(&channel);
	}
}

/* A message with @count descriptors, all the same file. */
static void send_with_fds(int fd, const void *data, size_t size, uint32_t count)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(2 * BROKER_BATCH_MAX * sizeof(int))];
	} control = {0};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
	struct msghdr message = {.msg_iov = &iov,
	                         .msg_iovlen = 1,
	                         .msg_control = &control,
	                         .msg_controllen = CMSG_SPACE(count * sizeof(int))};

	control.header = (struct cmsghdr){
	        .cmsg_len = CMSG_LEN(count * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	for (uint32_t i = 0; i < count; i++)
		memcpy(CMSG_DATA(&control.header) + i * sizeof(int), &fd, sizeof(int));
	if (count == 0)
		message.msg_controllen = 0;
	assert_int_equal(sendmsg(fd, &message, 0), size);
}

static void request_that_brings_descriptors_ends_the_channel(void **state)
{
	const struct broker_request message = {.target = TARGET_TCP4, .count = 1};

	(void)state;
	open_rig();
	send_with_fds(worker, &message, sizeof(message), 2);
	assert_int_equal(serve(), -EPROTO);
	assert_no_fd_left();
}

static void asker_that_is_gone_ends_the_channel(void **state)
{
	(void)state;
	open_rig();
	testns_close(worker);
	assert_int_equal(serve(), -EPIPE);
}

static void asker_gone_before_its_reply_ends_the_channel(void **state)
{
	(void)state;
	open_rig();
	request(TARGET_TCP4, 4);
	testns_close(worker);
	assert_int_equal(serve(), -EPIPE);
	broker_channel_close(&channel);
	assert_int_equal(testns_count_fds(), fd_count_at_start - 2);
}

/* Requests until the broker can send no more. Returns how many. */
static uint32_t fill_channel(void)
{
	uint32_t count = 0;

	while (serve() == BROKER_WAITS_FOR_REQUEST) {
		request(TARGET_TCP4, BROKER_BATCH_MAX);
		assert_true(++count < 1000);
	}
	return count;
}

static void unread_replies_stop_the_broker_and_nothing_is_lost(void **state)
{
	uint32_t asked, received = 0;
	struct broker_reply reply;
	int fds[BROKER_BATCH_MAX];

	(void)state;
	open_rig();
	asked = fill_channel();
	print_message("%u replies wait unread\n", (unsigned int)asked);
	/* One reply waits in the broker; of the others it holds no copy. */
	assert_int_equal(testns_count_fds(), fd_count_at_start + BROKER_BATCH_MAX);
	request(TARGET_TCP4, 1);
	assert_int_equal(serve(), BROKER_WAITS_FOR_ROOM);
	assert_int_equal(testns_count_fds(), fd_count_at_start + BROKER_BATCH_MAX);
	while (broker_client_receive(worker, &reply, fds) == 1) {
		assert_int_equal(reply.count, ++received > asked ? 1 : BROKER_BATCH_MAX);
		close_fds(fds, reply.count);
		serve();
	}
	assert_int_equal(received, asked + 1);
	assert_no_fd_left();
}

static void room_is_announced_by_poll(void **state)
{
	struct pollfd pollfd;
	struct broker_reply reply;
	int fds[BROKER_BATCH_MAX];

	(void)state;
	open_rig();
	fill_channel();
	pollfd = (struct pollfd){.fd = channel.fd, .events = POLLOUT};
	assert_int_equal(poll(&pollfd, 1, 0), 0);
	while (broker_client_receive(worker, &reply, fds) == 1)
		close_fds(fds, reply.count);
	assert_int_equal(poll(&pollfd, 1, 0), 1);
	assert_int_equal(serve(), BROKER_WAITS_FOR_REQUEST);
}

static void closing_a_full_channel_leaks_nothing(void **state)
{
	(void)state;
	open_rig();
	fill_channel();
	broker_channel_close(&channel);
	broker_channel_close(&channel);
	assert_int_equal(testns_count_fds(), fd_count_at_start - 1);
}

static void one_turn_ends_with_requests_left_over(void **state)
{
	struct pollfd pollfd;

	(void)state;
	open_rig();
	for (int i = 0; i < 64; i++)
		request(TARGET_GONE, 1);
	/* Not for want of room. */
	assert_int_equal(serve(), BROKER_WAITS_FOR_REQUEST);
	pollfd = (struct pollfd){.fd = channel.fd, .events = POLLIN};
	assert_int_equal(poll(&pollfd, 1, 0), 1);
}

/* ---- the asker ---- */

static void asker_is_told_to_wait_when_its_requests_pile_up(void **state)
{
	int rc = 0;

	(void)state;
	open_rig();
	for (int i = 0; i < 100000 && rc == 0; i++)
		rc = broker_client_request(worker, TARGET_TCP4, 1);
	assert_int_equal(rc, -EAGAIN);
}

static void asker_learns_that_the_broker_is_gone(void **state)
{
	struct broker_reply reply;
	int fds[BROKER_BATCH_MAX];

	(void)state;
	open_rig();
	assert_int_equal(broker_client_receive(worker, &reply, fds), 0);
	broker_channel_close(&channel);
	assert_int_equal(broker_client_request(worker, TARGET_TCP4, 1), -EPIPE);
	assert_int_equal(broker_client_receive(worker, &reply, fds), -EPIPE);
}

static void asker_at_its_limit_gets_what_fits_and_emfile(void **state)
{
	struct broker_reply reply;
	int fds[BROKER_BATCH_MAX];
	int rc;

	(void)state;
	open_rig();
	request(TARGET_TCP4, 10);
	assert_int_equal(serve(), BROKER_WAITS_FOR_REQUEST);
	for (size_t room = 0; room <= 3; room += 3) {
		testns_limit_fds(room);
		rc = broker_client_receive(worker, &reply, fds);
		testns_unlimit_fds();
		assert_int_equal(rc, 1);
		assert_int_equal(reply.error, EMFILE);
		assert_int_equal(reply.count, room);
		close_fds(fds, reply.count);
		assert_no_fd_left();
		request(TARGET_TCP4, 10);
		assert_int_equal(serve(), BROKER_WAITS_FOR_REQUEST);
	}
}

static void reply_that_does_not_add_up_is_refused_and_leaks_nothing(void **state)
{
	static const struct {
		uint32_t said, sent;
		size_t size;
	} cases[] = {
	        {1, 2, sizeof(struct broker_reply)},
	        {2, 1, sizeof(struct broker_reply)},
	        {1, 0, sizeof(struct broker_reply)},
	        {BROKER_BATCH_MAX, BROKER_BATCH_MAX + 1, sizeof(struct broker_reply)},
	        {BROKER_BATCH_MAX + 1, BROKER_BATCH_MAX + 1, sizeof(struct broker_reply)},
	        {UINT32_MAX, 2, sizeof(struct broker_reply)},
	        {1, 1, sizeof(struct broker_reply) - 1},
	        {1, 1, sizeof(struct broker_reply) + 1},
	};

	(void)state;
	open_rig();
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct broker_reply forged[2] = {{.count = cases[i].said}}, untouched = {.target = 77};
		int fds[BROKER_BATCH_MAX];

		send_with_fds(channel.fd, forged, cases[i].size, cases[i].sent);
		assert_int_equal(broker_client_receive(worker, &untouched, fds), -EPROTO);
		assert_int_equal(untouched.target, 77);
		assert_no_fd_left();
	}
}

#define broker_test(function) cmocka_unit_test_teardown(function, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        broker_test(sockets_of_both_families_come_and_connect_inside),
	        broker_test(largest_batch_comes_whole_and_the_broker_keeps_no_copy),
	        broker_test(unix_target_comes_connected_once_for_each_asked),
	        broker_test(request_that_cannot_be_met_is_answered_with_the_reason),
	        broker_test(sockets_made_before_an_error_come_with_it),
	        broker_test(target_taken_off_the_table_is_refused),
	        broker_test(message_of_the_wrong_size_ends_the_channel),
	        broker_test(request_that_brings_descriptors_ends_the_channel),
	        broker_test(asker_that_is_gone_ends_the_channel),
	        broker_test(asker_gone_before_its_reply_ends_the_channel),
	        broker_test(unread_replies_stop_the_broker_and_nothing_is_lost),
	        broker_test(room_is_announced_by_poll),
	        broker_test(closing_a_full_channel_leaks_nothing),
	        broker_test(one_turn_ends_with_requests_left_over),
	        broker_test(asker_is_told_to_wait_when_its_requests_pile_up),
	        broker_test(asker_learns_that_the_broker_is_gone),
	        broker_test(asker_at_its_limit_gets_what_fits_and_emfile),
	        broker_test(reply_that_does_not_add_up_is_refused_and_leaks_nothing),
	};

	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
