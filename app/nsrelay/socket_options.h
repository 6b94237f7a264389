/* SPDX-License-Identifier: Apache-2.0 */
/* A relay's TCP settings, in nsctl's words. */
#ifndef NSRELAY_APP_NSRELAY_SOCKET_OPTIONS_H
#define NSRELAY_APP_NSRELAY_SOCKET_OPTIONS_H

#include <stdbool.h>
#include <string.h>

#include "nsctl/nssock.h"
#include "relay/config.h"

static inline struct nssock_tcp_options socket_options_of(const struct config_tcp *tcp)
{
	struct nssock_tcp_options options = {
	        .nodelay = tcp->nodelay,
	        .keepalive_idle_s = tcp->keepalive_idle_s,
	        .keepalive_interval_s = tcp->keepalive_interval_s,
	        .keepalive_count = tcp->keepalive_count,
	        .user_timeout_ms = tcp->user_timeout_ms,
	        .backlog = tcp->backlog,
	};
	_Static_assert(sizeof(options.congestion) == sizeof(tcp->congestion), "one limit for both");
	memcpy(options.congestion, tcp->congestion, sizeof(options.congestion));
	return options;
}

static inline bool socket_options_equal(const struct nssock_tcp_options *a,
                                        const struct nssock_tcp_options *b)
{
	return a->nodelay == b->nodelay && a->keepalive_idle_s == b->keepalive_idle_s &&
	       a->keepalive_interval_s == b->keepalive_interval_s &&
	       a->keepalive_count == b->keepalive_count && a->user_timeout_ms == b->user_timeout_ms &&
	       a->backlog == b->backlog && a->mark == b->mark && a->transparent == b->transparent && strcmp(a->congestion, b->congestion) == 0;
}

#endif
