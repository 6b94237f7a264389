/* SPDX-License-Identifier: Apache-2.0 */
/* A ruleset in the layout of `nft list ruleset`. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "nsctl/nft/nft.h"

/* ---- elements ---- */

struct sorted {
	const struct nft_element *element;
	struct nft_data key; /* in network order */
};

static int compare_elements(const void *left, const void *right)
{
	const struct sorted *a = left, *b = right;
	uint32_t different = a->element->flags ^ b->element->flags;
	int order = memcmp(a->key.bytes, b->key.bytes, sizeof(a->key.bytes));

	if (different & NFT_SET_ELEM_CATCHALL)
		return a->element->flags & NFT_SET_ELEM_CATCHALL ? 1 : -1;
	if (order == 0 &&
	    different & NFT_SET_ELEM_INTERVAL_END) /* the end of one range before the start of the next */
		return a->element->flags & NFT_SET_ELEM_INTERVAL_END ? -1 : 1;
	return order;
}

/* sort_elements - NULL: no memory */
static struct sorted *sort_elements(const struct nft_set *set, const struct nft_slots *slots)
{
	size_t count = set->elements.count;
	struct sorted *sorted = calloc(count + 1, sizeof(*sorted));
	struct nft_slot slot = slots->items[0];

	slot.big_endian = slot.big_endian || slots->count > 1;
	for (size_t i = 0; sorted && i < count; i++) {
		sorted[i].element = &set->elements.items[i];
		sorted[i].key = nft_data_network(&slot, &sorted[i].element->key);
	}
	if (sorted)
		qsort(sorted, count, sizeof(*sorted), compare_elements);
	return sorted;
}

/* end_of - the element that says where the range that begins with this one ends, right behind it; NULL: none
 * does */
static const struct nft_element *end_of(const struct sorted *sorted)
{
	const struct nft_element *next = sorted[1].element; /* the last one is followed by an empty one */

	return next && next->flags & NFT_SET_ELEM_INTERVAL_END ? next : NULL;
}

/* value_before - @data less 1, in network order */
static struct nft_data value_before(const struct nft_data *data)
{
	struct nft_data result = *data;

	for (size_t i = result.size; i-- > 0;)
		if (result.bytes[i]-- != 0)
			break;
	return result;
}

static struct nft_data largest_value(const struct nft_data *like)
{
	struct nft_data result = {.size = like->size};

	memset(result.bytes, UINT8_MAX, result.size);
	return result;
}

static void format_target(struct text *out, const struct nft_set *set, const struct nft_element *element)
{
	struct nft_slots slots = nft_slots_of_type(set->data_type);

	struct nft_data first = element->data, last = element->data;

	if (element->target) {
		text_add(out, " : %s", element->target);
		return;
	}
	if (!(set->flags & NFT_SET_MAP))
		return;
	text_add(out, " : ");
	/* A range of addresses to translate to (NF_NAT_RANGE_NETMAP) is both ends, one behind the other. */
	if (slots.count == 1 && slots.items[0].size * 2 == element->data.size) {
		first.size = last.size = slots.items[0].size;
		memmove(last.bytes, element->data.bytes + first.size, last.size);
	}
	nft_slots_format(out, &slots, &first, &last);
}

/* format_element - @end: where the range that it begins ends; NULL: nowhere, or it is none */
static void format_element(struct text *out, const struct nft_set *set, const struct nft_slots *slots,
                           const struct nft_element *element, const struct nft_element *end)
{
	struct nft_data last = element->last.size ? element->last : element->key;

	if (set->flags & NFT_SET_INTERVAL && !(set->flags & NFT_SET_CONCAT) && !element->last.size)
		last = end ? value_before(&end->key) : largest_value(&element->key);
	if (element->flags & NFT_SET_ELEM_CATCHALL)
		text_add(out, "*");
	else
		nft_slots_format(out, slots, &element->key, &last);
	text_add(out, "%s", element->extra);
	format_target(out, set, element);
}

