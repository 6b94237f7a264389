/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two layers: records, whose headers are taken out, and the handshake message, which goes on from one record to the next.
 * The message is a chain of steps, each of which reads a number or skips a part, and then says what comes next.
 */
#include "relay/client_hello.h"

#include <string.h>

#include "base/check.h"

/* RFC 8446: 5.1, 4, 4.2; RFC 6066, 3. */
enum {
	RECORD_HEADER_SIZE = 5,
	RECORD_SIZE_MAX = 1 << 14,
	RECORD_HANDSHAKE = 22,
	RECORD_MAJOR = 3, /* of every version from SSL 3.0 on */
	HANDSHAKE_CLIENT_HELLO = 1,
	VERSION_AND_RANDOM_SIZE = 2 + 32,
	SESSION_SIZE_MAX = 32,
	EXTENSION_SERVER_NAME = 0,
	NAME_HOST = 0,
};

enum step {
	STEP_TYPE,
	STEP_BODY_SIZE,
	STEP_VERSION_AND_RANDOM,
	STEP_SESSION_SIZE,
	STEP_SESSION,
	STEP_CIPHERS_SIZE,
	STEP_CIPHERS,
	STEP_COMPRESSIONS_SIZE,
	STEP_COMPRESSIONS,
	STEP_EXTENSIONS_SIZE,
	STEP_EXTENSION_TYPE,
	STEP_EXTENSION_SIZE,
	STEP_EXTENSION,
	STEP_LIST_SIZE,
	STEP_NAME_TYPE,
	STEP_NAME_SIZE,
	STEP_NAME,
	STEP_OTHER_NAME,
	STEP_COUNT,
};

static void end(struct client_hello *hello, enum client_hello_result result)
{
	hello->result = (uint8_t)result;
}

static void read_next(struct client_hello *hello, enum step step)
{
	hello->step = (uint8_t)step;
	hello->got = 0;
	hello->number = 0;
}

/* skip - the next @size bytes are the part @step; they must end before @within */
static void skip(struct client_hello *hello, enum step step, uint32_t size, uint32_t within)
{
	read_next(hello, step);
	hello->skip_end = hello->at + size;
	if (hello->skip_end > within)
		end(hello, CLIENT_HELLO_MALFORMED);
}

/* enter - a part of hello->number bytes begins: where it ends, which must not be behind @within */
static uint32_t enter(struct client_hello *hello, uint32_t within)
{
	uint32_t part_end = hello->at + hello->number;
	if (part_end > within)
		end(hello, CLIENT_HELLO_MALFORMED);
	return part_end;
}

/* next_extension - or, behind the last one, the end: there is no name */
static void next_extension(struct client_hello *hello)
{
	if (hello->at == hello->extensions_end)
		end(hello, CLIENT_HELLO_NAMELESS);
	else
		read_next(hello, STEP_EXTENSION_TYPE);
}

static void next_name(struct client_hello *hello)
{
	if (hello->at < hello->list_end)
		read_next(hello, STEP_NAME_TYPE);
	else
		skip(hello, STEP_EXTENSION, hello->extension_end - hello->at, hello->extension_end);
}

/* ---- what follows each step ---- */

static void after_type(struct client_hello *hello)
{
	if (hello->number == HANDSHAKE_CLIENT_HELLO)
		read_next(hello, STEP_BODY_SIZE);
	else
		end(hello, CLIENT_HELLO_NOT_TLS);
}

static void after_body_size(struct client_hello *hello)
{
	hello->at = 0;
	hello->body_end = hello->number;
	if (hello->body_end > CLIENT_HELLO_MAX)
		end(hello, CLIENT_HELLO_MALFORMED);
	else
		skip(hello, STEP_VERSION_AND_RANDOM, VERSION_AND_RANDOM_SIZE, hello->body_end);
}

static void after_version_and_random(struct client_hello *hello)
{
	read_next(hello, STEP_SESSION_SIZE);
}

static void after_session_size(struct client_hello *hello)
{
	if (hello->number > SESSION_SIZE_MAX)
		end(hello, CLIENT_HELLO_MALFORMED);
	else
		skip(hello, STEP_SESSION, hello->number, hello->body_end);
}

static void after_session(struct client_hello *hello)
{
	read_next(hello, STEP_CIPHERS_SIZE);
}

static void after_ciphers_size(struct client_hello *hello)
{
	skip(hello, STEP_CIPHERS, hello->number, hello->body_end);
}

static void after_ciphers(struct client_hello *hello)
{
	read_next(hello, STEP_COMPRESSIONS_SIZE);
}

static void after_compressions_size(struct client_hello *hello)
{
	skip(hello, STEP_COMPRESSIONS, hello->number, hello->body_end);
}

/* after_compressions - clients of TLS 1.2 and before may have no extensions at all */
static void after_compressions(struct client_hello *hello)
{
	if (hello->at == hello->body_end)
		end(hello, CLIENT_HELLO_NAMELESS);
	else
		read_next(hello, STEP_EXTENSIONS_SIZE);
}

static void after_extensions_size(struct client_hello *hello)
{
	hello->extensions_end = enter(hello, hello->body_end);
	if (hello->result == CLIENT_HELLO_MORE)
		next_extension(hello);
}

static void after_extension_type(struct client_hello *hello)
{
	hello->has_names = hello->number == EXTENSION_SERVER_NAME;
	read_next(hello, STEP_EXTENSION_SIZE);
}

