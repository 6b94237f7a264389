/* SPDX-License-Identifier: Apache-2.0 */
/* The dumps that make up a ruleset, and legacy iptables' names. */
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "nsctl/netns.h"
#include "nsctl/nft/nft.h"
#include "nsctl/nft/nft_put.h"

struct reading {
	struct nl *nl;
	const char *table; /* NULL: all */
	struct nft_ruleset ruleset;
	uint32_t generation;
	bool is_torn; /* it changed while it was read: all of it has to be read again */
	struct err *err;
};

static struct nlmsghdr *put_request(struct nl_batch *batch, uint8_t kind, uint8_t family)
{
	struct nlmsghdr *message = nl_begin(batch, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | kind), 0);
	struct nfgenmsg *header = nl_put_header(message, sizeof(*header));

	header->nfgen_family = family;
	header->version = NFNETLINK_V0;
	return message;
}

/* ---- generation ---- */

static int take_generation(void *ctx, const struct nlmsghdr *message, struct err *err)
{
	const struct nlattr *attrs[NFTA_GEN_MAX + 1];
	struct reading *reading = ctx;

	(void)err;
	nl_parse(message, sizeof(struct nfgenmsg), attrs, NFTA_GEN_MAX + 1);
	if (NFNL_MSG_TYPE(message->nlmsg_type) == NFT_MSG_NEWGEN)
		reading->generation = nl_get_be32(attrs[NFTA_GEN_ID]);
	return 0;
}

/* without_tables - what nfnetlink says of a subsystem that it does not have */
static int without_tables(const struct reading *reading, int code)
{
	if (code != -EINVAL && code != -EOPNOTSUPP)
		return code;
	return err_set(reading->err, EOPNOTSUPP,
	               "namespace %s: the kernel has no nf_tables (CONFIG_NF_TABLES)", nl_where(reading->nl));
}

static int explain(const struct reading *reading, struct nl_batch *batch)
{
	return nl_explain(reading->nl, batch, batch->failed, "read the nf_tables", reading->err);
}

/* ask_generation - the number that grows with every change of the rules */
static int ask_generation(struct reading *reading)
{
	struct nl_batch batch;
	int rc = nl_batch_init(&batch, NL_MESSAGE_MAX, 1, reading->err);

	if (rc < 0)
		return rc;
	put_request(&batch, NFT_MSG_GETGEN, NFPROTO_UNSPEC);
	rc = nl_send(reading->nl, &batch, take_generation, reading, reading->err);
	if (rc == 0 && batch.failed < batch.count)
		rc = explain(reading, &batch);
	nl_batch_fini(&batch);
	return rc;
}

/*
 * check_generation - is it still the same, and no change under way? Else what was read is torn.
 *
 * To ask for it is not enough: the answer may come while a change is already to be seen but not yet counted
 * (Linux 6.18), or the other way round. A batch, even one of nothing, waits for its turn.
 */
static int check_generation(struct reading *reading)
{
	struct nl_batch batch;
	int rc = nl_batch_init(&batch, 2 * NL_MESSAGE_MAX, 2, reading->err);

	if (rc < 0)
		return rc;
	nft_put_begin(&batch, reading->generation);
	nft_put_end(&batch);
	rc = nl_send(reading->nl, &batch, NULL, NULL, reading->err);
	if (rc == 0 && batch.codes[0] == ERESTART)
		reading->is_torn = true;
	else if (rc == 0 && batch.failed < batch.count)
		rc = explain(reading, &batch);
	nl_batch_fini(&batch);
	return rc;
}

/* ---- dumps ---- */

static bool is_other_table(const struct reading *reading, const struct nlmsghdr *message)
{
	const struct nlattr *attrs[NFTA_TABLE_MAX + 1];

	if (!reading->table || NFNL_MSG_TYPE(message->nlmsg_type) != NFT_MSG_NEWTABLE)
		return false;
	nl_parse(message, sizeof(struct nfgenmsg), attrs, NFTA_TABLE_MAX + 1);
	return strcmp(nl_get_text(attrs[NFTA_TABLE_NAME]), reading->table) != 0;
}

static int take_message(void *ctx, const struct nlmsghdr *message, struct err *err)
{
	struct reading *reading = ctx;
	int rc = is_other_table(reading, message) ? 0 : nft_take(&reading->ruleset, message);

	return rc < 0 ? err_set(err, -rc, "out of memory") : 0;
}

static void tear(void *ctx)
{
	struct reading *reading = ctx;

	reading->is_torn = true;
}

