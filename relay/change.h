/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another configuration on its way from the supervisor to the relay: in a file of memory (memfd_create(2)),
 * which travels with CONTROL_CHANGE, and the new listening sockets, which follow in CONTROL_SOCKETS. Both
 * ends are the same program: host byte order, no version.
 */
#ifndef NSRELAY_RELAY_CHANGE_H
#define NSRELAY_RELAY_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "relay/config.h"
#include "relay/limits.h"

/* All of it is borrowed: from who writes it, or from the memory that change_read() made. */
struct change {
	struct limits limits;
	uint32_t target_count, listener_count;
	const uint32_t *numbers; /* [target of the configuration's plan] -> how the socket source calls it */
	const bool *fresh;       /* [listener of the plan]: its socket is a new one */
	const struct config_enrolled *enrolled; /* which no text has */
	uint32_t enrolled_count;
	bool is_enrolment; /* nothing else is another one than before */
	const char *text;        /* the configuration, as in a file */
	size_t text_size;
};

enum {
	CHANGE_TEXT_MAX = 64 * 1024 * 1024,
	CHANGE_BATCH = 250, /* sockets in one message: below SCM_MAX_FD (253, include/net/scm.h) */
};

/* change_write - into the empty file @fd; 0 or -errno of write(2) */
int change_write(int fd, const struct change *change);

/*
 * change_read - from the file @fd
 * *@ret_memory: to be given to free(3) when @ret is not needed any more
 * Returns 0, -ENOMEM, -errno of pread(2), or -EPROTO when that is no change.
 */
int change_read(int fd, struct change *ret, void **ret_memory);

/* change_fresh_count - listeners with new sockets */
uint32_t change_fresh_count(const struct change *change);

#endif
