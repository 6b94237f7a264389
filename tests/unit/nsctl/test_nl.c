/* SPDX-License-Identifier: Apache-2.0 */
/* Requests as they are built, and answers as they are read, without a kernel. */
#include "nsctl/netlink/nl.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

enum { FIRST = 41, NAMED = 1, NUMBERED = 2, TYPES = 8 };

/* ---- requests ---- */

static void begin_all(struct nl_batch *batch, size_t capacity, uint32_t count_max)
{
	assert_int_equal(nl_batch_init(batch, capacity, count_max, NULL), 0);
	while (!nl_batch_full(batch))
		nl_put_header(nl_begin(batch, RTM_NEWLINK, 0), sizeof(struct ifinfomsg));
}

static void batch_is_full_at_its_count(void **state)
{
	struct nl_batch batch;

	(void)state;
	begin_all(&batch, NL_BATCH_SIZE, 5);
	assert_int_equal(batch.count, 5);
	nl_batch_clear(&batch);
	assert_false(nl_batch_full(&batch));
	nl_batch_fini(&batch);
}

static void batch_is_full_when_the_largest_message_would_not_fit(void **state)
{
	static const unsigned char bulk[NL_MESSAGE_MAX - NLMSG_HDRLEN - NLA_HDRLEN];
	struct nl_batch batch;

	(void)state;
	assert_int_equal(nl_batch_init(&batch, 3 * NL_MESSAGE_MAX - 1, NL_BATCH_COUNT, NULL), 0);
	nl_put(nl_begin(&batch, RTM_NEWLINK, 0), NAMED, bulk, sizeof(bulk));
	assert_false(nl_batch_full(&batch));
	nl_put(nl_begin(&batch, RTM_NEWLINK, 0), NAMED, bulk, sizeof(bulk));
	assert_true(nl_batch_full(&batch));
	nl_batch_fini(&batch);
}

static void batch_with_the_least_room_takes_one_request(void **state)
{
	struct nl_batch batch;

	(void)state;
	begin_all(&batch, NL_MESSAGE_MAX, NL_BATCH_COUNT);
	assert_int_equal(batch.count, 1);
	nl_batch_fini(&batch);
}

static void batch_without_memory_is_refused(void **state)
{
	struct nl_batch batch;
	struct err err = ERR_INIT;

	(void)state;
#ifdef NSRELAY_SANITIZED
	skip(); /* the sanitizer ends a program that asks for so much */
#endif
	assert_int_equal(nl_batch_init(&batch, SIZE_MAX / 2, 1, &err), -ENOMEM);
	assert_int_equal(err.code, ENOMEM);
}

static void requests_follow_each_other_aligned(void **state)
{
	struct nl_batch batch;
	struct nlmsghdr *first, *second;

	(void)state;
	assert_int_equal(nl_batch_init(&batch, NL_BATCH_SIZE, NL_BATCH_COUNT, NULL), 0);
	first = nl_begin(&batch, RTM_NEWLINK, NLM_F_CREATE);
	nl_put_u8(first, NUMBERED, 7); /* 5 bytes long, 8 with its padding */
	second = nl_begin_quiet(&batch, RTM_GETLINK, 0);
	assert_ptr_equal(second, (unsigned char *)first + NLMSG_HDRLEN + 8);
	assert_int_equal(first->nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE);
	assert_int_equal(second->nlmsg_flags, NLM_F_REQUEST);
	nl_batch_fini(&batch);
}

