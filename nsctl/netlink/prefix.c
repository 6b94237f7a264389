/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/netlink/prefix.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BITS_PER_BYTE = 8 };

uint8_t prefix_full_length(sa_family_t family)
{
	return (uint8_t)(prefix_address_size(family) * BITS_PER_BYTE);
}

size_t prefix_address_size(sa_family_t family)
{
	return family == AF_INET6 ? sizeof(struct in6_addr) : sizeof(struct in_addr);
}

/* parse_length - decimal, at most @max; -1 for anything else */
static int parse_length(const char *text, int max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	return text[0] < '0' || text[0] > '9' || *end || value > (unsigned long)max ? -1 : (int)value;
}

static int parse(char *text, struct prefix *ret)
{
	struct prefix prefix = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};
	char *slash = strchr(text, '/');
	int length = prefix_full_length(prefix.family);

	if (slash) {
		*slash = '\0';
		length = parse_length(slash + 1, length);
	}
	if (length < 0 || inet_pton(prefix.family, text, &prefix.address) != 1)
		return -EINVAL;
	prefix.length = (uint8_t)length;
	*ret = prefix;
	return 0;
}

int prefix_parse(const char *text, struct prefix *ret, struct err *err)
{
	char copy[PREFIX_TEXT_MAX];
	size_t length = strlen(text);

	if (length < sizeof(copy) && parse(memcpy(copy, text, length + 1), ret) == 0)
		return 0;
	return err_set(err, EINVAL, "`%.64s` is not ADDRESS/LENGTH, as in 10.0.0.1/24 or fd00::1/64", text);
}

const char *prefix_format_address(const struct prefix *prefix, char *buf, size_t size)
{
	if (!inet_ntop(prefix->family, &prefix->address, buf, (socklen_t)size))
		snprintf(buf, size, "none");
	return buf;
}

const char *prefix_format(const struct prefix *prefix, char *buf, size_t size)
{
	char address[INET6_ADDRSTRLEN];

	snprintf(buf, size, "%s/%u", prefix_format_address(prefix, address, sizeof(address)), prefix->length);
	return buf;
}

bool prefix_equal(const struct prefix *a, const struct prefix *b)
{
	return a->family == b->family && a->length == b->length &&
	       memcmp(a->address.in6.s6_addr, b->address.in6.s6_addr, sizeof(a->address.in6.s6_addr)) == 0;
}

struct prefix prefix_network(const struct prefix *prefix)
{
	struct prefix network = *prefix;
	uint8_t *bytes = network.address.in6.s6_addr;
	size_t whole = prefix->length / BITS_PER_BYTE, rest = prefix->length % BITS_PER_BYTE;

	if (whole == sizeof(network.address))
		return network;
	bytes[whole] &= (uint8_t)(0xff00 >> rest);
	memset(bytes + whole + 1, 0, sizeof(network.address) - whole - 1);
	return network;
}

bool prefix_covers(const struct prefix *net, const struct prefix *address)
{
	struct prefix cut = *address, network = prefix_network(net);

	if (address->length < net->length)
		return false;
	cut.length = net->length;
	cut = prefix_network(&cut);
	return prefix_equal(&network, &cut);
}
