/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's name out of the first message of a TLS client (RFC 8446, 4.1.2; RFC 6066, 3), without a key: the ClientHello
 * is sent in the clear. A pure parser that is fed what has come, in whatever pieces, and keeps nothing of it but the name: its
 * cost is one look at each byte, however long a client takes and however small it cuts its records.
 */
#ifndef NSRELAY_RELAY_CLIENT_HELLO_H
#define NSRELAY_RELAY_CLIENT_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CLIENT_HELLO_NAME_MAX = 253, /* RFC 1035, 2.3.4: 255 octets on the wire, which hold 253 characters */
	/* Ours. What browsers send is below 2 KiB, with post-quantum key shares too. */
	CLIENT_HELLO_MAX = 16 * 1024,
};

enum client_hello_result {
	CLIENT_HELLO_MORE,  /* so far it is one */
	CLIENT_HELLO_NAMED, /* `name` is the server's */
	CLIENT_HELLO_NAMELESS,
	CLIENT_HELLO_NOT_TLS,   /* other bytes */
	CLIENT_HELLO_MALFORMED, /* begins as one; or is longer than CLIENT_HELLO_MAX */
};

struct client_hello {
	uint8_t result;      /* enum client_hello_result */
	uint8_t step;        /* of the message: what comes next */
	uint8_t got;         /* bytes of the number that is being read */
	uint8_t record_got;  /* bytes of the record's header */
	bool has_names;      /* the extension that is being read is the server's names */
	bool is_host;        /* the name that is being read is one */
	uint16_t record_left; /* bytes of the record */
	uint16_t name_size;
	uint32_t number;     /* what is being read */
	/* Of the message's body, in bytes: how much was taken, and where the parts end that it is in. */
	uint32_t at, skip_end, body_end, extensions_end, extension_end, list_end;
	char name[CLIENT_HELLO_NAME_MAX + 1]; /* in lower case, without a dot at its end; ends with NUL */
};

/* client_hello_init - nothing has come yet */
void client_hello_init(struct client_hello *hello);

/* client_hello_feed - the next @size bytes; what is known then, for good once it is not CLIENT_HELLO_MORE */
enum client_hello_result client_hello_feed(struct client_hello *hello, const uint8_t *data, size_t size);

#endif
