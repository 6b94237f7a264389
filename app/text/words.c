/* SPDX-License-Identifier: Apache-2.0 */
#include "app/text/words.h"

#include <inttypes.h>
#include <net/if.h> /* before linux/if.h */

#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "nsctl/topology/topology.h"

struct word {
	uint32_t value;
	const char *text;
};

static const struct word route_types[] = {
        {RTN_UNICAST, "unicast"},
        {RTN_LOCAL, "local"},
        {RTN_BROADCAST, "broadcast"},
        {RTN_ANYCAST, "anycast"},
        {RTN_MULTICAST, "multicast"},
        {RTN_BLACKHOLE, "blackhole"},
        {RTN_UNREACHABLE, "unreachable"},
        {RTN_PROHIBIT, "prohibit"},
        {RTN_THROW, "throw"},
        {RTN_NAT, "nat"},
};

/* As /etc/iproute2/rt_protos has them. */
static const struct word protocols[] = {
        {RTPROT_UNSPEC, "unspec"},    {RTPROT_REDIRECT, "redirect"},
        {RTPROT_KERNEL, "kernel"},    {RTPROT_BOOT, "boot"},
        {RTPROT_STATIC, "static"},    {RTPROT_RA, "ra"},
        {RTPROT_DHCP, "dhcp"},        {RTPROT_KEEPALIVED, "keepalived"},
        {RTPROT_ZEBRA, "zebra"},      {RTPROT_BIRD, "bird"},
        {RTPROT_BABEL, "babel"},      {RTPROT_BGP, "bgp"},
        {RTPROT_ISIS, "isis"},        {RTPROT_OSPF, "ospf"},
        {RTPROT_RIP, "rip"},          {RTPROT_EIGRP, "eigrp"},
        {TOPOLOGY_PROTOCOL, "nsctl"},
};

static const struct word scopes[] = {
        {RT_SCOPE_UNIVERSE, "global"}, {RT_SCOPE_SITE, "site"},       {RT_SCOPE_LINK, "link"},
        {RT_SCOPE_HOST, "host"},       {RT_SCOPE_NOWHERE, "nowhere"},
};

static const struct word tables[] = {
        {RT_TABLE_DEFAULT, "default"},
        {RT_TABLE_MAIN, "main"},
        {RT_TABLE_LOCAL, "local"},
};

static const struct word rules[] = {
        {FR_ACT_TO_TBL, "lookup"},
        {FR_ACT_GOTO, "goto"},
        {FR_ACT_NOP, "nop"},
        {FR_ACT_BLACKHOLE, "blackhole"},
        {FR_ACT_UNREACHABLE, "unreachable"},
        {FR_ACT_PROHIBIT, "prohibit"},
};

static const struct word link_flags[] = {
        {IFF_UP, "UP"},
        {IFF_LOWER_UP, "LOWER_UP"},
        {IFF_BROADCAST, "BROADCAST"},
        {IFF_LOOPBACK, "LOOPBACK"},
        {IFF_POINTOPOINT, "POINTOPOINT"},
        {IFF_NOARP, "NOARP"},
        {IFF_PROMISC, "PROMISC"},
        {IFF_ALLMULTI, "ALLMULTI"},
        {IFF_MULTICAST, "MULTICAST"},
        {IFF_MASTER, "MASTER"},
        {IFF_SLAVE, "SLAVE"},
        {IFF_DORMANT, "DORMANT"},
};

static const struct word address_flags[] = {
        {IFA_F_SECONDARY, "secondary"},           {IFA_F_NODAD, "nodad"},
        {IFA_F_OPTIMISTIC, "optimistic"},         {IFA_F_DADFAILED, "dadfailed"},
        {IFA_F_DEPRECATED, "deprecated"},         {IFA_F_TENTATIVE, "tentative"},
        {IFA_F_MANAGETEMPADDR, "mngtmpaddr"},     {IFA_F_NOPREFIXROUTE, "noprefixroute"},
        {IFA_F_STABLE_PRIVACY, "stable-privacy"},
};

/* linux/if_addr.h since Linux 5.18. */
static const struct word address_protocols[] = {
        {0, ""}, {1, "kernel_lo"}, {2, "kernel_ra"}, {3, "kernel_ll"}, {TOPOLOGY_PROTOCOL, "nsctl"},
};

#define LIST(array)                                                                                          \
	{                                                                                                    \
		array, ARRAY_COUNT(array)                                                                    \
	}
static const struct {
	const struct word *words;
	size_t count;
} lists[WORDS_COUNT] = {
        [WORDS_ROUTE_TYPE] = LIST(route_types),
        [WORDS_PROTOCOL] = LIST(protocols),
        [WORDS_SCOPE] = LIST(scopes),
        [WORDS_TABLE] = LIST(tables),
        [WORDS_RULE] = LIST(rules),
        [WORDS_LINK_FLAG] = LIST(link_flags),
        [WORDS_ADDRESS_FLAG] = LIST(address_flags),
        [WORDS_ADDRESS_PROTOCOL] = LIST(address_protocols),
};

const char *words_name(enum words kind, uint32_t value, char *buf, size_t size)
{
	for (size_t i = 0; i < lists[kind].count; i++)
		if (lists[kind].words[i].value == value)
			return lists[kind].words[i].text;
	snprintf(buf, size, "%" PRIu32, value);
	return buf;
}

void words_each(enum words kind, uint32_t bits, void (*tell)(void *ctx, const char *word), void *ctx)
{
	for (size_t i = 0; i < lists[kind].count; i++)
		if (bits & lists[kind].words[i].value)
			tell(ctx, lists[kind].words[i].text);
}

struct list {
	char *buf;
	size_t size;
};

static void append(void *ctx, const char *word)
{
	const struct list *list = ctx;
	size_t length = strlen(list->buf);
	snprintf(list->buf + length, list->size - length, "%s%s", length > 0 ? "," : "", word);
}

const char *words_list(enum words kind, uint32_t bits, char *buf, size_t size)
{
	struct list list = {buf, size};
	buf[0] = '\0';
	words_each(kind, bits, append, &list);
	return buf;
}
