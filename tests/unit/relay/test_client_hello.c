/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/client_hello.h"

#include <string.h>

#include "base/check.h"
#include "tests/unit/unit.h"

/* A ClientHello that is put together here, part by part. */
static struct {
	uint8_t bytes[40000];
	size_t size;
} message, records;

static void put(const void *bytes, size_t size)
{
	assert_true(message.size + size <= sizeof(message.bytes));
	memcpy(message.bytes + message.size, bytes, size);
	message.size += size;
}

static void put_number(size_t width, size_t number)
{
	uint8_t bytes[4];
	for (size_t i = 0; i < width; i++)
		bytes[i] = (uint8_t)(number >> 8 * (width - 1 - i));
	put(bytes, width);
}

static void put_zeros(size_t size)
{
	for (size_t i = 0; i < size; i++)
		put("", 1);
}

/* set_size - the number of @width bytes at @at is how many there are behind it */
static void set_size(size_t at, size_t width)
{
	size_t end = message.size, size = end - at - width;
	message.size = at;
	put_number(width, size);
	message.size = end;
}

static size_t begin_extension(size_t type)
{
	put_number(2, type);
	put_number(2, 0);
	return message.size - 2;
}

static void put_extension(size_t type, size_t size)
{
	size_t at = begin_extension(type);
	put_zeros(size);
	set_size(at, 2);
}

static void put_name(size_t type, const char *name, size_t size)
{
	put_number(1, type);
	put_number(2, size);
	put(name, size);
}

static void put_server_name(const char *name)
{
	size_t at = begin_extension(0);
	put_number(2, 0);
	put_name(0, name, strlen(name));
	set_size(at + 2, 2);
	set_size(at, 2);
}

enum { EXTENSIONS_AT = 4 + 34 + 33 + 2 + 32 + 2 };

/* begin_hello - up to the size of the extensions, which stand at EXTENSIONS_AT; end_hello - set the sizes */
static void begin_hello(void)
{
	message.size = 0;
	put_number(1, 1);
	put_number(3, 0);
	put_zeros(34);
	put_number(1, 32);
	put_zeros(32);
	put_number(2, 32);
	put_zeros(32);
	put_number(1, 1);
	put_zeros(1);
	put_number(2, 0);
	assert_int_equal(message.size, EXTENSIONS_AT + 2);
}

static void end_hello(void)
{
	set_size(EXTENSIONS_AT, 2);
	set_size(1, 3);
}

/* cut - the message into records of at most @piece bytes */
static void cut(size_t piece)
{
	records.size = 0;
	for (size_t at = 0; at < message.size; at += piece) {
		size_t size = message.size - at < piece ? message.size - at : piece;
		const uint8_t header[] = {22, 3, 1, (uint8_t)(size >> 8), (uint8_t)size};
		assert_true(records.size + sizeof(header) + size <= sizeof(records.bytes));
		memcpy(records.bytes + records.size, header, sizeof(header));
		memcpy(records.bytes + records.size + sizeof(header), message.bytes + at, size);
		records.size += sizeof(header) + size;
	}
}

static struct client_hello hello;

/* feed - the records in pieces of @piece bytes */
static enum client_hello_result feed(size_t piece)
{
	client_hello_init(&hello);
	enum client_hello_result result = CLIENT_HELLO_MORE;
	for (size_t at = 0; at < records.size && result == CLIENT_HELLO_MORE; at += piece)
		result = client_hello_feed(&hello, records.bytes + at,
					   records.size - at < piece ? records.size - at : piece);
	return result;
}

static void make_hello(const char *name)
{
	begin_hello();
	put_extension(0x0a0a, 0);
	put_extension(51, 1200);
	if (name)
		put_server_name(name);
	put_extension(21, 7);
	end_hello();
}

static void assert_named(const char *expected)
{
	assert_int_equal(feed(SIZE_MAX / 2), CLIENT_HELLO_NAMED);
	assert_string_equal(hello.name, expected);
	assert_int_equal(hello.name_size, strlen(expected));
}

static void name_is_found_however_records_and_segments_are_cut(void **state)
{
	static const size_t pieces[] = {1, 2, 3, 5, 7, 64, 517, 1400, 16384};
	(void)state;
	make_hello("api.example.com");
	for (size_t i = 0; i < ARRAY_COUNT(pieces); i++) {
		cut(pieces[i]);
		for (size_t j = 0; j < ARRAY_COUNT(pieces); j++) {
			assert_int_equal(feed(pieces[j]), CLIENT_HELLO_NAMED);
			assert_string_equal(hello.name, "api.example.com");
		}
	}
}

static void name_is_told_as_soon_as_it_is_there(void **state)
{
	(void)state;
	make_hello("api.example.com");
	cut(16384);
	client_hello_init(&hello);
	size_t at = 0;
	while (client_hello_feed(&hello, records.bytes + at, 1) == CLIENT_HELLO_MORE)
		at++;
	assert_int_equal(at, records.size - (4 + 7) - 1); /* the last extension is not waited for */
}

static void name_comes_in_lower_case_without_the_last_dot(void **state)
{
	(void)state;
	make_hello("API.Example.COM.");
	cut(16384);
	assert_named("api.example.com");
}

static void hello_without_a_name_is_nameless(void **state)
{
	(void)state;
	make_hello(NULL);
	cut(16384);
	assert_int_equal(feed(100), CLIENT_HELLO_NAMELESS);
	begin_hello();
	message.size -= 2; /* no extensions at all */
	set_size(1, 3);
	cut(16384);
	assert_int_equal(feed(100), CLIENT_HELLO_NAMELESS);
	begin_hello();
	end_hello();
	cut(16384);
	assert_int_equal(feed(100), CLIENT_HELLO_NAMELESS);
	begin_hello();
	put_extension(0, 0); /* as servers send it */
	end_hello();
	cut(16384);
	assert_int_equal(feed(100), CLIENT_HELLO_NAMELESS);
}

