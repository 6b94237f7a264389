/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/setting.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

#include "base/check.h"
#include "relay/config.h"

/* The kernel's limits: MAX_TCP_KEEPIDLE, MAX_TCP_KEEPINTVL and MAX_TCP_KEEPCNT of include/net/tcp.h. */
enum { KEEPALIVE_IDLE_MAX_S = 32767, KEEPALIVE_INTERVAL_MAX_S = 32767, KEEPALIVE_COUNT_MAX = 127 };

/* Ours: beyond these a number is a slip, not a wish. */
enum {
	DURATION_MAX_MS = 7 * 24 * 3600 * 1000,
	THREADS_MAX = 1024,
	CONNECTIONS_MAX = 1 << 20, /* the kernel's default fs.nr_open: no process can have more descriptors */
	BACKLOG_MAX = 65535,
	STICKY_SIZE_MAX = 1 << 24,
	LOG_RATE_MAX = 1000000,
	CHECKS_MAX = 1000,
	BANDWIDTH_MIN_KIB = 1,
	BANDWIDTH_MAX_KIB = 1 << 30,
	CONNECTION_RATE_MAX = 1000000, /* one a microsecond */
	SOURCES_MAX = 1 << 20,
	QUEUE_MAX = 65535,
	SERIES_MAX = 1000000,
};

#define MAP(array)                                                                                           \
	{                                                                                                    \
		array, ARRAY_COUNT(array)                                                                    \
	}
#define DAEMON(field)        .offset = offsetof(struct config, field)
#define RELAY(field)         .offset = offsetof(struct config_relay, field)
#define POOL(field)          .offset = offsetof(struct config_pool, field)
#define BACKEND(field)       .offset = offsetof(struct config_backend, field)
#define MIRROR(field)        .offset = offsetof(struct config_mirror, field)
#define COUNT(least, most)   .type = {VALUE_COUNT, .min = (least), .max = (most)}
#define OCTETS               .type = {.kind = VALUE_OCTETS}
#define MS(least, most)      .type = {VALUE_MS, .min = (least), .max = (most)}
#define SECONDS(least, most) .type = {VALUE_SECONDS, .min = (least), .max = (most)}
#define PERCENT(least, most) .type = {VALUE_PERCENT, .min = (least), .max = (most)}
#define BANDWIDTH            .type = {VALUE_BANDWIDTH, .min = BANDWIDTH_MIN_KIB, .max = BANDWIDTH_MAX_KIB}
#define RATE(least, most)    .type = {VALUE_RATE, .min = (least), .max = (most)}
#define CHOICE(words)        .type = {VALUE_CHOICE, .choices = (words)}
#define NAME(least, owner, field)                                                                            \
	.offset = offsetof(struct owner, field),                                                             \
	.type = {VALUE_NAME, .min = (least), .max = sizeof(((struct owner *)0)->field) - 1}

