/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DOC: Theory of operation
 *
 * Connections of a namespace are steered into a relay's listeners inside it: those that its processes make (outbound), and
 * those that come to them from elsewhere (inbound). For that the namespace has one nf_tables table of ours, of family inet,
 * and for answers to clients whose address the relay has taken a routing rule and a route of each family:
 *
 *	chain outbound {			type nat hook output
 *		meta mark & MASK == MARK return			the relay's own connections
 *		oifname "lo" return				the namespace's with itself
 *		ip daddr { what is excluded } return
 *		tcp flags syn redirect to :OUTBOUND
 *	}
 *	chain inbound {				type nat hook prerouting; with TPROXY: type filter
 *		iifname "lo" return
 *		fib daddr type != local return			what is only forwarded
 *		tcp dport { what is excluded } return
 *		tcp flags syn redirect to :INBOUND		tproxy to :INBOUND accept
 *								reject with tcp reset: nobody listens there, and the
 *								table is not owned
 *	}
 *	chain remember {			type filter hook prerouting
 *		meta mark & MASK == MARK ct mark set ANSWER	connections of the relay's to servers in here
 *					 meta mark set ANSWER
 *	}
 *	chain answer {				type route hook output
 *		ct mark & MASK == ANSWER meta mark set ANSWER	what these servers answer: it is for the relay
 *	}
 *	ip rule: fwmark ANSWER/MASK lookup TABLE;  route: local default dev lo table TABLE
 *
 * Only the first packet of a connection is steered (SYN without ACK, RST and FIN): connections that were there before stay
 * as they are. Those that conntrack did not know until the table came would count as new ones otherwise.
 *
 * Taken away in two steps. What is steered already is translated for as long as it lives, and only while some chain of type
 * nat is there: intercept_apply() of an intercept with neither direction leaves the chains and steers nobody any more;
 * intercept_remove() ends it when nobody needs it.
 *
 * A server looks for a route to its client before netfilter sees the answer. With intercept_accept_marks() it has the mark by
 * then, and finds the one over the loopback: a pod without any route sees the addresses of its clients. Without that, those of its
 * neighbours and no others.
 *
 * Caveat: a pod cannot begin what is to be steered to where it has no route.
 *
 * Outbound connections are redirected under TPROXY too: for these nothing is lost, as they come from here.
 */
#ifndef NSRELAY_NSCTL_INTERCEPT_INTERCEPT_H
#define NSRELAY_NSCTL_INTERCEPT_INTERCEPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"
#include "nsctl/netlink/nl.h"
#include "nsctl/netlink/prefix.h"

struct intercept_ports {
	uint16_t first, last;
};

/* What is steered in one direction. */
struct intercept_direction {
	uint16_t port; /* of the relay's listener; 0: nothing is steered */
	VEC(struct prefix) only, except; /* destinations; none in `only`: all. Outbound alone. */
	VEC(struct intercept_ports) only_ports, except_ports;
};

struct intercept {
	const char *table;  /* its name; borrowed */
	bool tproxy;        /* inbound, in place of redirect */
	bool owned;         /* the table goes with the netlink socket that has made it, and nobody else may change it
	                       (NFT_TABLE_F_OWNER, Linux 5.12) */
	uint32_t mark;        /* of what the relay sends to servers (SO_MARK) */
	uint32_t answer_mark; /* of what they answer, and of their connections; another one: what the relay sends is routed as
	                         anything else is */
	uint32_t mask;        /* which bits of a mark are meant; the others are left as they are */
	uint32_t route_table, rule_priority;
	bool answers; /* for the caller: the table is there for the answers alone, or for them as well */
	struct intercept_direction outbound, inbound;
};

/* How much was matched by a rule, known by its comment. */
struct intercept_count {
	char rule[48];
	uint64_t packets, bytes;
};

void intercept_fini(struct intercept *intercept);

/* intercept_equal - do both steer the same, in the same order of destinations and ports? */
bool intercept_equal(const struct intercept *a, const struct intercept *b);

/*
 * intercept_apply - have the namespace of @nft and @route steer connections so, all at once
 * @nft:   of NETLINK_NETFILTER. An owned table lives as long as this socket.
 * @route: of NETLINK_ROUTE
 * Nothing is changed, and no counter lost, where all is as wanted. Returns 1 when something had to be changed, 0, or the
 * errors: EOPNOTSUPP and ENOENT (the kernel lacks a part of nf_tables), EPERM, ENETDOWN (the namespace's loopback is down),
 * EBUSY (another socket owns the
 * table), EOPNOTSUPP also where a table that is there is to become owned, or no more (remove it before), and those of nl_send() and nft_read().
 */
int intercept_apply(struct nl *nft, struct nl *route, const struct intercept *intercept, struct err *err);

/* intercept_remove - take table, rules and routes away; what is not there is not missed. Errors: as above. */
int intercept_remove(struct nl *nft, struct nl *route, const struct intercept *intercept, struct err *err);

/*
 * intercept_accept_marks - sockets accepted in the namespace @ns_fd take over the mark of the packet that began their connection,
 * or do so no more (net.ipv4.tcp_fwmark_accept, Linux 3.15; for IPv6 too)
 * Returns 1 when it was so before, 0, or -errno: those of netns_enter(), EROFS, EACCES, ENOENT.
 */
int intercept_accept_marks(int ns_fd, bool on, struct err *err);

/* intercept_text - the table that is wanted, without what is counted; allocated; NULL: no memory */
char *intercept_text(const struct intercept *intercept);

/* intercept_counts - up to @max of the rules of the table; returns how many there are, or as nft_read() */
int intercept_counts(struct nl *nft, const char *table, struct intercept_count *ret, size_t max, struct err *err);

#endif
