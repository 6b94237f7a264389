/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/destination.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

enum { NONE = -1, ANY_PORT = -1 };

static struct config config;
static struct config_relay *relay;
static struct destination_table table;

static int begin(void **state)
{
	(void)state;
	config_init(&config);
	relay = config_add_relay(&config);
	return 0;
}

static int end(void **state)
{
	(void)state;
	destination_table_fini(&table);
	config_fini(&config);
	return 0;
}

#define DESTINATION_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

static void add_network(struct config_destination *entry, const char *text)
{
	struct cidr cidr;
	assert_int_equal(cidr_parse(text, &cidr, NULL), 0);
	assert_int_equal(config_cidrs_add(&entry->networks, &cidr), 0);
}

static void add_ports(struct config_destination *entry, int first, int last)
{
	const struct config_port_range range = {(uint16_t)first, (uint16_t)last};
	assert_int_equal(config_ports_add(&entry->ports, &range), 0);
}

/* add - an entry of one network (NULL: all) and one range of ports (ANY_PORT: all) */
static struct config_destination *add(const char *network, int first, int last)
{
	struct config_destination *entry = config_relay_add_destination(relay);
	assert_non_null(entry);
	if (network)
		add_network(entry, network);
	if (first != ANY_PORT)
		add_ports(entry, first, last);
	return entry;
}

static void make(void)
{
	assert_int_equal(destination_table_init(&table, &relay->destinations), 0);
}

static struct session_peer peer_of(const char *address, uint16_t port)
{
	struct session_peer peer = {.family = strchr(address, ':') ? AF_INET6 : AF_INET, .port = htons(port)};
	assert_int_equal(inet_pton(peer.family, address, peer.address), 1);
	return peer;
}

static void assert_found(const char *address, uint16_t port, int expected)
{
	struct session_peer peer = peer_of(address, port);
	int found = (int)destination_find(&table, &peer);
	if (found != expected)
		fail_msg("%s port %u is entry %d, not %d", address, port, found, expected);
}