void nft_elements_format(struct text *out, const struct nft_set *set, const struct nft_slots *key)
{
	struct nft_slots slots = key ? *key : nft_slots_of_type(set->key_type);
	const char *between = "{ ";
	struct sorted *sorted;

	/* Ranges are found by comparing bytes: nft turns their ends into network order. */
	if (!key && set->flags & NFT_SET_INTERVAL)
		slots.items[0].big_endian = true;
	sorted = sort_elements(set, &slots);
	out->failed = out->failed || !sorted;
	for (struct sorted *each = sorted; each && each->element; each++) {
		if (each->element->flags & NFT_SET_ELEM_INTERVAL_END)
			continue;
		text_add(out, "%s", between);
		format_element(out, set, &slots, each->element, end_of(each));
		between = ", ";
	}
	text_add(out, "%s }", *between == '{' ? "{" : "");
	free(sorted);
}

/* ---- names ---- */

static const char *family_name(uint8_t family)
{
	static const char *const names[] = {
	        [NFPROTO_INET] = "inet",     [NFPROTO_IPV4] = "ip",       [NFPROTO_ARP] = "arp",
	        [NFPROTO_NETDEV] = "netdev", [NFPROTO_BRIDGE] = "bridge", [NFPROTO_IPV6] = "ip6"};

	return family < ARRAY_COUNT(names) && names[family] ? names[family] : "unknown";
}

static const char *hook_name(uint8_t family, uint32_t number)
{
	static const char *const names[] = {"prerouting", "input",       "forward",
	                                    "output",     "postrouting", "ingress"};
	static const char *const arp_names[] = {"input", "output"};
	static const char *const device_names[] = {"ingress", "egress"};

	if (family == NFPROTO_NETDEV)
		return number < ARRAY_COUNT(device_names) ? device_names[number] : "unknown";
	if (family == NFPROTO_ARP)
		return number < ARRAY_COUNT(arp_names) ? arp_names[number] : "unknown";
	return number < ARRAY_COUNT(names) ? names[number] : "unknown";
}

const char *nft_object_name(uint32_t type)
{
	static const char *const names[NFT_OBJECT_MAX + 1] = {
	        [NFT_OBJECT_COUNTER] = "counter",          [NFT_OBJECT_QUOTA] = "quota",
	        [NFT_OBJECT_CT_HELPER] = "ct helper",      [NFT_OBJECT_LIMIT] = "limit",
	        [NFT_OBJECT_CONNLIMIT] = "ct count",       [NFT_OBJECT_TUNNEL] = "tunnel",
	        [NFT_OBJECT_CT_TIMEOUT] = "ct timeout",    [NFT_OBJECT_SECMARK] = "secmark",
	        [NFT_OBJECT_CT_EXPECT] = "ct expectation", [NFT_OBJECT_SYNPROXY] = "synproxy"};

	return type <= NFT_OBJECT_MAX && names[type] ? names[type] : "object";
}

/* Priorities that have a name, in some families only at one hook. include/uapi/linux/netfilter_ipv4.h,
 * _bridge.h of Linux */
struct priority {
	const char *name;
	int32_t value;
	int hook; /* -1: any */
};

static const struct priority ip_priorities[] = {
        {"raw", -300, -1}, {"mangle", -150, -1}, {"dstnat", -100, NF_INET_PRE_ROUTING},
        {"filter", 0, -1}, {"security", 50, -1}, {"srcnat", 100, NF_INET_POST_ROUTING}};
static const struct priority bridge_priorities[] = {{"dstnat", -300, NF_INET_PRE_ROUTING},
                                                    {"filter", -200, -1},
                                                    {"out", 100, NF_INET_LOCAL_OUT},
                                                    {"srcnat", 300, NF_INET_POST_ROUTING}};
static const struct priority other_priorities[] = {{"filter", 0, -1}};

