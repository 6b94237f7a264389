/* SPDX-License-Identifier: Apache-2.0 */
/* What methods take that are about some of the connections. */
#ifndef NSRELAY_APP_NSRELAY_CONTROL_FILTER_H
#define NSRELAY_APP_NSRELAY_CONTROL_FILTER_H

#include "app/varlink/service.h"
#include "relay/inspect.h"

/* Rows of their varlink_fields; all are optional. */
#define CONTROL_FILTER_FIELDS                                                                                \
	{.name = "id", .kind = VARLINK_INT, .optional = true, .help = "this one only"},                      \
	        {.name = "relay", .kind = VARLINK_STRING, .optional = true, .help = "of this relay"},        \
	        {.name = "pool", .kind = VARLINK_STRING, .optional = true, .help = "that go to this pool"},  \
	        {.name = "client",                                                                           \
	         .kind = VARLINK_STRING,                                                                     \
	         .optional = true,                                                                           \
	         .help = "of clients with this address, or in this network: ADDRESS or ADDRESS/LENGTH"},     \
	        {.name = "backend",                                                                          \
	         .kind = VARLINK_STRING,                                                                     \
	         .optional = true,                                                                           \
	         .help = "to this backend: ADDRESS:PORT, or NETNS/ADDRESS:PORT as in the configuration"},    \
	        {.name = "netns",                                                                            \
	         .kind = VARLINK_STRING,                                                                     \
	         .optional = true,                                                                           \
	         .help = "from or to this namespace, as the configuration calls it; \"host\" is the "        \
	                 "daemon's own"},                                                                    \
	        {.name = "state", .kind = VARLINK_STRING, .optional = true, .help = "in this state"},        \
	        {.name = "lane",                                                                             \
	         .kind = VARLINK_STRING,                                                                     \
	         .optional = true,                                                                           \
	         .help = "of which one direction is in this lane"},                                          \
	        {.name = "age_over_ms", .kind = VARLINK_INT, .optional = true, .help = "older than that"},   \
	        {.name = "idle_over_ms",                                                                     \
	         .kind = VARLINK_INT,                                                                        \
	         .optional = true,                                                                           \
	         .help = "that no byte has moved on for longer than that"},                                  \
	{                                                                                                    \
		.name = "bytes_over", .kind = VARLINK_INT, .optional = true,                                 \
		.help = "that have moved more than so many, both directions together"                        \
	}

/*
 * control_filter_read - what @call says of the connections it is about, into @slice
 * False when the call has failed: there is nothing of a name that it mentions, or it is no name.
 */
bool control_filter_read(const struct config *config, struct varlink_call *call, struct inspect_slice *slice);

/* control_filter_is_empty - does @call mean all connections? */
bool control_filter_is_empty(const struct varlink_call *call);

#endif
