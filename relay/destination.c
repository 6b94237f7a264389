/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/destination.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_BITS = 64 };

/* The keys from first to last are an entry's. */
struct span {
	destination_key first, last;
	uint32_t entry;
};

/* What a line is made of. */
struct draft {
	struct span *spans;
	size_t count;
	uint64_t *all; /* the set of entries that have every key */
	size_t words;
};

/* ---- keys ---- */

/* An IPv4 address is where IPv6 maps it: RFC 4291, 2.5.5.2. */
static const destination_key MAPPED_FIRST = (destination_key)0xffff << 32;
static const destination_key MAPPED_LAST = ((destination_key)0xffff << 32) + UINT32_MAX;

static destination_key key_of(bool is_ipv4, const uint8_t *address)
{
	uint64_t high, low;
	uint32_t four;
	memcpy(&four, address, sizeof(four));
	if (is_ipv4)
		return MAPPED_FIRST + ntohl(four);
	memcpy(&high, address, sizeof(high));
	memcpy(&low, address + sizeof(high), sizeof(low));
	return (destination_key)be64toh(high) << 64 | be64toh(low);
}

static struct span span_of(const struct cidr *cidr, uint32_t entry)
{
	struct cidr_range range = cidr_range(cidr);
	bool is_ipv4 = range.first.version == 4;
	return (struct span){key_of(is_ipv4, range.first.bytes), key_of(is_ipv4, range.last.bytes), entry};
}

/* has_mapped - is it of IPv6, and so large that all of IPv4, which is none of it, is mapped into it? */
static bool has_mapped(const struct cidr *cidr)
{
	struct span span = span_of(cidr, 0);
	return span.first < MAPPED_FIRST && span.last >= MAPPED_LAST;
}

/* ---- a look ---- */

/* find_run - the one that @key is in */
static uint32_t find_run(const struct destination_line *line, destination_key key)
{
	uint32_t found = 0;
	for (uint32_t count = line->count, half; count > 1; count -= half) {
		half = count / 2;
		found += line->starts[found + half] <= key ? half : 0;
	}
	return found;
}

uint32_t destination_find(const struct destination_table *table, const struct session_peer *original)
{
	size_t words = table->words;
	if (words == 0 || (original->family != AF_INET && original->family != AF_INET6))
		return DESTINATION_NONE;
	destination_key address = key_of(original->family == AF_INET, original->address);
	const uint64_t *by_address = table->addresses.sets + words * find_run(&table->addresses, address);
	const uint64_t *by_port = table->ports.sets + words * find_run(&table->ports, ntohs(original->port));
	for (uint32_t i = 0; i < words; i++) {
		uint64_t both = by_address[i] & by_port[i];
		if (both)
			return i * WORD_BITS + (uint32_t)__builtin_ctzll(both);
	}
	return DESTINATION_NONE;
}

/* ---- a line ---- */

static void set_add(uint64_t *set, uint32_t entry)
{
	set[entry / WORD_BITS] |= UINT64_C(1) << entry % WORD_BITS;
}

