/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random scripts against the session machine: clients and backends connect, send, stop reading, half-close, reset and
 * vanish, over a kernel that shortens, delays, reorders and fails. What must hold is checked by rig.c after every turn, and
 * on every byte received. NSRELAY_SEED repeats one run, NSRELAY_STEPS sets its length.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/lib/clienthello.h"
#include "tests/unit/relay/rig.h"

/* Twenty-one runs of 5,000 steps are the 100,000 that must hold; a sanitizer takes ten times as long for each. */
#ifdef NSRELAY_SANITIZED
enum { STEPS = 1000 };
#else
enum { STEPS = 5000 };
#endif

enum { PEERS_MAX = 64, ACTIONS_A_STEP = 4 };

/* Who receives copies, and may do to them what it likes. */
enum { ONLOOKERS = 16 };

/* Headers of the PROXY protocol, right and wrong; the last ones are not complete, or none. */
#define BYTES(text) {text, sizeof(text) - 1}
static const struct rig_bytes headers[] = {
	BYTES("PROXY TCP4 192.0.2.7 198.51.100.9 4660 443\r\n"),
	BYTES("PROXY TCP6 2001:db8::7 2001:db8::9 4660 443\r\n"),
	BYTES("PROXY UNKNOWN\r\n"),
	BYTES("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\7\xc6\x33\x64\x09\x12\x34\x01\xbb"),
	BYTES("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"),
	BYTES("\r\n\r\n\0\r\nQUIT\n\x21\x11\x10\0"),
	BYTES("PROXY TCP4 192.0.2.7\r\n"),
	BYTES("GET / HTTP/1.1\r\n\r\n"),
};

/* Names that clients of TLS ask for, with a route and without. */
static const char *const names[] = {"api.example.com", "www.example.com", "example.net"};
static unsigned char hello_bytes[ARRAY_COUNT(names)][CLIENTHELLO_MAX];
static struct rig_bytes hellos[ARRAY_COUNT(names)];

struct script {
	struct rig rig;
	struct fake_conn *onlookers[ONLOOKERS];
	uint32_t rude;	   /* 1/1000 of the peers' actions that are resets and the like */
	uint32_t changes;  /* 1/1000 of the steps bring another configuration */
	uint32_t peers;
	bool drained;
};

static uint32_t one_of(const uint32_t *choices, uint32_t count)
{
	return choices[fake_random(count)];
}

