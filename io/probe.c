/* SPDX-License-Identifier: Apache-2.0 */
#include "io/probe.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "io/uapi.h"

#define FEATURE(member, need, consequence)                                                                   \
	{                                                                                                    \
		.name = #member, .required = (need), .without = (consequence),                               \
		.offset = offsetof(struct io_features, member)                                               \
	}

const struct io_feature io_feature_table[IO_FEATURE_COUNT] = {
	FEATURE(single_issuer, false, "slower: the ring takes locks it does not need"),
	FEATURE(defer_taskrun, false,
		"slower: completions interrupt the thread; coop_taskrun takes its place"),
	FEATURE(coop_taskrun, false, "slower, unless defer_taskrun is there"),
	FEATURE(ext_arg, true, "no wait with a deadline"),
	FEATURE(cqe_skip, true, "no sends without a completion each"),
	FEATURE(buffer_ring, true, "no receive buffers shared by connections"),
	FEATURE(multishot_accept, true, "no accepting"),
	FEATURE(multishot_recv, true, "no receiving into shared buffers"),
	FEATURE(multishot_poll, true, "no edge-triggered waiting"),
	FEATURE(restrictions, false, "less safe: a ring is not limited to the operations the relay uses"),
	FEATURE(msg_ring, false, "threads wake each other through an eventfd"),
};

/* A ring and its flags, remade for each probe so that none sees another's leavings. */
enum { PROBE_ENTRIES = 4, PROBE_BUFFER_COUNT = 4, PROBE_BUFFER_SIZE = 64, PROBE_LIMIT_S = 1 };

static bool ring_can_be_made(unsigned flags)
{
	struct io_uring ring;

	if (io_uring_queue_init(PROBE_ENTRIES, &ring, flags) < 0)
		return false;
	io_uring_queue_exit(&ring);
	return true;
}

/* The flags that the relay's rings will have. */
static unsigned best_flags(const struct io_features *features)
{
	unsigned flags = features->single_issuer ? IORING_SETUP_SINGLE_ISSUER : 0;

	if (features->defer_taskrun)
		return flags | IORING_SETUP_DEFER_TASKRUN;
	return features->coop_taskrun ? flags | IORING_SETUP_COOP_TASKRUN : flags;
}

static void probe_setup_flags(struct io_features *features)
{
	features->single_issuer = ring_can_be_made(IORING_SETUP_SINGLE_ISSUER);
	features->defer_taskrun = ring_can_be_made(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
	features->coop_taskrun = ring_can_be_made(IORING_SETUP_COOP_TASKRUN);
}

/* next_completion - submit what is queued and take one completion; false when none comes */
static bool next_completion(struct io_uring *ring, struct io_uring_cqe *ret)
{
	struct __kernel_timespec limit = {.tv_sec = PROBE_LIMIT_S};
	struct io_uring_cqe *cqe;

	if (io_uring_submit(ring) < 0 || io_uring_wait_cqe_timeout(ring, &cqe, &limit) < 0)
		return false;
	*ret = *cqe;
	io_uring_cqe_seen(ring, cqe);
	return true;
}

/* A multishot operation works when its first completion says that more will come. */
static bool next_is_multishot(struct io_uring *ring, struct io_uring_cqe *ret)
{
	return next_completion(ring, ret) && ret->res >= 0 && (ret->flags & IORING_CQE_F_MORE);
}

static bool try_ext_arg(struct io_uring *ring)
{
	struct __kernel_timespec at_once = {.tv_nsec = 1};
	struct io_uring_getevents_arg arg = {.ts = (uintptr_t)&at_once};
	long rc = syscall(__NR_io_uring_enter, ring->ring_fd, 0, 1,
			  IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &arg, sizeof(arg));

	return rc < 0 && errno == ETIME;
}

/* Of two operations only the second, which is not to be skipped, may show. */
static bool try_cqe_skip(struct io_uring *ring)
{
	enum { SKIPPED_DATA = 1, SHOWN_DATA = 2 };
	struct io_uring_cqe cqe;
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	io_uring_prep_nop(sqe);
	io_uring_sqe_set_flags(sqe, IOSQE_CQE_SKIP_SUCCESS);
	io_uring_sqe_set_data64(sqe, SKIPPED_DATA);
	sqe = io_uring_get_sqe(ring);
	io_uring_prep_nop(sqe);
	io_uring_sqe_set_data64(sqe, SHOWN_DATA);
	return next_completion(ring, &cqe) && cqe.user_data == SHOWN_DATA && io_uring_cq_ready(ring) == 0;
}

struct probe_buffers {
	struct io_uring_buf_ring *ring;
	char memory[PROBE_BUFFER_COUNT][PROBE_BUFFER_SIZE];
};

static bool buffers_open(struct probe_buffers *buffers, struct io_uring *ring)
{
	struct io_uring_buf_reg reg = {.ring_entries = PROBE_BUFFER_COUNT};

	buffers->ring = mmap(NULL, PROBE_BUFFER_COUNT * sizeof(struct io_uring_buf), PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buffers->ring == MAP_FAILED)
		return false;
	reg.ring_addr = (uintptr_t)buffers->ring;
	if (io_uring_register_buf_ring(ring, &reg, 0) < 0) {
		munmap(buffers->ring, PROBE_BUFFER_COUNT * sizeof(struct io_uring_buf));
		return false;
	}
	io_uring_buf_ring_init(buffers->ring);
	for (int i = 0; i < PROBE_BUFFER_COUNT; i++)
		io_uring_buf_ring_add(buffers->ring, buffers->memory[i], PROBE_BUFFER_SIZE, (unsigned short)i,
				      io_uring_buf_ring_mask(PROBE_BUFFER_COUNT), i);
	io_uring_buf_ring_advance(buffers->ring, PROBE_BUFFER_COUNT);
	return true;
}

static void buffers_close(struct probe_buffers *buffers, struct io_uring *ring)
{
	io_uring_unregister_buf_ring(ring, 0);
	munmap(buffers->ring, PROBE_BUFFER_COUNT * sizeof(struct io_uring_buf));
}

static bool try_buffer_ring(struct io_uring *ring)
{
	struct probe_buffers buffers;

	if (!buffers_open(&buffers, ring))
		return false;
	buffers_close(&buffers, ring);
	return true;
}

/* A socket with one byte to read; -1 when there is none to be had. */
static int open_readable_socket(void)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	if (send(pair[1], "x", 1, MSG_NOSIGNAL) != 1) {
		close(pair[0]);
		pair[0] = -1;
	}
	close(pair[1]);
	return pair[0];
}

