/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/proxy_protocol.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#define V2_SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V2_TCP4      V2_SIGNATURE "\x21\x11"
#define ADDRESSES4   "\x0a\0\0\1\x0a\0\0\2\x9c\x40\0\x50" /* 10.0.0.1:40000 to 10.0.0.2:80 */

struct decoded {
	enum proxy_result result;
	struct proxy_header header;
	size_t size;
	const char *why;
};

/* decode - out of memory that ends with the last byte, so that valgrind and sanitizers see a read beyond it */
static struct decoded decode(const void *data, size_t size)
{
	struct decoded decoded = {.size = SIZE_MAX, .why = ""};
	uint8_t *copy = malloc(size + !size);
	assert_non_null(copy);
	if (size)
		memcpy(copy, data, size);
	decoded.result = proxy_decode(copy, size, &decoded.header, &decoded.size, &decoded.why);
	if (decoded.header.tlvs)
		decoded.header.tlvs = (const uint8_t *)data + (decoded.header.tlvs - copy);
	free(copy);
	return decoded;
}

static struct session_peer end(int family, const char *address, uint16_t port)
{
	struct session_peer peer = {.family = (uint16_t)family, .port = htons(port)};
	assert_int_equal(inet_pton(family, address, peer.address), 1);
	return peer;
}

static void assert_end(const struct session_peer *is, struct session_peer wanted)
{
	assert_memory_equal(is, &wanted, sizeof(wanted));
}

#define LITERAL(text) {text, sizeof(text) - 1}

struct bytes {
	const char *data;
	size_t size;
};

static void addresses_of_both_versions_are_read(void **state)
{
	static const struct bytes headers[] = {
		LITERAL("PROXY TCP4 10.0.0.1 10.0.0.2 40000 80\r\n"),
		LITERAL(V2_TCP4 "\0\x0c" ADDRESSES4),
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(headers); i++) {
		struct decoded is = decode(headers[i].data, headers[i].size);
		assert_int_equal(is.result, PROXY_COMPLETE);
		assert_int_equal(is.size, headers[i].size);
		assert_end(&is.header.source, end(AF_INET, "10.0.0.1", 40000));
		assert_end(&is.header.destination, end(AF_INET, "10.0.0.2", 80));
		assert_int_equal(is.header.tlv_size, 0);
	}
}

static void addresses_of_ipv6_are_read(void **state)
{
	const struct proxy_header told = {.source = end(AF_INET6, "fd00::1", 1), .destination = end(AF_INET6, "::2", 65535)};
	uint8_t v2[PROXY_ENCODED_MAX];
	static const char v1[] = "PROXY TCP6 fd00::1 ::2 1 65535\r\n";
	struct decoded is[] = {decode(v1, sizeof(v1) - 1), decode(v2, proxy_encode_v2(&told, NULL, v2))};
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(is); i++) {
		assert_int_equal(is[i].result, PROXY_COMPLETE);
		assert_end(&is[i].header.source, told.source);
		assert_end(&is[i].header.destination, told.destination);
	}
}

static void bytes_behind_the_header_are_not_of_it(void **state)
{
	static const char v1[] = "PROXY UNKNOWN\r\nGET /", v2[] = V2_TCP4 "\0\x0c" ADDRESSES4 "GET /";
	(void)state;
	assert_int_equal(decode(v1, sizeof(v1) - 1).size, 15);
	assert_int_equal(decode(v2, sizeof(v2) - 1).size, 28);
}

/* Each beginning of a header asks for more, and none of them is taken for something else. */
static void header_may_come_byte_by_byte(void **state)
{
	static const struct bytes headers[] = {
		LITERAL("PROXY TCP4 10.0.0.1 10.0.0.2 40000 80\r\n"),
		LITERAL("PROXY UNKNOWN ffff:f...f:ffff whatever\r\n"),
		LITERAL(V2_TCP4 "\0\x13" ADDRESSES4 "\x30\0\4name"),
		LITERAL(V2_SIGNATURE "\x20\0\0\0"),
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(headers); i++) {
		for (size_t size = 0; size < headers[i].size; size++)
			assert_int_equal(decode(headers[i].data, size).result, PROXY_MORE);
		assert_int_equal(decode(headers[i].data, headers[i].size).result, PROXY_COMPLETE);
	}
}

