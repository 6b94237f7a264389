/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the relay is told to do: plain, immutable data once it has been checked. Built by app/ from options or from a YAML
 * file; every default stands in config_defaults() and nowhere else.
 */
#ifndef NSRELAY_RELAY_CONFIG_H
#define NSRELAY_RELAY_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/endpoint.h"
#include "base/octets.h"
#include "relay/sni.h"
#include "relay/admission/cidr.h"

enum {
	CONFIG_NAME_MAX = 64,
	CONFIG_CONGESTION_MAX = 16,
	CONFIG_SOCKET_PATH_MAX = 108, /* sun_path of unix(7), its NUL included */
	CONFIG_ADDRESS_MAX = 64,      /* [ADDRESS]:PORT of IPv6, its NUL included */
	CONFIG_WEIGHT_MAX = 256,
	CONFIG_RETRIES_MAX = UINT8_MAX - 1, /* session.backends_tried counts them, and the first try */
	CONFIG_FRACTION_ALL = 10000,        /* 100 % */
};

/* Deadlines of one relay; 0 switches that one off. */
struct config_timeouts {
	uint32_t connect_ms;    /* one attempt at one backend */
	uint32_t idle_ms;       /* no byte in either direction */
	uint32_t half_close_ms; /* one direction has ended, and no byte in the other */
};

/* TCP settings of one relay, for its listeners (accepted sockets inherit them) and upstream sockets alike. */
struct config_tcp {
	bool nodelay;
	uint32_t keepalive_idle_s; /* 0: no keepalive */
	uint32_t keepalive_interval_s;
	uint32_t keepalive_count;
	uint32_t user_timeout_ms;               /* TCP_USER_TIMEOUT, RFC 5482; 0: the kernel's own */
	char congestion[CONFIG_CONGESTION_MAX]; /* "": the namespace's default */
	uint32_t backlog;                       /* listen(2) */
};

/* The header that backends get before the client's bytes: relay/proxy_protocol.h. */
enum config_proxy { CONFIG_PROXY_OFF, CONFIG_PROXY_V1, CONFIG_PROXY_V2 };

/* What becomes of clients that are not in config_accept.from. */
enum config_others { CONFIG_OTHERS_PLAIN, CONFIG_OTHERS_REFUSE };

/* Blocks of addresses. */
struct config_cidrs {
	struct cidr *items; /* owned */
	size_t count;
};

/* How connections come to listeners that they were not made to, and with them their original destination. */
enum config_intercept {
	CONFIG_INTERCEPT_OFF,
	CONFIG_INTERCEPT_REDIRECT, /* nf_tables redirect: SO_ORIGINAL_DST */
	CONFIG_INTERCEPT_TPROXY,   /* nf_tables tproxy: getsockname(2) */
};

/* Which connections of its listeners' namespaces are steered to a relay: by rules that the daemon makes there. */
enum config_steer {
	CONFIG_STEER_NONE, /* somebody else has made rules */
	CONFIG_STEER_OUTBOUND,
	CONFIG_STEER_INBOUND,
};

struct config_port_range {
	uint16_t first, last;
};

struct config_ports {
	struct config_port_range *items; /* owned */
	size_t count;
};

/* Of these, which: by destination and its port; without `only` all, but for the exceptions. */
struct config_scope {
	struct config_cidrs only, except; /* of outbound connections */
	struct config_ports only_ports, except_ports;
};

/* What becomes of these connections while there is no daemon. */
enum config_gone { CONFIG_GONE_PASS, CONFIG_GONE_REFUSE };

/* Whose address backends see. */
enum config_source { CONFIG_SOURCE_OWN, CONFIG_SOURCE_CLIENT };

enum config_lane { CONFIG_LANE_AUTO, CONFIG_LANE_INTERACTIVE, CONFIG_LANE_BULK };

