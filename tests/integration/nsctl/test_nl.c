/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/netlink/nl.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "nsctl/netlink/rtnl.h"
#include "tests/lib/crowd.h"
#include "tests/lib/testlink.h"
#include "tests/lib/testns.h"

enum { OTHERS_MAX = 5000, ENDLESS = 1000 };

static struct nl *handle;
static struct nl_batch batch;
static struct crowd crowd;

static void open_in(int ns_fd, int protocol)
{
	struct err err = ERR_INIT;

	assert_success(nl_open(ns_fd, protocol, "box", &handle, &err), &err);
	assert_success(nl_batch_init(&batch, NL_BATCH_SIZE, NL_BATCH_COUNT, &err), &err);
}

static int close_all(void **state)
{
	nl_close(handle);
	nl_batch_fini(&batch);
	crowd_fini(&crowd);
	handle = NULL;
	return testns_teardown(state);
}

static void send_all(nl_message_fn *on_message, void *ctx)
{
	struct err err = ERR_INIT;

	assert_success(nl_send(handle, &batch, on_message, ctx, &err), &err);
}

/* ---- batches ---- */

static void failure_in_the_middle_keeps_nothing_else_from_being_done(void **state)
{
	int inside = testns_bare();

	(void)state;
	open_in(inside, NETLINK_ROUTE);
	rtnl_link_add(&batch, &(struct rtnl_new){.name = "br0", .ns_fd = -1},
	              &(struct rtnl_made){.kind = LINK_BRIDGE});
	rtnl_link_add(&batch, &(struct rtnl_new){.name = "br0", .ns_fd = -1},
	              &(struct rtnl_made){.kind = LINK_BRIDGE});
	rtnl_link_add(&batch, &(struct rtnl_new){.name = "br1", .ns_fd = -1},
	              &(struct rtnl_made){.kind = LINK_BRIDGE});
	rtnl_link_delete(&batch, "nowhere");
	rtnl_link_set_up(&batch, "br1", true);
	send_all(NULL, NULL);
	assert_int_equal(batch.failed, 1);
	assert_int_equal(batch.codes[0], 0);
	assert_int_equal(batch.codes[1], EEXIST);
	assert_int_equal(batch.codes[2], 0);
	assert_int_equal(batch.codes[3], ENODEV);
	assert_int_equal(batch.codes[4], 0);
	assert_true(testlink_index(inside, "br1") > 0);
}

static void failure_of_the_last_is_told(void **state)
{
	(void)state;
	open_in(testns_bare(), NETLINK_ROUTE);
	rtnl_link_set_up(&batch, "lo", true);
	rtnl_link_delete(&batch, "nowhere");
	send_all(NULL, NULL);
	assert_int_equal(batch.failed, 1);
	assert_int_equal(batch.codes[1], ENODEV);
}

static void success_of_all_leaves_none_that_failed(void **state)
{
	(void)state;
	open_in(testns_bare(), NETLINK_ROUTE);
	while (!nl_batch_full(&batch))
		rtnl_link_set_up(&batch, "lo", true);
	assert_int_equal(batch.count, NL_BATCH_COUNT);
	send_all(NULL, NULL);
	assert_int_equal(batch.failed, batch.count);
}

static void refusal_is_told_in_the_words_of_the_kernel(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	open_in(testns_bare(), NETLINK_ROUTE);
	rtnl_link_add(&batch, &(struct rtnl_new){.name = "br0", .ns_fd = -1},
	              &(struct rtnl_made){.kind = LINK_BRIDGE});
	rtnl_link_set_number(&batch, "br0", LINK_MTU, 67);
	send_all(NULL, NULL);
	assert_int_equal(batch.failed, 1);
	assert_int_equal(nl_explain(handle, &batch, 1, "set mtu", &err), -EINVAL);
	assert_string_equal(err.text,
	                    "namespace box: set mtu: Invalid argument (mtu less than device minimum)");
}

static void refusal_of_another_request_is_told_without_those_words(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	open_in(testns_bare(), NETLINK_ROUTE);
	rtnl_link_add(&batch, &(struct rtnl_new){.name = "br0", .ns_fd = -1},
	              &(struct rtnl_made){.kind = LINK_BRIDGE});
	rtnl_link_set_number(&batch, "br0", LINK_MTU, 67);
	rtnl_link_delete(&batch, "nowhere");
	send_all(NULL, NULL);
	assert_int_equal(nl_explain(handle, &batch, 2, "delete link nowhere", &err), -ENODEV);
	assert_string_equal(err.text, "namespace box: delete link nowhere: No such device");
}

