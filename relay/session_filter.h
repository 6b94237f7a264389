/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which connections somebody means: those that fit all that is said here. A plain value, which names relays,
 * pools, backends and namespaces as people do and not by their places in a configuration, so that it means
 * the same after a reload.
 */
#ifndef NSRELAY_RELAY_SESSION_FILTER_H
#define NSRELAY_RELAY_SESSION_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/admission/cidr.h"
#include "relay/config.h"
#include "relay/plan.h"
#include "relay/session.h"

/* Zeroed it fits every connection. */
struct session_filter {
	char relay[CONFIG_NAME_MAX]; /* "": any */
	char pool[CONFIG_NAME_MAX];  /* "": any */
	bool has_client, has_backend, backend_in_any_netns, has_netns;
	struct cidr client;      /* the client's address, as a header named it if there was one */
	struct endpoint backend; /* that was chosen last */
	struct netns_ref netns;  /* of the listener or of the backend */
	unsigned states;         /* 1 << enum session_state, any of them; 0: any at all */
	unsigned lanes;          /* 1 << enum flow_state, of either direction; 0: any at all */
	uint64_t age_over_ms, idle_over_ms;
	uint64_t bytes_over; /* of both directions together */
};

/*
 * session_filter_set_backend - from ADDRESS:PORT for that address in any namespace, else an endpoint:
 * NETNS/ADDRESS:PORT Errors: those of endpoint_parse(); @filter is as it was then.
 */
int session_filter_set_backend(struct session_filter *filter, const char *text, struct err *err);

/* session_filter_fits_backend - is @backend the one the filter asks for, if it asks for one? */
bool session_filter_fits_backend(const struct session_filter *filter, const struct endpoint *backend);

/* session_filter_fits - by the thread that has @session, whose peer is known if the filter has a client */
bool session_filter_fits(const struct session_filter *filter, const struct plan *plan,
                         const struct session *session, uint64_t now_ns);

#endif
