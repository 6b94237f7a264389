/* SPDX-License-Identifier: Apache-2.0 */
#include "io/errno_table.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/unit.h"

struct expectation {
	int code;
	enum io_outcome outcome;
};

static void check(enum io_op op, const struct expectation *expected, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		enum io_outcome outcome = io_outcome(op, -expected[i].code);
		if (outcome != expected[i].outcome)
			fail_msg("%s is '%s'", strerror(expected[i].code), io_outcome_name(outcome));
	}
}

static void accept_backs_off_when_something_ran_out_and_goes_on_otherwise(void **state)
{
	static const struct expectation expected[] = {
		{EMFILE, IO_EXHAUSTED}, {ENFILE, IO_EXHAUSTED}, {ENOBUFS, IO_EXHAUSTED}, {ENOMEM, IO_EXHAUSTED},
		{EAGAIN, IO_RETRY},	{ECONNABORTED, IO_RETRY}, {EPROTO, IO_RETRY},	 {EPERM, IO_RETRY},
		{ECANCELED, IO_CANCELLED}, {EBADF, IO_BUG},
	};
	(void)state;
	check(IO_OP_ACCEPT, expected, ARRAY_COUNT(expected));
}

static void receive_tells_a_reset_from_a_lost_peer_and_from_missing_buffers(void **state)
{
	static const struct expectation expected[] = {
		{EAGAIN, IO_RETRY},	   {ECONNRESET, IO_RESET},  {EPIPE, IO_RESET},
		{ETIMEDOUT, IO_TIMED_OUT}, {EHOSTUNREACH, IO_TIMED_OUT}, {ENOBUFS, IO_EXHAUSTED},
		{ECANCELED, IO_CANCELLED}, {EBADF, IO_BUG},
	};
	(void)state;
	check(IO_OP_RECV, expected, ARRAY_COUNT(expected));
}

static void send_without_memory_is_tried_again(void **state)
{
	static const struct expectation expected[] = {
		{EAGAIN, IO_RETRY}, {ENOBUFS, IO_RETRY}, {ENOMEM, IO_RETRY}, {ECONNRESET, IO_RESET},
		{EPIPE, IO_RESET},  {ETIMEDOUT, IO_TIMED_OUT}, {EBADF, IO_BUG},
	};
	(void)state;
	check(IO_OP_SEND, expected, ARRAY_COUNT(expected));
}

static void connect_tells_under_way_from_refused_and_from_own_shortage(void **state)
{
	static const struct expectation expected[] = {
		{EINPROGRESS, IO_RETRY}, {EALREADY, IO_RETRY},	   {EADDRNOTAVAIL, IO_EXHAUSTED},
		{EMFILE, IO_EXHAUSTED},	 {ETIMEDOUT, IO_TIMED_OUT}, {ECONNREFUSED, IO_FAILED},
		{ENETUNREACH, IO_FAILED}, {EAGAIN, IO_FAILED},	   {EISCONN, IO_BUG},
	};
	(void)state;
	check(IO_OP_CONNECT, expected, ARRAY_COUNT(expected));
}

static void unknown_errors_are_failures(void **state)
{
	(void)state;
	for (enum io_op op = 0; op < IO_OP_COUNT; op++)
		assert_int_equal(io_outcome(op, -EXDEV), IO_FAILED);
}

static void each_outcome_has_a_name(void **state)
{
	(void)state;
	for (enum io_outcome a = IO_RETRY; a <= IO_BUG; a++) {
		assert_true(strlen(io_outcome_name(a)) > 0);
		for (enum io_outcome b = IO_RETRY; b < a; b++)
			assert_string_not_equal(io_outcome_name(a), io_outcome_name(b));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accept_backs_off_when_something_ran_out_and_goes_on_otherwise),
		cmocka_unit_test(receive_tells_a_reset_from_a_lost_peer_and_from_missing_buffers),
		cmocka_unit_test(send_without_memory_is_tried_again),
		cmocka_unit_test(connect_tells_under_way_from_refused_and_from_own_shortage),
		cmocka_unit_test(unknown_errors_are_failures),
		cmocka_unit_test(each_outcome_has_a_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
