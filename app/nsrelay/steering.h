/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules that bring connections of namespaces to relays' listeners in there (nsctl/intercept/): made when a listener
 * that is to get them is open, and not before; withdrawn before it closes. Connections that they have brought are translated
 * for as long as they may go on, `drain` of the configuration, and then the rules go altogether.
 *
 * With `when_gone: pass` a namespace's table belongs to a socket of ours and goes with this process, however it ends. With
 * `refuse` it stays.
 *
 * Where servers are to see their clients' addresses (`source: client`), their namespaces have rules for the answers: those of
 * backends too, but for relays whose rules are somebody else's (intercept without steer) and for the program's own namespace.
 *
 * What somebody else has changed is put right: a few namespaces are looked at each second.
 */
#ifndef NSRELAY_APP_NSRELAY_STEERING_H
#define NSRELAY_APP_NSRELAY_STEERING_H

#include "app/nsrelay/setup.h"
#include "base/list.h"

struct steering {
	struct list all;  /* namespaces, the one that was looked at longest ago first */
	uint64_t look_ms; /* the next look; 0: there is nothing to look at */
};

void steering_init(struct steering *steering);

/*
 * steering_prepare - have connections brought to @setup's listeners in namespaces where none are brought yet
 * All or nothing. Errors: those of intercept_apply() and nl_open(), with the namespace.
 */
int steering_prepare(struct steering *steering, const struct setup *setup, struct err *err);

/* steering_commit - have them brought as @setup has it, and to nothing else; what fails is logged, and tried again */
void steering_commit(struct steering *steering, const struct setup *setup, uint64_t now_ms);

/* steering_act - do what is due; returns when there is something to do next, 0: never */
uint64_t steering_act(struct steering *steering, uint64_t now_ms);

/* steering_stop - listeners are about to close: nobody is brought to them any more, but where that is to be refused */
void steering_stop(struct steering *steering);

/* steering_close - in a process that may not use them: its sockets. A table goes with its owner's last one. */
void steering_close(struct steering *steering);

/* steering_end - leave what is to refuse connections, and take the rest away */
void steering_end(struct steering *steering);

#endif
