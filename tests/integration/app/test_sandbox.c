/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a taken-over relay process would be and have, and that an honest one still has what it needs. The
 * system calls are in test_seal.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "io/sys.h"
#include "io/tag.h"
#include "nsctl/broker_client.h"
#include "nsctl/nssock.h"
#include "tests/integration/app/inside.h"
#include "tests/integration/app/procfs.h"
#include "tests/lib/relayproc.h"

enum { THREADS = 3, UPSTREAMS = 3 };

/* ---- who it is ---- */

static sem_t never;

static void *wait_for_ever(void *arg)
{
	sem_wait(&never);
	return arg;
}

static void start_threads(struct inside *inside)
{
	(void)inside;
	sem_init(&never, 0, 0);
	for (int i = 1; i < THREADS; i++) {
		pthread_t thread;
		CHECK(pthread_create(&thread, NULL, wait_for_ever, NULL) == 0);
	}
}

static void wait_to_be_looked_at(struct inside *inside)
{
	(void)inside;
	for (;;)
		poll(NULL, 0, -1);
}

static void every_thread_is_without_privilege_and_sealed(void **state)
{
	(void)state;
	pid_t pid = inside_start(start_threads, wait_to_be_looked_at, -1);
	inside_await_seal();
	size_t count = procfs_count_threads(pid);
	const char *complaint = procfs_find_privilege(pid, INSIDE_IS_SEALED);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (complaint)
		fail_msg("%s", complaint);
	/* A sanitizer's own threads come on top. */
	assert_true(count >= THREADS);
}

/* ---- the ring ---- */

/*
 * Its first member is liburing's own structure: io/ring.h has no way to ask for what is forbidden, but who
 * has taken the process over has the whole of its memory.
 */
static struct io_uring *uring_of(struct inside *inside)
{
	return (struct io_uring *)inside->ring;
}

static int complete_one(struct io_uring *uring)
{
	struct io_uring_cqe *cqe;
	int rc = io_uring_submit_and_wait(uring, 1);
	if (rc >= 0)
		rc = io_uring_peek_cqe(uring, &cqe);
	if (rc < 0)
		return rc;
	rc = cqe->res;
	io_uring_cqe_seen(uring, cqe);
	return rc;
}

static void try_operation(struct inside *inside, unsigned int operation, unsigned int flags)
{
	struct io_uring *uring = uring_of(inside);
	struct io_uring_sqe *sqe = io_uring_get_sqe(uring);
	CHECK(sqe);
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = (__u8)operation;
	sqe->flags = (__u8)flags;
	sqe->fd = -1;
	errno = -complete_one(uring);
	inside_tell(inside, errno == 0 ? 0 : -1);
}

/* What io/ring.h offers. */
static bool is_offered(unsigned int operation)
{
	static const unsigned int offered[] = {IORING_OP_ACCEPT,  IORING_OP_RECV,     IORING_OP_SEND,
	                                       IORING_OP_SENDMSG, IORING_OP_POLL_ADD, IORING_OP_ASYNC_CANCEL};
	for (size_t i = 0; i < ARRAY_COUNT(offered); i++) {
		if (offered[i] == operation)
			return true;
	}
	return false;
}

enum { OPERATIONS = 256 }; /* an opcode is a byte */

static void try_operations(struct inside *inside)
{
	for (unsigned int operation = 0; operation < OPERATIONS; operation++) {
		if (!is_offered(operation))
			try_operation(inside, operation, 0);
	}
}

static void ring_carries_out_no_operation_but_those_of_relaying(void **state)
{
	uint32_t refused = 0;
	(void)state;
	const struct inside_report *report = inside_run(NULL, try_operations, -1);
	assert_true(report->count > 200);
	/* EINVAL: the kernel has no such operation. Those it has come first. */
	while (refused < report->count && report->results[refused] == -EACCES)
		refused++;
	for (uint32_t i = refused; i < report->count; i++)
		assert_int_equal(report->results[i], -EINVAL);
	print_message("%u operations are refused\n", refused);
	assert_true(refused + 6 > IORING_OP_SOCKET);
}

