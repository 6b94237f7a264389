/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of relay/process*.c share. */
#ifndef NSRELAY_RELAY_PROCESS_PRIVATE_H
#define NSRELAY_RELAY_PROCESS_PRIVATE_H

#include <pthread.h>
#include <semaphore.h>

#include "relay/events.h"
#include "relay/handover.h"
#include "relay/inspect.h"
#include "relay/process.h"
#include "relay/request.h"

struct thread {
	struct worker worker;
	struct mailbox mailbox;
	struct record_queue records;
	struct relay *relay;
	pthread_t id;
	uint32_t number;
	sem_t resumed; /* its own: one that is quick would take what was posted for another, and pass the next
	                  standstill */
	int result;    /* of worker_open(), then of its last turn */
	struct err err;
};

/* Another configuration, as far as it has come. */
struct incoming {
	int file_fd;          /* struct change; -1: none is on its way */
	int *sockets;         /* owned, with their descriptors */
	uint32_t count, size; /* of those that are here; of those that are announced */
	bool broken;          /* some did not arrive */
};

struct relay {
	const struct relay_process *process;
	const struct plan *plan;       /* the current one, process->plan or generation->plan */
	const struct usage *usage;     /* of it */
	struct usage first_usage;      /* of process->plan: it has no leftovers */
	struct generation *generation; /* owned; NULL: the first configuration is the current one */
	struct incoming incoming;
	struct shared shared;
	struct thread *threads;
	struct counters *counters; /* one for each thread */
	uint32_t thread_count;     /* those that were started */
	struct inspect inspect;    /* what the observer sees of all this */
	struct requests requests;
	struct events events;
	struct event_series series;
	int due_ms;                /* until the next of them, as of the last look; -1: there is none */
	uint32_t observed;         /* observers whose begin() went well */
	bool ending;               /* told to drain or to stop */
	sem_t opened;              /* posted by each thread that has tried to open its worker */
	sem_t sealed;              /* posted for each thread when it may go on */
	bool abandoned;            /* set before `sealed`: do not go on */
	int doorbell_fd;           /* rung by records, and by threads that stand still or end */
	_Atomic bool sleeping;     /* the control thread is about to sleep */
	_Atomic uint32_t standing; /* threads that stand still */
	_Atomic uint32_t ended;
};

/* relay_ring - wake the control thread */
void relay_ring(const struct relay *relay);

/* relay_wait - sem_wait(3) that signals do not cut short */
void relay_wait(sem_t *semaphore);

/* relay_tell - the supervisor; lost when it has gone */
void relay_tell(const struct relay *relay, enum control_type type, uint64_t value);

/* ---- process_change.c ---- */

/* relay_stand - by a relay thread: stand still if that was asked for and can be */
void relay_stand(struct thread *thread);

/* incoming_begin, incoming_add - CONTROL_CHANGE and CONTROL_SOCKETS have come, with @count descriptors, which
 * are taken */
void incoming_begin(struct relay *relay, uint64_t sockets, const int *fds, uint32_t count);
void incoming_add(struct relay *relay, uint64_t announced, const int *fds, uint32_t count);

/* incoming_forget - close what has come of a change that will not be carried out */
void incoming_forget(struct relay *relay);

#endif
