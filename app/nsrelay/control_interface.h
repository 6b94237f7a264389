/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be asked of a running relay: the tables of io.nsrelay.Control, which are also its description and
 * docs/CONTROL.md. Methods get struct control as their service's ctx.
 */
#ifndef NSRELAY_APP_NSRELAY_CONTROL_INTERFACE_H
#define NSRELAY_APP_NSRELAY_CONTROL_INTERFACE_H

#include "app/varlink/service.h"

#define CONTROL_INTERFACE "io.nsrelay.Control"

extern const struct varlink_interface control_interface;

/* control_not_found - the call fails: there is no @what called @name, but perhaps @advice helps */
enum varlink_outcome control_not_found(struct varlink_call *call, const char *what, const char *name,
                                       const char *advice);

/* control_list_connections - control_connections.c; control_drop_connections - whoever asked for them has
 * gone */
enum varlink_outcome control_list_connections(const struct varlink_service *service,
                                              struct varlink_call *call, struct json *out);
void control_drop_connections(const struct varlink_service *service, const struct varlink_call *call);

#endif