static void batch_can_be_filled_and_sent_again(void **state)
{
	(void)state;
	open_in(testns_bare(), NETLINK_ROUTE);
	rtnl_link_delete(&batch, "nowhere");
	send_all(NULL, NULL);
	nl_batch_clear(&batch);
	rtnl_link_set_up(&batch, "lo", true);
	send_all(NULL, NULL);
	assert_int_equal(batch.failed, 1);
	send_all(NULL, NULL);
	assert_int_equal(batch.failed, 1);
	assert_string_equal(batch.explanation, "");
}

static void empty_batch_asks_for_nothing(void **state)
{
	(void)state;
	open_in(testns_bare(), NETLINK_ROUTE);
	send_all(NULL, NULL);
	assert_int_equal(batch.failed, 0);
}

/* note_sequence - the answers come in the order of the requests */
static int note_sequence(void *ctx, const struct nlmsghdr *message, struct err *err)
{
	uint32_t *last = ctx;

	(void)err;
	assert_int_equal(message->nlmsg_type, RTM_NEWLINK);
	assert_true(*last == 0 || message->nlmsg_seq == *last + 1);
	*last = message->nlmsg_seq;
	return 0;
}

static void begin_question(const char *name)
{
	struct nlmsghdr *message = nl_begin(&batch, RTM_GETLINK, 0);

	nl_put_header(message, sizeof(struct ifinfomsg));
	nl_put_text(message, IFLA_IFNAME, name);
}

/* Together the answers are larger than what a socket holds by default. */
static void answers_with_data_are_matched_and_none_is_lost(void **state)
{
	uint32_t last = 0;

	(void)state;
	open_in(testns_bare(), NETLINK_ROUTE);
	while (!nl_batch_full(&batch))
		begin_question("lo");
	send_all(note_sequence, &last);
	assert_int_equal(last, batch.count);
	assert_int_equal(batch.failed, batch.count);
}

static void batch_above_the_usual_size_is_carried_out_too(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	open_in(testns_bare(), NETLINK_ROUTE);
	nl_batch_fini(&batch);
	assert_success(nl_batch_init(&batch, 1 << 20, OTHERS_MAX, &err), &err);
	while (!nl_batch_full(&batch))
		rtnl_link_delete(&batch, "nowhere");
	send_all(NULL, NULL);
	assert_int_equal(batch.count, OTHERS_MAX);
	assert_int_equal(batch.failed, 0);
	for (uint32_t i = 0; i < batch.count; i++)
		assert_int_equal(batch.codes[i], ENODEV);
}

/* ---- handles ---- */

static void handle_works_in_its_own_namespace(void **state)
{
	int a = testns_bare(), b = testns_bare();

	(void)state;
	testlink_join(a, "veth0", b, "other");
	open_in(b, NETLINK_ROUTE);
	assert_string_equal(nl_where(handle), "box");
	rtnl_link_delete(&batch, "veth0");
	rtnl_link_set_up(&batch, "other", true);
	send_all(NULL, NULL);
	assert_int_equal(batch.codes[0], ENODEV);
	assert_int_equal(batch.codes[1], 0);
}

static void handle_keeps_its_namespace(void **state)
{
	int inside = testns_bare();

	(void)state;
	open_in(inside, NETLINK_ROUTE);
	testns_close(inside);
	rtnl_link_set_up(&batch, "lo", true);
	send_all(NULL, NULL);
	assert_int_equal(batch.failed, 1);
}

static void handle_that_cannot_be_opened_says_where(void **state)
{
	enum { NO_PROTOCOL = 31 }; /* MAX_LINKS of linux/netlink.h is 32 */
	int inside = testns_bare();
	struct err err = ERR_INIT;

	(void)state;
	assert_refusal(nl_open(inside, NO_PROTOCOL, "box", &handle, &err), EPROTONOSUPPORT, &err,
	               "namespace box: ");
	assert_null(handle);
}

/* ---- dumps ---- */

struct list {
	size_t count, tokens, restarts;
	size_t moves;  /* how often the token is still to move, each time at the first message of a try */
	size_t refuse; /* at which message to give up; 0: at none */
};

static int note_link(void *ctx, const struct nlmsghdr *message, struct err *err)
{
	const struct ifinfomsg *link = nl_get_header(message, sizeof(*link));
	struct list *list = ctx;

	list->count++;
	if (list->count == 1 && list->moves > 0) {
		list->moves--;
		assert_true(crowd_move_token(&crowd));
	}
	if (link->ifi_index == CROWD_TOKEN_FIRST || link->ifi_index == CROWD_TOKEN_LAST)
		list->tokens++;
	return list->count == list->refuse ? err_set(err, ECANCELED, "enough") : 0;
}

