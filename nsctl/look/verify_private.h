/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of nsctl/look/verify.h share. */
#ifndef NSRELAY_NSCTL_LOOK_VERIFY_PRIVATE_H
#define NSRELAY_NSCTL_LOOK_VERIFY_PRIVATE_H

#include "nsctl/look/icmp.h"
#include "nsctl/look/verify.h"
#include "nsctl/look/view.h"

enum probe_state {
	PROBE_WAITING, /* for an answer, or for the connection */
	PROBE_CALLING, /* connected; the server is to show the token */
	PROBE_OVER,
};

struct probe {
	const struct topology_expect *expect;
	struct verify_result result;
	enum probe_state state;
	int fd;
	uint64_t token;
	int64_t sent_us[VERIFY_TRIES];
	int errnum;         /* that ended it; 0: nothing came */
	bool was_connected; /* before it failed */
	bool was_told;      /* by @told */
	struct icmp_error told;
};

/* verify_explain - fill reason and text of a result that was not reached */
void verify_explain(struct view *view, struct probe *probe);

/* verify_endpoint - as the sockets' functions want it; its namespace is left for the caller to name */
void verify_endpoint(const struct prefix *address, uint16_t port, struct endpoint *ret);

#endif