/* How the first backend for a connection is chosen; relay/balance/ has them. */
enum config_balance {
	CONFIG_BALANCE_ROUND_ROBIN,
	CONFIG_BALANCE_LEAST_CONNECTIONS,
	CONFIG_BALANCE_TWO_CHOICES,
	CONFIG_BALANCE_SOURCE_HASH,
};

/* What an operator lets a backend have. */
enum config_state {
	CONFIG_STATE_READY,
	CONFIG_STATE_DRAIN,       /* no new clients; those that stick to it may come */
	CONFIG_STATE_MAINTENANCE, /* nobody */
};

/* Active checks of a pool's backends: relay/health/. */
struct config_health {
	uint32_t interval_ms;      /* from one check of a backend to its next; 0: no checks */
	uint32_t fast_interval_ms; /* the same while checks contradict what the backend is held for */
	uint32_t timeout_ms;       /* of a check as a whole */
	uint32_t jitter;           /* of CONFIG_FRACTION_ALL: by how much an interval varies at random */
	uint32_t rise, fall;       /* checks in a row that bring a backend up, or take it down */
	struct octets send;        /* said once connected */
	struct octets expect;      /* how the answer begins; none: connecting is enough */
};

/* Ejection of backends by what connections meet: relay/health/ejection.h. */
struct config_ejection {
	uint32_t failures;    /* to connect, in a row; 0: they do not matter */
	uint32_t resets;      /* before a byte came back, in a row; 0: they do not matter */
	uint32_t time_ms;     /* how long the first time; the second time twice as long, and so on */
	uint32_t time_max_ms;
	uint32_t share_max;   /* of CONFIG_FRACTION_ALL: of the pool that may be out at once */
};

struct config_backend {
	struct endpoint endpoint; /* family AF_UNSPEC: wherever the client wanted to go, in its listener's namespace */
	uint32_t weight; /* 1 .. CONFIG_WEIGHT_MAX: its share beside the others */
	bool backup;     /* only for connections that all others have failed */
	enum config_state state;
	uint32_t max_connections; /* of all threads together; 0: no limit */
	bool leftover; /* not in the file any more, but connections go to it: relay/succession.h */
};

/* Where connections wait while every backend that could serve them has its max_connections. */
struct config_queue {
	uint32_t length;     /* how many may wait; 0: none does, they are refused */
	uint32_t timeout_ms; /* how long; 0: for ever */
};

/* Whether a client's later connections go to the backend of its earlier ones. */
enum config_sticky_by { CONFIG_STICKY_OFF, CONFIG_STICKY_SOURCE };

struct config_sticky {
	enum config_sticky_by by;
	uint32_t timeout_ms; /* how long a client is remembered after its last connection */
	uint32_t size;       /* how many clients */
};

struct config_pool {
	char name[CONFIG_NAME_MAX];
	struct config_backend *backends; /* owned */
	size_t backend_count;
	enum config_balance balance;
	uint32_t retries; /* how many more backends a connection tries after its first; none is tried twice */
	struct config_health health;
	struct config_queue queue;
	struct config_sticky sticky;
	struct config_ejection ejection; /* without failures and resets: none */
	uint32_t slow_start_ms; /* how long a backend that has come back takes to its whole share; 0: none */
	bool leftover;          /* not in the file any more: relay/succession.h */
};

/* Which of a connection's directions are copied, and what happens to a copy that its receiver is too slow for. */
enum config_mirror_direction { CONFIG_MIRROR_BOTH, CONFIG_MIRROR_UP, CONFIG_MIRROR_DOWN };
enum config_mirror_header { CONFIG_MIRROR_PLAIN, CONFIG_MIRROR_PROXY_V2 };
enum config_mirror_slow { CONFIG_MIRROR_SKIP, CONFIG_MIRROR_DROP };
enum config_mirror_busy { CONFIG_MIRROR_YIELD, CONFIG_MIRROR_COPY };