static const char *const level_words[] = {
	[CONFIG_LOG_ERROR] = "error",
	[CONFIG_LOG_WARNING] = "warning",
	[CONFIG_LOG_INFO] = "info",
	[CONFIG_LOG_DEBUG] = "debug",
	NULL,
};
static const char *const format_words[] = {[CONFIG_LOG_LOGFMT] = "logfmt", [CONFIG_LOG_JSON] = "json", NULL};
static const char *const lane_words[] = {
	[CONFIG_LANE_AUTO] = "auto",
	[CONFIG_LANE_INTERACTIVE] = "interactive",
	[CONFIG_LANE_BULK] = "bulk",
	NULL,
};
static const char *const proxy_words[] = {
	[CONFIG_PROXY_OFF] = "off",
	[CONFIG_PROXY_V1] = "v1",
	[CONFIG_PROXY_V2] = "v2",
	NULL,
};
static const char *const intercept_words[] = {
	[CONFIG_INTERCEPT_OFF] = "off",
	[CONFIG_INTERCEPT_REDIRECT] = "redirect",
	[CONFIG_INTERCEPT_TPROXY] = "tproxy",
	NULL,
};
static const char *const source_words[] = {[CONFIG_SOURCE_OWN] = "own", [CONFIG_SOURCE_CLIENT] = "client", NULL};
static const char *const steer_words[] = {
	[CONFIG_STEER_NONE] = "none",
	[CONFIG_STEER_OUTBOUND] = "outbound",
	[CONFIG_STEER_INBOUND] = "inbound",
	NULL,
};
static const char *const gone_words[] = {[CONFIG_GONE_PASS] = "pass", [CONFIG_GONE_REFUSE] = "refuse", NULL};
static const char *const others_words[] = {[CONFIG_OTHERS_PLAIN] = "plain", [CONFIG_OTHERS_REFUSE] = "refuse", NULL};
static const char *const direction_words[] = {
	[CONFIG_MIRROR_BOTH] = "both",
	[CONFIG_MIRROR_UP] = "up",
	[CONFIG_MIRROR_DOWN] = "down",
	NULL,
};
static const char *const slow_words[] = {[CONFIG_MIRROR_SKIP] = "skip", [CONFIG_MIRROR_DROP] = "drop", NULL};
static const char *const busy_words[] = {[CONFIG_MIRROR_YIELD] = "yield", [CONFIG_MIRROR_COPY] = "copy", NULL};
static const char *const header_words[] = {[CONFIG_MIRROR_PLAIN] = "off", [CONFIG_MIRROR_PROXY_V2] = "v2", NULL};
static const char *const over_words[] = {[CONFIG_OVER_REFUSE] = "refuse", [CONFIG_OVER_QUEUE] = "queue", NULL};
static const char *const balance_words[] = {
	[CONFIG_BALANCE_ROUND_ROBIN] = "round_robin",
	[CONFIG_BALANCE_LEAST_CONNECTIONS] = "least_connections",
	[CONFIG_BALANCE_TWO_CHOICES] = "two_choices",
	[CONFIG_BALANCE_SOURCE_HASH] = "source_hash",
	NULL,
};

static const char *const sticky_words[] = {[CONFIG_STICKY_OFF] = "off", [CONFIG_STICKY_SOURCE] = "source", NULL};
static const char *const unmatched_words[] = {
	[CONFIG_UNMATCHED_DEFAULT] = "default",
	[CONFIG_UNMATCHED_REFUSE] = "refuse",
	NULL,
};
static const char *const state_words[] = {
	[CONFIG_STATE_READY] = "ready",
	[CONFIG_STATE_DRAIN] = "drain",
	[CONFIG_STATE_MAINTENANCE] = "maintenance",
	NULL,
};

const struct value_type setting_name_type = {VALUE_NAME, .min = 1, .max = CONFIG_NAME_MAX - 1};

static const struct setting log_settings[] = {
	{"level", .option = "log-level", DAEMON(log_level), CHOICE(level_words),
	 .help = "the least important to log"},
	{"format", .option = "log-format", DAEMON(log_format), CHOICE(format_words),
	 .help = "how records are written"},
	{"rate", .option = "log-rate", DAEMON(log_rate), COUNT(0, LOG_RATE_MAX),
	 .help = "records a second, errors aside; 0: no limit"},
};
static const struct setting_map log_map = MAP(log_settings);

static const struct setting control_settings[] = {
	{"path", .option = "control", DAEMON(control_path), .type = {VALUE_PATH, .max = CONFIG_SOCKET_PATH_MAX - 1},
	 .help = "the control socket, by which nsctl asks the daemon", .needs_restart = true},
};
static const struct setting_map control_map = MAP(control_settings);

static const struct setting metrics_settings[] = {
	{"listen", .option = "metrics", DAEMON(metrics.address), .type = {VALUE_ADDRESS, .max = CONFIG_ADDRESS_MAX - 1},
	 .help = "where Prometheus may ask by HTTP: 127.0.0.1:9100", .needs_restart = true},
	{"path", .option = "metrics-socket", DAEMON(metrics.path), .type = {VALUE_PATH, .max = CONFIG_SOCKET_PATH_MAX - 1},
	 .help = "the same by a unix socket", .needs_restart = true},
	{"series_max", DAEMON(metrics.series_max), COUNT(0, SERIES_MAX),
	 .help = "by relay, namespace, pool and backend; what is beyond is counted together, as 'other'"},
	{"istio", DAEMON(metrics.istio), .type = {.kind = VALUE_BOOL},
	 .help = "tell istio_tcp_* too, as Istio's dashboards ask for them"},
};
static const struct setting_map metrics_map = MAP(metrics_settings);

