/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/relay/rig_private.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sm.h"
#include "io/sys.h"
#include "relay/flow.h"
#include "relay/handover.h"

/* The session machine's moves are seen by sm_trace, which knows no context. */
static struct rig *traced;

/* ---- configuration ---- */

struct rig_options rig_defaults(void)
{
	return (struct rig_options){
		.fake = {.seed = 1, .send_buffer = 64 * 1024, .receive_buffer = 64 * 1024, .pipe_slots = 256},
		.timeouts = {.connect_ms = 1000, .idle_ms = 60000, .half_close_ms = 20000},
		.listener = "client/127.0.0.1:80",
		.connections = 64,
		.spill_chunks = 1024,
		.sq_entries = 64,
		.cq_entries = 256,
		.buffer_count = 64,
		.buffer_size = 4096,
	};
}

struct endpoint rig_endpoint(const char *text)
{
	struct err err = ERR_INIT;
	struct endpoint endpoint;
	if (endpoint_parse(text, &endpoint, &err) < 0)
		fail_msg("%s", err.text);
	return endpoint;
}

static void add_relay(const struct rig *rig, struct config *config, enum config_lane lane, const char *const backends[])
{
	struct config_pool *pool = config_add_pool(config);
	snprintf(pool->name, sizeof(pool->name), "pool%zu", config->pool_count);
	pool->balance = rig->options.balance;
	pool->health = rig->options.health;
	pool->sticky = rig->options.sticky;
	pool->slow_start_ms = rig->options.slow_start_ms;
	pool->queue = rig->options.queue;
	pool->ejection = rig->options.ejection;
	for (size_t i = 0; backends[i]; i++) {
		struct endpoint backend = rig_endpoint(backends[i]);
		assert_int_equal(config_pool_add_backend(pool, &backend), 0);
		pool->backends[i].max_connections = rig->options.backend_most;
	}
	struct config_relay *relay = config_add_relay(config);
	snprintf(relay->name, sizeof(relay->name), "relay%zu", config->relay_count);
	struct endpoint listener = rig_endpoint(rig->options.listener);
	assert_int_equal(config_relay_add_listener(relay, &listener), 0);
	relay->pool = config->pool_count - 1;
	relay->lane = lane;
	relay->timeouts = rig->options.timeouts;
	relay->proxy_send = rig->options.proxy_send;
	relay->accept = rig->options.accept;
	relay->accept.from = (struct config_cidrs){0}; /* the configuration owns its lists */
	for (size_t i = 0; i < rig->options.accept.from.count; i++)
		assert_int_equal(config_cidrs_add(&relay->accept.from, &rig->options.accept.from.items[i]), 0);
	relay->mirror = rig->options.mirror;
	relay->mirror.from = (struct config_cidrs){0}; /* the configuration owns its lists */
	for (size_t i = 0; i < rig->options.mirror.from.count; i++)
		assert_int_equal(config_cidrs_add(&relay->mirror.from, &rig->options.mirror.from.items[i]), 0);
	relay->limits = rig->options.limits;
	for (size_t i = 0; i < rig->options.allow.count; i++)
		assert_int_equal(config_cidrs_add(&relay->access.allow, &rig->options.allow.items[i]), 0);
	for (size_t i = 0; i < rig->options.deny.count; i++)
		assert_int_equal(config_cidrs_add(&relay->access.deny, &rig->options.deny.items[i]), 0);
}

static void add_destinations(struct config_relay *relay, const struct config_destinations *destinations)
{
	for (size_t i = 0; i < destinations->count; i++) {
		const struct config_destination *destination = &destinations->items[i];
		struct config_destination *added = config_relay_add_destination(relay);
		assert_non_null(added);
		added->refuse = destination->refuse;
		added->pool = destination->pool;
		for (size_t j = 0; j < destination->networks.count; j++)
			assert_int_equal(config_cidrs_add(&added->networks, &destination->networks.items[j]), 0);
		for (size_t j = 0; j < destination->ports.count; j++)
			assert_int_equal(config_ports_add(&added->ports, &destination->ports.items[j]), 0);
	}
}