static void attributes_are_read_as_they_were_put(void **state)
{
	const struct nlattr *attrs[TYPES], *inner[TYPES];
	struct nl_batch batch;
	struct nlmsghdr *message;
	struct nlattr *nest;

	(void)state;
	assert_int_equal(nl_batch_init(&batch, NL_BATCH_SIZE, NL_BATCH_COUNT, NULL), 0);
	message = nl_begin(&batch, RTM_NEWLINK, 0);
	nl_put_header(message, sizeof(struct ifinfomsg));
	nl_put_text(message, 1, "veth0");
	nl_put_u16(message, 2, 0x1234);
	nl_put_be32(message, 3, 0x12345678);
	nest = nl_nest(message, 4);
	nl_put_be64(message, 1, 0x123456789abcdef0);
	nl_put_u32(message, TYPES, 1);
	nl_nest_end(message, nest);
	nl_put_u8(message, 5, 9);

	nl_parse(message, sizeof(struct ifinfomsg), attrs, TYPES);
	nl_parse_nested(attrs[4], inner, TYPES);
	assert_string_equal(nl_get_text(attrs[1]), "veth0");
	assert_int_equal(nl_get_u16(attrs[2]), 0x1234);
	assert_int_equal(nl_get_be32(attrs[3]), 0x12345678);
	assert_int_equal(nl_get_be64(inner[1]), 0x123456789abcdef0);
	assert_int_equal(nl_get_u8(attrs[5]), 9);
	assert_null(attrs[6]);
	assert_null(inner[2]);
	nl_batch_fini(&batch);
}

/* ---- values of an unexpected size ---- */

/* A message with the one attribute @type of @size bytes, all of them @fill. */
static const struct nlattr *one_attribute(struct nl_batch *batch, size_t size, char fill)
{
	const struct nlattr *attrs[TYPES];
	char value[16];

	assert_int_equal(nl_batch_init(batch, NL_MESSAGE_MAX, 1, NULL), 0);
	memset(value, fill, sizeof(value));
	nl_put(nl_begin(batch, RTM_NEWLINK, 0), NAMED, value, size);
	nl_parse((const void *)batch->bytes, 0, attrs, TYPES);
	return attrs[NAMED];
}

static void value_that_is_too_short_reads_as_nothing(void **state)
{
	struct nl_batch batch;
	const struct nlattr *attr = one_attribute(&batch, 3, 1);

	(void)state;
	assert_int_equal(nl_get_u8(attr), 1);
	assert_int_equal(nl_get_u16(attr), 0x0101);
	assert_int_equal(nl_get_u32(attr), 0);
	assert_int_equal(nl_get_u64(attr), 0);
	assert_null(nl_get_data(attr, 4));
	assert_null(nl_get_data(attr, 2));
	assert_non_null(nl_get_data(attr, 3));
	nl_batch_fini(&batch);
}

static void value_that_is_not_there_reads_as_nothing(void **state)
{
	const struct nlattr *inner[TYPES];
	uint64_t copy = 7;

	(void)state;
	assert_int_equal(nl_get_u8(NULL), 0);
	assert_int_equal(nl_get_be64(NULL), 0);
	assert_string_equal(nl_get_text(NULL), "");
	assert_null(nl_get_data(NULL, 4));
	nl_copy(NULL, &copy, sizeof(copy));
	assert_int_equal(copy, 0);
	nl_parse_nested(NULL, inner, TYPES);
	assert_null(inner[NAMED]);
}

static void text_without_an_end_reads_as_empty(void **state)
{
	struct nl_batch batch;

	(void)state;
	assert_string_equal(nl_get_text(one_attribute(&batch, 8, 'x')), "");
	nl_batch_fini(&batch);
	assert_string_equal(nl_get_text(one_attribute(&batch, 0, 'x')), "");
	nl_batch_fini(&batch);
}

static void attribute_of_a_wrong_length_ends_the_reading(void **state)
{
	static const uint16_t lengths[] = {0, NLA_HDRLEN - 1, NLA_HDRLEN + 5, UINT16_MAX};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(lengths); i++) {
		const struct nlattr *attrs[TYPES];
		struct nl_batch batch;
		struct nlmsghdr *message;
		struct nlattr *last;

		assert_int_equal(nl_batch_init(&batch, NL_MESSAGE_MAX, 1, NULL), 0);
		message = nl_begin(&batch, RTM_NEWLINK, 0);
		nl_put_u32(message, 1, 7);
		last = mnl_nlmsg_get_payload_tail(message);
		nl_put_u32(message, 2, 8);
		last->nla_len = lengths[i];
		nl_parse(message, 0, attrs, TYPES);
		assert_int_equal(nl_get_u32(attrs[1]), 7);
		assert_null(attrs[2]);
		nl_batch_fini(&batch);
	}
}