static bool try_multishot_recv(struct io_uring *ring)
{
	struct probe_buffers buffers;
	struct io_uring_cqe cqe;
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	int fd = open_readable_socket();
	bool works;

	if (fd < 0)
		return false;
	if (!buffers_open(&buffers, ring)) {
		close(fd);
		return false;
	}
	io_uring_prep_recv_multishot(sqe, fd, NULL, 0, 0);
	io_uring_sqe_set_flags(sqe, IOSQE_BUFFER_SELECT);
	sqe->buf_group = 0;
	works = next_is_multishot(ring, &cqe) && cqe.res == 1 && (cqe.flags & IORING_CQE_F_BUFFER);
	buffers_close(&buffers, ring);
	close(fd);
	return works;
}

static bool try_multishot_poll(struct io_uring *ring)
{
	struct io_uring_cqe cqe;
	int fd = open_readable_socket();
	bool works;

	if (fd < 0)
		return false;
	io_uring_prep_poll_multishot(io_uring_get_sqe(ring), fd, POLLIN);
	works = next_is_multishot(ring, &cqe) && (cqe.res & POLLIN);
	close(fd);
	return works;
}

/* Bind to an address the kernel chooses (unix(7), "Autobind"), listen, and have a connection wait. */
static bool listen_and_connect(int listener, int client)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	socklen_t size = sizeof(addr);

	return bind(listener, (struct sockaddr *)&addr, sizeof(addr.sun_family)) == 0 &&
	       listen(listener, 1) == 0 && getsockname(listener, (struct sockaddr *)&addr, &size) == 0 &&
	       connect(client, (struct sockaddr *)&addr, size) == 0;
}

static bool try_multishot_accept(struct io_uring *ring)
{
	struct io_uring_cqe cqe;
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool works = false;

	if (listener >= 0 && client >= 0 && listen_and_connect(listener, client)) {
		io_uring_prep_multishot_accept(io_uring_get_sqe(ring), listener, NULL, NULL, SOCK_CLOEXEC);
		if (next_completion(ring, &cqe) && cqe.res >= 0) {
			works = cqe.flags & IORING_CQE_F_MORE;
			close(cqe.res);
		}
	}
	if (client >= 0)
		close(client);
	if (listener >= 0)
		close(listener);
	return works;
}

/* Register a rule that allows no more than NOP on a ring of its own, and see another operation refused. */
static bool ring_enforces_restrictions(struct io_uring *ring)
{
	const struct io_uring_restriction rule = {.opcode = IORING_RESTRICTION_SQE_OP,
						  .sqe_op = IORING_OP_NOP};
	struct io_uring_cqe cqe;

	if (uapi_ring_restrict(ring, &rule, 1) < 0 || uapi_ring_enable(ring) < 0)
		return false;
	io_uring_prep_poll_add(io_uring_get_sqe(ring), ring->ring_fd, POLLIN);
	if (!next_completion(ring, &cqe) || cqe.res != -EACCES)
		return false;
	io_uring_prep_nop(io_uring_get_sqe(ring));
	return next_completion(ring, &cqe) && cqe.res == 0;
}

static bool try_restrictions(unsigned flags)
{
	struct io_uring ring;
	bool works;

	if (io_uring_queue_init(PROBE_ENTRIES, &ring, flags | IORING_SETUP_R_DISABLED) < 0)
		return false;
	works = ring_enforces_restrictions(&ring);
	io_uring_queue_exit(&ring);
	return works;
}

