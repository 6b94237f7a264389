/* SPDX-License-Identifier: Apache-2.0 */
/* An address with its network's length: 10.0.0.1/24, fd00::1/64. As a destination, length 0 is everything. */
#ifndef NSRELAY_NSCTL_NETLINK_PREFIX_H
#define NSRELAY_NSCTL_NETLINK_PREFIX_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct prefix {
	sa_family_t family; /* AF_INET or AF_INET6; AF_UNSPEC: none */
	uint8_t length;     /* [bits] */
	union {
		struct in_addr in4;
		struct in6_addr in6;
	} address; /* bytes that the family does not use are 0 */
};

/* Longest text prefix_format() writes, its NUL included. */
enum { PREFIX_TEXT_MAX = INET6_ADDRSTRLEN + sizeof("/128") - 1 };

/* prefix_parse - read `ADDRESS/LENGTH` or `ADDRESS`, which is a prefix of full length. Errors: EINVAL. */
int prefix_parse(const char *text, struct prefix *ret, struct err *err);

/* prefix_format - the text prefix_parse() reads back; prefix_format_address() is without the length. */
const char *prefix_format(const struct prefix *prefix, char *buf, size_t size);
const char *prefix_format_address(const struct prefix *prefix, char *buf, size_t size);

bool prefix_equal(const struct prefix *a, const struct prefix *b);

/* prefix_covers - is @address within @net? */
bool prefix_covers(const struct prefix *net, const struct prefix *address);

/* prefix_network - @prefix with the bits behind its length cleared */
struct prefix prefix_network(const struct prefix *prefix);

/* prefix_full_length - 32 or 128 */
uint8_t prefix_full_length(sa_family_t family);

/* prefix_address_size - bytes of an address: 4 or 16 */
size_t prefix_address_size(sa_family_t family);

#endif
