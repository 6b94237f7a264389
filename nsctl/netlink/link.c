/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/netlink/link.h"

#include <ctype.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

/* Younger than the kernel headers of Debian 12; <linux/if_link.h> of Linux 6.3. */
enum { ATTRIBUTE_GSO_IPV4_MAX_SIZE = 63, ATTRIBUTE_GRO_IPV4_MAX_SIZE = 64 };

enum {
	MTU_MIN = 68,    /* RFC 791, section 3.2; ETH_MIN_MTU of linux/if_ether.h */
	MTU_MAX = 65535, /* ETH_MAX_MTU of linux/if_ether.h */
	/* The kernel wants more than MAX_TCP_HEADER of net/tcp.h, at most 320 bytes, for what is sent ... */
	GSO_SIZE_MIN = 321,
	/* ... and whatever is received, where less than a small packet means nothing. */
	GRO_SIZE_MIN = 321,
	SIZE_MAX_BYTES = 8 * 65535, /* GSO_MAX_SIZE, GRO_MAX_SIZE of linux/netdevice.h */
};

static const char *const kind_names[LINK_KIND_COUNT] = {
        [LINK_OTHER] = "other",   [LINK_LOOPBACK] = "loopback", [LINK_VETH] = "veth",
        [LINK_BRIDGE] = "bridge", [LINK_MACVLAN] = "macvlan",   [LINK_IPVLAN] = "ipvlan",
        [LINK_VXLAN] = "vxlan",
};

const struct link_number_info link_numbers[LINK_NUMBER_COUNT] = {
        [LINK_MTU] = {"mtu", IFLA_MTU, MTU_MIN, MTU_MAX, NULL},
        [LINK_GSO_MAX_SIZE] = {"gso_max_size", IFLA_GSO_MAX_SIZE, GSO_SIZE_MIN, SIZE_MAX_BYTES, NULL},
        [LINK_GRO_MAX_SIZE] = {"gro_max_size", IFLA_GRO_MAX_SIZE, GRO_SIZE_MIN, SIZE_MAX_BYTES, "5.17"},
        [LINK_GSO_IPV4_MAX_SIZE] = {"gso_ipv4_max_size", ATTRIBUTE_GSO_IPV4_MAX_SIZE, GSO_SIZE_MIN,
                                    SIZE_MAX_BYTES, "6.3"},
        [LINK_GRO_IPV4_MAX_SIZE] = {"gro_ipv4_max_size", ATTRIBUTE_GRO_IPV4_MAX_SIZE, GRO_SIZE_MIN,
                                    SIZE_MAX_BYTES, "6.3"},
};

static const enum link_number followers[LINK_NUMBER_COUNT] = {
        [LINK_MTU] = LINK_NUMBER_COUNT,
        [LINK_GSO_MAX_SIZE] = LINK_GSO_IPV4_MAX_SIZE,
        [LINK_GRO_MAX_SIZE] = LINK_GRO_IPV4_MAX_SIZE,
        [LINK_GSO_IPV4_MAX_SIZE] = LINK_NUMBER_COUNT,
        [LINK_GRO_IPV4_MAX_SIZE] = LINK_NUMBER_COUNT,
};

enum link_number link_number_follower(enum link_number number)
{
	return followers[number];
}

uint32_t link_number_wanted(const uint32_t numbers[LINK_NUMBER_COUNT], enum link_number number)
{
	for (enum link_number i = 0; !numbers[number] && i < LINK_NUMBER_COUNT; i++) {
		if (followers[i] == number)
			return numbers[i];
	}
	return numbers[number];
}

static const struct mode {
	enum link_kind kind;
	const char *name;
	int number;
} modes[] = {
        {LINK_MACVLAN, "private", MACVLAN_MODE_PRIVATE},
        {LINK_MACVLAN, "vepa", MACVLAN_MODE_VEPA},
        {LINK_MACVLAN, "bridge", MACVLAN_MODE_BRIDGE},
        {LINK_MACVLAN, "passthru", MACVLAN_MODE_PASSTHRU},
        {LINK_MACVLAN, "source", MACVLAN_MODE_SOURCE},
        {LINK_IPVLAN, "l2", IPVLAN_MODE_L2},
        {LINK_IPVLAN, "l3", IPVLAN_MODE_L3},
        {LINK_IPVLAN, "l3s", IPVLAN_MODE_L3S},
};

const char *link_kind_name(enum link_kind kind)
{
	return kind_names[kind];
}

enum link_kind link_kind_find(const char *name)
{
	for (enum link_kind kind = 0; kind < LINK_KIND_COUNT; kind++) {
		if (strcmp(kind_names[kind], name) == 0)
			return kind;
	}
	return LINK_OTHER;
}

int link_mode_find(enum link_kind kind, const char *name)
{
	for (size_t i = 0; i < ARRAY_COUNT(modes); i++) {
		if (modes[i].kind == kind && strcmp(modes[i].name, name) == 0)
			return modes[i].number;
	}
	return -1;
}

const char *link_mode_name(enum link_kind kind, uint32_t mode)
{
	for (size_t i = 0; i < ARRAY_COUNT(modes); i++) {
		if (modes[i].kind == kind && (uint32_t)modes[i].number == mode)
			return modes[i].name;
	}
	return NULL;
}

/* ---- MAC addresses ---- */

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* parse_byte - two hexadecimal digits; -1 for anything else, the text's end included */
static int parse_byte(const char *text)
{
	int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);

	return low < 0 ? -1 : high << 4 | low;
}

/* is_unicast - what the kernel takes as a link's address: is_valid_ether_addr() of linux/etherdevice.h */
static bool is_unicast(const struct link_mac *mac)
{
	static const uint8_t zero[sizeof(mac->bytes)];

	return !(mac->bytes[0] & 1) && memcmp(mac->bytes, zero, sizeof(zero)) != 0;
}

bool link_mac_parse(const char *text, struct link_mac *ret)
{
	struct link_mac mac = {.given = true};

	if (strlen(text) != LINK_MAC_TEXT_MAX - 1)
		return false;
	for (size_t i = 0; i < sizeof(mac.bytes); i++) {
		int byte = parse_byte(text + 3 * i);
		char after = text[3 * i + 2];

		if (byte < 0 || (after && after != ':'))
			return false;
		mac.bytes[i] = (uint8_t)byte;
	}
	if (!is_unicast(&mac))
		return false;
	*ret = mac;
	return true;
}

const char *link_mac_format(const struct link_mac *mac, char *buf, size_t size)
{
	const uint8_t *b = mac->bytes;

	snprintf(buf, size, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
	return buf;
}

bool link_mac_equal(const struct link_mac *a, const struct link_mac *b)
{
	return a->given == b->given && (!a->given || memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0);
}

/* ---- names ---- */

/* The kernel refuses the rest of these: dev_valid_name() of net/core/dev.c. */
static bool is_name_character(unsigned char c)
{
	return c > ' ' && c != 0x7f && !strchr("/:%", c);
}

bool link_name_ok(const char *name)
{
	size_t length = strlen(name);

	if (length == 0 || length >= IFNAMSIZ || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	for (const char *c = name; *c; c++) {
		if (!is_name_character((unsigned char)*c))
			return false;
	}
	return true;
}