static void message_shorter_than_its_header_has_none(void **state)
{
	const struct nlattr *attrs[TYPES];
	struct nlmsghdr message = {.nlmsg_len = sizeof(message)};

	(void)state;
	assert_null(nl_get_header(&message, 1));
	nl_parse(&message, sizeof(struct ifinfomsg), attrs, TYPES);
	assert_null(attrs[NAMED]);
}

/* ---- answers ---- */

/* What the kernel would have sent, and to whom. */
struct exchange {
	struct nl_batch asked, told; /* @told is no batch, but built as one */
	struct nl_reading reading;
	struct err err;
	size_t message_count;
	int refusal; /* what on_message() returns */
};

static int on_message(void *ctx, const struct nlmsghdr *message, struct err *err)
{
	struct exchange *exchange = ctx;

	assert_int_equal(message->nlmsg_type, RTM_NEWLINK);
	exchange->message_count++;
	return exchange->refusal ? err_set(err, exchange->refusal, "not that one") : 0;
}

static void ask(struct exchange *exchange, uint32_t count)
{
	*exchange = (struct exchange){.message_count = 0};
	assert_int_equal(nl_batch_init(&exchange->asked, NL_BATCH_SIZE, NL_BATCH_COUNT, NULL), 0);
	assert_int_equal(nl_batch_init(&exchange->told, NL_BATCH_SIZE, NL_BATCH_COUNT, NULL), 0);
	for (uint32_t i = 0; i < count; i++) {
		nl_begin(&exchange->asked, RTM_NEWLINK, 0)->nlmsg_seq = FIRST + i;
		exchange->asked.codes[i] = ENOMSG;
	}
	exchange->asked.failed = count;
	exchange->reading = (struct nl_reading){
	        .batch = &exchange->asked, .on_message = on_message, .ctx = exchange, .err = &exchange->err};
}

static struct nlmsghdr *tell(struct exchange *exchange, uint16_t type, uint32_t sequence)
{
	struct nlmsghdr *message = nl_begin_quiet(&exchange->told, type, 0);

	message->nlmsg_flags = 0;
	message->nlmsg_seq = sequence;
	return message;
}

static void tell_status(struct exchange *exchange, uint32_t sequence, int status, const char *explanation)
{
	struct nlmsghdr *message = tell(exchange, NLMSG_ERROR, sequence);
	struct nlmsgerr *answer = nl_put_header(message, sizeof(*answer));

	answer->error = status;
	if (!explanation)
		return;
	message->nlmsg_flags = NLM_F_ACK_TLVS | NLM_F_CAPPED;
	nl_put_text(message, NLMSGERR_ATTR_MSG, explanation);
}

static void tell_end(struct exchange *exchange, int status, const char *explanation)
{
	struct nlmsghdr *message = tell(exchange, NLMSG_DONE, FIRST);

	*(int *)nl_put_header(message, sizeof(int)) = status;
	message->nlmsg_flags = NLM_F_MULTI | (explanation ? NLM_F_ACK_TLVS : 0);
	if (explanation)
		nl_put_text(message, NLMSGERR_ATTR_MSG, explanation);
}

/* hear - have all that was told read, from memory that ends with it */
static void hear(struct exchange *exchange)
{
	struct nl_batch *told = &exchange->told;
	const struct nlmsghdr *last = (const void *)(told->bytes + told->last);
	size_t size = told->last + last->nlmsg_len;
	void *bytes = malloc(size);

	assert_non_null(bytes);
	nl_read(&exchange->reading, memcpy(bytes, told->bytes, size), size);
	free(bytes);
	nl_batch_clear(told);
}

static void end(struct exchange *exchange)
{
	nl_batch_fini(&exchange->asked);
	nl_batch_fini(&exchange->told);
}

