/* SPDX-License-Identifier: Apache-2.0 */
/* Messages out of a stream of bytes: each ends with a NUL (https://varlink.org/Protocol). */
#ifndef NSRELAY_APP_VARLINK_FRAME_H
#define NSRELAY_APP_VARLINK_FRAME_H

#include <stddef.h>

/* What was received and not taken yet. Zeroed is empty, but for its limit. */
struct frames {
	size_t max;  /* bytes of a message, its NUL included */
	char *bytes; /* owned */
	size_t size, capacity;
	size_t scanned; /* so many from the beginning hold no NUL */
};

void frames_fini(struct frames *frames);

/* frames_room - where to put what comes next, at least one byte. NULL: a message is too long (ret_size 0), or
 * no memory. */
char *frames_room(struct frames *frames, size_t *ret_size);

/* frames_added - so many bytes were put there */
void frames_added(struct frames *frames, size_t size);

/* frames_first - the first message, ended by its NUL; NULL while there is none. Valid until frames_take(). */
const char *frames_first(struct frames *frames, size_t *ret_length);

/* frames_take - done with the first message */
void frames_take(struct frames *frames);

#endif