static void forget_links(void *ctx)
{
	struct list *list = ctx;

	list->count = list->tokens = 0;
	list->restarts++;
}

static int list_links(struct list *list, struct err *err)
{
	nl_batch_clear(&batch);
	nl_put_header(nl_begin_quiet(&batch, RTM_GETLINK, 0), sizeof(struct ifinfomsg));
	return nl_dump(handle, &batch, note_link, forget_links, list, "list links", err);
}

static void open_crowd(void)
{
	crowd_init(&crowd);
	open_in(crowd.ns_fd, NETLINK_ROUTE);
}

static void list_of_many_links_is_whole(void **state)
{
	struct list list = {0};
	struct err err = ERR_INIT;

	(void)state;
	open_crowd();
	assert_success(list_links(&list, &err), &err);
	assert_int_equal(list.count, 1 + CROWD_LINKS + 1);
	assert_int_equal(list.restarts, 0);
}

static void list_that_changed_meanwhile_comes_again(void **state)
{
	struct list list = {.moves = 3};
	struct err err = ERR_INIT;

	(void)state;
	open_crowd();
	assert_success(list_links(&list, &err), &err);
	assert_int_equal(list.restarts, 3);
	assert_int_equal(list.tokens, 1);
	assert_int_equal(list.count, 1 + CROWD_LINKS + 1);
}

static void list_that_never_stays_the_same_is_given_up(void **state)
{
	struct list list = {.moves = ENDLESS};
	struct err err = ERR_INIT;

	(void)state;
	open_crowd();
	assert_refusal(list_links(&list, &err), EAGAIN, &err,
	               "namespace box: list links: it changed 16 times");
	assert_int_equal(list.moves, ENDLESS - NL_DUMP_TRIES);
}

static void handle_can_be_used_after_a_list_was_given_up(void **state)
{
	struct list list = {.refuse = 3}, again = {0};
	struct err err = ERR_INIT;

	(void)state;
	open_crowd();
	assert_refusal(list_links(&list, &err), ECANCELED, &err, "enough");
	assert_int_equal(list.count, 3);
	assert_success(list_links(&again, &err), &err);
	assert_int_equal(again.count, 1 + CROWD_LINKS + 1);
	nl_batch_clear(&batch);
	rtnl_link_delete(&batch, "nowhere");
	send_all(NULL, NULL);
	assert_int_equal(batch.codes[0], ENODEV);
}

static void list_that_the_kernel_refuses_is_explained(void **state)
{
	struct list list = {0};
	struct err err = ERR_INIT;
	struct ifinfomsg *header;

	(void)state;
	open_in(testns_bare(), NETLINK_ROUTE);
	header = nl_put_header(nl_begin_quiet(&batch, RTM_GETLINK, 0), sizeof(*header));
	header->ifi_change = 1;
	assert_refusal(nl_dump(handle, &batch, note_link, forget_links, &list, "list links", &err), EINVAL,
	               &err,
	               "namespace box: list links: Invalid argument (Invalid values in header for link dump "
	               "request)");
	assert_int_equal(list.count, 0);
}

#define claim(function) cmocka_unit_test_teardown(function, close_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        claim(failure_in_the_middle_keeps_nothing_else_from_being_done),
	        claim(failure_of_the_last_is_told),
	        claim(success_of_all_leaves_none_that_failed),
	        claim(refusal_is_told_in_the_words_of_the_kernel),
	        claim(refusal_of_another_request_is_told_without_those_words),
	        claim(batch_can_be_filled_and_sent_again),
	        claim(empty_batch_asks_for_nothing),
	        claim(answers_with_data_are_matched_and_none_is_lost),
	        claim(batch_above_the_usual_size_is_carried_out_too),
	        claim(handle_works_in_its_own_namespace),
	        claim(handle_keeps_its_namespace),
	        claim(handle_that_cannot_be_opened_says_where),
	        claim(list_of_many_links_is_whole),
	        claim(list_that_changed_meanwhile_comes_again),
	        claim(list_that_never_stays_the_same_is_given_up),
	        claim(handle_can_be_used_after_a_list_was_given_up),
	        claim(list_that_the_kernel_refuses_is_explained),
	};
	return testns_result(cmocka_run_group_tests(tests, testns_hide_net, NULL));
}
