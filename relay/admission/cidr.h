/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks of addresses as people write them (10.0.0.0/8, fd00::/8, one address alone), and sets of them to
 * look addresses up in. An IPv4 address mapped into IPv6 (RFC 4291, 2.5.5.2) is the IPv4 address: a listener
 * on :: sees IPv4 clients so. Otherwise the two families have nothing in common: ::/0 is every IPv6 address
 * and no IPv4 one. Pure.
 */
#ifndef NSRELAY_RELAY_ADMISSION_CIDR_H
#define NSRELAY_RELAY_ADMISSION_CIDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"

/* An address that memcmp(3) can order and compare. */
struct cidr_address {
	uint8_t version;   /* 4 or 6 */
	uint8_t bytes[16]; /* network order; IPv4: the first four, the others 0 */
};

struct cidr {
	struct cidr_address first; /* the lowest of the block */
	uint8_t prefix;            /* bits that all addresses of the block have in common */
};

/* Longest text cidr_format() writes, its NUL included. */
enum { CIDR_TEXT_MAX = 64 };

/*
 * cidr_parse - read ADDRESS/PREFIX, or ADDRESS alone for a block of one
 * Errors: EINVAL with what was expected (no address, a prefix that is none or too long, bits set behind the
 * prefix).
 */
int cidr_parse(const char *text, struct cidr *ret, struct err *err);

/* cidr_format - the text cidr_parse() reads back. Returns @buf. */
const char *cidr_format(const struct cidr *cidr, char *buf, size_t size);

/* cidr_address_set - from a socket's @address in network order; false when @family is not one that has
 * addresses */
bool cidr_address_set(struct cidr_address *ret, sa_family_t family, const uint8_t *address);

/* cidr_address_mask - clear what comes behind the first @prefix bits */
void cidr_address_mask(struct cidr_address *address, unsigned prefix);

struct cidr_range {
	struct cidr_address first, last;
};

/* cidr_range - a block's first and last address */
struct cidr_range cidr_range(const struct cidr *cidr);

/* The addresses of any number of blocks, as ranges in order that do not overlap. Never changes: any thread
 * may look. */
struct cidr_set {
	struct cidr_range *ranges; /* owned */
	size_t count;
};

/* cidr_set_init - 0 or -ENOMEM */
int cidr_set_init(struct cidr_set *set, const struct cidr *cidrs, size_t count);
void cidr_set_fini(struct cidr_set *set);

/* cidr_set_has - by binary search */
bool cidr_set_has(const struct cidr_set *set, const struct cidr_address *address);

#endif