/* Copies of a relay's connections for somebody who looks on: relay/mirror/. */
struct config_mirror {
	struct endpoint to; /* family AF_UNSPEC: no mirror */
	enum config_mirror_direction direction;
	enum config_mirror_slow when_slow;
	enum config_mirror_busy when_busy;
	uint32_t fraction;                /* of the connections, 0 .. CONFIG_FRACTION_ALL */
	enum config_mirror_header header; /* how a copy begins */
	struct config_cidrs from;         /* of these clients; none: of all */
};

/* Bytes a second that may pass, up (from clients) and down; 0: any number. */
struct config_bandwidth {
	uint64_t up, down;
};

/* What is limited, of a relay as a whole, of each namespace it listens in, or of each source: 0 is no limit. */
struct config_limit {
	uint32_t connections; /* at the same time */
	uint32_t rate;        /* new ones a second */
	uint32_t burst;       /* of these, at once; 0: as many as come in a second */
	struct config_bandwidth bandwidth;
};

/* What happens to a connection that would be one too many. */
enum config_over { CONFIG_OVER_REFUSE, CONFIG_OVER_QUEUE };

struct config_limits {
	struct config_limit relay;  /* all of a relay together */
	struct config_limit netns;  /* what comes by the listeners in one namespace, each */
	struct config_limit source; /* of one client address, each */
	uint32_t ipv6_prefix;       /* IPv6 addresses that have so many bits in common are one */
	uint32_t sources;           /* client addresses known at the same time */
	enum config_over over;
	uint32_t queue_length;      /* connections that wait at the same time */
	uint32_t queue_timeout_ms;  /* each */
};

/* Lists of who may connect; an empty one says nothing. */
struct config_namespaces {
	struct netns_ref *items; /* owned */
	size_t count;
};
struct config_access {
	struct config_cidrs allow, deny;                       /* by the client's address */
	struct config_namespaces allow_namespaces, deny_namespaces; /* by that of the listener */
};

/* Who has to begin with such a header: relay/preread.h. */
struct config_accept {
	struct config_cidrs from; /* clients by the addresses of their sockets */
	bool from_unix;           /* clients of unix sockets */
	enum config_others others;
	uint32_t timeout_ms;      /* for the header as a whole */
};

/* Routes by the server's name that a client of TLS asks for: relay/hello.h, relay/sni.h. */
struct config_sni_route {
	char name[SNI_NAME_MAX + 1]; /* as sni_parse() has it */
	size_t pool;                 /* index into config.pools */
};

enum config_unmatched { CONFIG_UNMATCHED_DEFAULT, CONFIG_UNMATCHED_REFUSE };

struct config_sni {
	struct config_sni_route *routes; /* owned */
	size_t count;
	enum config_unmatched unmatched; /* whoever takes none of them: to the relay's own pool? */
	uint32_t timeout_ms;             /* for the name to come */
};

/* Where connections go that were intercepted on their way to some destination: relay/destination.h. The first that fits. */
struct config_destination {
	struct config_cidrs networks; /* none: all */
	struct config_ports ports;    /* none: all */
	bool refuse;                  /* nowhere */
	size_t pool;                  /* index into config.pools, unless they are refused */
};

struct config_destinations {
	struct config_destination *items; /* owned, with all that is in them */
	size_t count;
};

struct config_relay {
	char name[CONFIG_NAME_MAX];
	struct endpoint *listeners; /* owned */
	size_t listener_count;
	size_t pool; /* index into config.pools */
	struct config_timeouts timeouts;
	struct config_tcp tcp;
	enum config_lane lane; /* for measuring; auto unless asked */
	enum config_intercept intercept;
	enum config_steer steer;
	struct config_scope scope;  /* of what is steered */
	enum config_gone when_gone; /* of what is steered */
	uint32_t mark;        /* SO_MARK of upstream sockets of who intercepts, or takes clients' addresses, by which rules know
	                         them; 0: none */
	uint32_t answer_mark; /* of what servers answer to addresses that upstream sockets have taken */
	uint32_t mark_mask;   /* which bits of a mark these two are */
	enum config_source source; /* of connections to TCP backends of the client's family */
	enum config_proxy proxy_send;
	struct config_accept accept;
	struct config_destinations destinations;
	struct config_sni sni;
	struct config_mirror mirror;
	struct config_access access;
	struct config_limits limits;
	uint64_t leftover_until_ms; /* CLOCK_MONOTONIC: not in the file any more, and its connections end by then; else 0 */
};

