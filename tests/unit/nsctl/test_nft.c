/* SPDX-License-Identifier: Apache-2.0 */
/* Rules built by hand: what the kernel or the nft at hand may lack, what is not known, and what is
 * malformed. */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>

#include "nsctl/nft/nft.h"
#include "nsctl/nft/nft_put.h"

/* ---- building ---- */

static struct nl_batch batch;
static struct nlmsghdr *rule;
static struct nlattr *expressions, *expression, *data;

/* A table of family inet with a chain, and a rule that is begun. */
static int begin(void **state)
{
	struct nlmsghdr *message;

	(void)state;
	assert_int_equal(nl_batch_init(&batch, NL_BATCH_SIZE, NL_BATCH_COUNT, NULL), 0);
	nft_put_request(&batch, NFT_MSG_NEWTABLE, 0, "t");
	message = nft_put_request(&batch, NFT_MSG_NEWCHAIN, 0, "t");
	nl_put_text(message, NFTA_CHAIN_NAME, "c");
	rule = nft_put_request(&batch, NFT_MSG_NEWRULE, 0, "t");
	nl_put_text(rule, NFTA_RULE_CHAIN, "c");
	expressions = nl_nest(rule, NFTA_RULE_EXPRESSIONS);
	return 0;
}

static int end(void **state)
{
	(void)state;
	nl_batch_fini(&batch);
	return 0;
}

static void begin_expression(const char *name)
{
	expression = nl_nest(rule, NFTA_LIST_ELEM);
	nl_put_text(rule, NFTA_EXPR_NAME, name);
	data = nl_nest(rule, NFTA_EXPR_DATA);
}

static void end_expression(void)
{
	nl_nest_end(rule, data);
	nl_nest_end(rule, expression);
}

/* An expression of one number. */
static void put(const char *name, uint16_t attr, uint32_t value)
{
	begin_expression(name);
	nl_put_be32(rule, attr, value);
	end_expression();
}

static void put_named(const char *name, uint16_t attr, const char *value)
{
	begin_expression(name);
	nl_put_text(rule, attr, value);
	end_expression();
}

static void load_meta(uint32_t key)
{
	nft_put_load_meta(rule, key);
}

static void compare(uint32_t op, const void *value, uint32_t size)
{
	nft_put_compare(rule, op, value, size);
}

static struct nft_ruleset take_all(const struct nl_batch *messages)
{
	const struct nlmsghdr *message = (const void *)messages->bytes;
	struct nft_ruleset ruleset = {0};

	for (uint32_t i = 0; i < messages->count; i++) {
		assert_int_equal(nft_take(&ruleset, message), 0);
		message = (const void *)((const unsigned char *)message + MNL_ALIGN(message->nlmsg_len));
	}
	return ruleset;
}

static void assert_reads(const char *expected)
{
	struct nft_ruleset ruleset;

	nl_nest_end(rule, expressions);
	ruleset = take_all(&batch);
	assert_int_equal(ruleset.tables.count, 1);
	assert_string_equal(ruleset.tables.items[0].chains.items[0].rules.items[0].text, expected);
	nft_fini(&ruleset);
}

/* ---- what is not known ---- */

static void unknown_expression_is_shown_by_name(void **state)
{
	(void)state;
	put("frobnicate", 1, 7);
	nft_put_masquerade(rule);
	assert_reads("[frobnicate ...] masquerade");
}

static void expression_without_a_name_is_shown(void **state)
{
	(void)state;
	expression = nl_nest(rule, NFTA_LIST_ELEM);
	nl_nest_end(rule, expression);
	assert_reads("[? ...]");
}

static void comparison_of_an_empty_register_is_not_guessed(void **state)
{
	(void)state;
	compare(NFT_CMP_EQ, "\x06", 1);
	assert_reads("[cmp ...]");
}

static void unknown_expression_may_have_written_any_register(void **state)
{
	(void)state;
	load_meta(NFT_META_L4PROTO);
	put("frobnicate", 1, 7);
	compare(NFT_CMP_EQ, "\x06", 1);
	assert_reads("[load meta l4proto] [frobnicate ...] [cmp ...]");
}