static void a_network_ends_where_it_ends(void **state)
{
	(void)state;
	add("10.96.0.0/12", ANY_PORT, 0);
	add("fd00::/8", ANY_PORT, 0);
	make();
	assert_found("10.95.255.255", 1, NONE);
	assert_found("10.96.0.0", 1, 0);
	assert_found("10.111.255.255", 65535, 0);
	assert_found("10.112.0.0", 1, NONE);
	assert_found("fcff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1, NONE);
	assert_found("fd00::", 1, 1);
	assert_found("fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1, 1);
	assert_found("fe00::", 1, NONE);
}

static void so_do_the_first_and_the_last_that_there_are(void **state)
{
	(void)state;
	add("0.0.0.0", ANY_PORT, 0);
	add("255.255.255.255", ANY_PORT, 0);
	add("::", ANY_PORT, 0);
	add("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ANY_PORT, 0);
	make();
	assert_found("0.0.0.0", 1, 0);
	assert_found("0.0.0.1", 1, NONE);
	assert_found("255.255.255.254", 1, NONE);
	assert_found("255.255.255.255", 1, 1);
	assert_found("::", 1, 2);
	assert_found("::1", 1, NONE);
	assert_found("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", 1, NONE);
	assert_found("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1, 3);
}

static void every_address_of_one_family_is_none_of_the_other(void **state)
{
	(void)state;
	add("::/0", ANY_PORT, 0);
	make();
	assert_found("2001:db8::1", 1, 0);
	assert_found("192.0.2.1", 1, NONE);
	destination_table_fini(&table);
	add("0.0.0.0/0", ANY_PORT, 0);
	make();
	assert_found("2001:db8::1", 1, 0);
	assert_found("192.0.2.1", 1, 1);
	assert_found("255.255.255.255", 1, 1);
}

/* IPv4 addresses are mapped into the midst, or the end, of these. */
static void nor_is_a_part_of_ipv6(void **state)
{
	static const char *const blocks[] = {"::/79", "::/80", "::8000:0:0/81", "::fffe:0:0/95"};
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(blocks); i++)
		add(blocks[i], 1 + (int)i, 1 + (int)i);
	make();
	for (size_t i = 0; i < ARRAY_COUNT(blocks); i++) {
		assert_found("0.0.0.0", (uint16_t)(1 + i), NONE);
		assert_found("255.255.255.255", (uint16_t)(1 + i), NONE);
		assert_found("::fffe:0:1", (uint16_t)(1 + i), (int)i);
	}
	assert_found("::1:0:0:0", 1, 0);
	assert_found("::1:0:0:0", 2, NONE);
}

static void mapped_address_is_that_of_ipv4(void **state)
{
	(void)state;
	add("::/0", 80, 80);
	add("10.0.0.0/8", ANY_PORT, 0);
	add("::ffff:192.0.2.0/120", ANY_PORT, 0);
	make();
	assert_found("::ffff:10.1.2.3", 80, 1);
	assert_found("192.0.2.7", 80, 2);
}

static void ports_are_of_all_addresses(void **state)
{
	(void)state;
	add(NULL, 25, 25);
	add_ports(add(NULL, 8000, 8100), 65535, 65535);
	add_ports(add(NULL, 1, 1), 443, 443);
	make();
	assert_found("10.0.0.1", 24, NONE);
	assert_found("2001:db8::1", 25, 0);
	assert_found("10.0.0.1", 26, NONE);
	assert_found("10.0.0.1", 7999, NONE);
	assert_found("10.0.0.1", 8000, 1);
	assert_found("10.0.0.1", 8100, 1);
	assert_found("10.0.0.1", 8101, NONE);
	assert_found("10.0.0.1", 65534, NONE);
	assert_found("10.0.0.1", 65535, 1);
	assert_found("10.0.0.1", 1, 2);
	assert_found("10.0.0.1", 443, 2);
}

static void network_and_port_must_both_fit(void **state)
{
	(void)state;
	add_network(add("10.0.0.0/8", 443, 443), "fd00::/8");
	make();
	assert_found("10.0.0.1", 443, 0);
	assert_found("fd00::1", 443, 0);
	assert_found("10.0.0.1", 80, NONE);
	assert_found("11.0.0.1", 443, NONE);
}

/* An exception stands in front of the rule; how long a prefix is does not matter. */
static void the_first_that_fits_wins(void **state)
{
	(void)state;
	add("10.1.0.0/16", ANY_PORT, 0);
	add("10.0.0.0/8", ANY_PORT, 0);
	add("10.1.2.0/24", ANY_PORT, 0);
	add(NULL, 1, 65535);
	make();
	assert_found("10.1.2.3", 80, 0);
	assert_found("10.2.2.3", 80, 1);
	assert_found("11.2.2.3", 80, 3);
}

static void without_entries_nothing_fits(void **state)
{
	(void)state;
	make();
	assert_found("10.1.2.3", 80, NONE);
}

static void what_is_no_address_fits_nothing(void **state)
{
	(void)state;
	add(NULL, 1, 65535);
	make();
	assert_int_equal(destination_find(&table, &(struct session_peer){.family = AF_UNIX}),
	                 DESTINATION_NONE);
	assert_int_equal(destination_find(&table, &(struct session_peer){0}), DESTINATION_NONE);
}

/* ---- many ---- */

static uint32_t seed = 1;

static uint32_t below(uint32_t count)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)(((uint64_t)(seed >> 4) * count) >> 28);
}

/* some_network - few bits, so that they overlap and touch each other */
static void some_network(struct config_destination *entry)
{
	char text[CIDR_TEXT_MAX];
	uint32_t prefix = below(17);
	if (below(2))
		snprintf(text, sizeof(text), "10.%u.%u.0/%u",
		         (below(256) << (prefix < 8 ? 8 - prefix : 0)) & 255,
		         prefix <= 8 ? 0 : (below(256) << (16 - prefix)) & 255, 8 + prefix);
	else
		snprintf(text, sizeof(text), "fd00:%x::/%u", (below(65536) << (16 - prefix)) & 65535,
		         16 + prefix);
	add_network(entry, text);
}

static void some_entry(void)
{
	struct config_destination *entry = add(NULL, ANY_PORT, 0);
	for (uint32_t i = below(3); i > 0; i--)
		some_network(entry);
	for (uint32_t i = below(3); i > 0; i--) {
		int first = 1 + (int)below(2000);
		add_ports(entry, first, first + (int)below(10));
	}
	if (entry->networks.count + entry->ports.count == 0)
		add_ports(entry, 1, 1);
}

static bool has_network(const struct config_destination *entry, const struct session_peer *peer)
{
	struct cidr_address address;
	struct cidr_set set;
	assert_true(cidr_address_set(&address, peer->family, peer->address));
	assert_int_equal(cidr_set_init(&set, entry->networks.items, entry->networks.count), 0);
	bool has = entry->networks.count == 0 || cidr_set_has(&set, &address);
	cidr_set_fini(&set);
	return has;
}

static bool has_port(const struct config_destination *entry, uint16_t port)
{
	bool has = entry->ports.count == 0;
	for (size_t i = 0; i < entry->ports.count; i++)
		has |= port >= entry->ports.items[i].first && port <= entry->ports.items[i].last;
	return has;
}

/* first_of - one after the other */
static uint32_t first_of(const struct session_peer *peer)
{
	for (uint32_t i = 0; i < relay->destinations.count; i++) {
		const struct config_destination *entry = &relay->destinations.items[i];
		if (has_port(entry, ntohs(peer->port)) && has_network(entry, peer))
			return i;
	}
	return DESTINATION_NONE;
}

static void assert_as_one_after_the_other(void)
{
	for (int i = 0; i < 2000; i++) {
		char text[INET6_ADDRSTRLEN];
		if (below(2))
			snprintf(text, sizeof(text), "10.%u.%u.%u", below(256), below(256), below(256));
		else
			snprintf(text, sizeof(text), "fd00:%x::%x", below(65536), below(3));
		struct session_peer peer = peer_of(text, (uint16_t)(1 + below(2100)));
		assert_int_equal(destination_find(&table, &peer), first_of(&peer));
	}
}

static void the_table_finds_what_a_walk_would_find(void **state)
{
	static const uint32_t counts[] = {1, 3, 63, 64, 65, 130};
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(counts); i++) {
		for (uint32_t j = 0; j < counts[i]; j++)
			some_entry();
		make();
		assert_as_one_after_the_other();
		end(NULL);
		begin(NULL);
	}
}

