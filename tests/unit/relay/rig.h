/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One relay thread over the fake kernel, with clients, backends and a source of sockets played by the test. Every turn is
 * followed by checks of what must always hold, and every session's end by a check of its cause against the facts.
 */
#ifndef NSRELAY_TESTS_RELAY_RIG_H
#define NSRELAY_TESTS_RELAY_RIG_H

#include "relay/succession.h"
#include "relay/worker.h"
#include "tests/lib/fake_kernel.h"
#include "tests/unit/unit.h"

/* The relays of a rig: one listener each. Their backends are servers of the fake kernel. */
enum rig_relay {
	RIG_AUTO,	 /* servers 0, 1 and 2 */
	RIG_INTERACTIVE, /* server 3, lane: interactive */
	RIG_BULK,	 /* server 4, lane: bulk */
	RIG_UNIX,	 /* server 5, by a unix socket; rig_options.unix_pair: by two */
	RIG_RELAYS,
};

/* The server of the fake kernel that receives what is mirrored; those before it are backends. */
enum { RIG_RECEIVER = 6 };

struct rig_options {
	struct fake_options fake;
	struct config_timeouts timeouts;
	enum config_balance balance; /* of every pool */
	struct config_queue queue;   /* of every pool */
	struct config_sticky sticky; /* of every pool */
	uint32_t slow_start_ms;      /* of every pool */
	uint32_t backend_most;       /* max_connections of every backend */
	enum config_intercept intercept; /* of the relay RIG_AUTO, which then leads to where its clients wanted to go */
	enum config_source source;       /* of the same */
	enum config_proxy proxy_send;
	struct config_accept accept; /* of every relay; its list is borrowed */
	struct config_mirror mirror; /* of every relay */
	struct config_sni sni;       /* of the relay RIG_AUTO; its routes are borrowed */
	struct config_destinations destinations; /* of the same; borrowed */
	struct config_health health; /* of every pool */
	struct config_limits limits; /* of every relay */
	struct config_ejection ejection; /* of every pool */
	struct config_metrics metrics;
	bool without_second;   /* RIG_AUTO has no server 1 */
	bool unix_pair;        /* RIG_UNIX has two backends */
	const char *listener;  /* of every relay */
	struct config_cidrs allow, deny; /* of every relay; borrowed */
	const char *greeting;  /* what every backend gets before its client's bytes */
	size_t greeting_size;
	uint32_t connections;  /* the limit */
	uint32_t spill_chunks;
	uint32_t sq_entries, cq_entries, buffer_count, buffer_size;
};

/* Bytes that a script has made up; borrowed. */
struct rig_bytes {
	const void *data;
	size_t size;
};

/* A client or a backend's end of a connection. */
struct rig_peer {
	struct list link;
	struct fake_conn *conn;
	struct rig_peer *partner; /* whom the relay connected it with; NULL while it has not */
	uint32_t id;
	enum side side;
	struct rig_bytes header; /* a client's: comes before its content, and is not passed on */
	size_t header_sent;
	struct rig_bytes first;	 /* what its content begins with; what follows follows from its id */
	uint64_t sent, received; /* bytes of content */
	size_t greeted;		 /* bytes of the greeting received */
	uint64_t urgent;	 /* urgent bytes sent */
	int cause;		 /* of its session, once that is closing; -1 before */
	bool accepted;		 /* a server's: the test has it */
	bool over;		 /* by the script: it does nothing more but read */
	bool reads;		 /* by the script */
	bool vanished;		 /* by the script */
};

struct rig_request {
	uint32_t target, count;
	uint64_t ready_ns;
};

enum { RIG_REQUESTS_MAX = 64, RIG_TARGETS_MAX = 4096 };

/* The source of upstream sockets; a test may change the first part at any time. */
struct rig_source {
	uint64_t delay_ns;
	int error;	    /* positive errno with which replies come */
	uint32_t made_first; /* sockets made before that error */
	bool refuses;	    /* requests are answered by -EAGAIN */