static const struct setting enrolment_settings[] = {
	{"drain", DAEMON(enrolled_drain_ms), MS(0, DURATION_MAX_MS),
	 .help = "how long connections may go on of a namespace that is enrolled no more; 0s: they are reset"},
};
const struct setting_map setting_enrolment = MAP(enrolment_settings);

static const struct setting daemon_settings[] = {
	{"threads", .option = "threads", DAEMON(threads), COUNT(0, THREADS_MAX),
	 .help = "worker threads; 0: one per processor", .needs_restart = true},
	{"max_connections", .option = "max-connections", DAEMON(max_connections), COUNT(0, CONNECTIONS_MAX),
	 .help = "relayed at the same time; 0: as many as file descriptors permit"},
	{"drain", .option = "drain-timeout", DAEMON(drain_ms), MS(0, DURATION_MAX_MS),
	 .help = "how long connections may go on after SIGTERM"},
	{"enrolment", .map = &setting_enrolment},
	{"user", .option = "user", NAME(0, config, user),
	 .help = "who the relay process runs as; none: nsrelay if there is one, else nobody", .needs_restart = true},
	{"control", .map = &control_map},
	{"log", .map = &log_map},
	{"metrics", .map = &metrics_map},
};
const struct setting_map setting_daemon = MAP(daemon_settings);

static const struct setting timeout_settings[] = {
	{"connect", .option = "connect-timeout", RELAY(timeouts.connect_ms), MS(0, DURATION_MAX_MS),
	 .help = "one attempt at one backend; 0s: off"},
	{"idle", .option = "idle-timeout", RELAY(timeouts.idle_ms), MS(0, DURATION_MAX_MS),
	 .help = "no byte in either direction; 0s: off"},
	{"half_close", .option = "half-close-timeout", RELAY(timeouts.half_close_ms), MS(0, DURATION_MAX_MS),
	 .help = "no byte after one direction has ended; 0s: off"},
};
static const struct setting_map timeouts_map = MAP(timeout_settings);

static const struct setting keepalive_settings[] = {
	{"idle", .option = "keepalive-idle", RELAY(tcp.keepalive_idle_s), SECONDS(0, KEEPALIVE_IDLE_MAX_S),
	 .help = "silence before the first keepalive probe; 0s: none"},
	{"interval", .option = "keepalive-interval", RELAY(tcp.keepalive_interval_s),
	 SECONDS(1, KEEPALIVE_INTERVAL_MAX_S), .help = "between keepalive probes"},
	{"count", .option = "keepalive-count", RELAY(tcp.keepalive_count), COUNT(1, KEEPALIVE_COUNT_MAX),
	 .help = "unanswered keepalive probes that end a connection"},
};
static const struct setting_map keepalive_map = MAP(keepalive_settings);

static const struct setting tcp_settings[] = {
	{"nodelay", .option = "nodelay", RELAY(tcp.nodelay), .type = {.kind = VALUE_BOOL},
	 .help = "TCP_NODELAY"},
	{"keepalive", .map = &keepalive_map},
	{"user_timeout", .option = "user-timeout", RELAY(tcp.user_timeout_ms), MS(0, DURATION_MAX_MS),
	 .help = "sent, and not acknowledged for so long (TCP_USER_TIMEOUT); 0s: the kernel's"},
	{"congestion", .option = "congestion", NAME(0, config_relay, tcp.congestion),
	 .help = "TCP congestion control; none: the namespace's default"},
	{"backlog", .option = "backlog", RELAY(tcp.backlog), COUNT(1, BACKLOG_MAX),
	 .help = "connections that wait to be accepted"},
};
static const struct setting_map tcp_map = MAP(tcp_settings);