static bool message_arrives(struct io_uring *from, struct io_uring *to)
{
	enum { MESSAGE = 42 };
	struct io_uring_cqe cqe;

	io_uring_prep_msg_ring(io_uring_get_sqe(from), to->ring_fd, 0, MESSAGE, 0);
	return next_completion(from, &cqe) && cqe.res == 0 && next_completion(to, &cqe) &&
	       cqe.user_data == MESSAGE;
}

static bool try_msg_ring(unsigned flags)
{
	struct io_uring from, to;
	bool works = false;

	if (io_uring_queue_init(PROBE_ENTRIES, &from, flags) < 0)
		return false;
	if (io_uring_queue_init(PROBE_ENTRIES, &to, flags) == 0) {
		works = message_arrives(&from, &to);
		io_uring_queue_exit(&to);
	}
	io_uring_queue_exit(&from);
	return works;
}

/* try_on_ring - run one probe on a fresh ring */
static bool try_on_ring(bool (*probe)(struct io_uring *ring), unsigned flags)
{
	struct io_uring ring;
	bool works;

	if (io_uring_queue_init(PROBE_ENTRIES, &ring, flags) < 0)
		return false;
	works = probe(&ring);
	io_uring_queue_exit(&ring);
	return works;
}

/* The value of kernel.io_uring_disabled (Linux 6.6): 0, 1 or 2; 0 when there is no such sysctl. */
static int read_disabled(void)
{
	FILE *file = fopen("/proc/sys/kernel/io_uring_disabled", "re");
	char text[16] = "";

	if (!file)
		return 0;
	if (!fgets(text, sizeof(text), file))
		text[0] = '\0';
	fclose(file);
	return atoi(text);
}

static int explain_permission(struct err *err)
{
	switch (read_disabled()) {
	case 0:
		return err_set(
			err, EPERM,
			"io_uring: refused by a seccomp filter or a security module; allow io_uring_setup, "
			"io_uring_enter and io_uring_register (container runtimes forbid them by default)");
	case 1:
		return err_set(err, EPERM,
			       "io_uring: kernel.io_uring_disabled is 1; set it to 0 (sysctl -w "
			       "kernel.io_uring_disabled=0) "
			       "or put the user in the group kernel.io_uring_group names");
	default:
		return err_set(err, EPERM,
			       "io_uring: kernel.io_uring_disabled is 2; set it to 0 (sysctl -w "
			       "kernel.io_uring_disabled=0)");
	}
}

/* explain - why io_uring_setup(2) failed with @code, and what to do */
static int explain(int code, struct err *err)
{
	switch (code) {
	case EPERM:
	case EACCES:
		return explain_permission(err);
	case ENOSYS:
		return err_set(err, code,
			       "io_uring: not in this kernel, or hidden by a seccomp filter; Linux 6.1 or "
			       "newer with "
			       "CONFIG_IO_URING is needed");
	case ENOMEM:
		return err_set(
			err, code,
			"io_uring: out of memory; raise the memory limit of the cgroup or RLIMIT_MEMLOCK");
	default:
		return err_set(err, code, "io_uring_setup: %s", strerror(code));
	}
}

static int probe_availability(struct err *err)
{
	struct io_uring ring;
	int rc = io_uring_queue_init(PROBE_ENTRIES, &ring, 0);

	if (rc < 0)
		return explain(-rc, err);
	io_uring_queue_exit(&ring);
	return 0;
}

int io_probe_features(struct io_features *ret, struct err *err)
{
	struct io_features features = {0};
	unsigned flags;
	int rc = probe_availability(err);

	if (rc < 0)
		return rc;
	probe_setup_flags(&features);
	flags = best_flags(&features);
	features.ext_arg = try_on_ring(try_ext_arg, flags);
	features.cqe_skip = try_on_ring(try_cqe_skip, flags);
	features.buffer_ring = try_on_ring(try_buffer_ring, flags);
	features.multishot_accept = try_on_ring(try_multishot_accept, flags);
	features.multishot_recv = try_on_ring(try_multishot_recv, flags);
	features.multishot_poll = try_on_ring(try_multishot_poll, flags);
	features.restrictions = try_restrictions(flags);
	features.msg_ring = try_msg_ring(flags);
	*ret = features;
	return 0;
}

/* missing_names - the required features that are not there, separated by commas; their number */
static int missing_names(const struct io_features *features, char *buf, size_t size)
{
	int count = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < IO_FEATURE_COUNT; i++) {
		const struct io_feature *feature = &io_feature_table[i];
		size_t used = strlen(buf);

		if (!feature->required || io_feature_is_there(feature, features))
			continue;
		snprintf(buf + used, size - used, "%s%s", count++ ? ", " : "", feature->name);
	}
	return count;
}

int io_probe(struct io_features *ret, struct err *err)
{
	struct io_features features;
	char names[256];
	int rc = io_probe_features(&features, err);

	if (rc < 0)
		return rc;
	if (missing_names(&features, names, sizeof(names)) > 0)
		return err_set(err, EOPNOTSUPP,
			       "io_uring: this kernel lacks %s; Linux 6.1 or newer is needed", names);
	*ret = features;
	return 0;
}