static void lead_to_original(struct config_pool *pool)
{
	pool->backend_count = 1;
	pool->backends[0].endpoint = (struct endpoint){0};
}

/* make_config - what rig->options say */
static void make_config(const struct rig *rig, struct config *config)
{
	static const char *const three[] = {"a/127.0.0.1:9000", "a/127.0.0.1:9001", "b/127.0.0.1:9002", NULL};
	static const char *const two[] = {"a/127.0.0.1:9000", "b/127.0.0.1:9002", NULL};
	static const char *const interactive[] = {"a/127.0.0.1:9003", NULL};
	static const char *const bulk[] = {"a/127.0.0.1:9004", NULL};
	const char *const local[] = {"unix:/run/server", rig->options.unix_pair ? "unix:/run/other" : NULL, NULL};
	config_init(config);
	add_relay(rig, config, CONFIG_LANE_AUTO, rig->options.without_second ? two : three);
	add_relay(rig, config, CONFIG_LANE_INTERACTIVE, interactive);
	add_relay(rig, config, CONFIG_LANE_BULK, bulk);
	add_relay(rig, config, CONFIG_LANE_AUTO, local);
	struct config_relay *first = &config->relays[RIG_AUTO];
	first->intercept = rig->options.intercept;
	first->source = rig->options.source;
	if (first->intercept)
		lead_to_original(&config->pools[first->pool]);
	add_destinations(first, &rig->options.destinations);
	first->sni.unmatched = rig->options.sni.unmatched;
	first->sni.timeout_ms = rig->options.sni.timeout_ms;
	for (size_t i = 0; i < rig->options.sni.count; i++)
		assert_int_equal(config_relay_add_sni(first, &rig->options.sni.routes[i]), 0);
}

static uint32_t new_number(struct rig_source *source, const struct plan_target *target)
{
	assert_true(source->target_count < RIG_TARGETS_MAX);
	source->families[source->target_count] = target->family;
	return source->target_count++;
}

static void configure(struct rig *rig)
{
	make_config(rig, &rig->config);
	assert_int_equal(plan_init(&rig->plan, &rig->config), 0);
	assert_int_equal(usage_init(&rig->usage, &rig->plan), 0);
	for (uint32_t i = 0; i < rig->plan.target_count; i++)
		rig->plan.targets[i].number = new_number(&rig->source, &rig->plan.targets[i]);
	assert_int_equal(balance_init(&rig->shared.balance, &rig->config), 0);
	assert_int_equal(admission_init(&rig->shared.admission, &rig->plan, 1), 0);
	assert_int_equal(bandwidth_init(&rig->shared.bandwidth, &rig->plan), 0);
	assert_int_equal(preread_init(&rig->shared.preread, &rig->config), 0);
	assert_int_equal(ejection_init(&rig->shared.ejection, &rig->config), 0);
	rig->config.metrics = rig->options.metrics;
	assert_int_equal(tally_init(&rig->shared.tally, &rig->plan, 1), 0);
	rig->limits = (struct limits){
		.threads = 1,
		.connections = rig->options.connections,
		.spill_chunks = rig->options.spill_chunks,
		.mirrors = config_mirror_sockets(&rig->config) ? rig->options.connections + LIMIT_ACCEPT_SLACK : 0,
	};
}

/* ---- the source of sockets ---- */

static int source_request(void *ctx, uint32_t target, uint32_t count)
{
	struct rig_source *source = ctx;
	assert_in_range(count, 1, SOCKET_BATCH_MAX);
	if (source->refuses)
		return -EAGAIN;
	assert_true(source->request_count < RIG_REQUESTS_MAX);
	source->requests[source->request_count++] =
		(struct rig_request){target, count, fake_now_ns() + source->delay_ns};
	return 0;
}

static int make_socket(uint32_t target)
{
	return traced->source.families[target] == AF_UNIX ? fake_socket_to(5) : fake_socket();
}