#define ONE_OF(...)                                                                                          \
	one_of((const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

/* some_size - small more often than large */
static size_t some_size(void)
{
	return 1 + fake_random(ONE_OF(1, 16, 100, 1000, 5000, 20000, 64 * 1024));
}

/* ---- what peers do ---- */

static void end_rudely(struct rig_peer *peer)
{
	peer->over = true;
	switch (fake_random(5)) {
	case 0:
		fake_peer_vanish(peer->conn);
		peer->vanished = true;
		break;
	case 1:
		fake_peer_time_out(peer->conn);
		break;
	case 2:
		fake_peer_close(peer->conn);
		break;
	case 3:
		fake_peer_reset_after(peer->conn, some_size());
		peer->over = false; /* until then */
		break;
	default:
		fake_peer_reset(peer->conn);
	}
}

static void act(struct script *script, struct rig_peer *peer)
{
	if (peer->reads)
		rig_receive(&script->rig, peer, fake_random(4) ? 64 * 1024 : some_size());
	if (fake_chance(30))
		peer->reads = !peer->reads;
	if (peer->over)
		return;
	if (fake_chance(script->rude)) {
		end_rudely(peer);
	} else if (fake_chance(20)) {
		fake_peer_shutdown(peer->conn);
		peer->over = true;
	} else if (fake_chance(10)) {
		rig_send_urgent(peer);
	} else if (fake_random(2)) {
		rig_send(&script->rig, peer, some_size());
	}
}

/* look_on - a receiver of copies takes the place of an older one, and another reads, ends or resets its own */
static void look_on(struct script *script)
{
	static unsigned char bytes[64 * 1024];
	for (struct fake_conn *conn; (conn = fake_server_accept(RIG_RECEIVER));) {
		struct fake_conn **place = &script->onlookers[fake_random(ONLOOKERS)];
		fake_conn_forget(*place);
		*place = conn;
	}
	struct fake_conn *conn = script->onlookers[fake_random(ONLOOKERS)];
	if (!conn)
		return;
	fake_peer_read(conn, bytes, some_size());
	if (fake_chance(script->rude))
		fake_peer_reset(conn);
	else if (fake_chance(20))
		fake_peer_shutdown(conn);
	else if (fake_chance(50))
		fake_peer_send(conn, bytes, some_size());
}

/* finished - no more will come, and what came has been read */
static bool finished(struct script *script, const struct rig_peer *peer)
{
	bool told = fake_peer_at_end(peer->conn) || fake_peer_was_reset(peer->conn);
	bool deaf = fake_conn_facts(peer->conn).reset_arrived || peer->vanished;
	if (peer->side == SIDE_SERVER && !peer->accepted)
		return false;
	if (rig_session(&script->rig, peer) || !fake_conn_facts(peer->conn).relay_closed)
		return false;
	return deaf || (told && fake_peer_waiting(peer->conn) == 0);
}

/* drop_finished - forget connections, both ends together */
static void drop_finished(struct script *script)
{
	for (struct list *link = script->rig.peers.next, *next; link != &script->rig.peers; link = next) {
		struct rig_peer *peer = LIST_ENTRY(link, struct rig_peer, link), *partner = peer->partner;
		next = link->next;
		if (!finished(script, peer) || (partner && !finished(script, partner)))
			continue;
		if (partner && next == &partner->link)
			next = next->next;
		rig_drop(peer);
		if (partner)
			rig_drop(partner);
	}
}

static struct rig_peer *some_peer(struct script *script)
{
	uint32_t skip = fake_random(script->peers);
	struct list *link = script->rig.peers.next;
	while (skip-- > 0 && link->next != &script->rig.peers)
		link = link->next;
	return link == &script->rig.peers ? NULL : LIST_ENTRY(link, struct rig_peer, link);
}

/* ---- what the world does ---- */

static void change_world(struct script *script)
{
	struct rig_source *source = &script->rig.source;
	enum fake_answer answer = fake_random(5) ? fake_random(2) : fake_random(FAKE_ANSWER_COUNT);
	fake_server_answer(fake_random(5), answer);
	fake_server_answer(RIG_RECEIVER, fake_random(FAKE_ANSWER_COUNT));
	fake_set_load(ONE_OF(0, 50, 100));
	source->delay_ns = ONE_OF(0, 0, 100, 10000) * UINT64_C(1000);
	source->error = (int)ONE_OF(0, 0, 0, 0, 0, 0, EMFILE, ENODEV);
	source->made_first = fake_random(4);
	source->refuses = fake_chance(100);
	fake_set_fd_limit(ONE_OF(0, 0, 0, 0, 0, fake_open_fds() + 5));
}

static struct config_limits some_limits(void)
{
	return (struct config_limits){
		.relay = {.connections = ONE_OF(0, 0, 0, 3, 10), .rate = ONE_OF(0, 0, 50), .burst = ONE_OF(1, 5)},
		.netns.connections = ONE_OF(0, 0, 5),
		.source = {.connections = ONE_OF(0, 0, 4), .rate = ONE_OF(0, 0, 20)},
		.ipv6_prefix = 64,
		.sources = ONE_OF(1, 100),
		.over = ONE_OF(CONFIG_OVER_REFUSE, CONFIG_OVER_QUEUE, CONFIG_OVER_QUEUE),
		.queue_length = ONE_OF(1, 8, 64),
		.queue_timeout_ms = ONE_OF(5, 500),
	};
}

static void pass_time(struct script *script)
{
	static const uint64_t us[] = {0, 0, 1, 10, 100, 100, 1000, 1000};
	uint64_t ns = us[fake_random(ARRAY_COUNT(us))] * 1000;
	if (fake_chance(5))
		ns = fake_random(3000) * RIG_MS;
	rig_run(&script->rig, ns);
}

static void count_peers(struct script *script)
{
	script->peers = 0;
	for (struct list *link = script->rig.peers.next; link != &script->rig.peers; link = link->next)
		script->peers++;
}

/* Where intercepted clients want to go: to a server, at an address that some entry has, or none. */
enum { SERVICE = 0x0a600001 /* 10.96.0.1 */, FORBIDDEN = 0xc0000201 /* 192.0.2.1 */, ELSEWHERE = 0xc6336401 /* 198.51.100.1 */ };

static struct config_destinations some_destinations(void)
{
	static struct cidr services = {.first = {.version = 4, .bytes = {10, 96}}, .prefix = 12};
	static struct cidr forbidden = {.first = {.version = 4, .bytes = {192, 0, 2}}, .prefix = 24};
	static struct config_port_range port = {FAKE_SERVER_PORT + 2, FAKE_SERVER_PORT + 2};
	static struct config_destination entries[] = {
		{.networks = {&forbidden, 1}, .refuse = true},
		{.ports = {&port, 1}, .pool = RIG_BULK},
		{.networks = {&services, 1}, .pool = RIG_INTERACTIVE},
	};
	return (struct config_destinations){entries, fake_random(ARRAY_COUNT(entries) + 1)};
}

static void choose_destination(void)
{
	uint32_t address = ONE_OF(SERVICE, SERVICE, FORBIDDEN, ELSEWHERE);
	fake_clients_want(fake_chance(50) ? 0 : address, (uint16_t)(FAKE_SERVER_PORT + fake_random(5)));
}

/* dial - a client that begins as its relay wants it to, as a rule */
static void dial(struct script *script)
{
	const struct rig_options *options = &script->rig.options;
	enum rig_relay relay = fake_random(RIG_RELAYS);
	choose_destination();
	struct rig_peer *client = rig_dial(&script->rig, relay);
	if (!client)
		return;
	if (options->accept.from.count > 0 && !fake_chance(50))
		client->header = headers[fake_random(ARRAY_COUNT(headers))];
	if (options->sni.count > 0 && relay == RIG_AUTO && !fake_chance(200))
		client->first = hellos[fake_random(ARRAY_COUNT(hellos))];
}

/* change_configuration - whatever may change while connections are there */
static void change_configuration(struct script *script)
{
	struct rig_options *options = &script->rig.options;
	/* Some who have just come, and wait for sockets. */
	if (fake_chance(500)) {
		script->rig.source.delay_ns = 10 * RIG_MS;
		for (uint32_t i = script->peers; i < PEERS_MAX && i < script->peers + 8; i++)
			dial(script);
		rig_turn(&script->rig);
	}
	options->balance = (enum config_balance)fake_random(CONFIG_BALANCE_SOURCE_HASH + 1);
	options->backend_most = ONE_OF(0, 0, 2, 8);
	options->queue = (struct config_queue){.length = ONE_OF(0, 2, 64), .timeout_ms = ONE_OF(0, 5, 500)};
	options->limits = some_limits();
	options->without_second = fake_chance(500);
	options->intercept = ONE_OF(CONFIG_INTERCEPT_OFF, CONFIG_INTERCEPT_REDIRECT);
	options->destinations = some_destinations();
	options->timeouts.idle_ms = ONE_OF(0, 1000, 60000);
	rig_change(&script->rig);
}

static void step(struct script *script)
{
	if (script->peers < PEERS_MAX && fake_chance(300))
		dial(script);
	while (rig_accept_any(&script->rig))
		;
	count_peers(script);
	look_on(script);
	for (int i = 0; script->peers > 0 && i < ACTIONS_A_STEP; i++) {
		struct rig_peer *peer = some_peer(script);
		if (peer)
			act(script, peer);
	}
	if (fake_chance(20))
		change_world(script);
	if (fake_chance(script->changes) && !script->drained)
		change_configuration(script);
	pass_time(script);
	drop_finished(script);
}

/* ---- a run ---- */

static void make_hellos(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		hellos[i] = (struct rig_bytes){hello_bytes[i], clienthello_make(names[i], hello_bytes[i])};
}

/* some_accept - every client has to begin with a header, or none */
static struct config_accept some_accept(void)
{
	static struct cidr block;
	struct err err = ERR_INIT;
	assert_int_equal(cidr_parse("127.0.0.0/8", &block, &err), 0);
	return (struct config_accept){.from = {&block, fake_chance(300)}, .timeout_ms = ONE_OF(5, 100, 5000)};
}

/* some_sni - the relay RIG_AUTO has routes by name, or none */
static struct config_sni some_sni(void)
{
	static struct config_sni_route routes[] = {{"api.example.com", 1}, {".example.com", 2}};
	return (struct config_sni){
		.routes = routes,
		.count = fake_chance(500) ? ARRAY_COUNT(routes) : 0,
		.unmatched = ONE_OF(CONFIG_UNMATCHED_DEFAULT, CONFIG_UNMATCHED_DEFAULT, CONFIG_UNMATCHED_REFUSE),
		.timeout_ms = ONE_OF(5, 100, 5000),
	};
}

static struct rig_options some_options(uint64_t seed)
{
	/* fake_random() needs a kernel: one for these choices alone. */
	fake_init(&(struct fake_options){.seed = seed});
	bool mild = fake_chance(250);
	struct rig_options options = rig_defaults();
	options.balance = (enum config_balance)(seed % (CONFIG_BALANCE_SOURCE_HASH + 1));
	options.fake = (struct fake_options){
		.seed = seed,
		.send_buffer = ONE_OF(2000, 16384, 65536, 262144),
		.receive_buffer = ONE_OF(2000, 16384, 65536, 262144),
		.pipe_slots = ONE_OF(2, 16, 256),
		.chances = {
			.slow_network = (uint16_t)ONE_OF(0, 100, 500),
			.delay = (uint16_t)(mild ? 0 : ONE_OF(0, 50, 300)),
			.overflow = (uint16_t)(mild ? 0 : ONE_OF(0, 10, 100)),
			.spurious = (uint16_t)(mild ? 0 : ONE_OF(0, 2, 20)),
			.no_buffers = (uint16_t)(mild ? 0 : ONE_OF(0, 10, 100)),
			.accept_error = (uint16_t)(mild ? 0 : ONE_OF(0, 10, 100)),
			.cancelled = (uint16_t)(mild ? 0 : ONE_OF(0, 0, 2)),
			.short_send = (uint16_t)(mild ? 0 : ONE_OF(0, 50, 300)),
		},
	};
	options.timeouts = (struct config_timeouts){
		.connect_ms = ONE_OF(0, 200, 2000),
		.idle_ms = ONE_OF(0, 1000, 10000, 60000),
		.half_close_ms = ONE_OF(0, 200, 5000, 20000),
	};
	options.backend_most = ONE_OF(0, 0, 0, 0, 2, 8);
	options.limits = some_limits();
	options.queue = (struct config_queue){.length = ONE_OF(0, 2, 64), .timeout_ms = ONE_OF(0, 5, 500)};
	if (fake_chance(500))
		options.mirror = (struct config_mirror){
			.to = rig_endpoint("ids/127.0.0.1:9006"),
			.direction = ONE_OF(CONFIG_MIRROR_BOTH, CONFIG_MIRROR_UP, CONFIG_MIRROR_DOWN),
			.when_slow = ONE_OF(CONFIG_MIRROR_SKIP, CONFIG_MIRROR_DROP),
			.when_busy = ONE_OF(CONFIG_MIRROR_YIELD, CONFIG_MIRROR_COPY),
			.fraction = ONE_OF(5000, CONFIG_FRACTION_ALL),
			.header = ONE_OF(CONFIG_MIRROR_PLAIN, CONFIG_MIRROR_PROXY_V2),
		};
	options.accept = some_accept();
	options.sni = some_sni();
	options.intercept = ONE_OF(CONFIG_INTERCEPT_OFF, CONFIG_INTERCEPT_OFF, CONFIG_INTERCEPT_REDIRECT);
	options.destinations = some_destinations();
	options.connections = ONE_OF(4, 16, 64);
	options.spill_chunks = ONE_OF(4, 64, 1024);
	options.sq_entries = ONE_OF(1, 4, 64);
	options.cq_entries = ONE_OF(64, 256); /* much less than there are flows would overflow for ever */
	options.buffer_count = ONE_OF(2, 8, 64, 256);
	options.buffer_size = ONE_OF(64, 512, 4096);
	fake_fini();
	return options;
}

/* read_and_end - every peer reads what there is, and ends its own stream; bytes read */
static size_t read_and_end(struct script *script)
{
	size_t sum = 0, n;
	while (rig_accept_any(&script->rig))
		;
	for (struct list *link = script->rig.peers.next; link != &script->rig.peers; link = link->next) {
		struct rig_peer *peer = LIST_ENTRY(link, struct rig_peer, link);
		while ((n = rig_receive(&script->rig, peer, 64 * 1024)) > 0)
			sum += n;
		if (!peer->over)
			fake_peer_shutdown(peer->conn);
		if (peer->vanished)
			fake_peer_time_out(peer->conn);
		peer->over = true;
	}
	return sum;
}

/* let_end - everyone reads all and ends; with time, every session does */
static void let_end(struct script *script)
{
	const struct worker *worker = &script->rig.worker;
	fake_set_fd_limit(0);
	script->rig.source.error = 0;
	script->rig.source.refuses = false;
	for (int round = 0, quiet = 0; quiet < 10; round++) {
		if (round > 5000)
			fake_fail("%u sessions do not end", worker->sessions.used);
		quiet = read_and_end(script) == 0 && worker->sessions.used == 0 ? quiet + 1 : 0;
		rig_run(&script->rig, (round < 1000 ? 10 : 1000) * RIG_MS);
	}
}

/* check_complete - both ends of what ended cleanly have everything */
static void check_complete(struct script *script)
{
	for (struct list *link = script->rig.peers.next; link != &script->rig.peers; link = link->next) {
		struct rig_peer *peer = LIST_ENTRY(link, struct rig_peer, link);
		if ((peer->cause != CAUSE_CLIENT_CLOSED && peer->cause != CAUSE_SERVER_CLOSED) || !peer->partner)
			continue;
		if (!fake_conn_facts(peer->conn).peer_reset && !peer->vanished && peer->received != peer->partner->sent)
			fake_fail("peer %u received %" PRIu64 " of %" PRIu64 " bytes", peer->id, peer->received,
				  peer->partner->sent);
	}
}

static void run(uint64_t seed, uint32_t steps)
{
	static struct script script;
	struct rig_options options = some_options(seed);
	make_hellos();
	script = (struct script){.peers = 0};
	rig_open(&script.rig, &options);
	script.rig.memory_is_scarce = true;
	script.rude = ONE_OF(0, 5, 50);
	script.changes = ONE_OF(0, 2, 20);
	for (uint32_t i = 0; i < steps; i++)
		step(&script);
	let_end(&script);
	check_complete(&script);
	print_message("seed %" PRIu64 ": %" PRIu64 " turns, %u sessions, causes", seed, fake_turns(),
		      script.rig.sessions_closed);
	for (unsigned i = 0; i < CAUSE_COUNT; i++)
		print_message(" %u", script.rig.by_cause[i]);
	print_message("\n");
	rig_close(&script.rig);
}

static uint32_t steps_wanted(void)
{
	const char *text = getenv("NSRELAY_STEPS");
	return text ? (uint32_t)strtoul(text, NULL, 0) : STEPS;
}

static void random_scripts_keep_every_promise(void **state)
{
	(void)state;
	const char *seed = getenv("NSRELAY_SEED");
	if (seed) {
		run(strtoull(seed, NULL, 0), steps_wanted());
		return;
	}
	for (uint64_t i = 1; i <= 20; i++)
		run(i, steps_wanted());
}

static void a_script_nobody_has_seen_keeps_every_promise(void **state)
{
	(void)state;
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	uint64_t seed = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	print_message("NSRELAY_SEED=%" PRIu64 "\n", seed);
	run(seed, steps_wanted());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_scripts_keep_every_promise),
		cmocka_unit_test(a_script_nobody_has_seen_keeps_every_promise),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