static void format_priority(struct text *out, uint8_t family, const struct nft_hook *hook)
{
	enum { NEAR = 10 }; /* nft says "filter + 10", but 11 as a number */
	const struct priority *list = ip_priorities;
	size_t count = ARRAY_COUNT(ip_priorities);

	if (family == NFPROTO_BRIDGE) {
		list = bridge_priorities;
		count = ARRAY_COUNT(bridge_priorities);
	} else if (family == NFPROTO_NETDEV || family == NFPROTO_ARP) {
		list = other_priorities;
		count = ARRAY_COUNT(other_priorities);
	}
	for (size_t i = 0; i < count; i++) {
		int64_t distance = (int64_t)hook->priority - list[i].value;

		if (distance < -NEAR || distance > NEAR ||
		    (list[i].hook >= 0 && (uint32_t)list[i].hook != hook->number))
			continue;
		text_add(out, "%s", list[i].name);
		if (distance)
			text_add(out, " %c %d", distance < 0 ? '-' : '+', abs((int)distance));
		return;
	}
	text_add(out, "%" PRId32, hook->priority);
}

/* ---- things ---- */

static void end_line(struct text *out, uint64_t handle, unsigned flags)
{
	if (flags & NFT_TEXT_HANDLES && handle)
		text_add(out, " # handle %" PRIu64, handle);
	text_add(out, "\n");
}

static void format_object(struct text *out, const struct nft_object *object, unsigned flags)
{
	text_add(out, "\t%s %s {", nft_object_name(object->type), object->name);
	end_line(out, object->handle, flags);
	for (const char *line = object->text, *end; *line; line = *end ? end + 2 : end) {
		end = strchrnul(line, ';');
		text_add(out, "\t\t%.*s\n", (int)(end - line), line);
		if (strncmp(end, "; ", 2) != 0)
			break;
	}
	text_add(out, "\t}\n\n");
}

static void format_type(struct text *out, uint32_t id)
{
	struct nft_slots slots = nft_slots_of_type(id);

	for (size_t i = 0; i < slots.count; i++)
		text_add(out, "%s%s", i ? " . " : "", slots.items[i].type->name);
}

static void format_set_type(struct text *out, const struct nft_set *set)
{
	text_add(out, "\t\ttype ");
	format_type(out, set->key_type);
	if (set->flags & NFT_SET_OBJECT) {
		text_add(out, " : %s", nft_object_name(set->object_type));
	} else if (set->flags & NFT_SET_MAP && set->data_type == NFT_DATA_VERDICT) {
		text_add(out, " : verdict");
	} else if (set->flags & NFT_SET_MAP) {
		text_add(out, " : ");
		format_type(out, set->data_type);
	}
	text_add(out, "\n");
}

static void format_set_flags(struct text *out, const struct nft_set *set)
{
	static const uint32_t mask = NFT_SET_CONSTANT | NFT_SET_EVAL | NFT_SET_INTERVAL | NFT_SET_TIMEOUT;
	static const struct {
		uint32_t bit;
		const char *name;
	} names[] = {{NFT_SET_CONSTANT, "constant"},
	             {NFT_SET_EVAL, "dynamic"},
	             {NFT_SET_INTERVAL, "interval"},
	             {NFT_SET_TIMEOUT, "timeout"}};
	const char *before = "\t\tflags ";

	if ((set->flags & mask) == NFT_SET_TIMEOUT && set->timeout_ms) /* its timeout says as much */
		return;
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		if (!(set->flags & names[i].bit))
			continue;
		text_add(out, "%s%s", before, names[i].name);
		before = ",";
	}
	if (*before == ',')
		text_add(out, "\n");
}

static void format_set(struct text *out, const struct nft_set *set, unsigned flags)
{
	text_add(out, "\t%s %s {", set->flags & (NFT_SET_MAP | NFT_SET_OBJECT) ? "map" : "set", set->name);
	end_line(out, set->handle, flags);
	format_set_type(out, set);
	if (set->has_policy_memory)
		text_add(out, "\t\tpolicy memory\n");
	if (set->count_max)
		text_add(out, "\t\tsize %u\n", set->count_max);
	format_set_flags(out, set);
	if (*set->statements)
		text_add(out, "\t\t%s\n", set->statements + 1); /* behind the space before the first */
	if (set->timeout_ms) {
		text_add(out, "\t\ttimeout ");
		nft_duration_format(out, set->timeout_ms);
		text_add(out, "\n");
	}
	if (set->comment) {
		text_add(out, "\t\tcomment ");
		nft_quote(out, set->comment, strlen(set->comment));
		text_add(out, "\n");
	}
	if (set->elements.count) {
		text_add(out, "\t\telements = ");
		nft_elements_format(out, set, NULL);
		text_add(out, "\n");
	}
	text_add(out, "\t}\n\n");
}