static int by_key(const void *a, const void *b)
{
	const destination_key *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

/* cut - runs begin with the first key that there is, with each span, and behind it */
static void cut(struct destination_line *line, const struct draft *draft)
{
	size_t count = 0, kept = 1;
	line->starts[count++] = 0;
	for (size_t i = 0; i < draft->count; i++) {
		line->starts[count++] = draft->spans[i].first;
		line->starts[count++] = draft->spans[i].last +
		                        1; /* 0 behind the last key, where one begins anyway */
	}
	qsort(line->starts, count, sizeof(*line->starts), by_key);
	for (size_t i = 1; i < count; i++) /* each once */
		if (line->starts[i] != line->starts[kept - 1])
			line->starts[kept++] = line->starts[i];
	line->count = (uint32_t)kept;
}

static void fill(const struct destination_line *line, const struct draft *draft)
{
	for (uint32_t run = 0; run < line->count; run++)
		memcpy(line->sets + run * draft->words, draft->all, draft->words * sizeof(*line->sets));
	for (size_t i = 0; i < draft->count; i++) {
		const struct span *span = &draft->spans[i];
		uint32_t last = find_run(line, span->last);
		for (uint32_t run = find_run(line, span->first); run <= last; run++)
			set_add(line->sets + run * draft->words, span->entry);
	}
}

static int line_init(struct destination_line *line, const struct draft *draft)
{
	line->starts = calloc(2 * draft->count + 1, sizeof(*line->starts));
	if (!line->starts)
		return -ENOMEM;
	cut(line, draft);
	line->sets = calloc(line->count * draft->words, sizeof(*line->sets));
	if (!line->sets)
		return -ENOMEM;
	fill(line, draft);
	return 0;
}

static void line_fini(const struct destination_line *line)
{
	free(line->starts);
	free(line->sets);
}

/* ---- of entries ---- */

static int draft_init(struct draft *draft, size_t words, size_t count)
{
	*draft = (struct draft){
	        .spans = calloc(count + 1, sizeof(*draft->spans)),
	        .all = calloc(words, sizeof(*draft->all)),
	        .words = words,
	};
	return draft->spans && draft->all ? 0 : -ENOMEM;
}

static void draft_fini(struct draft *draft)
{
	free(draft->spans);
	free(draft->all);
}

static void draft_network(struct draft *draft, uint32_t entry, const struct cidr *cidr)
{
	struct span span = span_of(cidr, entry), before = span;
	if (has_mapped(cidr)) {
		before.last = MAPPED_FIRST - 1;
		span.first = MAPPED_LAST +
		             1; /* behind its own last, and so an empty span, where it ends there */
		draft->spans[draft->count++] = before;
	}
	draft->spans[draft->count++] = span;
}

static size_t count_network_spans(const struct config_destinations *destinations)
{
	size_t count = 0;
	for (size_t i = 0; i < destinations->count; i++) {
		const struct config_cidrs *networks = &destinations->items[i].networks;
		for (size_t j = 0; j < networks->count; j++)
			count += has_mapped(&networks->items[j]) ? 2 : 1;
	}
	return count;
}

static size_t count_port_spans(const struct config_destinations *destinations)
{
	size_t count = 0;
	for (size_t i = 0; i < destinations->count; i++)
		count += destinations->items[i].ports.count;
	return count;
}

static int init_addresses(struct destination_table *table, const struct config_destinations *destinations)
{
	struct draft draft;
	int rc = draft_init(&draft, table->words, count_network_spans(destinations));
	for (uint32_t i = 0; rc == 0 && i < destinations->count; i++) {
		const struct config_cidrs *networks = &destinations->items[i].networks;
		if (networks->count == 0)
			set_add(draft.all, i);
		for (size_t j = 0; j < networks->count; j++)
			draft_network(&draft, i, &networks->items[j]);
	}
	if (rc == 0)
		rc = line_init(&table->addresses, &draft);
	draft_fini(&draft);
	return rc;
}

static int init_ports(struct destination_table *table, const struct config_destinations *destinations)
{
	struct draft draft;
	int rc = draft_init(&draft, table->words, count_port_spans(destinations));
	for (uint32_t i = 0; rc == 0 && i < destinations->count; i++) {
		const struct config_ports *ports = &destinations->items[i].ports;
		if (ports->count == 0)
			set_add(draft.all, i);
		for (size_t j = 0; j < ports->count; j++)
			draft.spans[draft.count++] = (struct span){ports->items[j].first,
			                                           ports->items[j].last, i};
	}
	if (rc == 0)
		rc = line_init(&table->ports, &draft);
	draft_fini(&draft);
	return rc;
}

static uint32_t words_of(const struct config_destinations *destinations)
{
	return (uint32_t)((destinations->count + WORD_BITS - 1) / WORD_BITS);
}

int destination_table_init(struct destination_table *table, const struct config_destinations *destinations)
{
	*table = (struct destination_table){.words = words_of(destinations)};
	if (table->words == 0)
		return 0;
	int rc = init_addresses(table, destinations);
	if (rc == 0)
		rc = init_ports(table, destinations);
	if (rc < 0)
		destination_table_fini(table);
	return rc;
}

void destination_table_fini(struct destination_table *table)
{
	line_fini(&table->addresses);
	line_fini(&table->ports);
	*table = (struct destination_table){0};
}

static size_t memory_of(const struct config_destinations *destinations)
{
	size_t words = words_of(destinations), run = sizeof(destination_key) + words * sizeof(uint64_t);
	size_t spans = count_network_spans(destinations) + count_port_spans(destinations);
	return words ? (2 * spans + 2) * run : 0;
}

size_t destination_memory(const struct config *config)
{
	size_t sum = 0;
	for (size_t i = 0; i < config->relay_count; i++)
		sum += memory_of(&config->relays[i].destinations);
	return sum;
}