static void what_tells_no_tcp_addresses_is_read_over(void **state)
{
	static const struct bytes headers[] = {
		LITERAL("PROXY UNKNOWN\r\n"),
		LITERAL("PROXY UNKNOWN 1.2.3.4 5.6.7.8 1 2\r\n"),
		LITERAL(V2_SIGNATURE "\x20\0\0\0"),
		LITERAL(V2_SIGNATURE "\x20\x11\0\x0c" ADDRESSES4), /* LOCAL: to be discarded */
		LITERAL(V2_SIGNATURE "\x21\x12\0\x0c" ADDRESSES4), /* datagrams */
		LITERAL(V2_SIGNATURE "\x21\0\0\3abc"),
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(headers); i++) {
		struct decoded is = decode(headers[i].data, headers[i].size);
		assert_int_equal(is.result, PROXY_COMPLETE);
		assert_int_equal(is.size, headers[i].size);
		assert_int_equal(is.header.source.family, AF_UNSPEC);
		assert_int_equal(is.header.tlv_size, 0);
	}
}

static void other_bytes_are_no_header(void **state)
{
	static const struct bytes others[] = {
		LITERAL("GET / HTTP/1.0\r\n"), LITERAL("P\n"), LITERAL("PROXY\r\n"), LITERAL("proxy TCP4 "),
		LITERAL("\r\n\r\n\0\r\nQUIX"), LITERAL("\0"),
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(others); i++)
		assert_int_equal(decode(others[i].data, others[i].size).result, PROXY_NO_HEADER);
}

static void malformed_lines_are_refused_with_the_reason(void **state)
{
	static const struct {
		struct bytes bytes;
		const char *why;
	} cases[] = {
		{LITERAL("PROXY \r\n"), "neither TCP4"},
		{LITERAL("PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n"), "neither TCP4"},
		{LITERAL("PROXY TCP4\r\n"), "no address"},
		{LITERAL("PROXY TCP4 ::1 ::1 1 2\r\n"), "no address"},
		{LITERAL("PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n"), "no address"},
		{LITERAL("PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n"), "no address"},
		{LITERAL("PROXY TCP4 1.2.3.4 1.2.3.256 1 2\r\n"), "no address"},
		{LITERAL("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n"), "no port"},
		{LITERAL("PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n"), "no port"},
		{LITERAL("PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n"), "no port"},
		{LITERAL("PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n"), "no port"},
		{LITERAL("PROXY TCP4 1.2.3.4 1.2.3.4 1 99999999999\r\n"), "no port"},
		{LITERAL("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n"), "more than two"},
		{LITERAL("PROXY TCP4 1.2.3.4\0"), "no text"},
		{LITERAL("PROXY UNKNOWN\n"), "no text"},
		{LITERAL("PROXY UNKNOWN\rX"), "CR without LF"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct decoded is = decode(cases[i].bytes.data, cases[i].bytes.size);
		if (is.result != PROXY_MALFORMED)
			fail_msg("'%s' is not refused", cases[i].bytes.data);
		assert_contains(is.why, cases[i].why);
	}
}

static void line_is_bounded(void **state)
{
	char line[PROXY_V1_MAX + 1];
	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "PROXY UNKNOWN ", 14);
	assert_int_equal(decode(line, PROXY_V1_MAX - 2).result, PROXY_MORE);
	assert_int_equal(decode(line, PROXY_V1_MAX - 1).result, PROXY_MALFORMED);
	memcpy(line + PROXY_V1_MAX - 2, "\r\n", 2);
	assert_int_equal(decode(line, PROXY_V1_MAX).result, PROXY_COMPLETE);
	memcpy(line + PROXY_V1_MAX - 2, "x\r\n", 3);
	assert_int_equal(decode(line, PROXY_V1_MAX + 1).result, PROXY_MALFORMED);
}

