/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/intercept/intercept.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nsctl/intercept/intercept_private.h"
#include "nsctl/nft/nft_rule.h"

static void direction_fini(struct intercept_direction *direction)
{
	vec_clear(&direction->only);
	vec_clear(&direction->except);
	vec_clear(&direction->only_ports);
	vec_clear(&direction->except_ports);
}

void intercept_fini(struct intercept *intercept)
{
	direction_fini(&intercept->outbound);
	direction_fini(&intercept->inbound);
}

static bool same_ports(const struct intercept_ports *a, const struct intercept_ports *b)
{
	return a->first == b->first && a->last == b->last;
}

/* Are both lists the same, item by item? */
#define SAME_LIST(a, b, same)                                                                                \
	({                                                                                                   \
		bool all = (a)->count == (b)->count;                                                         \
		for (size_t i = 0; all && i < (a)->count; i++)                                               \
			all = same(&(a)->items[i], &(b)->items[i]);                                          \
		all;                                                                                         \
	})

static bool same_direction(const struct intercept_direction *a, const struct intercept_direction *b)
{
	return a->port == b->port && SAME_LIST(&a->only_ports, &b->only_ports, same_ports) && SAME_LIST(&a->except_ports, &b->except_ports, same_ports) &&
	       SAME_LIST(&a->only, &b->only, prefix_equal) && SAME_LIST(&a->except, &b->except, prefix_equal);
}

bool intercept_equal(const struct intercept *a, const struct intercept *b)
{
	return strcmp(a->table, b->table) == 0 && a->tproxy == b->tproxy && a->owned == b->owned && a->mark == b->mark &&
	       a->answer_mark == b->answer_mark && a->mask == b->mask && a->route_table == b->route_table &&
	       a->rule_priority == b->rule_priority && same_direction(&a->outbound, &b->outbound) &&
	       same_direction(&a->inbound, &b->inbound);
}

/* ---- what is wanted, and what is there ---- */

/* forget_counts - what differs from one look to the next: "counter packets 5 bytes 300" is "counter" */
static void forget_counts(char *text)
{
	static const char COUNTER[] = "counter packets ";
	for (char *at = text; (at = strstr(at, COUNTER));) {
		char *rest = at + sizeof(COUNTER) - 1;
		rest += strspn(rest, "0123456789");
		rest += strspn(rest, " bytes");
		rest += strspn(rest, "0123456789");
		at += strlen("counter");
		memmove(at, rest, strlen(rest) + 1);
	}
}

char *intercept_text(const struct intercept *intercept)
{
	struct nl_batch batch;
	if (intercept_rules_init(&batch, intercept, NULL) < 0)
		return NULL;
	intercept_rules_put(&batch, intercept);
	char *text = nft_rule_text(&batch);
	nl_batch_fini(&batch);
	if (text)
		forget_counts(text);
	return text;
}

/* is_there - is the table as it is wanted? 1, 0, or -errno */
static int is_there(struct nl *nft, const struct intercept *intercept, struct err *err)
{
	struct nft_ruleset ruleset = {0};
	int rc = nft_read(nft, intercept->table, &ruleset, err);
	if (rc < 0)
		return rc;
	char *wanted = intercept_text(intercept), *there = nft_text(&ruleset, 0);
	nft_fini(&ruleset);
	if (there)
		forget_counts(there);
	/* Other families may have a table of that name, which is not ours. */
	rc = wanted && there ? strstr(there, wanted) != NULL : err_set(err, ENOMEM, "namespace %s: out of memory", nl_where(nft));
	free(wanted);
	free(there);
	return rc;
}

/* ---- changes ---- */

/* replace - all at once, by nothing if @intercept is NULL */
static int replace(struct nl *nft, const char *table, const struct intercept *intercept, struct err *err)
{
	static const struct intercept nothing;
	uint32_t flags = intercept && intercept->owned ? NFT_TABLE_F_OWNER : 0;
	struct nl_batch batch;
	int rc = intercept_rules_init(&batch, intercept ? intercept : &nothing, err);
	if (rc < 0)
		return rc;
	nft_put_begin(&batch, 0);
	/* Removing what is not there is an error: made first, it is there. */
	nft_rule_table(&batch, NFT_MSG_NEWTABLE, table, flags);
	nft_rule_table(&batch, NFT_MSG_DELTABLE, table, 0);
	if (intercept)
		intercept_rules_put(&batch, intercept);
	nft_put_end(&batch);
	rc = nl_send(nft, &batch, NULL, NULL, err);
	if (rc == 0 && batch.failed < batch.count)
		rc = nl_explain(nft, &batch, batch.failed, "steer connections to the relay", err);
	nl_batch_fini(&batch);
	return rc;
}

int intercept_apply(struct nl *nft, struct nl *route, const struct intercept *intercept, struct err *err)
{
	/* Answers must find their way before anybody gets some. */
	int routes = intercept_routes_add(route, intercept, err);
	int there = routes < 0 ? routes : is_there(nft, intercept, err);
	if (there < 0)
		return there;
	int rc = there ? 0 : replace(nft, intercept->table, intercept, err);
	return rc < 0 ? rc : routes || !there;
}

int intercept_remove(struct nl *nft, struct nl *route, const struct intercept *intercept, struct err *err)
{
	int rc = replace(nft, intercept->table, NULL, err);
	int routes = intercept_routes_remove(route, intercept, rc < 0 ? NULL : err);
	return rc < 0 ? rc : routes < 0 ? routes : 0;
}

/* ---- counters ---- */

/* take_count - false: the rule counts nothing */
static bool take_count(const struct nft_chain *chain, const struct nft_rule *rule, struct intercept_count *ret)
{
	const char *counter = strstr(rule->text, "counter packets ");
	unsigned long long packets, bytes;
	if (!counter || sscanf(counter, "counter packets %llu bytes %llu", &packets, &bytes) != 2)
		return false;
	snprintf(ret->rule, sizeof(ret->rule), "%s: %s", chain->name, rule->comment ? rule->comment : "");
	ret->packets = packets;
	ret->bytes = bytes;
	return true;
}

int intercept_counts(struct nl *nft, const char *table, struct intercept_count *ret, size_t max, struct err *err)
{
	struct nft_ruleset ruleset = {0};
	struct intercept_count count;
	size_t found = 0;
	int rc = nft_read(nft, table, &ruleset, err);
	if (rc < 0)
		return rc;
	vec_each (each, &ruleset.tables)
		vec_each (chain, &each->chains)
			vec_each (rule, &chain->rules)
				if (each->family == NFPROTO_INET && take_count(chain, rule, &count) && found++ < max)
					ret[found - 1] = count;
	nft_fini(&ruleset);
	return (int)found;
}
