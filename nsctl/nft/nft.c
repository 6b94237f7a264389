/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/nft/nft.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "nsctl/nft/nft_decode.h"

enum { FIND_NONE = -1 };

/* ---- ends ---- */

static void chain_fini(struct nft_chain *chain)
{
	vec_each (rule, &chain->rules) {
		free(rule->text);
		free(rule->comment);
	}
	vec_clear(&chain->rules);
	vec_clear(&chain->hook.devices);
}

static void set_fini(struct nft_set *set)
{
	vec_each (element, &set->elements) {
		free(element->target);
		free(element->extra);
	}
	vec_clear(&set->elements);
	free(set->statements);
	free(set->comment);
}

static void table_fini(struct nft_table *table)
{
	vec_each (chain, &table->chains)
		chain_fini(chain);
	vec_each (set, &table->sets)
		set_fini(set);
	vec_each (object, &table->objects)
		free(object->text);
	vec_each (flowtable, &table->flowtables)
		vec_clear(&flowtable->hook.devices);
	vec_clear(&table->chains);
	vec_clear(&table->sets);
	vec_clear(&table->objects);
	vec_clear(&table->flowtables);
}

void nft_fini(struct nft_ruleset *ruleset)
{
	vec_each (table, &ruleset->tables)
		table_fini(table);
	vec_clear(&ruleset->tables);
}

/* ---- one message ---- */

static void copy_name(char to[NFT_NAME_MAX], const struct nlattr *attr)
{
	strncat(to, nl_get_text(attr), NFT_NAME_MAX - 1); /* zeroed before */
}

/*
 * get_comment - the comment in user data, which is a list of a type (1 byte), a length (1) and that many
 * bytes
 * @type: of a rule or an element 0, of a set 7 (include/libnftnl/udata.h of libnftnl)
 * NULL: none, or no memory.
 */
static char *get_comment(const struct nlattr *attr, uint8_t type)
{
	const uint8_t *at = attr ? mnl_attr_get_payload(attr) : NULL;
	size_t left = attr ? mnl_attr_get_payload_len(attr) : 0;

	while (left >= 2 && at[1] + 2u <= left) {
		if (at[0] == type)
			return strndup((const char *)at + 2, at[1]);
		left -= at[1] + 2u;
		at += at[1] + 2u;
	}
	return NULL;
}

static int take_table(struct nft_ruleset *ruleset, uint8_t family, const struct nlattr *const attrs[])
{
	struct nft_table *table = vec_push(&ruleset->tables);

	if (!table)
		return -ENOMEM;
	table->family = family;
	copy_name(table->name, attrs[NFTA_TABLE_NAME]);
	table->handle = nl_get_be64(attrs[NFTA_TABLE_HANDLE]);
	table->flags = nl_get_be32(attrs[NFTA_TABLE_FLAGS]);
	table->owner = nl_get_be32(attrs[NFTA_TABLE_OWNER]);
	return 0;
}

static int add_device(struct nft_hook *hook, const struct nlattr *attr)
{
	struct nft_device *device = attr ? vec_push(&hook->devices) : NULL;

	if (!device)
		return attr ? -ENOMEM : 0;
	strncat(device->name, nl_get_text(attr), sizeof(device->name) - 1);
	return 0;
}

static int get_hook(struct nft_hook *hook, const struct nlattr *number, const struct nlattr *priority,
                    const struct nlattr *devices)
{
	const struct nlattr *device;
	int rc = 0;

	hook->number = nl_get_be32(number);
	hook->priority = (int32_t)nl_get_be32(priority);
	if (devices)
		mnl_attr_for_each_nested(device, devices) rc = rc < 0 ? rc : add_device(hook, device);
	return rc;
}