static void answer_belongs_to_the_request_of_its_sequence_number(void **state)
{
	struct exchange exchange;

	(void)state;
	ask(&exchange, 4);
	tell_status(&exchange, FIRST + 2, -EEXIST, NULL);
	tell_status(&exchange, FIRST + 0, 0, NULL);
	tell_status(&exchange, FIRST + 3, -ENODEV, NULL);
	hear(&exchange);
	assert_int_equal(exchange.asked.codes[0], 0);
	assert_int_equal(exchange.asked.codes[1], ENOMSG);
	assert_int_equal(exchange.asked.codes[2], EEXIST);
	assert_int_equal(exchange.asked.codes[3], ENODEV);
	end(&exchange);
}

static void explanation_is_that_of_the_first_failure(void **state)
{
	struct exchange exchange;

	(void)state;
	ask(&exchange, 4);
	tell_status(&exchange, FIRST + 3, -ENODEV, "late");
	tell_status(&exchange, FIRST + 1, -EEXIST, "early");
	tell_status(&exchange, FIRST + 2, -EPERM, "between");
	hear(&exchange);
	assert_int_equal(exchange.asked.failed, 1);
	assert_string_equal(exchange.asked.explanation, "early");
	end(&exchange);
}

static void failure_without_an_explanation_borrows_none(void **state)
{
	struct exchange exchange;

	(void)state;
	ask(&exchange, 2);
	tell_status(&exchange, FIRST + 1, -ENODEV, "late");
	tell_status(&exchange, FIRST + 0, -EEXIST, NULL);
	hear(&exchange);
	assert_string_equal(exchange.asked.explanation, "");
	end(&exchange);
}

static void answer_to_somebody_else_is_passed_over(void **state)
{
	struct exchange exchange;

	(void)state;
	ask(&exchange, 2);
	tell_status(&exchange, FIRST - 1, -EPERM, NULL);
	tell_status(&exchange, FIRST + 2, -EPERM, NULL);
	tell(&exchange, RTM_NEWLINK, FIRST - 1)->nlmsg_flags = NLM_F_DUMP_INTR;
	hear(&exchange);
	assert_int_equal(exchange.asked.failed, 2);
	assert_int_equal(exchange.message_count, 0);
	assert_false(exchange.reading.interrupted);
	end(&exchange);
}

static void error_that_is_none_is_a_protocol_error(void **state)
{
	static const int absurd[] = {1, 4096, -4096, INT32_MIN, INT32_MAX};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(absurd); i++) {
		struct exchange exchange;

		ask(&exchange, 1);
		tell_status(&exchange, FIRST, absurd[i], NULL);
		hear(&exchange);
		assert_int_equal(exchange.asked.codes[0], EPROTO);
		end(&exchange);
	}
}

static void answer_that_is_cut_short_is_passed_over(void **state)
{
	struct exchange exchange;

	(void)state;
	ask(&exchange, 2);
	nl_put_header(tell(&exchange, NLMSG_ERROR, FIRST), sizeof(int));
	hear(&exchange);
	assert_int_equal(exchange.asked.codes[0], ENOMSG);
	end(&exchange);
}

static void explanation_that_does_not_end_is_none(void **state)
{
	struct exchange exchange;

	(void)state;
	ask(&exchange, 1);
	tell_status(&exchange, FIRST, -EPERM, "x");
	((struct nlattr *)(exchange.told.bytes + NLMSG_HDRLEN + sizeof(struct nlmsgerr)))->nla_len--;
	hear(&exchange);
	assert_int_equal(exchange.asked.codes[0], EPERM);
	assert_string_equal(exchange.asked.explanation, "");
	end(&exchange);
}

static void end_of_a_dump_carries_its_error(void **state)
{
	struct exchange exchange;

	(void)state;
	ask(&exchange, 1);
	tell_end(&exchange, -EINVAL, "no such filter");
	hear(&exchange);
	assert_true(exchange.reading.done);
	assert_int_equal(exchange.asked.codes[0], EINVAL);
	assert_int_equal(exchange.asked.failed, 0);
	assert_string_equal(exchange.asked.explanation, "no such filter");
	end(&exchange);
}

