/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's methods for namespaces that come and go, as the CNI plugin calls them. Each call is over by the request's
 * deadline, whatever the daemon does.
 */
#ifndef NSRELAY_APP_CNI_DAEMON_H
#define NSRELAY_APP_CNI_DAEMON_H

#include "app/cni/request.h"

/*
 * cni_daemon_enrol - have it serve @namespace_fd; 0 once it does
 * @name: for people; NULL: none
 * Errors: those of varlink_ask(); EAGAIN: it does not serve it yet
 */
int cni_daemon_enrol(const struct cni_request *request, const char *uid, const char *name, int namespace_fd,
                     struct err *err);

/* cni_daemon_withdraw - from now on it does not serve @uid, if it ever did */
int cni_daemon_withdraw(const struct cni_request *request, const char *uid, struct err *err);

/* cni_daemon_list - those whose uid begins with @prefix, as an array of what Enrolled replies; the caller's to json_decref() */
int cni_daemon_list(const struct cni_request *request, const char *prefix, json_t **ret, struct err *err);

#endif