static void load_for_nothing_is_shown(void **state)
{
	(void)state;
	load_meta(NFT_META_MARK);
	nft_put_load_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, 0, 4);
	assert_reads("[load meta mark] [load payload]");
}

static void unknown_key_is_not_guessed(void **state)
{
	(void)state;
	load_meta(4711);
	compare(NFT_CMP_EQ, "\x06", 1);
	assert_reads("[meta ...] [cmp ...]");
}

static void extensions_of_xtables_go_by_name(void **state)
{
	(void)state;
	put_named("match", NFTA_MATCH_NAME, "conntrack");
	put_named("target", NFTA_TARGET_NAME, "LOG");
	assert_reads("[xt match conntrack] [xt target LOG]");
}

/* ---- what the kernel or the nft at hand may lack ---- */

static void put_socket(uint32_t key)
{
	begin_expression("socket");
	nl_put_be32(rule, NFTA_SOCKET_KEY, key);
	nl_put_be32(rule, NFTA_SOCKET_DREG, NFT_REG_1);
	if (key == NFT_SOCKET_CGROUPV2)
		nl_put_be32(rule, NFTA_SOCKET_LEVEL, 2);
	end_expression();
}

static void socket_is_asked(void **state)
{
	uint32_t mark = 5;
	uint64_t group = 4711;

	(void)state;
	put_socket(NFT_SOCKET_TRANSPARENT);
	compare(NFT_CMP_EQ, "\x01", 1);
	put_socket(NFT_SOCKET_MARK);
	compare(NFT_CMP_NEQ, &mark, sizeof(mark));
	put_socket(NFT_SOCKET_CGROUPV2);
	compare(NFT_CMP_EQ, &group, sizeof(group));
	assert_reads("socket transparent 1 socket mark != 0x00000005 socket cgroupv2 level 2 4711");
}

static void flow_goes_to_its_table(void **state)
{
	(void)state;
	put_named("flow_offload", NFTA_FLOW_TABLE_NAME, "ft");
	assert_reads("flow add @ft");
}

static void last_use_is_told(void **state)
{
	(void)state;
	put("last", NFTA_LAST_SET, 0);
	begin_expression("last");
	nl_put_be32(rule, NFTA_LAST_SET, 1);
	nl_put_be64(rule, NFTA_LAST_MSECS, 3661500);
	end_expression();
	assert_reads("last used never last used 1h1m1s500ms");
}

static void put_queue(uint16_t first, uint16_t count, uint16_t flags)
{
	begin_expression("queue");
	nl_put_be16(rule, NFTA_QUEUE_NUM, first);
	nl_put_be16(rule, NFTA_QUEUE_TOTAL, count);
	nl_put_be16(rule, NFTA_QUEUE_FLAGS, flags);
	end_expression();
}

static void queues_are_numbered(void **state)
{
	(void)state;
	put_queue(0, 1, 0);
	put_queue(3, 4, NFT_QUEUE_FLAG_BYPASS | NFT_QUEUE_FLAG_CPU_FANOUT);
	assert_reads("queue to 0 queue flags bypass,fanout to 3-6");
}

/* ---- what follows from what ---- */

static void load_port(void)
{
	nft_put_load_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
}

static void protocol_is_said_once(void **state)
{
	(void)state;
	load_meta(NFT_META_L4PROTO);
	compare(NFT_CMP_EQ, "\x06", 1);
	load_port();
	compare(NFT_CMP_EQ, "\x00\x50", 2);
	assert_reads("tcp dport 80");
}

static void denied_protocol_is_no_knowledge(void **state)
{
	(void)state;
	load_meta(NFT_META_L4PROTO);
	compare(NFT_CMP_NEQ, "\x06", 1);
	load_port();
	compare(NFT_CMP_EQ, "\x00\x50", 2);
	assert_reads("meta l4proto != tcp th dport 80");
}

static void header_that_is_not_known_is_shown_as_bits(void **state)
{
	(void)state;
	nft_put_load_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, 12, 4);
	compare(NFT_CMP_EQ, "\x0a\x00\x00\x01", 4);
	assert_reads("@nh,96,32 0xa000001");
}

