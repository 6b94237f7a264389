/* SPDX-License-Identifier: Apache-2.0 */
#include "io/mailbox.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

/*
 * DOC: Theory of operation
 *
 * A bounded queue for many writers and one reader. A slot's turn says who may touch it: equal to a position, the writer of
 * that position may fill it; one more, the reader of that position may take it.
 */

enum { SLOT_MASK = MAILBOX_SLOTS - 1 };

int mailbox_open(struct mailbox *mailbox)
{
	mailbox->doorbell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (mailbox->doorbell_fd < 0)
		return -errno;
	atomic_init(&mailbox->head, 0);
	mailbox->tail = 0;
	for (uint32_t i = 0; i < MAILBOX_SLOTS; i++)
		atomic_init(&mailbox->slots[i].turn, i);
	return 0;
}

void mailbox_close(struct mailbox *mailbox)
{
	if (mailbox->doorbell_fd >= 0)
		close(mailbox->doorbell_fd);
	mailbox->doorbell_fd = -1;
}

/* claim - reserve a position to write at; false when the queue is full */
static bool claim(struct mailbox *mailbox, uint32_t *ret_position)
{
	uint32_t head = atomic_load_explicit(&mailbox->head, memory_order_relaxed);
	for (;;) {
		uint32_t turn =
			atomic_load_explicit(&mailbox->slots[head & SLOT_MASK].turn, memory_order_acquire);
		if ((int32_t)(turn - head) < 0)
			return false;
		if (turn != head) {
			head = atomic_load_explicit(&mailbox->head, memory_order_relaxed);
			continue;
		}
		if (atomic_compare_exchange_weak_explicit(&mailbox->head, &head, head + 1,
							  memory_order_relaxed, memory_order_relaxed)) {
			*ret_position = head;
			return true;
		}
	}
}

bool mailbox_post(struct mailbox *mailbox, struct message message)
{
	uint32_t position;
	if (!claim(mailbox, &position))
		return false;
	struct mailbox_slot *slot = &mailbox->slots[position & SLOT_MASK];
	slot->message = message;
	atomic_store_explicit(&slot->turn, position + 1, memory_order_release);
	uint64_t one = 1;
	/* EAGAIN means that the counter is at its limit: it rings already. */
	ssize_t n = write(mailbox->doorbell_fd, &one, sizeof(one));
	(void)n;
	return true;
}

bool mailbox_take(struct mailbox *mailbox, struct message *ret)
{
	struct mailbox_slot *slot = &mailbox->slots[mailbox->tail & SLOT_MASK];
	if (atomic_load_explicit(&slot->turn, memory_order_acquire) != mailbox->tail + 1)
		return false;
	*ret = slot->message;
	atomic_store_explicit(&slot->turn, mailbox->tail + MAILBOX_SLOTS, memory_order_release);
	mailbox->tail++;
	return true;
}

void mailbox_silence(struct mailbox *mailbox)
{
	uint64_t count;
	ssize_t n = read(mailbox->doorbell_fd, &count, sizeof(count));
	(void)n;
}