static void answer_request(struct rig_source *source, const struct rig_request *request, struct socket_reply *reply)
{
	uint32_t count = source->error ? source->made_first : request->count;
	reply->target = request->target;
	reply->asked = request->count;
	reply->error = source->error;
	for (reply->count = 0; reply->count < count && reply->count < request->count; reply->count++) {
		int fd = make_socket(request->target);
		if (fd < 0) {
			reply->error = -fd;
			break;
		}
		reply->fds[reply->count] = fd;
	}
}

static int source_receive(void *ctx, struct socket_reply *ret)
{
	struct rig_source *source = ctx;
	if (source->request_count == 0 || source->requests[0].ready_ns > fake_now_ns()) {
		fake_signal_set(source->source.fd, false);
		return 0;
	}
	struct rig_request request = source->requests[0];
	memmove(source->requests, source->requests + 1, --source->request_count * sizeof(request));
	answer_request(source, &request, ret);
	return 1;
}

/* source_ready_ns - when the next reply waits */
static uint64_t source_ready_ns(const struct rig_source *source)
{
	return source->request_count ? source->requests[0].ready_ns : UINT64_MAX;
}

uint64_t rig_held(const struct rig_peer *source)
{
	uint64_t gone = (source->partner ? rig_given(traced, source->partner) : 0) + source->urgent, taken = rig_taken_from(source);
	return taken > gone ? taken - gone : 0;
}

/* ---- what must hold when a session ends ---- */

static struct rig_peer *client_of(struct rig *rig, const struct session *session)
{
	return rig_peer_of(rig, fake_conn_of_fd(session->fds[SIDE_CLIENT]), SIDE_CLIENT);
}

/* all_passed_on - everything that reached the relay from @source has reached the socket of its partner */
static bool all_passed_on(const struct rig_peer *source)
{
	struct fake_facts from = fake_conn_facts(source->conn), to = fake_conn_facts(source->partner->conn);
	return from.taken == from.arrived && rig_given(traced, source->partner) + source->urgent >= rig_taken_from(source) &&
	       to.unacked == 0;
}

static void check_clean(const struct rig_peer *client)
{
	const struct rig_peer *server = client->partner;
	if (!server)
		fake_fail("a clean end of client %u, which had no backend", client->id);
	struct fake_facts up = fake_conn_facts(client->conn), down = fake_conn_facts(server->conn);
	if (!up.peer_fin || !down.peer_fin)
		fake_fail("a clean end of client %u, though not both sides had ended", client->id);
	if (rig_given(traced, server) != client->sent || rig_given(traced, client) != server->sent)
		fake_fail("a clean end of client %u with bytes missing: %llu of %llu up, %llu of %llu down", client->id,
			  (unsigned long long)rig_given(traced, server), (unsigned long long)client->sent,
			  (unsigned long long)rig_given(traced, client), (unsigned long long)server->sent);
	if (up.taken != up.arrived || down.taken != down.arrived)
		fake_fail("client %u: closing with unread bytes makes it a reset", client->id);
}

static void check_gone(const struct rig *rig, const struct session *session, const struct rig_peer *gone, bool lost)
{
	struct fake_facts facts = fake_conn_facts(gone->conn);
	/* The error is told once: whoever comes next, perhaps earlier to the relay's ears, only knows that it is over. */
	if (!facts.timed_out && (lost || !facts.peer_reset))
		fake_fail("peer %u is said to be %s, and is not", gone->id, cause_name(session->cause));
	bool patient = rig->worker.now_ms < session->give_up_ms;
	bool deaf = fake_conn_facts(gone->partner->conn).reset_arrived;
	if (patient && !deaf && !all_passed_on(gone)) {
		struct fake_facts to = fake_conn_facts(gone->partner->conn);
		fake_fail("the reset of peer %u overtakes its bytes: %llu arrived, %llu taken, %llu given, %llu unacked",
			  gone->id, (unsigned long long)facts.arrived, (unsigned long long)facts.taken,
			  (unsigned long long)to.given, (unsigned long long)to.unacked);
	}
}

/* is_untold - has the kernel taken bytes of @source for the relay, which has not looked at the completion yet? */
static bool is_untold(const struct session *session, const struct rig_peer *source)
{
	return source && session->flows[source->side].bytes < fake_conn_facts(source->conn).taken;
}

