/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/record.h"

#include <unistd.h>

static void wake_reader(struct record_queue *queue)
{
	/* A reader that is awake looks again before it sleeps: the doorbell is rung once a nap, not once a record. */
	if (!atomic_exchange_explicit(queue->reader_sleeps, false, memory_order_acq_rel))
		return;
	uint64_t one = 1;
	ssize_t n = write(queue->doorbell_fd, &one, sizeof(one));
	(void)n;
}

bool record_push(struct record_queue *queue, const struct record *record)
{
	uint32_t head = atomic_load_explicit(&queue->head, memory_order_relaxed);
	if (head - atomic_load_explicit(&queue->tail, memory_order_acquire) == LIMIT_RECORDS)
		return false;
	queue->records[head % LIMIT_RECORDS] = *record;
	/* Sequentially consistent, as is the reader's look after it said that it sleeps: one of the two sees the other. */
	atomic_store_explicit(&queue->head, head + 1, memory_order_seq_cst);
	if (atomic_load_explicit(queue->reader_sleeps, memory_order_seq_cst))
		wake_reader(queue);
	return true;
}

bool record_pop(struct record_queue *queue, struct record *ret)
{
	uint32_t tail = atomic_load_explicit(&queue->tail, memory_order_relaxed);
	if (tail == atomic_load_explicit(&queue->head, memory_order_seq_cst))
		return false;
	*ret = queue->records[tail % LIMIT_RECORDS];
	atomic_store_explicit(&queue->tail, tail + 1, memory_order_release);
	return true;
}
