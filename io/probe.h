/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this kernel's io_uring can do, found out by doing it on throw-away rings and sockets: a version number
 * says nothing about back-ports, sysctls, seccomp filters and security modules.
 */
#ifndef NSRELAY_IO_PROBE_H
#define NSRELAY_IO_PROBE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* The mainline version that brought each one is for the reader only; nothing asks for it. */
struct io_features {
	bool single_issuer;    /* 6.0 */
	bool defer_taskrun;    /* 6.1: IORING_SETUP_DEFER_TASKRUN together with SINGLE_ISSUER */
	bool coop_taskrun;     /* 5.19: the fallback for it */
	bool ext_arg;          /* 5.11: io_uring_enter(2) with a timeout */
	bool cqe_skip;         /* 5.17: IOSQE_CQE_SKIP_SUCCESS */
	bool buffer_ring;      /* 5.19: IORING_REGISTER_PBUF_RING */
	bool multishot_accept; /* 5.19 */
	bool multishot_recv;   /* 6.0 */
	bool multishot_poll;   /* 5.13 */
	bool restrictions;     /* 5.10: IORING_REGISTER_RESTRICTIONS, enforced */
	bool msg_ring;         /* 5.18: IORING_OP_MSG_RING to a ring with the flags above */
};

/* One feature, for listing them. */
struct io_feature {
	const char *name;
	const char *without; /* what its lack means */
	bool required;       /* there is no way around it */
	size_t offset;       /* of its bool in struct io_features */
};

/* In the order of struct io_features. */
enum { IO_FEATURE_COUNT = sizeof(struct io_features) / sizeof(bool) };
extern const struct io_feature io_feature_table[IO_FEATURE_COUNT];

static inline bool io_feature_is_there(const struct io_feature *feature, const struct io_features *features)
{
	return *(const bool *)((const char *)features + feature->offset);
}

/*
 * io_probe_features - try every feature
 *
 * Uses a handful of descriptors for as long as it lasts, and AF_UNIX sockets without a name in the file
 * system. It must run with the privileges the rings will be made with, and before a seccomp filter that
 * forbids socket(2).
 *
 * Errors: why no ring could be made at all, with what to do about it: -ENOSYS, -EPERM, -ENOMEM, -EMFILE,
 * -ENFILE. A feature that could not be tried counts as not there.
 */
int io_probe_features(struct io_features *ret, struct err *err);

/*
 * io_probe - the same, and insist on the required ones
 * Errors: as above; -EOPNOTSUPP with the names of those that are not there.
 */
int io_probe(struct io_features *ret, struct err *err);

#endif