static void fields_compared_at_once_are_told_apart(void **state)
{
	(void)state;
	load_meta(NFT_META_NFPROTO);
	compare(NFT_CMP_EQ, "\x02", 1);
	nft_put_load_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, 12, 6);
	compare(NFT_CMP_EQ, "\x0a\x00\x00\x01\xc0\xa8", 6);
	assert_reads("ip saddr 10.0.0.1 ip daddr 192.168.0.0/16");
}

static void two_comparisons_make_a_range(void **state)
{
	(void)state;
	load_meta(NFT_META_L4PROTO);
	compare(NFT_CMP_EQ, "\x11", 1);
	load_port();
	compare(NFT_CMP_GTE, "\x00\x50", 2);
	compare(NFT_CMP_LTE, "\x00\x5a", 2);
	assert_reads("udp dport 80-90");
}

static void text_for_a_terminal_is_harmless(void **state)
{
	(void)state;
	put_named("log", NFTA_LOG_PREFIX, "a\x1b[2J\xff gr\xc3\xbcn");
	assert_reads("log prefix \"a\\x1b[2J\\xff gr\xc3\xbcn\"");
}

/* ---- malformed ---- */

/* Some of everything. */
static void put_some(void)
{
	uint32_t status = 32, nothing = 0;

	load_meta(NFT_META_NFPROTO);
	compare(NFT_CMP_EQ, "\x02", 1);
	nft_put_load_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, 16, 4);
	nft_put_mask(rule, "\xff\xff\xff\x00", 4);
	compare(NFT_CMP_EQ, "\x0a\x00\x00\x00", 4);
	nft_put_load_ct(rule, NFT_CT_STATUS);
	nft_put_mask(rule, &status, sizeof(status));
	compare(NFT_CMP_NEQ, &nothing, sizeof(nothing));
	nft_put_load_address_type(rule);
	compare(NFT_CMP_EQ, &nothing, sizeof(nothing));
	put_socket(NFT_SOCKET_MARK);
	put_named("log", NFTA_LOG_PREFIX, "prefix");
	put_queue(3, 4, NFT_QUEUE_FLAG_BYPASS);
	nft_put_constant(rule, NFT_REG_1, "\x0a\x00\x00\x01", 4);
	nft_put_constant(rule, NFT_REG_2, "\x00\x50", 2);
	nft_put_dnat(rule, NFPROTO_IPV4, NFT_REG_1, NFT_REG_2);
	nft_put_jump(rule, "c");
	nl_nest_end(rule, expressions);
	nft_put_comment(rule, "comment");
}

/* is_whole - mnl_nlmsg_ok() of libmnl 1.0.4 takes a length of 2 GiB and more for a negative one, that fits */
static bool is_whole(const struct nlmsghdr *message, int left)
{
	return mnl_nlmsg_ok(message, left) && message->nlmsg_len <= (uint32_t)left;
}

/* read_copy - in memory of exactly that size, so that a sanitizer sees reading beyond; what it says does not
 * matter */
static void read_copy(const unsigned char *bytes, size_t size)
{
	unsigned char *copy = malloc(size);
	struct nft_ruleset ruleset = {0};
	const struct nlmsghdr *message = (const void *)copy;
	char *text;

	assert_non_null(copy);
	memcpy(copy, bytes, size);
	for (int left = (int)size; is_whole(message, left); message = mnl_nlmsg_next(message, &left))
		assert_int_equal(nft_take(&ruleset, message), 0);
	text = nft_text(&ruleset, NFT_TEXT_HANDLES);
	assert_non_null(text);
	free(text);
	nft_fini(&ruleset);
	free(copy);
}

static size_t batch_size(void)
{
	const struct nlmsghdr *last = (const void *)(batch.bytes + batch.last);

	return batch.last + MNL_ALIGN(last->nlmsg_len);
}

static void message_cut_anywhere_does_no_harm(void **state)
{
	struct nlmsghdr *last;
	uint32_t whole;

	(void)state;
	put_some();
	last = (void *)(batch.bytes + batch.last);
	whole = last->nlmsg_len;
	for (uint32_t size = NLMSG_HDRLEN; size < whole; size++) {
		last->nlmsg_len = size;
		read_copy(batch.bytes, batch.last + size);
	}
}

