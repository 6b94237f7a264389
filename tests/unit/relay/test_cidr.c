/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/admission/cidr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

static struct cidr parse(const char *text)
{
	struct err err = ERR_INIT;
	struct cidr cidr;
	if (cidr_parse(text, &cidr, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	return cidr;
}

static struct cidr_address address_of(const char *text)
{
	return parse(text).first;
}

static void a_block_is_written_as_it_is_read(void **state)
{
	static const char *const texts[] = {"0.0.0.0/0", "10.0.0.0/8", "192.0.2.128/25",
	                                    "192.0.2.7", "::/0",       "2001:db8::/32",
	                                    "fd00::/8",  "::1",        "2001:db8::/127"};
	char buf[CIDR_TEXT_MAX];
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		struct cidr cidr = parse(texts[i]);
		assert_string_equal(cidr_format(&cidr, buf, sizeof(buf)), texts[i]);
	}
}

static void a_mapped_block_is_the_ipv4_block(void **state)
{
	static const char *const pairs[][2] = {{"::ffff:10.0.0.0/104", "10.0.0.0/8"},
	                                       {"::ffff:192.0.2.7", "192.0.2.7"},
	                                       {"::ffff:0:0/96", "0.0.0.0/0"}};
	char buf[CIDR_TEXT_MAX];
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(pairs); i++) {
		struct cidr cidr = parse(pairs[i][0]);
		assert_string_equal(cidr_format(&cidr, buf, sizeof(buf)), pairs[i][1]);
	}
}

static void what_is_no_block_is_refused_with_what_was_expected(void **state)
{
	static const struct {
		const char *text, *says;
	} wrong[] = {
	        {"", "has no address"},
	        {"web", "has no address"},
	        {"10.0.0.0.0/8", "has no address"},
	        {"010.0.0.0/8", "has no address"},
	        {"10.0.0/8", "has no address"},
	        {"[::1]/128", "has no address"},
	        {"10.0.0.0/", "number of bits"},
	        {"10.0.0.0/33", "number of bits"},
	        {"10.0.0.0/08", "number of bits"},
	        {"10.0.0.0/8/8", "number of bits"},
	        {"10.0.0.0/255.0.0.0", "number of bits"},
	        {"::/129", "number of bits"},
	        {"::ffff:0:0/95", "number of bits"},
	        {"10.0.0.1/8", "expected 10.0.0.0/8, or 10.0.0.1 alone"},
	        {"2001:db8::1/64", "expected 2001:db8::/64, or 2001:db8::1 alone"},
	        {"1111111111111111111111111111111111111111111111111111111111111111/8", "too long"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
		struct err err = ERR_INIT;
		struct cidr cidr = {.prefix = 77};
		assert_int_equal(cidr_parse(wrong[i].text, &cidr, &err), -EINVAL);
		assert_contains(err.text, wrong[i].says);
		assert_int_equal(cidr.prefix, 77);
	}
}

static bool set_has(const char *const texts[], size_t count, const char *address)
{
	struct cidr cidrs[16];
	struct cidr_set set;
	for (size_t i = 0; i < count; i++)
		cidrs[i] = parse(texts[i]);
	assert_int_equal(cidr_set_init(&set, cidrs, count), 0);
	struct cidr_address wanted = address_of(address);
	bool has = cidr_set_has(&set, &wanted);
	cidr_set_fini(&set);
	return has;
}

static void a_set_has_its_blocks_from_first_to_last_and_nothing_else(void **state)
{
	static const char *const blocks[] = {"10.6.0.0/16",   "10.0.0.0/8",    "192.0.2.7",    "fd00::/8",
	                                     "2001:db8::/33", "10.255.0.0/16", "172.16.0.0/12"};
	static const char *const in[] = {
	        "10.0.0.0",       "10.255.255.255", "10.6.6.6",          "192.0.2.7",
	        "172.31.255.255", "fd00::",         "fdff:ffff:ffff::1", "2001:db8:7fff::1"};
	static const char *const out[] = {"9.255.255.255", "11.0.0.0",        "192.0.2.6", "192.0.2.8",
	                                  "172.32.0.0",    "fe00::",          "fcff::1",   "2001:db8:8000::",
	                                  "::a00:1",       "255.255.255.255", "::",        "0.0.0.0"};
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(in); i++)
		assert_true(set_has(blocks, ARRAY_COUNT(blocks), in[i]));
	for (size_t i = 0; i < ARRAY_COUNT(out); i++)
		assert_false(set_has(blocks, ARRAY_COUNT(blocks), out[i]));
}

static void an_empty_set_has_nothing(void **state)
{
	(void)state;
	assert_false(set_has(NULL, 0, "10.0.0.1"));
}

static void families_have_nothing_in_common(void **state)
{
	(void)state;
	assert_false(set_has((const char *const[]){"::/0"}, 1, "10.0.0.1"));
	assert_false(set_has((const char *const[]){"0.0.0.0/0"}, 1, "::1"));
	assert_true(set_has((const char *const[]){"0.0.0.0/0"}, 1, "::ffff:10.0.0.1"));
}

/* A set must say what comparing bit by bit says, for blocks and addresses drawn close to each other. */
static void a_set_agrees_with_comparing_bits(void **state)
{
	uint32_t seed = 1;
	(void)state;
	for (int round = 0; round < 500; round++) {
		struct cidr cidrs[8];
		struct cidr_set set;
		for (size_t i = 0; i < ARRAY_COUNT(cidrs); i++) {
			seed = seed * 1103515245 + 12345;
			uint8_t bytes[4] = {10, 0, (uint8_t)(seed >> 30), (uint8_t)(seed >> 16)};
			cidr_address_set(&cidrs[i].first, AF_INET, bytes);
			cidrs[i].prefix = (uint8_t)(22 + (seed >> 8) % 11);
			cidr_address_mask(&cidrs[i].first, cidrs[i].prefix);
		}
		assert_int_equal(cidr_set_init(&set, cidrs, ARRAY_COUNT(cidrs)), 0);
		for (unsigned low = 0; low < 1024; low += 3) {
			uint8_t bytes[4] = {10, 0, (uint8_t)(low >> 8), (uint8_t)low};
			struct cidr_address address;
			bool expected = false;
			cidr_address_set(&address, AF_INET, bytes);
			for (size_t i = 0; i < ARRAY_COUNT(cidrs); i++) {
				struct cidr_address masked = address;
				cidr_address_mask(&masked, cidrs[i].prefix);
				expected |= memcmp(&masked, &cidrs[i].first, sizeof(masked)) == 0;
			}
			assert_int_equal(cidr_set_has(&set, &address), expected);
		}
		cidr_set_fini(&set);
	}
}

static void who_has_no_address_is_told(void **state)
{
	struct cidr_address address;
	const uint8_t bytes[16] = {0};
	(void)state;
	assert_false(cidr_address_set(&address, AF_UNIX, bytes));
	assert_false(cidr_address_set(&address, AF_UNSPEC, bytes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_block_is_written_as_it_is_read),
	        cmocka_unit_test(a_mapped_block_is_the_ipv4_block),
	        cmocka_unit_test(what_is_no_block_is_refused_with_what_was_expected),
	        cmocka_unit_test(a_set_has_its_blocks_from_first_to_last_and_nothing_else),
	        cmocka_unit_test(an_empty_set_has_nothing),
	        cmocka_unit_test(families_have_nothing_in_common),
	        cmocka_unit_test(a_set_agrees_with_comparing_bits),
	        cmocka_unit_test(who_has_no_address_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