static void format_devices(struct text *out, const struct nft_hook *hook)
{
	const char *between = "";

	vec_each (device, &hook->devices) {
		text_add(out, "%s", between);
		nft_quote(out, device->name, sizeof(device->name));
		between = ", ";
	}
}

static void format_flowtable(struct text *out, uint8_t family, const struct nft_flowtable *flowtable,
                             unsigned flags)
{
	text_add(out, "\tflowtable %s {", flowtable->name);
	end_line(out, flowtable->handle, flags);
	text_add(out, "\t\thook ingress priority ");
	format_priority(out, family, &flowtable->hook);
	text_add(out, "\n");
	if (flowtable->hook.devices.count) {
		text_add(out, "\t\tdevices = { ");
		format_devices(out, &flowtable->hook);
		text_add(out, " }\n");
	}
	if (flowtable->flags & NFT_FLOWTABLE_HW_OFFLOAD)
		text_add(out, "\t\tflags offload\n");
	text_add(out, "%s\t}\n\n", flowtable->flags & NFT_FLOWTABLE_COUNTER ? "\t\tcounter\n" : "");
}

static void format_base(struct text *out, uint8_t family, const struct nft_chain *chain)
{
	const struct nft_hook *hook = &chain->hook;

	text_add(out, "\t\ttype %s hook %s", chain->type, hook_name(family, hook->number));
	if (hook->devices.count == 1) {
		text_add(out, " device ");
		format_devices(out, hook);
	} else if (hook->devices.count > 1) {
		text_add(out, " devices = { ");
		format_devices(out, hook);
		text_add(out, " }");
	}
	text_add(out, " priority ");
	format_priority(out, family, hook);
	text_add(out, "; policy %s;\n", chain->policy == NF_DROP ? "drop" : "accept");
}

static void format_rule(struct text *out, const struct nft_rule *rule, unsigned flags)
{
	text_add(out, "\t\t%s", rule->text);
	if (rule->comment) {
		text_add(out, " comment ");
		nft_quote(out, rule->comment, strlen(rule->comment));
	}
	end_line(out, rule->handle, flags);
}

static void format_chain(struct text *out, uint8_t family, const struct nft_chain *chain, unsigned flags)
{
	text_add(out, "\tchain %s {", chain->name);
	end_line(out, chain->handle, flags);
	if (chain->is_base)
		format_base(out, family, chain);
	vec_each (rule, &chain->rules)
		format_rule(out, rule, flags);
	text_add(out, "\t}\n\n");
}

static void format_table(struct text *out, const struct nft_table *table, unsigned flags)
{
	text_add(out, "table %s %s {", family_name(table->family), table->name);
	end_line(out, table->handle, flags);
	if (table->flags & NFT_TABLE_F_MASK)
		text_add(out, "\tflags %s%s%s\n\n", table->flags & NFT_TABLE_F_DORMANT ? "dormant" : "",
		         (table->flags & NFT_TABLE_F_MASK) == NFT_TABLE_F_MASK ? "," : "",
		         table->flags & NFT_TABLE_F_OWNER ? "owner" : "");
	vec_each (object, &table->objects)
		format_object(out, object, flags);
	vec_each (set, &table->sets)
		if (!(set->flags & NFT_SET_ANONYMOUS))
			format_set(out, set, flags);
	vec_each (flowtable, &table->flowtables)
		format_flowtable(out, table->family, flowtable, flags);
	vec_each (chain, &table->chains)
		format_chain(out, table->family, chain, flags);
	/* Between two things there is an empty line, but none at the end. */
	if (out->size > 1 && strcmp(out->bytes + out->size - 2, "\n\n") == 0)
		out->bytes[--out->size] = '\0';
	text_add(out, "}\n");
}

char *nft_text(const struct nft_ruleset *ruleset, unsigned flags)
{
	struct text out = {0};

	vec_each (table, &ruleset->tables)
		format_table(&out, table, flags);
	return text_take(&out);
}
