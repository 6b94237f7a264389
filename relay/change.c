/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/change.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

/* How the file begins; numbers, flags and the text follow. */
struct head {
	struct limits limits;
	uint32_t target_count, listener_count, enrolled_count, is_enrolment;
	uint64_t text_size;
};

enum { ITEMS_MAX = 1 << 24 };

int change_write(int fd, const struct change *change)
{
	struct head head = {
	        .limits = change->limits,
	        .target_count = change->target_count,
	        .listener_count = change->listener_count,
	        .enrolled_count = change->enrolled_count,
	        .is_enrolment = change->is_enrolment,
	        .text_size = change->text_size,
	};
	int rc = file_write_all(fd, &head, sizeof(head));
	if (rc == 0)
		rc = file_write_all(fd, change->numbers, change->target_count * sizeof(*change->numbers));
	if (rc == 0)
		rc = file_write_all(fd, change->enrolled, change->enrolled_count * sizeof(*change->enrolled));
	if (rc == 0)
		rc = file_write_all(fd, change->fresh, change->listener_count * sizeof(*change->fresh));
	return rc < 0 ? rc : file_write_all(fd, change->text, change->text_size);
}

static int read_all(int fd, void *data, size_t size, off_t from)
{
	char *at = data;
	while (size > 0) {
		ssize_t n = pread(fd, at, size, from);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return -EPROTO;
		at += n > 0 ? n : 0;
		from += n > 0 ? n : 0;
		size -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

int change_read(int fd, struct change *ret, void **ret_memory)
{
	struct head head;
	int rc = read_all(fd, &head, sizeof(head), 0);
	if (rc < 0)
		return rc;
	if (head.target_count > ITEMS_MAX || head.listener_count > ITEMS_MAX ||
	    head.enrolled_count > ITEMS_MAX || head.text_size > CHANGE_TEXT_MAX)
		return -EPROTO;
	size_t numbers = head.target_count * sizeof(uint32_t), enrolled = head.enrolled_count * sizeof(*ret->enrolled);
	size_t flags = head.listener_count * sizeof(bool), size = numbers + enrolled + flags + head.text_size;
	char *memory = malloc(size + 1);
	if (!memory)
		return -ENOMEM;
	rc = read_all(fd, memory, size, sizeof(head));
	if (rc < 0) {
		free(memory);
		return rc;
	}
	*ret = (struct change){
	        .limits = head.limits,
	        .target_count = head.target_count,
	        .listener_count = head.listener_count,
	        .numbers = (const uint32_t *)(const void *)memory,
	        .enrolled = (const void *)(memory + numbers),
	        .enrolled_count = head.enrolled_count,
	        .is_enrolment = head.is_enrolment,
	        .fresh = (const bool *)(memory + numbers + enrolled),
	        .text = memory + numbers + enrolled + flags,
	        .text_size = head.text_size,
	};
	*ret_memory = memory;
	return 0;
}

uint32_t change_fresh_count(const struct change *change)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < change->listener_count; i++)
		count += change->fresh[i];
	return count;
}
