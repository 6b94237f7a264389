/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the oldest liburing this is built against (2.3, Debian 12) lacks: the only place for such things.
 */
#ifndef NSRELAY_IO_UAPI_H
#define NSRELAY_IO_UAPI_H

#include <errno.h>
#include <liburing.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int uapi_ring_register(struct io_uring *ring, unsigned operation, const void *arg,
				     unsigned count)
{
	long rc = syscall(__NR_io_uring_register, ring->ring_fd, operation, arg, count);

	return rc < 0 ? -errno : (int)rc;
}

/*
 * uapi_ring_restrict - io_uring_register_restrictions(3); 0 or -errno
 *
 * liburing.so declares that function up to 2.3 but its symbol map leaves it out, so that it does not link.
 */
static inline int uapi_ring_restrict(struct io_uring *ring, const struct io_uring_restriction *rules,
				     unsigned count)
{
	return uapi_ring_register(ring, IORING_REGISTER_RESTRICTIONS, rules, count);
}

/* uapi_ring_enable - io_uring_enable_rings(3); 0 or -errno. The same omission. */
static inline int uapi_ring_enable(struct io_uring *ring)
{
	return uapi_ring_register(ring, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}

#endif
