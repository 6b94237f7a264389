/* SPDX-License-Identifier: Apache-2.0 */
/* `expect:` of a topology file: who reaches whom, and who must not. */
#include <stdio.h>
#include <string.h>

#include "app/text/suggest.h"
#include "app/nsctl/topology_draft.h"
#include "app/nsctl/topology_value.h"

#define TARGET_EXPECTED "ADDRESS, or ADDRESS:PORT for TCP"
#define SERVER_EXPECTED "NS/ADDRESS:PORT"

enum { TTL_MAX = UINT8_MAX };

static void read_from(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct topology_expect *expect = target;
	if (schema_check_kind(reader, node, YAML_SCALAR, "the name of a namespace"))
		expect->from = draft_find_netns(topology_draft_of(reader), node->text, node->at);
}

/* names_port - is there a port behind the address? IPv6 with a port stands in brackets. */
static bool names_port(const char *text)
{
	const char *colon = strchr(text, ':');
	return text[0] == '[' || (colon && !strchr(colon + 1, ':'));
}

static void read_target(struct schema_reader *reader, const struct yaml_node *node,
                        struct topology_expect *expect)
{
	if (!schema_check_kind(reader, node, YAML_SCALAR, TARGET_EXPECTED))
		return;
	if (names_port(node->text))
		topology_value_socket(reader, node, node->text, false, &expect->to, &expect->port);
	else
		topology_value_address(reader, node, &expect->to);
}

static void read_reaches(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct topology_expect *expect = target;
	expect->reaches = true;
	read_target(reader, node, expect);
}

static void read_cannot_reach(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	read_target(reader, node, target);
}

static void read_because(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct topology_expect *expect = target;
	struct suggest suggest;
	if (!schema_check_kind(reader, node, YAML_SCALAR, "a reason"))
		return;
	suggest_init(&suggest, node->text);
	for (enum unreachable reason = UNREACHABLE_ANY + 1; reason < UNREACHABLE_COUNT; reason++) {
		suggest_add(&suggest, unreachable_name(reason));
		if (strcmp(node->text, unreachable_name(reason)) == 0)
			expect->because = reason;
	}
	if (expect->because == UNREACHABLE_ANY)
		report_add(&reader->report, node->at, "'%.64s' is not known; %s", node->text,
		           suggest_text(&suggest));
}

static void read_ttl(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	static const struct value_type type = {VALUE_COUNT, .min = 1, .max = TTL_MAX};
	struct topology_expect *expect = target;
	uint32_t ttl;
	if (schema_read_value(reader, node, &type, &ttl))
		expect->ttl = (uint8_t)ttl;
}

static void read_server(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct topology_draft *draft = topology_draft_of(reader);
	struct topology_expect *expect = target;
	char netns_name[TOPOLOGY_NETNS_NAME_MAX + 1]; /* what is cut here is longer than any that is there */
	if (!schema_check_kind(reader, node, YAML_SCALAR, SERVER_EXPECTED))
		return;
	const char *slash = strchr(node->text, '/');
	if (!slash) {
		draft_complain(draft, node->at,
		               "'%.64s' does not say in which namespace; expected " SERVER_EXPECTED,
		               node->text);
		return;
	}
	snprintf(netns_name, sizeof(netns_name), "%.*s", (int)(slash - node->text), node->text);
	uint32_t netns = draft_find_netns(draft, netns_name, node->at);
	if (topology_value_socket(reader, node, slash + 1, true, &expect->server_to, &expect->server_port))
		expect->server_netns = netns;
}

static const struct schema_field expect_fields[] = {
        {"from", read_from, "from: NAMESPACE", "NAMESPACE", "where it is tried", NULL},
        {"reaches", read_reaches, NULL, "ADDRESS or ADDRESS:PORT", "answers: an ICMP echo, or a TCP connection", NULL},
        {"cannot_reach", read_cannot_reach, NULL, "ADDRESS or ADDRESS:PORT", "does not", NULL},
        {"because", read_because, NULL, "WORD", "why not: no_route, forwarding_off, link_down, refused or no_answer",
         NULL},
        {"ttl", read_ttl, NULL, "N", "of the echo's answer", NULL},
        {"server", read_server, NULL, "NAMESPACE/ADDRESS:PORT",
         "verify listens there meanwhile, and only a connection that arrives at that very socket counts", NULL},
};
const struct schema topology_expect_schema = SCHEMA("an expectation", expect_fields, NULL);

/* check_target - is there exactly one of the two? */
static bool check_target(struct topology_draft *draft, const struct yaml_node *node)
{
	const struct yaml_node *reaches = yaml_get(node, "reaches"), *cannot = yaml_get(node, "cannot_reach");
	if (node->kind != YAML_MAPPING)
		return false;
	if (!reaches && !cannot)
		draft_complain(
		        draft, node->at,
		        "the expectation has no target; expected reaches: ADDRESS or cannot_reach: ADDRESS");
	else if (reaches && cannot)
		draft_complain(draft, cannot->key->at,
		               "the expectation has 'reaches' already; expected one of the two");
	return !reaches != !cannot;
}

/* refuse_unless - refuse @key, if it is given and means nothing; @needed: what it goes with */
static void refuse_unless(struct topology_draft *draft, const struct yaml_node *node, const char *key,
                          bool goes, const char *needed)
{
	const struct yaml_node *value = yaml_get(node, key);
	if (value && !goes)
		draft_complain(draft, value->key->at, "'%s' means nothing here; expected it with %s", key,
		               needed);
}

static void check_expect(struct topology_draft *draft, const struct yaml_node *node,
                         const struct topology_expect *expect)
{
	bool tcp = expect->port > 0;
	refuse_unless(draft, node, "because", !expect->reaches, "'cannot_reach'");
	refuse_unless(draft, node, "ttl", expect->reaches && !tcp, "'reaches: ADDRESS', without a port");
	refuse_unless(draft, node, "server", tcp, "'ADDRESS:PORT' to be reached or not");
	if (expect->because == UNREACHABLE_REFUSED && !tcp)
		draft_complain(draft, draft_place(node, "because"),
		               "only a TCP connection is refused; expected a port, or another reason");
	if (expect->because == UNREACHABLE_REFUSED && tcp && yaml_get(node, "server"))
		draft_complain(
		        draft, draft_place(node, "server"),
		        "nobody refuses where a server listens; expected no 'server', or another reason");
	if (expect->server_port && expect->to.family != expect->server_to.family)
		draft_complain(draft, draft_place(node, "server"),
		               "the target's address is %s, the server's is %s; expected both of one family",
		               draft_family_name(&expect->to), draft_family_name(&expect->server_to));
}

static void read_expect(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct topology_draft *draft = topology_draft_of(reader);
	struct topology_expect expect = {.from = TOPOLOGY_NONE, .server_netns = TOPOLOGY_NONE};
	size_t mistakes = reader->report.count;
	(void)target;
	schema_read_mapping(reader, node, &topology_expect_schema, &expect);
	if (check_target(draft, node) && reader->report.count == mistakes)
		check_expect(draft, node, &expect);
	if (reader->report.count > mistakes)
		return;
	expect.line = (uint32_t)report_line(&reader->report, node->at.offset);
	struct topology_expect *added = vec_push(&draft->topology.expects);
	if (schema_is_there(reader, added))
		*added = expect;
}

void topology_read_expects(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	if (schema_check_kind(reader, node, YAML_SEQUENCE, "a list of { from: NAMESPACE, reaches: ADDRESS }"))
		schema_read_items(reader, node, read_expect, target);
}