static int get_base(struct nft_chain *chain, const struct nlattr *const attrs[])
{
	const struct nlattr *hook[NFTA_HOOK_MAX + 1], *counter[NFTA_COUNTER_MAX + 1];
	int rc;

	nl_parse_nested(attrs[NFTA_CHAIN_HOOK], hook, NFTA_HOOK_MAX + 1);
	nl_parse_nested(attrs[NFTA_CHAIN_COUNTERS], counter, NFTA_COUNTER_MAX + 1);
	chain->is_base = true;
	strncat(chain->type, nl_get_text(attrs[NFTA_CHAIN_TYPE]), sizeof(chain->type) - 1);
	chain->policy = attrs[NFTA_CHAIN_POLICY] ? nl_get_be32(attrs[NFTA_CHAIN_POLICY]) : NF_ACCEPT;
	chain->has_counter = attrs[NFTA_CHAIN_COUNTERS];
	chain->packets = nl_get_be64(counter[NFTA_COUNTER_PACKETS]);
	chain->bytes = nl_get_be64(counter[NFTA_COUNTER_BYTES]);
	rc = get_hook(&chain->hook, hook[NFTA_HOOK_HOOKNUM], hook[NFTA_HOOK_PRIORITY], hook[NFTA_HOOK_DEVS]);
	return rc < 0 || hook[NFTA_HOOK_DEVS] ? rc : add_device(&chain->hook, hook[NFTA_HOOK_DEV]);
}

static int take_chain(struct nft_table *table, const struct nlattr *const attrs[])
{
	struct nft_chain *chain = vec_push(&table->chains);

	if (!chain)
		return -ENOMEM;
	copy_name(chain->name, attrs[NFTA_CHAIN_NAME]);
	chain->handle = nl_get_be64(attrs[NFTA_CHAIN_HANDLE]);
	return attrs[NFTA_CHAIN_HOOK] ? get_base(chain, attrs) : 0;
}

/* find_chain - beginning with the one that was found last */
static struct nft_chain *find_chain(struct nft_table *table, const char *name)
{
	size_t count = table->chains.count;

	for (size_t i = 0; i < count; i++) {
		size_t index = (table->last_chain + i) % count;

		if (strcmp(table->chains.items[index].name, name) != 0)
			continue;
		table->last_chain = index;
		return &table->chains.items[index];
	}
	return NULL;
}

static int take_rule(struct nft_table *table, const struct nlattr *const attrs[])
{
	struct nft_chain *chain = find_chain(table, nl_get_text(attrs[NFTA_RULE_CHAIN]));
	struct nft_rule *rule = chain ? vec_push(&chain->rules) : NULL;

	if (!rule)
		return chain ? -ENOMEM : 0;
	rule->handle = nl_get_be64(attrs[NFTA_RULE_HANDLE]);
	rule->comment = get_comment(attrs[NFTA_RULE_USERDATA], 0);
	rule->text = nft_decode_rule(table, attrs[NFTA_RULE_EXPRESSIONS]);
	return rule->text ? 0 : -ENOMEM;
}

/* get_statements - of a set, or of an element: one, or a list; " counter packets 0 bytes 0" */
static void get_statements(const struct nft_table *table, const struct nlattr *one, const struct nlattr *list,
                           bool is_declared, struct text *out)
{
	const struct nlattr *expression;
	char *text;

	if (list) {
		mnl_attr_for_each_nested(expression, list)
		        get_statements(table, expression, NULL, is_declared, out);
		return;
	}
	if (!one)
		return;
	text = nft_decode_statement(table, one, is_declared);
	out->failed = out->failed || !text;
	text_add(out, " %s", text ? text : "");
	free(text);
}