static void a_thousand_entries_take_what_is_said(void **state)
{
	char text[CIDR_TEXT_MAX];
	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "10.%u.%u.0/24", i / 256 * 2, i % 256);
		add(text, 1 + (int)i, 1 + (int)i);
	}
	make();
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "10.%u.%u.255", i / 256 * 2, i % 256);
		assert_found(text, (uint16_t)(1 + i), (int)i);
		assert_found(text, (uint16_t)(2 + i), NONE);
	}
	size_t sets = ((size_t)table.addresses.count + table.ports.count) * table.words * sizeof(uint64_t);
	assert_true(sets <= destination_memory(&config));
	assert_true(destination_memory(&config) < 600000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        DESTINATION_TEST(a_network_ends_where_it_ends),
	        DESTINATION_TEST(so_do_the_first_and_the_last_that_there_are),
	        DESTINATION_TEST(every_address_of_one_family_is_none_of_the_other),
	        DESTINATION_TEST(nor_is_a_part_of_ipv6),
	        DESTINATION_TEST(mapped_address_is_that_of_ipv4),
	        DESTINATION_TEST(ports_are_of_all_addresses),
	        DESTINATION_TEST(network_and_port_must_both_fit),
	        DESTINATION_TEST(the_first_that_fits_wins),
	        DESTINATION_TEST(without_entries_nothing_fits),
	        DESTINATION_TEST(what_is_no_address_fits_nothing),
	        DESTINATION_TEST(the_table_finds_what_a_walk_would_find),
	        DESTINATION_TEST(a_thousand_entries_take_what_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