/*
 * A namespace that relays listen in, as long as it is enrolled: those with a listener @POLICY/ADDRESS:PORT. A listener
 * in there is @UID/ADDRESS:PORT, which only the plan has.
 */
struct config_enrolled {
	char uid[NETNS_TEXT_MAX];
	uint32_t serial; /* as of struct netns_ref */
	char policy[CONFIG_NAME_MAX];
};

/* Names in /run/netns that are enrolled as they appear: the first pattern that fits. */
struct config_watch {
	char policy[CONFIG_NAME_MAX];
	char pattern[NETNS_TEXT_MAX]; /* fnmatch(3) */
};

/* Where metrics are told to who asks by HTTP, and how many at the most. */
struct config_metrics {
	char address[CONFIG_ADDRESS_MAX];  /* ADDRESS:PORT in the program's own namespace; "": none */
	char path[CONFIG_SOCKET_PATH_MAX]; /* of a unix socket; "": none */
	uint32_t series_max;               /* of what is counted by relay, namespace, pool and backend */
	bool istio;                        /* the same under Istio's names as well */
};

/* config_metrics_are_wanted - does anybody ask for them? */
static inline bool config_metrics_are_wanted(const struct config_metrics *metrics)
{
	return metrics->address[0] || metrics->path[0];
}

enum config_log_level { CONFIG_LOG_ERROR, CONFIG_LOG_WARNING, CONFIG_LOG_INFO, CONFIG_LOG_DEBUG };
enum config_log_format { CONFIG_LOG_LOGFMT, CONFIG_LOG_JSON };

struct config {
	struct config_relay *relays; /* owned */
	size_t relay_count;
	struct config_pool *pools; /* owned */
	size_t pool_count;
	uint32_t threads;         /* 0: one per processor the program may run on */
	uint32_t max_connections; /* 0: as many as RLIMIT_NOFILE permits */
	uint32_t drain_ms;        /* how long connections may go on after SIGTERM */
	struct config_enrolled *enrolled; /* owned; of no file: who is enrolled comes and goes while the daemon runs */
	size_t enrolled_count;
	struct config_watch *watch; /* owned */
	size_t watch_count;
	uint32_t enrolled_drain_ms; /* how long connections of a namespace may go on that is enrolled no more */
	char user[32];            /* who the relay process runs as; "": nsrelay if there is one, else nobody */
	char control_path[CONFIG_SOCKET_PATH_MAX]; /* of the control socket; "": none */
	struct config_metrics metrics;
	enum config_log_level log_level;
	enum config_log_format log_format;
	uint32_t log_rate; /* records a second, 0: no limit */
};

/* config_init - an empty configuration with every daemon-wide default */
void config_init(struct config *config);

/* config_relay_init, config_pool_init, config_backend_init - the defaults of one relay, pool or backend */
void config_relay_init(struct config_relay *relay);
void config_pool_init(struct config_pool *pool);
void config_backend_init(struct config_backend *backend);

/* config_health_init - the defaults of checks where there are some: every 2 s; a pool has none unless it asks for them */
void config_health_init(struct config_health *health);

/* config_ejection_init - the defaults of ejection where there is some; a pool ejects nobody unless it asks for it */
void config_ejection_init(struct config_ejection *ejection);

/*
 * config_add_pool, config_add_relay - append one, initialized; the pointer is valid until the next call
 * Return NULL when memory is out.
 */
struct config_pool *config_add_pool(struct config *config);
struct config_relay *config_add_relay(struct config *config);