static int take_set(struct nft_table *table, const struct nlattr *const attrs[])
{
	const struct nlattr *desc[NFTA_SET_DESC_MAX + 1];
	struct nft_set *set = vec_push(&table->sets);
	struct text statements = {0};

	if (!set)
		return -ENOMEM;
	nl_parse_nested(attrs[NFTA_SET_DESC], desc, NFTA_SET_DESC_MAX + 1);
	copy_name(set->name, attrs[NFTA_SET_NAME]);
	set->handle = nl_get_be64(attrs[NFTA_SET_HANDLE]);
	set->flags = nl_get_be32(attrs[NFTA_SET_FLAGS]);
	set->key_type = nl_get_be32(attrs[NFTA_SET_KEY_TYPE]);
	set->key_size = nl_get_be32(attrs[NFTA_SET_KEY_LEN]);
	set->data_type = nl_get_be32(attrs[NFTA_SET_DATA_TYPE]);
	set->data_size = nl_get_be32(attrs[NFTA_SET_DATA_LEN]);
	set->object_type = nl_get_be32(attrs[NFTA_SET_OBJ_TYPE]);
	set->count_max = nl_get_be32(desc[NFTA_SET_DESC_SIZE]);
	set->has_policy_memory = nl_get_be32(attrs[NFTA_SET_POLICY]) == NFT_SET_POL_MEMORY;
	set->timeout_ms = nl_get_be64(attrs[NFTA_SET_TIMEOUT]);
	set->comment = get_comment(attrs[NFTA_SET_USERDATA], 7);
	get_statements(table, attrs[NFTA_SET_EXPR], attrs[NFTA_SET_EXPRESSIONS], true, &statements);
	set->statements = text_take(&statements);
	return set->statements ? 0 : -ENOMEM;
}

/* get_target - what a map's element leads to: a verdict, or an object */
static int get_target(struct nft_element *element, const struct nlattr *const attrs[])
{
	struct text target = {0};

	if (attrs[NFTA_SET_ELEM_OBJREF]) {
		const char *name = nl_get_text(attrs[NFTA_SET_ELEM_OBJREF]);

		nft_quote(&target, name, strlen(name));
	} else if (!nft_verdict_format(&target, attrs[NFTA_SET_ELEM_DATA])) {
		return 0;
	}
	element->target = text_take(&target);
	return element->target ? 0 : -ENOMEM;
}

static int get_extra(const struct nft_table *table, struct nft_element *element,
                     const struct nlattr *const attrs[])
{
	char *comment = get_comment(attrs[NFTA_SET_ELEM_USERDATA], 0);
	struct text extra = {0};

	if (attrs[NFTA_SET_ELEM_TIMEOUT]) {
		text_add(&extra, " timeout ");
		nft_duration_format(&extra, nl_get_be64(attrs[NFTA_SET_ELEM_TIMEOUT]));
	}
	if (attrs[NFTA_SET_ELEM_EXPIRATION]) {
		text_add(&extra, " expires ");
		nft_duration_format(&extra, nl_get_be64(attrs[NFTA_SET_ELEM_EXPIRATION]));
	}
	get_statements(table, attrs[NFTA_SET_ELEM_EXPR], attrs[NFTA_SET_ELEM_EXPRESSIONS], false, &extra);
	if (comment) {
		text_add(&extra, " comment ");
		nft_quote(&extra, comment, strlen(comment));
	}
	free(comment);
	element->extra = text_take(&extra);
	return element->extra ? 0 : -ENOMEM;
}

static int take_element(const struct nft_table *table, struct nft_set *set, const struct nlattr *attr)
{
	const struct nlattr *attrs[NFTA_SET_ELEM_MAX + 1];
	struct nft_element *element = vec_push(&set->elements);
	int rc;

	if (!element)
		return -ENOMEM;
	nl_parse_nested(attr, attrs, NFTA_SET_ELEM_MAX + 1);
	element->key = nft_data_get(attrs[NFTA_SET_ELEM_KEY]);
	element->last = nft_data_get(attrs[NFTA_SET_ELEM_KEY_END]);
	element->data = nft_data_get(attrs[NFTA_SET_ELEM_DATA]);
	element->flags = nl_get_be32(attrs[NFTA_SET_ELEM_FLAGS]);
	rc = get_target(element, attrs);
	return rc < 0 ? rc : get_extra(table, element, attrs);
}

static struct nft_set *find_set(const struct nft_table *table, const char *name)
{
	vec_each (set, &table->sets)
		if (strcmp(set->name, name) == 0)
			return set;
	return NULL;
}

const struct nft_set *nft_find_set(const struct nft_table *table, const char *name)
{
	return find_set(table, name);
}