/* dump - list one kind of thing; of @table, if given, alone; of @set, if given, the elements */
static int dump(struct reading *reading, uint8_t kind, const struct nft_table *table,
                const struct nft_set *set)
{
	struct nlmsghdr *message;
	struct nl_batch batch;
	int rc = nl_batch_init(&batch, NL_MESSAGE_MAX, 1, reading->err);

	if (rc < 0)
		return rc;
	message = put_request(&batch, kind, table ? table->family : NFPROTO_UNSPEC);
	if (table)
		nl_put_text(message, NFTA_RULE_TABLE, table->name);
	if (set)
		nl_put_text(message, NFTA_SET_ELEM_LIST_SET, set->name);
	rc = nl_dump(reading->nl, &batch, take_message, tear, reading, "read the nf_tables", reading->err);
	nl_batch_fini(&batch);
	if (rc != -ENOENT)
		return without_tables(reading, rc);
	reading->is_torn = true; /* it has gone since it was listed */
	return 0;
}

static int dump_elements(struct reading *reading)
{
	int rc = 0;

	vec_each (table, &reading->ruleset.tables)
		vec_each (set, &table->sets)
			rc = rc < 0 ? rc : dump(reading, NFT_MSG_GETSETELEM, table, set);
	return rc;
}

/* dump_rules - of a name in several families the kernel would list only the first one's (Linux 6.18) */
static int dump_rules(struct reading *reading)
{
	int rc = 0;

	if (!reading->table)
		return dump(reading, NFT_MSG_GETRULE, NULL, NULL);
	vec_each (table, &reading->ruleset.tables)
		rc = rc < 0 ? rc : dump(reading, NFT_MSG_GETRULE, table, NULL);
	return rc;
}

static int dump_all(struct reading *reading)
{
	static const uint8_t before[] = {NFT_MSG_GETTABLE, NFT_MSG_GETCHAIN, NFT_MSG_GETOBJ,
	                                 NFT_MSG_GETFLOWTABLE, NFT_MSG_GETSET};
	int rc = 0;

	for (size_t i = 0; i < ARRAY_COUNT(before) && rc == 0; i++) {
		rc = dump(reading, before[i], NULL, NULL);
		if (reading->ruleset.tables.count == 0)
			return rc;
	}
	if (rc == 0)
		rc = dump_elements(reading);
	return rc < 0 ? rc : dump_rules(reading);
}

/* read_once - 1: it changed meanwhile */
static int read_once(struct reading *reading)
{
	int rc = ask_generation(reading);

	reading->is_torn = false;
	if (rc == 0)
		rc = check_generation(reading);
	if (rc == 0 && !reading->is_torn)
		rc = dump_all(reading);
	if (rc == 0 && !reading->is_torn)
		rc = check_generation(reading);
	return rc == 0 && reading->is_torn ? 1 : rc;
}

/* read_whole - as often as it takes */
static int read_whole(struct reading *reading)
{
	int rc = 1;

	for (int try = 0; rc == 1 && try < NL_DUMP_TRIES; try++) {
		nft_fini(&reading->ruleset);
		rc = read_once(reading);
	}
	if (rc != 1)
		return rc;
	return err_set(reading->err, EAGAIN,
	               "namespace %s: read the nf_tables: they changed %d times while they were read",
	               nl_where(reading->nl), NL_DUMP_TRIES);
}

int nft_read(struct nl *nl, const char *table, struct nft_ruleset *ret, struct err *err)
{
	struct reading reading = {.nl = nl, .table = table, .err = err};
	/* Mostly there is no table, which one look shows: one that is replaced is always to be seen, the old
	 * or the new. */
	int rc = dump(&reading, NFT_MSG_GETTABLE, NULL, NULL);

	if (rc == 0 && reading.ruleset.tables.count > 0)
		rc = read_whole(&reading);
	if (rc == 0)
		*ret = reading.ruleset;
	else
		nft_fini(&reading.ruleset);
	return rc;
}

/* ---- legacy iptables ---- */

/* has_names - is anything in that file, which is not there without the kernel's legacy iptables? */
static int has_names(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size;
	char byte;

	if (fd < 0)
		return errno == ENOENT ? 0 : err_set_errno(err, "open %s", path);
	size = read(fd, &byte, 1);
	close(fd);
	return size > 0;
}

int nft_legacy_present(int ns_fd, struct err *err)
{
	int home = -1, rc = ns_fd < 0 ? 0 : netns_enter(ns_fd, &home, err);

	if (rc < 0)
		return rc;
	rc = has_names("/proc/thread-self/net/ip_tables_names", err);
	if (rc == 0)
		rc = has_names("/proc/thread-self/net/ip6_tables_names", err);
	netns_leave(home);
	return rc;
}
