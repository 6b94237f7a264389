/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NSRELAY_APP_NSCTL_VERB_LISTEN_H
#define NSRELAY_APP_NSCTL_VERB_LISTEN_H

#include "app/nsctl/nsctl_options.h"

/*
 * verb_listen - `nsctl listen`: make sockets that listen inside other namespaces, and run a command that has
 * them
 *
 * The sockets are passed as systemd does, sd_listen_fds(3): from descriptor 3 on, blocking. The command
 * replaces nsctl unless there are several. Returns the exit status of these, or -errno: those of
 * netns_open(), nssock_listen(), execvp(3) and jobs_run().
 */
int verb_listen(const struct nsctl_options *options, FILE *out, struct err *err);

#endif
