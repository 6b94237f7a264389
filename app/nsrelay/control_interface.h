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

/* Methods, and the types they return, that have files of their own. */

/* control_backends.c */
extern const struct varlink_type control_backend_type;
extern const struct varlink_method control_method_list_backends, control_method_set_backend_state;

/* control_configuration.c */
extern const struct varlink_method control_method_get_configuration;

/* control_connections.c */
extern const struct varlink_type control_side_type, control_connection_type;
extern const struct varlink_method control_method_list_connections, control_method_kill_connections;

/* control_enrolment.c */
extern const struct varlink_type control_enrolment_type;
extern const struct varlink_method control_method_enrol, control_method_keep, control_method_snapshot_sent,
        control_method_withdraw, control_method_enrolled;

/* control_events.c */
extern const struct varlink_type control_event_type;
extern const struct varlink_method control_method_watch_events;

#endif
