/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A datagram of the kernel, as it comes or malformed: no bytes may crash what reads it, and what is taken
 * over is in order. The corpus was told by Linux 6.18 of a namespace with some of everything.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "nsctl/netlink/netstate.h"
#include "nsctl/nft/nft.h"
#include "nsctl/netlink/sockdiag.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct taken {
	struct netstate state;
	struct sockdiag sockets;
	struct nft_ruleset ruleset;
};

/* Each reader is given everything: what is meant for another is malformed to it. */
static int on_message(void *ctx, const struct nlmsghdr *message, struct err *err)
{
	struct taken *taken = ctx;

	(void)err;
	CHECK(netstate_take(&taken->state, message) == 0);
	CHECK(sockdiag_take(&taken->sockets, IPPROTO_TCP, message) == 0);
	CHECK(nft_take(&taken->ruleset, message) == 0);
	return 0;
}

static void check_prefix(const struct prefix *prefix)
{
	char text[PREFIX_TEXT_MAX];
	struct prefix again;

	CHECK(prefix->family == AF_INET || prefix->family == AF_INET6);
	CHECK(prefix->length <= prefix_full_length(prefix->family));
	CHECK(prefix_parse(prefix_format(prefix, text, sizeof(text)), &again, NULL) == 0);
	CHECK(prefix_equal(prefix, &again));
}

static void check_links(const struct netstate *state)
{
	uint32_t last = 0;

	vec_each (link, &state->links) {
		CHECK(link->index >= last);
		CHECK(link->name[0] && memchr(link->name, '\0', sizeof(link->name)));
		CHECK(memchr(link->alias, '\0', sizeof(link->alias)));
		CHECK(netstate_link_by_index(state, link->index)->index == link->index);
		CHECK(netstate_link_by_name(state, link->name));
		last = link->index;
	}
}

static void check_state(const struct netstate *state)
{
	check_links(state);
	vec_each (address, &state->addresses)
		check_prefix(&address->prefix);
	vec_each (route, &state->routes) {
		check_prefix(&route->to);
		if (route->via.family)
			check_prefix(&route->via);
	}
}

/* sent - a batch as if the answer were its own */
static void sent(struct nl_batch *batch, const void *answer, size_t size)
{
	struct nlmsghdr first = {0};

	memcpy(&first, answer, size < sizeof(first) ? size : sizeof(first));
	CHECK(nl_batch_init(batch, NL_BATCH_SIZE, 2, NULL) == 0);
	nl_begin(batch, NLMSG_NOOP, 0)->nlmsg_seq = first.nlmsg_seq;
	nl_begin(batch, NLMSG_NOOP, 0);
	batch->failed = batch->count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct taken taken = {0};
	struct nl_batch batch;
	struct nl_reading reading = {.batch = &batch, .on_message = on_message, .ctx = &taken};
	void *datagram = malloc(size ? size
	                             : 1); /* as long as the datagram, so that a read beyond it is seen */
	char *text;

	CHECK(datagram);
	memcpy(datagram, data, size);
	sent(&batch, datagram, size);
	nl_read(&reading, datagram, size);
	check_state(&taken.state);
	text = nft_text(&taken.ruleset, NFT_TEXT_HANDLES);
	CHECK(text);
	CHECK(memchr(batch.explanation, '\0', sizeof(batch.explanation)));
	free(text);
	nft_fini(&taken.ruleset);
	vec_clear(&taken.sockets.all);
	netstate_fini(&taken.state);
	nl_batch_fini(&batch);
	free(datagram);
	return 0;
}