/* config_pool_add_backend, config_relay_add_listener - append a copy, with every default; 0 or -ENOMEM */
int config_pool_add_backend(struct config_pool *pool, const struct endpoint *backend);
int config_relay_add_listener(struct config_relay *relay, const struct endpoint *listener);

/* config_cidrs_add, config_ports_add, config_namespaces_add - append a copy; 0 or -ENOMEM */
int config_cidrs_add(struct config_cidrs *cidrs, const struct cidr *cidr);
int config_ports_add(struct config_ports *ports, const struct config_port_range *range);
int config_namespaces_add(struct config_namespaces *namespaces, const struct netns_ref *netns);

/* config_add_enrolled - append a copy; 0 or -ENOMEM */
int config_add_enrolled(struct config *config, const struct config_enrolled *enrolled);

/* config_add_watch - the same */
int config_add_watch(struct config *config, const struct config_watch *watch);

/* config_is_everywhere - is that in every namespace that is enrolled under a policy? Of listeners of a configuration. */
static inline bool config_is_everywhere(const struct endpoint *listener)
{
	return listener->netns.kind == NETNS_ENROLLED;
}

/* config_has_policy - does a relay listen in the namespaces that are enrolled under it? */
bool config_has_policy(const struct config *config, const char *policy);

/* config_limit_is_set - does @limit limit connections? */
static inline bool config_limit_is_set(const struct config_limit *limit)
{
	return limit->connections || limit->rate;
}

/* config_knows_sources - is anything counted for each client address? */
static inline bool config_knows_sources(const struct config_limits *limits)
{
	return config_limit_is_set(&limits->source) || limits->source.bandwidth.up || limits->source.bandwidth.down;
}

/* config_is_original - is that no address, but wherever the client wanted to go? */
static inline bool config_is_original(const struct endpoint *backend)
{
	return backend->addr.family == AF_UNSPEC;
}

/* config_leads_to_original - is there such a backend in the pool? */
bool config_leads_to_original(const struct config_pool *pool);

/* config_intercepts - does any relay? */
bool config_intercepts(const struct config *config);

/* config_relay_mirrors - are there copies of @relay's connections? */
static inline bool config_relay_mirrors(const struct config_relay *relay)
{
	return relay->mirror.to.addr.family != AF_UNSPEC;
}

/* config_relay_accepts_proxy - are there clients of @relay that begin with a header? */
static inline bool config_relay_accepts_proxy(const struct config_relay *relay)
{
	return relay->accept.from.count > 0 || relay->accept.from_unix;
}

/* config_mirror_sockets - how many sockets the copies of one connection take at the most: 0, 1 or 2 */
uint32_t config_mirror_sockets(const struct config *config);

/* config_relay_add_sni - append a copy; 0 or -ENOMEM */
int config_relay_add_sni(struct config_relay *relay, const struct config_sni_route *route);

/* config_relay_add_destination - append an empty one; the pointer is valid until the next call. NULL: memory is out. */
struct config_destination *config_relay_add_destination(struct config_relay *relay);

/*
 * config_way_count, config_way - the pools that @relay's connections may go to: its own at 0, then one for each of its
 * destinations and its server names, so that a pool may come more than once; one that is refused comes as the relay's own
 */
size_t config_way_count(const struct config_relay *relay);
size_t config_way(const struct config_relay *relay, size_t index);

/*
 * config_copy - a configuration of its own that says the same
 * On failure @ret holds nothing to free. Errors: ENOMEM.
 */
int config_copy(const struct config *config, struct config *ret);

/*
 * config_drop_relay, config_drop_pool, config_pool_drop_backend, config_relay_drop_listener - remove the one at @index;
 * those behind it move up. No relay refers to the pool.
 */
void config_drop_relay(struct config *config, size_t index);
void config_drop_pool(struct config *config, size_t index);
void config_pool_drop_backend(struct config_pool *pool, size_t index);
void config_relay_drop_listener(struct config_relay *relay, size_t index);

/* config_fini - free what @config owns; NULL and a half-built one are allowed */
void config_fini(struct config *config);

#endif