static const struct setting intercept_settings[] = {
	{"mode", RELAY(intercept), CHOICE(intercept_words),
	 .help = "how nf_tables brings connections to the listeners, and so where their original destination is found"},
	{"source", RELAY(source), CHOICE(source_words),
	 .help = "whose address backends of the same family see"},
	{"steer", RELAY(steer), CHOICE(steer_words),
	 .help = "which connections of the listeners' namespaces are brought to the listeners, by rules that nsrelay makes there"},
	{"when_gone", RELAY(when_gone), CHOICE(gone_words),
	 .help = "what becomes of those while no nsrelay runs: they pass as if it was not, or are refused"},
	{"mark", RELAY(mark), COUNT(0, UINT32_MAX),
	 .help = "of connections to backends, by which rules leave them alone (SO_MARK); 0: none"},
	{"answer_mark", RELAY(answer_mark), COUNT(0, UINT32_MAX),
	 .help = "of what servers answer to clients' addresses, by which a routing rule brings it to the relay"},
	{"mark_mask", RELAY(mark_mask), COUNT(1, UINT32_MAX), .help = "the bits that these marks may have"},
};
const struct setting_map setting_intercept = MAP(intercept_settings);

static const struct setting proxy_settings[] = {
	{"send", .option = "send-proxy", RELAY(proxy_send), CHOICE(proxy_words),
	 .help = "tell backends who the client is: PROXY protocol header, by version"},
	{"others", .option = "accept-proxy-others", RELAY(accept.others), CHOICE(others_words),
	 .help = "clients that are not in accept_from: begin without a header, or are refused"},
	{"timeout", .option = "accept-proxy-timeout", RELAY(accept.timeout_ms), MS(1, DURATION_MAX_MS),
	 .help = "how long those who are in it may take for their header"},
};
const struct setting_map setting_proxy = MAP(proxy_settings);

static const struct setting destination_settings[] = {
	{"refuse", .offset = offsetof(struct config_destination, refuse), .type = {.kind = VALUE_BOOL}, .help = "it goes nowhere"},
};
const struct setting_map setting_destination = MAP(destination_settings);

static const struct setting sni_settings[] = {
	{"unmatched", RELAY(sni.unmatched), CHOICE(unmatched_words),
	 .help = "clients without a route by name: to the relay's own pool, or refused"},
	{"timeout", RELAY(sni.timeout_ms), MS(1, DURATION_MAX_MS), .help = "how long a client may take for the name"},
};
const struct setting_map setting_sni = MAP(sni_settings);

static const struct setting whole_limits[] = {
	{"connections", .option = "limit-connections", RELAY(limits.relay.connections), COUNT(0, CONNECTIONS_MAX),
	 .help = "of a relay, at the same time; 0: no limit"},
	{"rate", .option = "limit-rate", RELAY(limits.relay.rate), RATE(0, CONNECTION_RATE_MAX),
	 .help = "new connections of a relay; 0/s: no limit"},
	{"burst", .option = "limit-burst", RELAY(limits.relay.burst), COUNT(0, CONNECTION_RATE_MAX),
	 .help = "of these, at once; 0: as many as in a second"},
	{"up", .option = "limit-up", RELAY(limits.relay.bandwidth.up), BANDWIDTH,
	 .help = "bytes a second from all clients of a relay together; 0B/s: no limit"},
	{"down", .option = "limit-down", RELAY(limits.relay.bandwidth.down), BANDWIDTH,
	 .help = "bytes a second to all clients of a relay together; 0B/s: no limit"},
};
static const struct setting_map whole_limits_map = MAP(whole_limits);

static const struct setting netns_limits[] = {
	{"connections", RELAY(limits.netns.connections), COUNT(0, CONNECTIONS_MAX),
	 .help = "by the listeners in one namespace, at the same time; 0: no limit"},
	{"rate", RELAY(limits.netns.rate), RATE(0, CONNECTION_RATE_MAX),
	 .help = "new connections by the listeners in one namespace; 0/s: no limit"},
	{"burst", RELAY(limits.netns.burst), COUNT(0, CONNECTION_RATE_MAX),
	 .help = "of these, at once; 0: as many as in a second"},
	{"up", RELAY(limits.netns.bandwidth.up), BANDWIDTH,
	 .help = "bytes a second from the clients that came by one namespace; 0B/s: no limit"},
	{"down", RELAY(limits.netns.bandwidth.down), BANDWIDTH,
	 .help = "bytes a second to the clients that came by one namespace; 0B/s: no limit"},
};
static const struct setting_map netns_limits_map = MAP(netns_limits);