static void check_quiet(const struct session *session, const struct rig_peer *client, uint32_t limit_ms)
{
	uint64_t moved = fake_conn_facts(client->conn).moved_ns;
	uint64_t other = client->partner ? fake_conn_facts(client->partner->conn).moved_ns : 0;
	moved = moved > other ? moved : other;
	if (is_untold(session, client) || is_untold(session, client->partner))
		moved = session->active_ms * RIG_MS;
	if (limit_ms == 0 || fake_now_ns() - moved + 2 * RIG_MS < limit_ms * RIG_MS)
		fake_fail("client %u timed out, but was not quiet for long enough", client->id);
}

static void check_cause(struct rig *rig, const struct session *session)
{
	struct rig_peer *client = client_of(rig, session);
	const struct config_timeouts *timeouts = &rig->options.timeouts;
	switch (session->cause) {
	case CAUSE_CLIENT_CLOSED:
	case CAUSE_SERVER_CLOSED:
		check_clean(client);
		break;
	case CAUSE_CLIENT_RESET:
	case CAUSE_CLIENT_LOST:
		if (client->partner)
			check_gone(rig, session, client, session->cause == CAUSE_CLIENT_LOST);
		break;
	case CAUSE_SERVER_RESET:
	case CAUSE_SERVER_LOST:
		check_gone(rig, session, client->partner, session->cause == CAUSE_SERVER_LOST);
		break;
	case CAUSE_QUEUE_FULL:
	case CAUSE_QUEUE_TIMEOUT:
		assert_true(rig->options.backend_most > 0 || rig->options.limits.over == CONFIG_OVER_QUEUE);
		/* fall through */
	case CAUSE_DESTINATION_REFUSED:
	case CAUSE_NOT_INTERCEPTED:
	case CAUSE_UNMATCHED:
	case CAUSE_BAD_HEADER:
	case CAUSE_HEADER_TIMEOUT:
	case CAUSE_POLICY:
	case CAUSE_RELAY_LIMIT:
	case CAUSE_NAMESPACE_LIMIT:
	case CAUSE_SOURCE_LIMIT:
	case CAUSE_RATE_LIMIT:
	case CAUSE_NO_BACKEND:
	case CAUSE_CONNECT_FAILED:
	case CAUSE_CONNECT_TIMEOUT:
		if (client->partner)
			fake_fail("client %u was connected", client->id);
		break;
	case CAUSE_IDLE_TIMEOUT:
		check_quiet(session, client, timeouts->idle_ms);
		break;
	case CAUSE_HALF_CLOSE_TIMEOUT:
		check_quiet(session, client, timeouts->half_close_ms);
		break;
	case CAUSE_DRAINED:
		assert_true(rig->told_to_stop);
		break;
	case CAUSE_KILLED:
		assert_true(rig->told_to_kill);
		break;
	case CAUSE_RESOURCE_LIMIT:
		assert_true(rig->memory_is_scarce);
		break;
	default:
		fake_fail("cause %s", cause_name(session->cause));
	}
}

static void pair(struct rig *rig, const struct session *session)
{
	struct rig_peer *client = rig_peer_of(rig, fake_conn_of_fd(session->fds[SIDE_CLIENT]), SIDE_CLIENT);
	struct rig_peer *server = rig_peer_of(rig, fake_conn_of_fd(session->fds[SIDE_SERVER]), SIDE_SERVER);
	if (client->partner || server->partner)
		fake_fail("client %u and server %u: connected twice", client->id, server->id);
	client->partner = server;
	server->partner = client;
}

static void session_over(struct rig *rig, const struct session *session)
{
	struct rig_peer *client = client_of(rig, session);
	assert_int_equal(client->cause, -1);
	check_cause(rig, session);
	client->cause = session->cause;
	if (client->partner)
		client->partner->cause = session->cause;
	rig->sessions_closed++;
	rig->by_cause[session->cause]++;
}

