/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's methods for namespaces that come and go, as the CNI plugin calls them.
 *
 * Errors are those of varlink_ask(): ENOENT and ECONNREFUSED, no daemon is there; EREMOTEIO, it refuses; anything else, the
 * connection is of no more use.
 */
#ifndef NSRELAY_APP_CNI_DAEMON_H
#define NSRELAY_APP_CNI_DAEMON_H

#include "app/cni/request.h"
#include "app/varlink/client.h"

/*
 * cni_daemon_connect - the caller's to varlink_disconnect()
 * The request's deadline begins here, and is one for all that is asked from now on.
 */
int cni_daemon_connect(struct varlink_client *daemon, const struct cni_request *request, struct err *err);

/*
 * cni_daemon_enrol - have it serve @namespace_fd; 0 once it does
 * @name: for people; NULL: none
 * Also EAGAIN: it does not serve it yet.
 */
int cni_daemon_enrol(struct varlink_client *daemon, const struct cni_request *request, const char *uid,
                     const char *name, int namespace_fd, struct err *err);

/* cni_daemon_withdraw - from now on it does not serve @uid, if it ever did */
int cni_daemon_withdraw(struct varlink_client *daemon, const char *uid, struct err *err);

/* cni_daemon_list - those whose uid begins with @prefix, as an array of Enrolment (docs/CONTROL.md); the caller's to json_decref() */
int cni_daemon_list(struct varlink_client *daemon, const char *prefix, json_t **ret, struct err *err);

#endif