static const struct setting source_limits[] = {
	{"connections", .option = "source-connections", RELAY(limits.source.connections), COUNT(0, CONNECTIONS_MAX),
	 .help = "of one client address, at the same time; 0: no limit"},
	{"rate", .option = "source-rate", RELAY(limits.source.rate), RATE(0, CONNECTION_RATE_MAX),
	 .help = "new connections of one client address; 0/s: no limit"},
	{"burst", .option = "source-burst", RELAY(limits.source.burst), COUNT(0, CONNECTION_RATE_MAX),
	 .help = "of these, at once; 0: as many as in a second"},
	{"up", RELAY(limits.source.bandwidth.up), BANDWIDTH,
	 .help = "bytes a second from one client address; 0B/s: no limit"},
	{"down", RELAY(limits.source.bandwidth.down), BANDWIDTH,
	 .help = "bytes a second to one client address; 0B/s: no limit"},
};
static const struct setting_map source_limits_map = MAP(source_limits);

static const struct setting limit_settings[] = {
	{"relay", .map = &whole_limits_map},
	{"namespace", .map = &netns_limits_map},
	{"source", .map = &source_limits_map},
	{"ipv6_prefix", RELAY(limits.ipv6_prefix), COUNT(1, 128),
	 .help = "IPv6 addresses with so many bits in common are one client address"},
	{"sources", RELAY(limits.sources), COUNT(1, SOURCES_MAX),
	 .help = "client addresses known at the same time; when all of them have connections, no others may come"},
	{"over", .option = "over-limit", RELAY(limits.over), CHOICE(over_words),
	 .help = "what becomes of a connection that would be one too many"},
	{"queue_length", RELAY(limits.queue_length), COUNT(1, QUEUE_MAX),
	 .help = "over: queue: connections that wait at the same time"},
	{"queue_timeout", RELAY(limits.queue_timeout_ms), MS(1, DURATION_MAX_MS),
	 .help = "over: queue: how long each waits before it is refused"},
};
static const struct setting_map limits_map = MAP(limit_settings);

static const struct setting relay_settings[] = {
	{"timeouts", .map = &timeouts_map},
	{"tcp", .map = &tcp_map},
	{"intercept", .map = &setting_intercept},
	{"lane", .option = "lane", RELAY(lane), CHOICE(lane_words),
	 .help = "how bytes are moved; fixed only to measure"},
	{"proxy_protocol", .map = &setting_proxy},
	{"limits", .map = &limits_map},
};
const struct setting_map setting_relay = MAP(relay_settings);

static const struct setting health_settings[] = {
	{"interval", POOL(health.interval_ms), MS(10, DURATION_MAX_MS), .help = "between two checks of a backend"},
	{"fast_interval", POOL(health.fast_interval_ms), MS(10, DURATION_MAX_MS),
	 .help = "the same while checks contradict what the backend is held for"},
	{"timeout", POOL(health.timeout_ms), MS(1, DURATION_MAX_MS), .help = "of a check as a whole"},
	{"jitter", POOL(health.jitter), PERCENT(0, CONFIG_FRACTION_ALL),
	 .help = "by how much an interval varies at random"},
	{"rise", POOL(health.rise), COUNT(1, CHECKS_MAX), .help = "successes in a row that bring a backend up"},
	{"fall", POOL(health.fall), COUNT(1, CHECKS_MAX), .help = "failures in a row that take a backend down"},
	{"send", POOL(health.send), OCTETS, .help = "said once connected"},
	{"expect", POOL(health.expect), OCTETS, .help = "how the answer begins"},
};
const struct setting_map setting_health = MAP(health_settings);

