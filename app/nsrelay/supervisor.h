/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DOC: Theory of operation
 *
 * The privileged half of the daemon: it opens namespaces and listening sockets, starts the relay as an unprivileged child,
 * answers its requests for upstream sockets (nsctl/broker.h), passes signals on as commands, and starts it again, with the
 * very same listening sockets, when it dies. It never sees a relayed byte.
 *
 * One thread, one poll(2) loop over: signals, the relay's control channel, and a broker channel for each relay thread.
 */
#ifndef NSRELAY_APP_NSRELAY_SUPERVISOR_H
#define NSRELAY_APP_NSRELAY_SUPERVISOR_H

#include <stdbool.h>

#include "base/err.h"
#include "relay/config.h"

/*
 * supervisor_run - the daemon, from start to end
 * @config: taken, also on failure
 * @config_path: where it came from, to be read again when that is asked for; borrowed; NULL: it did not come from a file
 * @sandbox: false runs the relay as a thread of this process, for debugging
 * Returns 0 after a stop that was asked for, else -errno with what could not be started.
 */
int supervisor_run(struct config *config, const char *config_path, bool sandbox, struct err *err);

#endif