static void name_of_another_type_is_passed_over(void **state)
{
	(void)state;
	begin_hello();
	size_t at = begin_extension(0);
	put_number(2, 0);
	put_name(7, "xyz", 3);
	put_name(0, "b.example", 9);
	set_size(at + 2, 2);
	set_size(at, 2);
	end_hello();
	cut(16384);
	assert_named("b.example");
}

static void other_protocols_are_known_by_their_first_byte_or_two(void **state)
{
	static const char *const others[] = {"GET / HTTP/1.1\r\n", "SSH-2.0-x\r\n", "\x80\x2e\x01\x00\x02", "\x16\x02\x00",
					     "\x15\x03\x01"};
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
		client_hello_init(&hello);
		assert_int_equal(client_hello_feed(&hello, (const uint8_t *)others[i], 2), CLIENT_HELLO_NOT_TLS);
	}
}

static void another_handshake_message_is_not_a_hello(void **state)
{
	(void)state;
	make_hello("x.example");
	message.bytes[0] = 2;
	cut(16384);
	assert_int_equal(feed(100), CLIENT_HELLO_NOT_TLS);
}

static void assert_malformed(void)
{
	assert_int_equal(feed(1), CLIENT_HELLO_MALFORMED);
	assert_int_equal(feed(SIZE_MAX / 2), CLIENT_HELLO_MALFORMED);
}

static void record_that_cannot_be_is_malformed(void **state)
{
	static const uint8_t empty[] = {22, 3, 1, 0, 0}, long_one[] = {22, 3, 1, 0x40, 0x01};
	(void)state;
	records.size = sizeof(empty);
	memcpy(records.bytes, empty, sizeof(empty));
	assert_malformed();
	memcpy(records.bytes, long_one, sizeof(long_one));
	assert_malformed();
	make_hello("x.example");
	cut(100);
	records.bytes[105] = 23; /* the second record is no handshake */
	assert_malformed();
}

static void sizes_that_contradict_are_malformed(void **state)
{
	/* Where a size stands, and a value that is too much for what it is in. */
	static const struct {
		size_t at;
		uint8_t value;
	} lies[] = {
		{3, 20}, {38, 255}, {71, 255}, {EXTENSIONS_AT, 255}, {EXTENSIONS_AT + 4, 255},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(lies); i++) {
		make_hello("x.example");
		if (lies[i].at == 3)
			message.bytes[1] = message.bytes[2] = 0;
		message.bytes[lies[i].at] = lies[i].value;
		cut(16384);
		assert_malformed();
	}
}

static void list_and_name_beyond_their_extension_are_malformed(void **state)
{
	(void)state;
	for (size_t lie = 0; lie < 2; lie++) {
		begin_hello();
		size_t at = begin_extension(0);
		put_number(2, 0);
		put_name(0, "x.example", 9);
		set_size(at + 2, 2);
		set_size(at, 2);
		put_extension(21, 50);
		end_hello();
		message.bytes[at + (lie ? 6 : 3)] += 10; /* the name's size, the list's */
		cut(16384);
		assert_malformed();
	}
}

static void name_that_cannot_be_is_malformed(void **state)
{
	char long_name[CLIENT_HELLO_NAME_MAX + 2];
	(void)state;
	memset(long_name, 'a', sizeof(long_name));
	long_name[CLIENT_HELLO_NAME_MAX + 1] = '\0';
	make_hello(long_name);
	cut(16384);
	assert_malformed();
	long_name[CLIENT_HELLO_NAME_MAX] = '\0';
	make_hello(long_name);
	cut(16384);
	assert_named(long_name);
	make_hello("");
	cut(16384);
	assert_malformed();
	make_hello(".");
	cut(16384);
	assert_malformed();
	begin_hello();
	size_t at = begin_extension(0);
	put_number(2, 0);
	put_name(0, "a\0b", 3);
	set_size(at + 2, 2);
	set_size(at, 2);
	end_hello();
	cut(16384);
	assert_malformed();
}

static void longer_than_any_hello_is_malformed(void **state)
{
	(void)state;
	begin_hello();
	put_extension(21, CLIENT_HELLO_MAX);
	end_hello();
	cut(16384);
	assert_malformed();
}

static void unfinished_hello_wants_more(void **state)
{
	(void)state;
	make_hello(NULL);
	cut(16384);
	for (size_t size = 0; size < records.size; size++) {
		client_hello_init(&hello);
		assert_int_equal(client_hello_feed(&hello, records.bytes, size), CLIENT_HELLO_MORE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(name_is_found_however_records_and_segments_are_cut),
		cmocka_unit_test(name_is_told_as_soon_as_it_is_there),
		cmocka_unit_test(name_comes_in_lower_case_without_the_last_dot),
		cmocka_unit_test(hello_without_a_name_is_nameless),
		cmocka_unit_test(name_of_another_type_is_passed_over),
		cmocka_unit_test(other_protocols_are_known_by_their_first_byte_or_two),
		cmocka_unit_test(another_handshake_message_is_not_a_hello),
		cmocka_unit_test(record_that_cannot_be_is_malformed),
		cmocka_unit_test(sizes_that_contradict_are_malformed),
		cmocka_unit_test(list_and_name_beyond_their_extension_are_malformed),
		cmocka_unit_test(name_that_cannot_be_is_malformed),
		cmocka_unit_test(longer_than_any_hello_is_malformed),
		cmocka_unit_test(unfinished_hello_wants_more),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
