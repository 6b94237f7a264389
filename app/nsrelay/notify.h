/* SPDX-License-Identifier: Apache-2.0 */
/* Telling systemd how far we are: sd_notify(3)'s protocol, one datagram to the socket named by NOTIFY_SOCKET. */
#ifndef NSRELAY_APP_NSRELAY_NOTIFY_H
#define NSRELAY_APP_NSRELAY_NOTIFY_H

/* notify_systemd - send @state ("READY=1", "STOPPING=1"); does nothing when not started by systemd. Best effort. */
void notify_systemd(const char *state);

#endif
