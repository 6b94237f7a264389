/* SPDX-License-Identifier: Apache-2.0 */
/* What the help and the manual page say below a verb's options: prose, for the table in nsctl_options.c. */
#ifndef NSRELAY_APP_NSCTL_NSCTL_NOTES_H
#define NSRELAY_APP_NSCTL_NSCTL_NOTES_H

#include "app/nsctl/live.h"

#define FILE_NOTES "FILE is a topology in YAML; the folder examples/topology has some, with comments.\n"

#define PLAN_NOTES   "A line begins with + for what is made, ~ for what is changed, - for what is removed.\n"
#define DELETE_NOTES "Of the file the name alone counts: what was made under it is removed.\n"
#define VERIFY_NOTES                                                                                         \
	"The exit status is 1 when an expectation does not hold, or a number of a link (mtu ...) is\n"       \
	"not that of the file.\n"
#define NETNS_NOTES  "NETNS is a name in /run/netns, pid:N, path:/FILE, or host for nsctl's own [host].\n"

#define APPLY_NOTES                                                                                          \
	"Only what differs is changed. If a step fails, those before it are taken back. After a\n"           \
	"kill at any moment, apply or delete once more.\n"

#define LISTEN_NOTES                                                                                         \
	"ENDPOINT is NETNS/ADDRESS:PORT, as web/127.0.0.1:80 or pid:42/[::]:80, or unix:PATH. The\n"         \
	"command runs in nsctl's own namespace and has the sockets as descriptors 3, 4 ... in this\n"        \
	"order, as from systemd: LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES (the namespaces' names)\n"        \
	"tell of them, sd_listen_fds(3).\n"                                                                  \
	"A single command replaces nsctl. Of several, each gets the signals that nsctl is sent, and\n"       \
	"nsctl ends with the last one, by the exit status of the first that failed.\n"                       \
	"With -j one line tells of the sockets, in front of what the commands write.\n"

#define CONTROL_NOTES                                                                                        \
	"The daemon answers when its configuration says `control: { path: " LIVE_CONTROL_PATH " }`,\n"       \
	"or it was started with --control; root may ask, and the user it runs as.\n"

#define CONNECTIONS_NOTES                                                                                    \
	"UP and DOWN are bytes from clients and from backends, SPLICED those of them that were not\n"       \
	"copied. With --long, or when sorted by them, also what the kernel knows: round trips to client\n"  \
	"and backend (C.RTT, B.RTT, in ms) and segments that may be on the way to them (C.CWND, B.CWND),\n" \
	"and of both sides together what was sent again (RETRANS) and what lies in queues (QUEUED).\n"      \
	"-j has it all, side by side. A connection is listed when all of the options fit it.\n"

#define KILL_NOTES                                                                                           \
	"ID is what `nsctl connections` tells. Connections are reset at both ends, with cause `killed`.\n"  \
	"Either IDs or options tell which; --all means all that there are.\n"

#define STATE_NOTES                                                                                          \
	"BACKEND is ADDRESS:PORT, or NETNS/ADDRESS:PORT as in the configuration; POOL/ may stand in front.\n" \
	"What is set holds at once, and until it is said otherwise, or the relay process ends: the next one\n" \
	"begins with what the configuration says. Connections that there are go on.\n"                      \
	"A drained backend keeps the clients that stick to it. `nsctl backends` shows who may have what.\n"

#define LOG_NOTES                                                                                            \
	"It holds until the relay process ends.\n"

#define EVENTS_NOTES                                                                                         \
	"A line for each event; with -j, an object a line. What comes often, as limits that are hit, is\n"   \
	"told once a second, with its count. Who reads too slowly misses events, and is told how many.\n"

#define TOP_NOTES                                                                                            \
	"By relay, backend, namespace or connection; keys on the last line. What connections moved that\n"   \
	"came and went within an interval is not in the rates. Backends are drained, made ready or put into\n" \
	"maintenance by a key, connections killed. Where it has no terminal, and with -j, it tells all four\n" \
	"once, after one interval. NO_COLOR is obeyed.\n"

#define RELOAD_NOTES                                                                                         \
	"Returns when nsrelay works by it. What is wrong with the file is told, and then nothing has changed.\n" \
	"'nsrelay check --diff' tells beforehand what would change.\n"

#define ENROL_NOTES                                                                                          \
	"NETNS is a name in /run/netns, path:/FILE or pid:N, and may be gone the moment after: the daemon knows the\n" \
	"namespace itself. One that was given by pid:N is withdrawn when that process ends. The status is 1 when it is\n" \
	"not served by the deadline; it is tried further then. Who is enrolled stays it when the daemon is restarted.\n"
#define EDIT_NOTES                                                                                           \
	"All of it is done at once, or nothing and it is told why. It holds until the file is read again or\n"  \
	"the daemon ends; `nsctl dump` writes what holds, as a file.\n"
#define ADD_NOTES                                                                                            \
	"FILE is in YAML, as the configuration, with pools: and relays: to be added (also namespaces: and\n"    \
	"defaults:, which are theirs alone). A pool that is there already gets the backends that are given\n"    \
	"under its name. Root adds, or the user that the daemon runs as.\n"
#define REMOVE_NOTES                                                                                         \
	"Connections go on: those of a removed relay until the drain timeout, others until they end. What\n"    \
	"relays lead to is not removed. Of a namespace: listeners, backends and mirrors that are in it, and\n"  \
	"relays and pools that are empty then. ADDRESS is ADDRESS:PORT or NETNS/ADDRESS:PORT.\n"

#endif