static const struct setting queue_settings[] = {
	{"length", POOL(queue.length), COUNT(0, CONNECTIONS_MAX),
	 .help = "connections that may wait for a backend with room; 0: none"},
	{"timeout", POOL(queue.timeout_ms), MS(0, DURATION_MAX_MS), .help = "how long they wait; 0s: for ever"},
};
static const struct setting_map queue_map = MAP(queue_settings);

static const struct setting sticky_settings[] = {
	{"by", POOL(sticky.by), CHOICE(sticky_words), .help = "later connections of a client go where its earlier ones went"},
	{"timeout", POOL(sticky.timeout_ms), MS(1000, DURATION_MAX_MS),
	 .help = "how long a client is remembered after its last connection"},
	{"size", POOL(sticky.size), COUNT(8, STICKY_SIZE_MAX), .help = "clients that are remembered, 8 bytes each"},
};
static const struct setting_map sticky_map = MAP(sticky_settings);

static const struct setting ejection_settings[] = {
	{"failures", POOL(ejection.failures), COUNT(0, CHECKS_MAX),
	 .help = "to connect, in a row, that eject a backend; 0: they do not"},
	{"resets", POOL(ejection.resets), COUNT(0, CHECKS_MAX),
	 .help = "before a byte came back, in a row, that eject a backend; 0: they do not"},
	{"time", POOL(ejection.time_ms), MS(1, DURATION_MAX_MS), .help = "for how long, the first time"},
	{"time_max", POOL(ejection.time_max_ms), MS(1, DURATION_MAX_MS), .help = "for how long at most"},
	{"share_max", POOL(ejection.share_max), PERCENT(0, CONFIG_FRACTION_ALL),
	 .help = "of the pool that may be out at once; at least one, and never the last"},
};
const struct setting_map setting_ejection = MAP(ejection_settings);

static const struct setting pool_settings[] = {
	{"balance", POOL(balance), CHOICE(balance_words), .help = "who is tried first"},
	{"retries", POOL(retries), COUNT(0, CONFIG_RETRIES_MAX),
	 .help = "how many more backends a connection tries after its first; none is tried twice"},
	{"queue", .map = &queue_map},
	{"sticky", .map = &sticky_map},
	{"slow_start", POOL(slow_start_ms), MS(0, DURATION_MAX_MS),
	 .help = "how long a backend that has come back takes to its whole share; 0s: none"},
};
const struct setting_map setting_pool = MAP(pool_settings);

static const struct setting backend_settings[] = {
	{"weight", BACKEND(weight), COUNT(1, CONFIG_WEIGHT_MAX), .help = "its share beside the others"},
	{"backup", BACKEND(backup), .type = {.kind = VALUE_BOOL},
	 .help = "only for connections that all others have failed"},
	{"state", BACKEND(state), CHOICE(state_words), .help = "whether it gets new connections"},
	{"max_connections", BACKEND(max_connections), COUNT(0, CONNECTIONS_MAX),
	 .help = "that it has at the same time; 0: no limit"},
};
const struct setting_map setting_backend = MAP(backend_settings);

static const struct setting mirror_settings[] = {
	{"direction", MIRROR(direction), CHOICE(direction_words), .help = "which bytes are copied"},
	{"when_slow", MIRROR(when_slow), CHOICE(slow_words),
	 .help = "skip what the receiver has no room for, or drop the copy"},
	{"when_busy", MIRROR(when_busy), CHOICE(busy_words),
	 .help = "copy less while the machine has no time left, or go on as before"},
	{"fraction", MIRROR(fraction), PERCENT(0, CONFIG_FRACTION_ALL), .help = "of the connections"},
	{"proxy_protocol", MIRROR(header), CHOICE(header_words),
	 .help = "begin each copy with a header that names the connection's ends"},
};
const struct setting_map setting_mirror = MAP(mirror_settings);

const struct setting *setting_find(const struct setting_map *map, const char *key)
{
	for (size_t i = 0; i < map->count; i++)
		if (strcmp(map->settings[i].key, key) == 0)
			return &map->settings[i];
	return NULL;
}