	struct socket_source source;
	sa_family_t families[RIG_TARGETS_MAX]; /* [number of a target] */
	uint32_t target_count;
	struct rig_request requests[RIG_REQUESTS_MAX];
	uint32_t request_count;
};

struct rig {
	struct rig_options options;
	struct config config;
	struct plan plan;
	struct usage usage; /* of the plan, as of the last rig_change() */
	struct limits limits;
	struct shared shared;
	struct counters counters;
	struct record_queue *records;
	_Atomic bool reader_sleeps;
	struct worker worker;
	struct rig_source source;
	struct list peers;
	uint32_t next_id;
	uint32_t sessions_closed;
	uint32_t by_cause[CAUSE_COUNT];
	uint32_t had;        /* connections of one backend at the last rig_change(): it may have more than it may get */
	bool told_to_stop;   /* DRAINED may be a cause from here on */
	bool told_to_kill;   /* so may KILLED */
	bool memory_is_scarce; /* so may RESOURCE_LIMIT */
};

/* rig_defaults - a kind kernel, room for everything */
struct rig_options rig_defaults(void);

void rig_open(struct rig *rig, const struct rig_options *options);

/* rig_change - another configuration, by rig->options as they are now, while everything goes on */
void rig_change(struct rig *rig);

/* rig_close - stop, and check that nothing is left */
void rig_close(struct rig *rig);

/* rig_endpoint - @text as an endpoint */
struct endpoint rig_endpoint(const char *text);

/* rig_content - what @peer sends, from @offset on */
void rig_content(const struct rig_peer *peer, uint64_t offset, unsigned char *out, size_t size);

/* rig_run - let @ns pass */
void rig_run(struct rig *rig, uint64_t ns);
static const uint64_t RIG_MS = 1000000;

/* rig_turn - one turn of the thread, and the checks */
void rig_turn(struct rig *rig);

/* rig_dial - a client connects to a relay; NULL when that is refused */
struct rig_peer *rig_dial(struct rig *rig, enum rig_relay relay);

/* rig_accept - the oldest connection a server has not accepted yet, NULL when there is none */
struct rig_peer *rig_accept(struct rig *rig, uint32_t server);

/* rig_accept_any - from any server */
struct rig_peer *rig_accept_any(struct rig *rig);

/* rig_send - send up to @size bytes, of the header first and then of content; how many of content fit */
size_t rig_send(struct rig *rig, struct rig_peer *peer, size_t size);

/* rig_receive - read up to @size bytes, and check that they are what the partner sent */
size_t rig_receive(struct rig *rig, struct rig_peer *peer, size_t size);

void rig_send_urgent(struct rig_peer *peer);

/* rig_drop - the test does not use @peer any more */
void rig_drop(struct rig_peer *peer);

/* rig_pair - a client of @relay and its backend, connected */
struct rig_pair {
	struct rig_peer *client, *server;
};
struct rig_pair rig_pair(struct rig *rig, enum rig_relay relay);

/* rig_transfer - @from sends @size bytes, and its partner reads them */
void rig_transfer(struct rig *rig, struct rig_peer *from, size_t size);

/* rig_fill - @from sends until nothing moves any more, its partner not reading; how many bytes that took */
size_t rig_fill(struct rig *rig, struct rig_peer *from);

/* rig_read_all - @peer reads until nothing more comes */
void rig_read_all(struct rig *rig, struct rig_peer *peer);

/* rig_flow - the state of the flow from @source */
enum flow_state rig_flow(struct rig *rig, const struct rig_peer *source);

/* rig_session - the session of @peer, NULL when it has none (any more) */
struct session *rig_session(struct rig *rig, const struct rig_peer *peer);

/* rig_held - bytes in the relay's own memory on their way from @source */
uint64_t rig_held(const struct rig_peer *source);

uint64_t rig_counter(const struct rig *rig, unsigned counter);

#endif