static void end_of_a_dump_may_count_its_messages(void **state)
{
	struct exchange exchange;

	(void)state;
	ask(&exchange, 1);
	tell_end(&exchange, 12, NULL);
	hear(&exchange);
	assert_true(exchange.reading.done);
	assert_int_equal(exchange.asked.codes[0], 0);
	assert_int_equal(exchange.asked.failed, 1);
	end(&exchange);
}

static void interruption_anywhere_is_noted(void **state)
{
	struct exchange exchange;

	(void)state;
	ask(&exchange, 1);
	tell(&exchange, RTM_NEWLINK, FIRST);
	hear(&exchange);
	assert_false(exchange.reading.interrupted);
	tell(&exchange, RTM_NEWLINK, FIRST)->nlmsg_flags = NLM_F_MULTI | NLM_F_DUMP_INTR;
	tell(&exchange, RTM_NEWLINK, FIRST);
	hear(&exchange);
	assert_true(exchange.reading.interrupted);
	assert_int_equal(exchange.message_count, 3);
	end(&exchange);
}

static void refused_message_is_the_last_that_is_handed_on(void **state)
{
	struct exchange exchange;

	(void)state;
	ask(&exchange, 1);
	exchange.refusal = ENOMEM;
	tell(&exchange, RTM_NEWLINK, FIRST);
	tell(&exchange, RTM_NEWLINK, FIRST);
	tell_end(&exchange, 0, NULL);
	hear(&exchange);
	assert_int_equal(exchange.message_count, 1);
	assert_int_equal(exchange.reading.rc, -ENOMEM);
	assert_string_equal(exchange.err.text, "not that one");
	assert_true(exchange.reading.done);
	end(&exchange);
}

static void message_of_a_wrong_length_ends_the_datagram(void **state)
{
	static const uint32_t lengths[] = {0, NLMSG_HDRLEN - 1, NLMSG_HDRLEN + 1, UINT32_MAX, INT32_MAX};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(lengths); i++) {
		struct exchange exchange;
		struct nlmsghdr messages[2] = {
		        {.nlmsg_len = NLMSG_HDRLEN, .nlmsg_type = RTM_NEWLINK, .nlmsg_seq = FIRST},
		        {.nlmsg_len = lengths[i], .nlmsg_type = RTM_NEWLINK, .nlmsg_seq = FIRST}};

		ask(&exchange, 1);
		nl_read(&exchange.reading, messages, sizeof(messages));
		assert_int_equal(exchange.message_count, 1);
		end(&exchange);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(batch_is_full_at_its_count),
	        cmocka_unit_test(batch_is_full_when_the_largest_message_would_not_fit),
	        cmocka_unit_test(batch_with_the_least_room_takes_one_request),
	        cmocka_unit_test(batch_without_memory_is_refused),
	        cmocka_unit_test(requests_follow_each_other_aligned),
	        cmocka_unit_test(attributes_are_read_as_they_were_put),
	        cmocka_unit_test(value_that_is_too_short_reads_as_nothing),
	        cmocka_unit_test(value_that_is_not_there_reads_as_nothing),
	        cmocka_unit_test(text_without_an_end_reads_as_empty),
	        cmocka_unit_test(attribute_of_a_wrong_length_ends_the_reading),
	        cmocka_unit_test(message_shorter_than_its_header_has_none),
	        cmocka_unit_test(answer_belongs_to_the_request_of_its_sequence_number),
	        cmocka_unit_test(explanation_is_that_of_the_first_failure),
	        cmocka_unit_test(failure_without_an_explanation_borrows_none),
	        cmocka_unit_test(answer_to_somebody_else_is_passed_over),
	        cmocka_unit_test(error_that_is_none_is_a_protocol_error),
	        cmocka_unit_test(answer_that_is_cut_short_is_passed_over),
	        cmocka_unit_test(explanation_that_does_not_end_is_none),
	        cmocka_unit_test(end_of_a_dump_carries_its_error),
	        cmocka_unit_test(end_of_a_dump_may_count_its_messages),
	        cmocka_unit_test(interruption_anywhere_is_noted),
	        cmocka_unit_test(refused_message_is_the_last_that_is_handed_on),
	        cmocka_unit_test(message_of_a_wrong_length_ends_the_datagram),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