static int take_elements(struct nft_table *table, const struct nlattr *const attrs[])
{
	struct nft_set *set = find_set(table, nl_get_text(attrs[NFTA_SET_ELEM_LIST_SET]));
	const struct nlattr *element;
	int rc = 0;

	if (set && attrs[NFTA_SET_ELEM_LIST_ELEMENTS])
		mnl_attr_for_each_nested(element, attrs[NFTA_SET_ELEM_LIST_ELEMENTS])
		        rc = rc < 0 ? rc : take_element(table, set, element);
	return rc;
}

static int take_object(struct nft_table *table, const struct nlattr *const attrs[])
{
	struct nft_object *object = vec_push(&table->objects);

	if (!object)
		return -ENOMEM;
	copy_name(object->name, attrs[NFTA_OBJ_NAME]);
	object->handle = nl_get_be64(attrs[NFTA_OBJ_HANDLE]);
	object->type = nl_get_be32(attrs[NFTA_OBJ_TYPE]);
	object->text = nft_decode_object(table, object->type, attrs[NFTA_OBJ_DATA]);
	return object->text ? 0 : -ENOMEM;
}

static int take_flowtable(struct nft_table *table, const struct nlattr *const attrs[])
{
	const struct nlattr *hook[NFTA_FLOWTABLE_HOOK_MAX + 1];
	struct nft_flowtable *flowtable = vec_push(&table->flowtables);

	if (!flowtable)
		return -ENOMEM;
	nl_parse_nested(attrs[NFTA_FLOWTABLE_HOOK], hook, NFTA_FLOWTABLE_HOOK_MAX + 1);
	copy_name(flowtable->name, attrs[NFTA_FLOWTABLE_NAME]);
	flowtable->handle = nl_get_be64(attrs[NFTA_FLOWTABLE_HANDLE]);
	flowtable->flags = nl_get_be32(attrs[NFTA_FLOWTABLE_FLAGS]);
	return get_hook(&flowtable->hook, hook[NFTA_FLOWTABLE_HOOK_NUM], hook[NFTA_FLOWTABLE_HOOK_PRIORITY],
	                hook[NFTA_FLOWTABLE_HOOK_DEVS]);
}

static struct nft_table *find_table(struct nft_ruleset *ruleset, uint8_t family, const char *name)
{
	vec_each (table, &ruleset->tables)
		if (table->family == family && strcmp(table->name, name) == 0)
			return table;
	return NULL;
}

int nft_take(struct nft_ruleset *ruleset, const struct nlmsghdr *message)
{
	/* Of every message but that of a table, attribute 1 is the table's name. */
	enum { ATTR_TABLE = 1, ATTRS_MAX = NFTA_SET_MAX };
	static int (*const takers[])(struct nft_table * table, const struct nlattr *const attrs[]) = {
	        [NFT_MSG_NEWCHAIN] = take_chain, [NFT_MSG_NEWRULE] = take_rule,
	        [NFT_MSG_NEWSET] = take_set,     [NFT_MSG_NEWSETELEM] = take_elements,
	        [NFT_MSG_NEWOBJ] = take_object,  [NFT_MSG_NEWFLOWTABLE] = take_flowtable,
	};
	const struct nfgenmsg *header = nl_get_header(message, sizeof(*header));
	const struct nlattr *attrs[ATTRS_MAX + 1];
	unsigned kind = NFNL_MSG_TYPE(message->nlmsg_type);
	struct nft_table *table;

	if (NFNL_SUBSYS_ID(message->nlmsg_type) != NFNL_SUBSYS_NFTABLES || !header)
		return 0;
	nl_parse(message, sizeof(*header), attrs, ATTRS_MAX + 1);
	if (kind == NFT_MSG_NEWTABLE)
		return take_table(ruleset, header->nfgen_family, attrs);
	table = find_table(ruleset, header->nfgen_family, nl_get_text(attrs[ATTR_TABLE]));
	if (!table || kind >= sizeof(takers) / sizeof(*takers) || !takers[kind])
		return 0;
	return takers[kind](table, attrs);
}
