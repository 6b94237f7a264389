/* SPDX-License-Identifier: Apache-2.0 */
/* The dumps that make up a ruleset, and legacy iptables' names. */
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "nsctl/netns.h"
#include "nsctl/nft.h"

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

static int explain(const struct reading *reading, struct nl_batch *batch)
{
	/* What nfnetlink says of a subsystem that it does not have. */
	if (batch->codes[0] == EINVAL || batch->codes[0] == EOPNOTSUPP)
		return err_set(reading->err, EOPNOTSUPP,
		               "namespace %s: the kernel has no nf_tables (CONFIG_NF_TABLES)",
		               nl_where(reading->nl));
	return nl_explain(reading->nl, batch, 0, "read the nf_tables", reading->err);
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

/* dump - list one kind of thing; of @set, if given, the elements */
static int dump(struct reading *reading, uint8_t kind, const struct nft_table *table,
                const struct nft_set *set)
{
	/* Elements are found by table and set, rules by table; the rest comes as a whole. */
	const char *name = set ? table->name : kind == NFT_MSG_GETRULE ? reading->table : NULL;
	struct nlmsghdr *message;
	struct nl_batch batch;
	int rc = nl_batch_init(&batch, NL_MESSAGE_MAX, 1, reading->err);

	if (rc < 0)
		return rc;
	message = put_request(&batch, kind, set ? table->family : NFPROTO_UNSPEC);
	if (name)
		nl_put_text(message, NFTA_RULE_TABLE, name);
	if (set)
		nl_put_text(message, NFTA_SET_ELEM_LIST_SET, set->name);
	rc = nl_dump(reading->nl, &batch, take_message, tear, reading, "read the nf_tables", reading->err);
	nl_batch_fini(&batch);
	if (rc != -ENOENT)
		return rc;
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
	return rc < 0 ? rc : dump(reading, NFT_MSG_GETRULE, NULL, NULL);
}

/* read_once - 1: it changed meanwhile */
static int read_once(struct reading *reading)
{
	uint32_t generation;
	int rc = ask_generation(reading);

	if (rc < 0)
		return rc;
	generation = reading->generation;
	reading->is_torn = false;
	rc = dump_all(reading);
	if (rc == 0)
		rc = ask_generation(reading);
	if (rc < 0)
		return rc;
	return reading->is_torn || reading->generation != generation;
}

int nft_read(struct nl *nl, const char *table, struct nft_ruleset *ret, struct err *err)
{
	struct reading reading = {.nl = nl, .table = table, .err = err};
	int rc = 1;

	for (int try = 0; rc == 1 && try < NL_DUMP_TRIES; try++) {
		nft_fini(&reading.ruleset);
		rc = read_once(&reading);
	}
	if (rc == 0) {
		*ret = reading.ruleset;
		return 0;
	}
	nft_fini(&reading.ruleset);
	if (rc < 0)
		return rc;
	return err_set(err, EAGAIN,
	               "namespace %s: read the nf_tables: they changed %d times while they were read",
	               nl_where(nl), NL_DUMP_TRIES);
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