static void after_extension_size(struct client_hello *hello)
{
	hello->extension_end = enter(hello, hello->extensions_end);
	if (hello->result != CLIENT_HELLO_MORE)
		return;
	if (hello->has_names && hello->number > 0)
		read_next(hello, STEP_LIST_SIZE);
	else
		skip(hello, STEP_EXTENSION, hello->number, hello->extensions_end);
}

static void after_list_size(struct client_hello *hello)
{
	hello->list_end = enter(hello, hello->extension_end);
	if (hello->result == CLIENT_HELLO_MORE)
		next_name(hello);
}

static void after_name_type(struct client_hello *hello)
{
	hello->is_host = hello->number == NAME_HOST;
	read_next(hello, STEP_NAME_SIZE);
}

static void after_name_size(struct client_hello *hello)
{
	uint32_t size = hello->number;
	skip(hello, hello->is_host ? STEP_NAME : STEP_OTHER_NAME, size, hello->list_end);
	if (hello->is_host && (size == 0 || size > CLIENT_HELLO_NAME_MAX))
		end(hello, CLIENT_HELLO_MALFORMED);
}

static void after_name(struct client_hello *hello)
{
	if (hello->name[hello->name_size - 1] == '.')
		hello->name_size--;
	hello->name[hello->name_size] = '\0';
	end(hello, hello->name_size ? CLIENT_HELLO_NAMED : CLIENT_HELLO_MALFORMED);
}

static const struct {
	uint8_t number_size; /* bytes; 0: a part that ends at skip_end */
	void (*after)(struct client_hello *hello);
} steps[STEP_COUNT] = {
	[STEP_TYPE] = {1, after_type},
	[STEP_BODY_SIZE] = {3, after_body_size},
	[STEP_VERSION_AND_RANDOM] = {0, after_version_and_random},
	[STEP_SESSION_SIZE] = {1, after_session_size},
	[STEP_SESSION] = {0, after_session},
	[STEP_CIPHERS_SIZE] = {2, after_ciphers_size},
	[STEP_CIPHERS] = {0, after_ciphers},
	[STEP_COMPRESSIONS_SIZE] = {1, after_compressions_size},
	[STEP_COMPRESSIONS] = {0, after_compressions},
	[STEP_EXTENSIONS_SIZE] = {2, after_extensions_size},
	[STEP_EXTENSION_TYPE] = {2, after_extension_type},
	[STEP_EXTENSION_SIZE] = {2, after_extension_size},
	[STEP_EXTENSION] = {0, next_extension},
	[STEP_LIST_SIZE] = {2, after_list_size},
	[STEP_NAME_TYPE] = {1, after_name_type},
	[STEP_NAME_SIZE] = {2, after_name_size},
	[STEP_NAME] = {0, after_name},
	[STEP_OTHER_NAME] = {0, next_name},
};

/* ---- bytes ---- */

/* step_is_over - all of the number or of the part has been taken */
static bool step_is_over(const struct client_hello *hello)
{
	uint8_t size = steps[hello->step].number_size;
	return size ? hello->got == size : hello->at == hello->skip_end;
}

/* leaves_body - is the next byte one behind the end of the message? */
static bool leaves_body(const struct client_hello *hello)
{
	return hello->step > STEP_BODY_SIZE && hello->at == hello->body_end;
}

static char lower(uint8_t byte)
{
	return (char)(byte >= 'A' && byte <= 'Z' ? byte - 'A' + 'a' : byte);
}

/* feed_message - one byte of the handshake */
static void feed_message(struct client_hello *hello, uint8_t byte)
{
	if (leaves_body(hello)) {
		end(hello, CLIENT_HELLO_MALFORMED);
		return;
	}
	hello->at++;
	if (steps[hello->step].number_size) {
		hello->number = hello->number << 8 | byte;
		hello->got++;
	}
	if (hello->step == STEP_NAME && byte == '\0')
		end(hello, CLIENT_HELLO_MALFORMED);
	else if (hello->step == STEP_NAME)
		hello->name[hello->name_size++] = lower(byte);
	/* A part may be empty. */
	while (hello->result == CLIENT_HELLO_MORE && step_is_over(hello))
		steps[hello->step].after(hello);
}

/* feed_header - one byte of a record's header */
static void feed_header(struct client_hello *hello, uint8_t byte)
{
	bool first = hello->step == STEP_TYPE && hello->got == 0;
	unsigned at = hello->record_got++;
	hello->record_left = (uint16_t)(hello->record_left << 8 | byte); /* the last two bytes stay */
	if ((at == 0 && byte != RECORD_HANDSHAKE) || (at == 1 && byte != RECORD_MAJOR))
		end(hello, first ? CLIENT_HELLO_NOT_TLS : CLIENT_HELLO_MALFORMED);
	else if (hello->record_got == RECORD_HEADER_SIZE &&
		 (hello->record_left == 0 || hello->record_left > RECORD_SIZE_MAX))
		end(hello, CLIENT_HELLO_MALFORMED);
}

static void feed_byte(struct client_hello *hello, uint8_t byte)
{
	if (hello->record_got < RECORD_HEADER_SIZE) {
		feed_header(hello, byte);
		return;
	}
	if (--hello->record_left == 0)
		hello->record_got = 0;
	feed_message(hello, byte);
}

void client_hello_init(struct client_hello *hello)
{
	*hello = (struct client_hello){.result = CLIENT_HELLO_MORE, .step = STEP_TYPE};
}

enum client_hello_result client_hello_feed(struct client_hello *hello, const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size && hello->result == CLIENT_HELLO_MORE; i++)
		feed_byte(hello, data[i]);
	return hello->result;
}