static void trace(const struct sm *sm, const void *object, uint8_t from, uint8_t to)
{
	(void)from;
	if (strcmp(sm->name, "session") != 0)
		return;
	if (to == SESSION_OPEN)
		pair(traced, object);
	else if (to == SESSION_CLOSING)
		session_over(traced, object);
}

/* ---- what must hold after each turn ---- */

static void check_held(struct rig *rig)
{
	/*
	 * Two turns of receive buffers (more where the kernel is slow to cancel), the early read, and what a pipe
	 * may take in once before its receiver is found full.
	 */
	uint64_t turns = rig->options.fake.chances.delay ? 16 : 2;
	uint64_t bound = turns * rig->options.buffer_count * rig->options.buffer_size + SPILL_CHUNK_SIZE +
			 rig->options.fake.send_buffer + rig->options.fake.receive_buffer;
	for (struct list *link = rig->peers.next; link != &rig->peers; link = link->next) {
		struct rig_peer *peer = LIST_ENTRY(link, struct rig_peer, link);
		if (peer->cause < 0 && rig_held(peer) > bound)
			fake_fail("%llu bytes of peer %u are held", (unsigned long long)rig_held(peer), peer->id);
	}
}

/* check_limits - no backend has more connections than it may, and nobody waits beside room that there is */
static void check_limits(struct rig *rig)
{
	for (size_t i = 0; i < rig->shared.balance.pool_count; i++) {
		const struct balance_pool *pool = &rig->shared.balance.pools[i];
		uint32_t most = rig->options.backend_most > rig->had ? rig->options.backend_most : rig->had;
		for (uint32_t j = 0; pool->limited && j < pool->count; j++)
			assert_in_range(pool->active[j], 0, most);
		if (pool->waiting && waiting_any(pool->waiting) && balance_has_room(pool))
			assert_true(rig->worker.serves);
	}
}

static void check_turn(struct rig *rig)
{
	if (fake_pipe_bytes(rig->worker.pipe_fds[0]) != 0)
		fake_fail("bytes are left in the pipe");
	if (rig->limits.mirrors && fake_pipe_bytes(rig->worker.mirrors.pipe_fds[0]) != 0)
		fake_fail("bytes are left in the mirrors' pipe");
	if (rig->worker.spill.chunks.used > rig->options.spill_chunks)
		fake_fail("more spilled than there is memory for");
	uint64_t closed = 0;
	for (int i = 0; i < CAUSE_COUNT; i++)
		closed += rig_counter(rig, COUNTER_CLOSED + (unsigned)i);
	if (closed + rig->worker.sessions.used != rig_counter(rig, COUNTER_ACCEPTED))
		fake_fail("accepted connections do not add up");
	check_held(rig);
	check_limits(rig);
}

static void empty_records(struct rig *rig)
{
	struct record record;
	bool all = rig->options.mirror.direction == CONFIG_MIRROR_BOTH;
	while (record_pop(rig->records, &record)) {
		assert_true(record.cause < CAUSE_COUNT);
		uint64_t bytes = record.bytes[SIDE_CLIENT] + record.bytes[SIDE_SERVER];
		if (record.mirror.wanted && all)
			assert_int_equal(record.mirror.mirrored + record.mirror.skipped, bytes);
	}
}

void rig_turn(struct rig *rig)
{
	if (source_ready_ns(&rig->source) <= fake_now_ns())
		fake_signal_set(rig->source.source.fd, true);
	assert_int_equal(worker_turn(&rig->worker), 0);
	check_turn(rig);
	empty_records(rig);
}

void rig_run(struct rig *rig, uint64_t ns)
{
	uint64_t until = fake_now_ns() + ns;
	do {
		uint64_t ready = source_ready_ns(&rig->source);
		fake_set_horizon(ready < until && ready > fake_now_ns() ? ready : until);
		rig_turn(rig);
		/* It has come to rest, or never will because the kernel does not let it. */
	} while (fake_now_ns() < until || (!fake_asleep() && fake_now_ns() < until + RIG_MS));
}

/* ---- open and close ---- */

