/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Upstream sockets made in advance, in small pools per target: a connect then costs no round trip to the broker. A pool is
 * filled on first use, grows while it is found empty, gets back what short connections used, and is refilled when three
 * quarters of it are gone. Over all targets of a thread no more than LIMIT_IDLE_SOCKETS are kept; the least recently used
 * pool is emptied first.
 */
#ifndef NSRELAY_RELAY_SOCKETS_H
#define NSRELAY_RELAY_SOCKETS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "relay/socket_source.h"

struct socket_pool {
	uint32_t number;     /* how the source calls its target */
	struct list recent;  /* in socket_pools.recent while it holds sockets, the least recently used first */
	struct list waiting; /* links of the sessions, checks or mirrors that wait for a socket, oldest first */
	uint32_t depth;      /* sockets to keep */
	uint32_t count;
	uint32_t asked;      /* of the source, not answered yet */
	uint32_t waiting_count;
	bool mirrors;        /* who waits for one is a mirror's copy, not a session */
	bool retired;        /* it keeps none any more */
	bool single_use;     /* a unix target: sockets come connected, so none is made in advance */
	int fds[SOCKET_BATCH_MAX];
};

struct socket_pools {
	struct socket_source *source;
	struct socket_pool *pools; /* one for each target */
	uint32_t pool_count;
	uint32_t idle; /* sockets in all pools together */
	bool refused;  /* the source could not take a request: sockets_ask_again() in a while */
	struct list recent;
	uint32_t *of_number; /* [the source's number of a target] -> index of its pool; SOCKETS_NO_POOL; owned */
	uint32_t number_end;
};

enum { SOCKETS_NO_POOL = UINT32_MAX };

struct worker;
struct session;
struct plan;

/* sockets_init - 0 or -ENOMEM. sockets_memory - bytes that it takes */
int sockets_init(struct socket_pools *sockets, struct socket_source *source, const struct plan *plan);
size_t sockets_memory(const struct plan *plan);
void sockets_fini(struct socket_pools *sockets);

/*
 * sockets_take - a socket of @target, or -EAGAIN: @waiter, the link of a session, check or mirror, is queued and gets it by
 * session_socket_ready(), health_socket_ready() or mirror_socket_ready()
 */
int sockets_take(struct socket_pools *sockets, uint32_t target, struct list *waiter);

/*
 * sockets_recycle - put @fd, whose connection has ended well, back where it came from; true when it was taken
 * Saves the making of a new one, which costs more than the rest of a short connection's set-up in user space.
 */
bool sockets_recycle(struct socket_pools *sockets, uint32_t target, int fd);

/* sockets_retire - close those of @target, and keep none any more; who waits for one still gets it */
void sockets_retire(struct socket_pools *sockets, uint32_t target);

/* sockets_forget - @waiter of @target does not want one any more */
void sockets_forget(struct socket_pools *sockets, uint32_t target, struct list *waiter);

/* sockets_ask_again - request what the source refused, for those that wait */
void sockets_ask_again(struct socket_pools *sockets);

/*
 * sockets_inherit - @heir, made for another plan, becomes @sockets and goes on with what that has; @heir has the old ones then
 * @targets: [old] -> new; SOCKETS_NO_POOL: its sockets are closed. Nobody waits for such a target.
 */
void sockets_inherit(struct socket_pools *sockets, struct socket_pools *heir, const uint32_t *targets);

/* sockets_received - take all replies of the source and hand sockets to those that wait */
void sockets_received(struct worker *worker);

#endif
