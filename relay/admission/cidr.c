/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/admission/cidr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"

enum { BITS_4 = 32, BITS_6 = 128, MAPPED_BITS = 96 };

_Static_assert(sizeof(struct cidr_address) == 17, "compared by memcmp(3): no padding");

static unsigned bits_of(const struct cidr_address *address)
{
	return address->version == 4 ? BITS_4 : BITS_6;
}

static int compare(const struct cidr_address *a, const struct cidr_address *b)
{
	return memcmp(a, b, sizeof(*a));
}

bool cidr_address_set(struct cidr_address *ret, sa_family_t family, const uint8_t *address)
{
	static const uint8_t mapped[MAPPED_BITS / 8] = {[10] = 0xff, [11] = 0xff};
	bool is_mapped = family == AF_INET6 && memcmp(address, mapped, sizeof(mapped)) == 0;
	if (family != AF_INET && family != AF_INET6)
		return false;
	*ret = (struct cidr_address){.version = family == AF_INET || is_mapped ? 4 : 6};
	memcpy(ret->bytes, address + (is_mapped ? sizeof(mapped) : 0), bits_of(ret) / 8);
	return true;
}

void cidr_address_mask(struct cidr_address *address, unsigned prefix)
{
	for (unsigned i = 0; i < sizeof(address->bytes); i++) {
		unsigned kept = prefix > 8 * i ? prefix - 8 * i : 0;
		if (kept < 8)
			address->bytes[i] &= (uint8_t)(0xff00 >> kept);
	}
}

struct cidr_range cidr_range(const struct cidr *cidr)
{
	struct cidr_address last = cidr->first;
	for (unsigned i = 0; i < bits_of(&last) / 8; i++) {
		unsigned kept = cidr->prefix > 8 * i ? cidr->prefix - 8 * i : 0;
		if (kept < 8)
			last.bytes[i] |= (uint8_t)(0xff >> kept);
	}
	return (struct cidr_range){cidr->first, last};
}

/* ---- text ---- */

static int refuse(const char *text, const char *why, struct err *err)
{
	return err_set(err, EINVAL,
	               "'%.64s' %s; expected an address or a block such as 10.0.0.0/8 or fd00::/8", text,
	               why);
}

/* parse_address - the part before the slash */
static bool parse_address(const char *text, struct cidr_address *ret, bool *ret_mapped)
{
	uint8_t bytes[16];
	sa_family_t family = strchr(text, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(family, text, bytes) != 1)
		return false;
	cidr_address_set(ret, family, bytes);
	*ret_mapped = family == AF_INET6 && ret->version == 4;
	return true;
}

/* parse_prefix - the part behind the slash, or NULL; of an IPv4 address mapped into IPv6 it counts IPv6's
 * bits */
static bool parse_prefix(const char *text, const struct cidr_address *address, bool mapped, uint8_t *ret)
{
	uint64_t bits = bits_of(address), least = mapped ? MAPPED_BITS : 0, prefix = bits + least;
	if (text && units_parse_count(text, &prefix, NULL) < 0)
		return false;
	if (prefix < least || prefix > bits + least)
		return false;
	*ret = (uint8_t)(prefix - least);
	return true;
}

/* check_first - nothing may be set behind the prefix: whoever writes 10.0.0.1/8 may mean 10.0.0.1 */
static int check_first(const char *text, const struct cidr *cidr, struct err *err)
{
	char block[CIDR_TEXT_MAX], single[CIDR_TEXT_MAX];
	struct cidr masked = *cidr, alone = *cidr;
	cidr_address_mask(&masked.first, masked.prefix);
	alone.prefix = (uint8_t)bits_of(&alone.first);
	if (compare(&masked.first, &cidr->first) == 0)
		return 0;
	return err_set(err, EINVAL, "'%.64s' has bits set behind its prefix; expected %s, or %s alone", text,
	               cidr_format(&masked, block, sizeof(block)),
	               cidr_format(&alone, single, sizeof(single)));
}

int cidr_parse(const char *text, struct cidr *ret, struct err *err)
{
	char address[CIDR_TEXT_MAX];
	struct cidr cidr;
	bool mapped;
	const char *slash = strchrnul(text, '/');
	size_t length = (size_t)(slash - text);
	if (length >= sizeof(address))
		return refuse(text, "is too long", err);
	memcpy(address, text, length);
	address[length] = '\0';
	if (!parse_address(address, &cidr.first, &mapped))
		return refuse(text, "has no address", err);
	if (!parse_prefix(*slash ? slash + 1 : NULL, &cidr.first, mapped, &cidr.prefix))
		return refuse(text, "has no valid number of bits behind the slash", err);
	int rc = check_first(text, &cidr, err);
	if (rc == 0)
		*ret = cidr;
	return rc;
}

const char *cidr_format(const struct cidr *cidr, char *buf, size_t size)
{
	char address[INET6_ADDRSTRLEN];
	inet_ntop(cidr->first.version == 4 ? AF_INET : AF_INET6, cidr->first.bytes, address, sizeof(address));
	if (cidr->prefix == bits_of(&cidr->first))
		snprintf(buf, size, "%s", address);
	else
		snprintf(buf, size, "%s/%u", address, cidr->prefix);
	return buf;
}

/* ---- sets ---- */

static int by_first(const void *a, const void *b)
{
	return compare(&((const struct cidr_range *)a)->first, &((const struct cidr_range *)b)->first);
}

/* merge - blocks either hold one another or have nothing in common; how many ranges are left of @count in
 * order */
static size_t merge(struct cidr_range *ranges, size_t count)
{
	size_t kept = 0;
	for (size_t i = 0; i < count; i++) {
		if (kept == 0 || compare(&ranges[i].first, &ranges[kept - 1].last) > 0)
			ranges[kept++] = ranges[i];
		else if (compare(&ranges[i].last, &ranges[kept - 1].last) > 0)
			ranges[kept - 1].last = ranges[i].last;
	}
	return kept;
}

int cidr_set_init(struct cidr_set *set, const struct cidr *cidrs, size_t count)
{
	struct cidr_range *ranges = calloc(count + 1, sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		ranges[i] = cidr_range(&cidrs[i]);
	qsort(ranges, count, sizeof(*ranges), by_first);
	*set = (struct cidr_set){ranges, merge(ranges, count)};
	return 0;
}

void cidr_set_fini(struct cidr_set *set)
{
	free(set->ranges);
	*set = (struct cidr_set){0};
}

bool cidr_set_has(const struct cidr_set *set, const struct cidr_address *address)
{
	size_t low = 0,
	       high = set->count; /* ranges before low end before it, those from high on begin behind it */
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (compare(&set->ranges[middle].last, address) < 0)
			low = middle + 1;
		else if (compare(&set->ranges[middle].first, address) > 0)
			high = middle;
		else
			return true;
	}
	return false;
}