/* A broken CHECK() of the code under test ends the program: let it at least name the seed. */
static void name_seed(int signal_number)
{
	char text[64];
	int size = snprintf(text, sizeof(text), "NSRELAY_SEED=%llu, turn %llu\n",
			    (unsigned long long)(traced ? traced->options.fake.seed : 0),
			    (unsigned long long)fake_turns());
	ssize_t n = write(STDERR_FILENO, text, (size_t)size);
	(void)n;
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

static void open_worker(struct rig *rig)
{
	int pipe_fds[2];
	struct err err = ERR_INIT;
	const struct ring_config ring = {
		.sq_entries = rig->options.sq_entries,
		.cq_entries = rig->options.cq_entries,
		.buffer_count = rig->options.buffer_count,
		.buffer_size = rig->options.buffer_size,
	};
	fake_pipe(pipe_fds);
	rig->worker = (struct worker){
		.plan = &rig->plan,
		.limits = &rig->limits,
		.shared = &rig->shared,
		.counters = &rig->counters,
		.records = rig->records,
		.events = rig->records,
		.listeners = calloc(RIG_RELAYS, sizeof(struct listener)),
	};
	rig->worker.mirrors.possible = rig->limits.mirrors > 0;
	if (rig->limits.mirrors)
		fake_pipe(rig->worker.mirrors.pipe_fds);
	for (int i = 0; i < RIG_RELAYS; i++)
		rig->worker.listeners[i].fd = fake_listen();
	assert_int_equal(worker_open(&rig->worker, &ring, &rig->source.source, pipe_fds, &err), 0);
	worker_listen(&rig->worker);
}

void rig_open(struct rig *rig, const struct rig_options *options)
{
	signal(SIGABRT, name_seed);
	memset(rig, 0, sizeof(*rig));
	rig->options = *options;
	traced = rig;
	list_init(&rig->peers);
	fake_init(&options->fake);
	configure(rig);
	rig->records = aligned_alloc(64, sizeof(*rig->records));
	assert_non_null(rig->records);
	memset(rig->records, 0, sizeof(*rig->records));
	rig->records->reader_sleeps = &rig->reader_sleeps;
	rig->source.source = (struct socket_source){
		.ctx = &rig->source,
		.fd = fake_signal_open(),
		.request = source_request,
		.receive = source_receive,
	};
	sm_trace = trace;
	open_worker(rig);
}

/* ---- another configuration ---- */

/* number_targets - of the plan that @config has by itself; those that there are and are no leftovers keep their numbers */
static void number_targets(struct rig *rig, const struct config *config, uint32_t *ret, uint32_t *ret_count)
{
	struct plan plan;
	assert_int_equal(plan_init(&plan, config), 0);
	for (uint32_t i = 0; i < plan.target_count; i++) {
		uint32_t old = 0;
		while (old < rig->plan.own_target_count && !plan_same_target(&rig->plan.targets[old], &plan.targets[i]))
			old++;
		ret[i] = old < rig->plan.own_target_count ? rig->plan.targets[old].number
						      : new_number(&rig->source, &plan.targets[i]);
	}
	*ret_count = plan.target_count;
	plan_fini(&plan);
}

/* become - the rig's own are those of @next now */
static void become(struct rig *rig, struct generation *next)
{
	plan_fini(&rig->plan);
	config_fini(&rig->config);
	usage_fini(&rig->usage);
	rig->config = next->config;
	rig->plan = next->plan;
	rig->plan.config = &rig->config;
	rig->usage = next->usage;
	rig->worker.plan = &rig->plan;
	rig->worker.limits = &rig->limits;
}

/* note_most - how many connections a backend has at the most: what is there already stays, whatever the limit */
static void note_most(struct rig *rig)
{
	rig->had = 0;
	for (size_t i = 0; i < rig->shared.balance.pool_count; i++) {
		const struct balance_pool *pool = &rig->shared.balance.pools[i];
		for (uint32_t j = 0; pool->active && j < pool->count; j++)
			rig->had = pool->active[j] > rig->had ? pool->active[j] : rig->had;
	}
}

void rig_change(struct rig *rig)
{
	static const bool fresh[RIG_RELAYS];
	static struct handover handover;
	uint32_t numbers[RIG_TARGETS_MAX];
	struct generation next = {.limits = rig->limits};
	struct err err = ERR_INIT;
	make_config(rig, &next.config);
	handover = (struct handover){.before = &rig->plan,
				     .usage = &rig->usage,
				     .numbers = numbers,
				     .thread_count = 1,
				     .workers = {&rig->worker}};
	number_targets(rig, &next.config, numbers, &handover.number_count);
	assert_int_equal(handover_prepare(&handover, &next, fresh, rig->worker.now_ms + 1000, &err), 0);
	worker_pause(&rig->worker, &handover);
	for (int i = 0; !worker_stands(&rig->worker); i++) {
		rig_run(rig, RIG_MS);
		if (i > 1000)
			fake_fail("it does not come to a stand");
	}
	handover_commit(&handover, fresh, NULL);
	become(rig, &next);
	note_most(rig);
	worker_go_on(&rig->worker);
	handover_fini(&handover);
}

static void free_rig(struct rig *rig)
{
	while (!list_empty(&rig->peers))
		rig_drop(LIST_ENTRY(rig->peers.next, struct rig_peer, link));
	sm_trace = NULL;
	free(rig->records);
	balance_fini(&rig->shared.balance);
	preread_fini(&rig->shared.preread);
	bandwidth_fini(&rig->shared.bandwidth);
	admission_fini(&rig->shared.admission);
	ejection_fini(&rig->shared.ejection);
	tally_fini(&rig->shared.tally);
	usage_fini(&rig->usage);
	plan_fini(&rig->plan);
	config_fini(&rig->config);
	fake_fini();
}

/* check_counts - no backend is thought to have a connection still */
static void check_counts(const struct rig *rig)
{
	for (size_t i = 0; i < rig->shared.balance.pool_count; i++) {
		const struct balance_pool *pool = &rig->shared.balance.pools[i];
		for (uint32_t j = 0; pool->active && j < pool->count; j++)
			assert_int_equal(pool->active[j], 0);
		assert_false(pool->waiting && waiting_any(pool->waiting));
	}
}

/* check_meters - nobody is thought to be in, or to wait */
static void check_meters(const struct rig *rig)
{
	const struct admission *admission = &rig->shared.admission;
	for (size_t i = 0; i < rig->plan.listener_count; i++)
		assert_int_equal(admission->listeners[i].meter.connections, 0);
	for (size_t i = 0; i < admission->relay_count; i++) {
		const struct sources *sources = &admission->relays[i].sources;
		assert_int_equal(admission->relays[i].meter.connections, 0);
		assert_int_equal(admission->relays[i].meter.waiting, 0);
		assert_int_equal(admission->relays[i].waiting, 0);
		for (uint32_t j = 0; j < sources->fresh; j++) {
			assert_int_equal(sources->entries[j].held, 0);
			assert_int_equal(sources->entries[j].meter.connections, 0);
			assert_int_equal(sources->entries[j].meter.waiting, 0);
		}
	}
}

void rig_close(struct rig *rig)
{
	rig->told_to_stop = true;
	worker_stop(&rig->worker);
	for (int i = 0; !worker_done(&rig->worker); i++) {
		rig_run(rig, RIG_MS);
		if (i > TAP_PATIENCE_MS + 1000)
			fake_fail("it does not stop");
	}
	assert_int_equal(rig->worker.sessions.used, 0);
	assert_int_equal(rig->worker.spill.chunks.used, 0);
	assert_int_equal(rig->worker.mirrors.slab.used, 0);
	assert_int_equal(rig->worker.mirrors.held.chunks.used, 0);
	assert_int_equal(ring_buffers_loaned(rig->worker.ring), 0);
	assert_int_equal(fake_closed_while_armed(), 0);
	assert_int_equal(rig->shared.connections, 0);
	check_counts(rig);
	check_meters(rig);
	worker_close(&rig->worker);
	assert_int_equal(fake_open_fds(), 1); /* the source's */
	free_rig(rig);
}
