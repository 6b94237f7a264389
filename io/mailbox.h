/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed messages between threads. One mailbox belongs to one receiver; any thread may post. A message is published by a
 * release store and taken by an acquire load, so that thread sanitizers see the order; the eventfd is only the doorbell,
 * and the receiver's ring polls it like any other descriptor.
 */
#ifndef NSRELAY_IO_MAILBOX_H
#define NSRELAY_IO_MAILBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { MAILBOX_SLOTS = 16 }; /* power of two */

struct message {
	uint32_t type; /* the receiver's own numbering */
	uint64_t value;
};

struct mailbox_slot {
	_Atomic uint32_t turn;
	struct message message;
};

struct mailbox {
	int doorbell_fd; /* readable after a post; -1 while not open */
	_Atomic uint32_t head;
	uint32_t tail; /* receiver's */
	struct mailbox_slot slots[MAILBOX_SLOTS];
};

/* mailbox_open - 0 or -errno of eventfd(2) */
int mailbox_open(struct mailbox *mailbox);
void mailbox_close(struct mailbox *mailbox);

/* mailbox_post - hand over a copy of @message and ring; false when the mailbox is full. Any thread. */
bool mailbox_post(struct mailbox *mailbox, struct message message);

/* mailbox_take - the oldest message; false when there is none. Receiver only. */
bool mailbox_take(struct mailbox *mailbox, struct message *ret);

/* mailbox_silence - reset the doorbell; call it before the mailbox_take()s that its ringing asks for. Receiver only. */
void mailbox_silence(struct mailbox *mailbox);

#endif