static void malformed_binary_headers_are_refused_with_the_reason(void **state)
{
	static const struct {
		struct bytes bytes;
		const char *why;
	} cases[] = {
		{LITERAL(V2_SIGNATURE "\x11\x11\0\x0c"), "version"},
		{LITERAL(V2_SIGNATURE "\x22\x11\0\x0c"), "command"},
		{LITERAL(V2_SIGNATURE "\x21\x41\0\x0c"), "family"},
		{LITERAL(V2_SIGNATURE "\x21\x13\0\x0c"), "transport"},
		{LITERAL(V2_TCP4 "\x0f\xf1"), "4096"},
		{LITERAL(V2_TCP4 "\0\x0b" ADDRESSES4), "no room"},
		{LITERAL(V2_TCP4 "\0\x0e" ADDRESSES4 "\x30\0"), "longer"},
		{LITERAL(V2_TCP4 "\0\x12" ADDRESSES4 "\x30\0\4nam"), "longer"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct decoded is = decode(cases[i].bytes.data, cases[i].bytes.size);
		assert_int_equal(is.result, PROXY_MALFORMED);
		assert_contains(is.why, cases[i].why);
	}
}

/* ---- encoding ---- */

static void assert_line(const struct proxy_header *header, const char *expected)
{
	uint8_t buf[PROXY_V1_MAX];
	size_t size = proxy_encode_v1(header, buf);
	assert_int_equal(size, strlen(expected));
	assert_memory_equal(buf, expected, size);
}

static void lines_are_written_as_the_protocol_has_them(void **state)
{
	struct proxy_header header = {.source = end(AF_INET, "10.0.0.1", 40000), .destination = end(AF_INET, "10.0.0.2", 80)};
	(void)state;
	assert_line(&header, "PROXY TCP4 10.0.0.1 10.0.0.2 40000 80\r\n");
	header.destination = end(AF_INET6, "::1", 80);
	assert_line(&header, "PROXY UNKNOWN\r\n");
	header.source = (struct session_peer){.family = AF_UNIX};
	assert_line(&header, "PROXY UNKNOWN\r\n");
	header.source = header.destination = end(AF_INET6, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535);
	assert_line(&header, "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
			     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n");
}

static void mapped_addresses_are_told_as_ipv4(void **state)
{
	struct proxy_header header = {.source = end(AF_INET6, "::ffff:10.0.0.1", 40000),
				      .destination = end(AF_INET6, "::ffff:10.0.0.2", 80)};
	uint8_t buf[PROXY_ENCODED_MAX];
	static const char v2[] = V2_TCP4 "\0\x0c" ADDRESSES4;
	(void)state;
	assert_line(&header, "PROXY TCP4 10.0.0.1 10.0.0.2 40000 80\r\n");
	assert_int_equal(proxy_encode_v2(&header, NULL, buf), sizeof(v2) - 1);
	assert_memory_equal(buf, v2, sizeof(v2) - 1);
	header.destination = end(AF_INET6, "fd00::2", 80);
	assert_line(&header, "PROXY TCP6 ::ffff:10.0.0.1 fd00::2 40000 80\r\n");
}

static void assert_binary(const struct proxy_header *header, const char *netns, struct bytes expected)
{
	uint8_t buf[PROXY_ENCODED_MAX];
	assert_int_equal(proxy_encode_v2(header, netns, buf), expected.size);
	assert_memory_equal(buf, expected.data, expected.size);
}

static void namespace_is_told_once(void **state)
{
	static const uint8_t other[] = "\xe0\0\2hi", named[] = "\x30\0\1x\xe0\0\2hi";
	struct proxy_header header = {.source = end(AF_INET, "10.0.0.1", 40000), .destination = end(AF_INET, "10.0.0.2", 80)};
	(void)state;
	assert_binary(&header, "name", (struct bytes)LITERAL(V2_TCP4 "\0\x13" ADDRESSES4 "\x30\0\4name"));
	header.tlvs = other;
	header.tlv_size = sizeof(other) - 1;
	assert_binary(&header, "n", (struct bytes)LITERAL(V2_TCP4 "\0\x15" ADDRESSES4 "\xe0\0\2hi\x30\0\1n"));
	header.tlvs = named;
	header.tlv_size = sizeof(named) - 1;
	assert_binary(&header, "n", (struct bytes)LITERAL(V2_TCP4 "\0\x15" ADDRESSES4 "\x30\0\1x\xe0\0\2hi"));
}

static void checksum_has_to_be_right(void **state)
{
	static const char right[] = V2_TCP4 "\0\x17" ADDRESSES4 "\x03\0\4\xa4\xaa\x77\x09" "\xe0\0\1y";
	static const char no_checksum[] = V2_TCP4 "\0\x11" ADDRESSES4 "\x03\0\2ab";
	char wrong[sizeof(right)];
	(void)state;
	assert_int_equal(decode(right, sizeof(right) - 1).result, PROXY_COMPLETE);
	for (size_t i = PROXY_V2_FIXED; i < sizeof(right) - 1; i++) {
		memcpy(wrong, right, sizeof(right));
		wrong[i] ^= 1;
		if (i != PROXY_V2_FIXED + 12) /* its type: then there is none */
			assert_int_equal(decode(wrong, sizeof(wrong) - 1).result, PROXY_MALFORMED);
	}
	assert_int_equal(decode(no_checksum, sizeof(no_checksum) - 1).result, PROXY_MALFORMED);
}

static void checksum_of_another_header_is_not_kept(void **state)
{
	static const uint8_t tlvs[] = "\x03\0\4crc!\xe0\0\1y";
	struct proxy_header header = {.source = end(AF_INET, "10.0.0.1", 40000),
				      .destination = end(AF_INET, "10.0.0.2", 80),
				      .tlvs = tlvs,
				      .tlv_size = sizeof(tlvs) - 1};
	(void)state;
	assert_binary(&header, NULL, (struct bytes)LITERAL(V2_TCP4 "\0\x10" ADDRESSES4 "\xe0\0\1y"));
}

static void client_without_an_address_is_local(void **state)
{
	struct proxy_header header = {.source.family = AF_UNIX, .destination.family = AF_UNIX};
	(void)state;
	assert_binary(&header, "name", (struct bytes)LITERAL(V2_SIGNATURE "\x20\0\0\0"));
}

/* The longest header that is accepted can be sent on, with the longest name added to it. */
static void longest_header_can_be_sent_on(void **state)
{
	static uint8_t header[PROXY_V2_MAX] = V2_TCP4 "\x0f\xf0" ADDRESSES4, again[PROXY_ENCODED_MAX];
	size_t value = sizeof(header) - PROXY_V2_FIXED - 12 - PROXY_TLV_FIXED;
	char netns[PROXY_NETNS_MAX + 1];
	(void)state;
	header[28] = 0xe0;
	header[29] = (uint8_t)(value >> 8);
	header[30] = (uint8_t)value;
	memset(netns, 'n', PROXY_NETNS_MAX);
	netns[PROXY_NETNS_MAX] = '\0';
	assert_int_equal(decode(header, sizeof(header) - 1).result, PROXY_MORE);
	struct decoded is = decode(header, sizeof(header));
	assert_int_equal(is.result, PROXY_COMPLETE);
	assert_int_equal(proxy_encode_v2(&is.header, netns, again), PROXY_ENCODED_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_of_both_versions_are_read),
		cmocka_unit_test(addresses_of_ipv6_are_read),
		cmocka_unit_test(bytes_behind_the_header_are_not_of_it),
		cmocka_unit_test(header_may_come_byte_by_byte),
		cmocka_unit_test(what_tells_no_tcp_addresses_is_read_over),
		cmocka_unit_test(other_bytes_are_no_header),
		cmocka_unit_test(malformed_lines_are_refused_with_the_reason),
		cmocka_unit_test(line_is_bounded),
		cmocka_unit_test(malformed_binary_headers_are_refused_with_the_reason),
		cmocka_unit_test(lines_are_written_as_the_protocol_has_them),
		cmocka_unit_test(mapped_addresses_are_told_as_ipv4),
		cmocka_unit_test(namespace_is_told_once),
		cmocka_unit_test(checksum_has_to_be_right),
		cmocka_unit_test(checksum_of_another_header_is_not_kept),
		cmocka_unit_test(client_without_an_address_is_local),
		cmocka_unit_test(longest_header_can_be_sent_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
