/* SPDX-License-Identifier: Apache-2.0 */
/* What a link is and what of it can be chosen: words that files, plans, kernel and tables share. */
#ifndef NSRELAY_NSCTL_NETLINK_LINK_H
#define NSRELAY_NSCTL_NETLINK_LINK_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "nsctl/netlink/prefix.h"

/* Kinds that nsctl makes, and LINK_OTHER for all others; loopback comes with its namespace. */
enum link_kind {
	LINK_OTHER,
	LINK_LOOPBACK,
	LINK_VETH,
	LINK_BRIDGE,
	LINK_MACVLAN,
	LINK_IPVLAN,
	LINK_VXLAN,
	LINK_KIND_COUNT
};

/* link_kind_name - IFLA_INFO_KIND: "veth"; "other" for LINK_OTHER, "loopback" */
const char *link_kind_name(enum link_kind kind);

/* link_kind_find - LINK_OTHER for a name that is none of them */
enum link_kind link_kind_find(const char *name);

/* Numbers of a link, each an attribute of rtnetlink. 0: not chosen, or not known to this kernel. */
enum link_number {
	LINK_MTU,               /* bytes */
	LINK_GSO_MAX_SIZE,      /* bytes; above 65,536 is BIG TCP (Linux 5.19) */
	LINK_GRO_MAX_SIZE,      /* the same, received */
	LINK_GSO_IPV4_MAX_SIZE, /* Linux 6.3 */
	LINK_GRO_IPV4_MAX_SIZE, /* Linux 6.3 */
	LINK_NUMBER_COUNT,
};

/* How a number is called in files and plans ("mtu", "gso_max_size"), its attribute, and what it may be. */
struct link_number_info {
	const char *name;
	uint16_t attribute; /* IFLA_* */
	uint32_t min, max;
	const char *since; /* the Linux that has it; NULL: all */
};
extern const struct link_number_info link_numbers[LINK_NUMBER_COUNT];

/* Room for all attributes of a link up to the last of those: IFLA_GRO_IPV4_MAX_SIZE (Linux 6.3) is 64. */
enum { LINK_NUMBER_ATTRIBUTES = 65 };

/*
 * link_number_follower - the number for IPv4 alone that goes along with one for all; LINK_NUMBER_COUNT: none
 * link_number_wanted - of those that are chosen; that for IPv4 is as that for all, unless it is chosen itself
 */
enum link_number link_number_follower(enum link_number number);
uint32_t link_number_wanted(const uint32_t numbers[LINK_NUMBER_COUNT], enum link_number number);

/* What the kernel gives a loopback for an mtu, and each link for the others: loopback_setup() of
 * drivers/net/loopback.c, GSO_LEGACY_MAX_SIZE and GRO_LEGACY_MAX_SIZE of linux/netdevice.h. */
enum { LINK_LOOPBACK_MTU = 65536, LINK_LEGACY_SIZE = 65536 };

/* Below it the kernel gives a link no IPv6: RFC 8200, section 5; addrconf_notify() of Linux. */
enum { LINK_IPV6_MTU_MIN = 1280 };

struct link_mac {
	bool given;
	uint8_t bytes[6];
};

/* "aa:bb:cc:dd:ee:ff". Parsing returns false for anything else, a multicast address, and zeros. */
enum { LINK_MAC_TEXT_MAX = 18 };
bool link_mac_parse(const char *text, struct link_mac *ret);
const char *link_mac_format(const struct link_mac *mac, char *buf, size_t size);
bool link_mac_equal(const struct link_mac *a, const struct link_mac *b);

/*
 * Modes of a macvlan ("private", "vepa", "bridge", "passthru", "source") and of an ipvlan ("l2", "l3",
 * "l3s"), as the kernel numbers them. link_mode_find() returns -1 for a word that is no mode of @kind;
 * link_mode_name() NULL.
 */
int link_mode_find(enum link_kind kind, const char *name);
const char *link_mode_name(enum link_kind kind, uint32_t mode);

/* What a vxlan is made of. */
struct link_vxlan {
	uint32_t vni;
	uint16_t port;               /* UDP; 0: 4789 (RFC 7348) */
	struct prefix local, remote; /* family AF_UNSPEC: none */
};

/*
 * link_name_ok - may it name a link?
 * 1 to 15 bytes, no '/', ':', space or control character, not "." or "..", no '%' (the kernel would choose).
 */
bool link_name_ok(const char *name);

#endif