static void any_byte_may_be_wrong(void **state)
{
	static const unsigned char values[] = {0, 1, 0x7f, 0x80, 0xff};
	size_t size;

	(void)state;
	put_some();
	size = batch_size();
	for (size_t i = 0; i < size; i++) {
		unsigned char before = batch.bytes[i];

		for (size_t j = 0; j < ARRAY_COUNT(values); j++) {
			batch.bytes[i] = values[j];
			read_copy(batch.bytes, size);
		}
		batch.bytes[i] = before;
	}
}

static void set_with_odd_elements_does_no_harm(void **state)
{
	static const uint8_t sizes[] = {0, 1, 3, 4, 8, 64};
	struct nlmsghdr *message;

	(void)state;
	nl_nest_end(rule, expressions);
	message = nft_put_request(&batch, NFT_MSG_NEWSET, 0, "t");
	nl_put_text(message, NFTA_SET_NAME, "s");
	nl_put_be32(message, NFTA_SET_FLAGS, NFT_SET_INTERVAL | NFT_SET_MAP);
	nl_put_be32(message, NFTA_SET_KEY_TYPE, UINT32_MAX);
	nl_put_be32(message, NFTA_SET_DATA_TYPE, NFT_TYPE_IPADDR);
	message = nft_put_request(&batch, NFT_MSG_NEWSETELEM, 0, "t");
	nl_put_text(message, NFTA_SET_ELEM_LIST_SET, "s");
	struct nlattr *list = nl_nest(message, NFTA_SET_ELEM_LIST_ELEMENTS);

	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		static const uint8_t bytes[64];
		struct nlattr *element = nl_nest(message, NFTA_LIST_ELEM);

		for (int attr = NFTA_SET_ELEM_KEY; attr <= NFTA_SET_ELEM_DATA; attr++) {
			struct nlattr *nest = nl_nest(message, (uint16_t)attr);

			nl_put(message, NFTA_DATA_VALUE, bytes, sizes[i]);
			nl_nest_end(message, nest);
		}
		nl_nest_end(message, element);
	}
	nl_nest_end(message, list);
	read_copy(batch.bytes, batch_size());
}

static void things_in_no_table_are_passed_over(void **state)
{
	struct nl_batch alone;
	struct nlmsghdr *message;
	struct nft_ruleset ruleset;

	(void)state;
	assert_int_equal(nl_batch_init(&alone, NL_BATCH_SIZE, NL_BATCH_COUNT, NULL), 0);
	message = nft_put_request(&alone, NFT_MSG_NEWRULE, 0, "other");
	nl_put_text(message, NFTA_RULE_CHAIN, "c");
	ruleset = take_all(&alone);
	assert_int_equal(ruleset.tables.count, 0);
	nl_batch_fini(&alone);
}

#define nft_test(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        nft_test(unknown_expression_is_shown_by_name),
	        nft_test(expression_without_a_name_is_shown),
	        nft_test(comparison_of_an_empty_register_is_not_guessed),
	        nft_test(unknown_expression_may_have_written_any_register),
	        nft_test(load_for_nothing_is_shown),
	        nft_test(unknown_key_is_not_guessed),
	        nft_test(extensions_of_xtables_go_by_name),
	        nft_test(socket_is_asked),
	        nft_test(flow_goes_to_its_table),
	        nft_test(last_use_is_told),
	        nft_test(queues_are_numbered),
	        nft_test(protocol_is_said_once),
	        nft_test(denied_protocol_is_no_knowledge),
	        nft_test(header_that_is_not_known_is_shown_as_bits),
	        nft_test(fields_compared_at_once_are_told_apart),
	        nft_test(two_comparisons_make_a_range),
	        nft_test(text_for_a_terminal_is_harmless),
	        nft_test(message_cut_anywhere_does_no_harm),
	        nft_test(any_byte_may_be_wrong),
	        nft_test(set_with_odd_elements_does_no_harm),
	        nft_test(things_in_no_table_are_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