static void try_flags(struct inside *inside)
{
	try_operation(inside, IORING_OP_RECV, IOSQE_ASYNC);
	try_operation(inside, IORING_OP_RECV, IOSQE_FIXED_FILE);
	try_operation(inside, IORING_OP_RECV, IOSQE_IO_LINK);
	try_operation(inside, IORING_OP_RECV, IOSQE_IO_HARDLINK);
	try_operation(inside, IORING_OP_RECV, IOSQE_IO_DRAIN);
}

static void ring_takes_no_flag_but_those_of_relaying(void **state)
{
	(void)state;
	const struct inside_report *report = inside_run(NULL, try_flags, -1);
	assert_int_equal(report->count, 5);
	for (uint32_t i = 0; i < report->count; i++)
		assert_int_equal(report->results[i], -EACCES);
}

/* ---- what must go on working ---- */

/* Passed in, as the broker does. */
static struct {
	int listener;
	struct sockaddr_in address;
	int upstream[UPSTREAMS];
	int pipe[2];
	int broker, broker_end;
} passed;

static void pass_in(int ns_fd)
{
	const struct nssock_tcp_options options = {.nodelay = true};
	struct err err = ERR_INIT;
	uint32_t count;
	int pair[2];
	passed.listener = testns_listen(ns_fd, "127.0.0.1:80");
	fcntl(passed.listener, F_SETFL, O_NONBLOCK);
	passed.address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(80)};
	passed.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_success(nssock_upstream_batch(ns_fd, AF_INET, &options, NSSOCK_UID_OWN, UPSTREAMS,
	                                     passed.upstream, &count, &err),
	               &err);
	for (uint32_t i = 0; i < count; i++)
		testns_keep_fd(passed.upstream[i]);
	assert_int_equal(pipe2(passed.pipe, O_CLOEXEC | O_NONBLOCK), 0);
	testns_keep_fd(passed.pipe[0]);
	testns_keep_fd(passed.pipe[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	passed.broker = testns_keep_fd(pair[0]);
	passed.broker_end = testns_keep_fd(pair[1]);
}

/* A connection through the listener: the client's end, and the accepted one. */
static void connect_and_accept(struct inside *inside, int upstream, int *ret_accepted)
{
	struct sockaddr_storage peer;
	int rc = sys_connect(upstream, (const struct sockaddr *)&passed.address, sizeof(passed.address));
	errno = -rc;
	inside_need(inside, "connect", rc == 0 || rc == -EINPROGRESS);
	*ret_accepted = sys_accept(passed.listener);
	inside_need(inside, "accept", *ret_accepted >= 0);
	inside_need(inside, "SO_ERROR", sys_socket_error(upstream) == 0);
	inside_need(inside, "peer", sys_peer(*ret_accepted, &peer) == 0);
	inside_need(inside, "own address", sys_local(*ret_accepted, &peer) == 0);
}

static void move_by_hand(struct inside *inside)
{
	char ping[] = "ping";
	struct iovec parts[2] = {{ping, 2}, {ping + 2, 2}};
	struct sys_send_space space;
	char got[8];
	int accepted;
	connect_and_accept(inside, passed.upstream[0], &accepted);
	sys_delay_ack(passed.upstream[0]);
	inside_need(inside, "send", sys_send(passed.upstream[0], parts, 1, MSG_MORE) == 2);
	inside_need(inside, "sendmsg", sys_send(passed.upstream[0], parts, 2, 0) == 4);
	inside_need(inside, "recv", sys_recv(accepted, got, sizeof(got), MSG_PEEK) > 0);
	inside_need(inside, "splice in", sys_splice_in(accepted, passed.pipe[1], 6) == 6);
	inside_need(inside, "splice out", sys_splice_out(passed.pipe[0], accepted, 4) == 4);
	inside_need(inside, "read", sys_read(passed.pipe[0], got, 2) == 2);
	inside_need(inside, "send space", sys_send_space(accepted, &space) == 0 && space.free > 0);
	inside_need(inside, "unsent", sys_unsent(accepted) >= 0);
	inside_need(inside, "urgent mark", sys_at_mark(accepted) == 0);
	inside_need(inside, "shutdown", sys_shutdown_write(accepted) == 0);
	inside_need(inside, "shutdown", sys_shutdown_write(passed.upstream[0]) == 0);
	inside_need(inside, "use a socket again", sys_recycle(passed.upstream[0]) == 0);
	sys_close(accepted);
}

static void close_with_reset(struct inside *inside)
{
	int accepted;
	connect_and_accept(inside, passed.upstream[1], &accepted);
	sys_close_reset(accepted);
	errno = 0;
	inside_need(inside, "reset", sys_socket_error(passed.upstream[1]) == -ECONNRESET);
}

struct seen {
	int accepted, received, polled, cancelled;
	char bytes[8];
	struct ring *ring;
};

enum { TAG_ACCEPT = TAG_KIND_IGNORE + 1, TAG_RECV, TAG_POLL };

static uint64_t tag(uint8_t kind)
{
	return tag_pack((struct tag){.kind = kind});
}

static void see(void *ctx, const struct completion *completion)
{
	struct seen *seen = ctx;
	switch (tag_unpack(completion->tag).kind) {
	case TAG_ACCEPT:
		if (completion->result == -ECANCELED)
			seen->cancelled++;
		else
			seen->accepted = completion->result;
		break;
	case TAG_RECV:
		seen->received = completion->result;
		if (completion->buffer != RING_NO_BUFFER) {
			memcpy(seen->bytes, ring_buffer(seen->ring, completion->buffer), sizeof(seen->bytes));
			ring_buffer_return(seen->ring, completion->buffer);
		}
		break;
	default:
		seen->polled = completion->result;
	}
}

static void turn_until(struct inside *inside, const char *what, struct seen *seen, const int *happened)
{
	for (int i = 0; i < 100 && *happened == 0; i++)
		ring_turn(inside->ring, sys_now_ns() + 100000000, see, seen);
	errno = *happened < 0 ? -*happened : 0;
	inside_need(inside, what, *happened > 0);
}

static void move_by_ring(struct inside *inside)
{
	struct seen seen = {.ring = inside->ring};
	char text[] = "ring";
	struct iovec part = {text, 4};
	ring_accept(inside->ring, passed.listener, tag(TAG_ACCEPT));
	sys_connect(passed.upstream[2], (const struct sockaddr *)&passed.address, sizeof(passed.address));
	turn_until(inside, "accept through the ring", &seen, &seen.accepted);
	ring_recv(inside->ring, seen.accepted, tag(TAG_RECV));
	ring_poll_edges(inside->ring, seen.accepted, POLLIN, tag(TAG_POLL));
	ring_send(inside->ring, passed.upstream[2], &part, 1, tag(TAG_KIND_IGNORE));
	turn_until(inside, "recv through the ring", &seen, &seen.received);
	inside_need(inside, "what was sent", seen.received == 4 && memcmp(seen.bytes, "ring", 4) == 0);
	turn_until(inside, "poll through the ring", &seen, &seen.polled);
	ring_cancel(inside->ring, tag(TAG_ACCEPT));
	turn_until(inside, "cancel", &seen, &seen.cancelled);
	ring_buffers_release(inside->ring);
}

static void ask_broker(struct inside *inside)
{
	struct broker_reply reply;
	int fds[BROKER_BATCH_MAX];
	inside_need(inside, "request to the broker", broker_client_request(passed.broker, 0, 1) == 0);
	inside_need(inside, "reply of the broker", broker_client_receive(passed.broker, &reply, fds) == 0);
}

static void use_memory(struct inside *inside)
{
	/* Beyond M_MMAP_THRESHOLD and M_TRIM_THRESHOLD, mallopt(3): by mmap(2) and by brk(2). */
	for (size_t size = 1024; size <= 64 << 20; size *= 4) {
		char *memory = malloc(size);
		inside_need(inside, "memory", memory != NULL);
		memset(memory, 1, size);
		free(memory);
	}
}

static void relay_inside(struct inside *inside)
{
	move_by_hand(inside);
	move_by_ring(inside);
	ask_broker(inside);
	use_memory(inside);
	close_with_reset(inside);
	inside_need(inside, "log", write(STDERR_FILENO, "", 0) == 0);
}

static void everything_that_relaying_needs_still_works(void **state)
{
	(void)state;
	pass_in(testns_new());
	inside_run(NULL, relay_inside, -1);
}

static void break_an_invariant(struct inside *inside)
{
	(void)inside;
	CHECK(!"anything held");
}

static void broken_invariant_still_ends_the_process(void **state)
{
	int status;
	(void)state;
	pid_t pid = inside_start(NULL, break_an_invariant, -1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

/* ---- the daemon itself ---- */

/* A daemon that is relaying. */
static struct relayproc *start_daemon(void)
{
	int client_ns = testns_new(), server_ns = testns_new();
	int listener = testns_listen(server_ns, "127.0.0.1:80");
	struct relayproc *relay = relayproc_start(TESTNS_ARGV(
	        "--listen", relayproc_endpoint(client_ns, "127.0.0.1:80"), "--to",
	        relayproc_endpoint(server_ns, "127.0.0.1:80"), "--threads", "2", "--user", "nobody"));
	int client = testns_connect(client_ns, "127.0.0.1:80");
	testns_assert_connected(client, testns_accept(listener));
	return relay;
}

static void every_thread_of_the_relay_process_is_without_privilege_and_sealed(void **state)
{
	(void)state;
	pid_t pid = relayproc_child(start_daemon());
	const char *complaint = procfs_find_privilege(pid, INSIDE_IS_SEALED);
	if (complaint)
		fail_msg("%s", complaint);
	assert_true(procfs_count_threads(pid) >= THREADS); /* two that relay, and one that writes the log */
}

static void check_fd(void *ctx, int fd, const char *target)
{
	static const char *const kinds[] = {"socket:[", "pipe:[", "anon_inode:[eventfd]",
	                                    "anon_inode:[io_uring]"};
	bool *seen_ring = ctx;
	/* What mirrors need, which another configuration may ask for: a sink, and what the scheduler tells of a thread. */
	bool fits = fd == STDERR_FILENO || strcmp(target, "/dev/null") == 0 || strstr(target, "/schedstat");
	for (size_t i = 0; i < ARRAY_COUNT(kinds) && fd > STDERR_FILENO; i++)
		fits |= strncmp(target, kinds[i], strlen(kinds[i])) == 0;
	if (!fits)
		fail_msg("descriptor %d of the relay process is %s", fd, target);
	*seen_ring |= strcmp(target, "anon_inode:[io_uring]") == 0;
}

static void relay_process_has_nothing_open_but_what_relaying_needs(void **state)
{
	bool seen_ring = false;
	(void)state;
	/* What a careless parent leaves open for the program. */
	assert_true(testns_keep_fd(open("/", O_RDONLY | O_DIRECTORY)) >= 0);
	assert_true(testns_keep_fd(open("/proc/self/ns/net", O_RDONLY)) >= 0);
	procfs_each_fd(relayproc_child(start_daemon()), check_fd, &seen_ring);
	assert_true(seen_ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        testns_test(every_thread_is_without_privilege_and_sealed),
	        testns_test(ring_carries_out_no_operation_but_those_of_relaying),
	        testns_test(ring_takes_no_flag_but_those_of_relaying),
	        testns_test(everything_that_relaying_needs_still_works),
	        testns_test(broken_invariant_still_ends_the_process),
	        relayproc_test(every_thread_of_the_relay_process_is_without_privilege_and_sealed),
	        relayproc_test(relay_process_has_nothing_open_but_what_relaying_needs),
	};
	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
