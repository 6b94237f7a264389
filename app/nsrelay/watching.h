/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that appear in /run/netns and vanish there: those that a pattern of `enrolment: { watch }` fits are enrolled, as
 * netns/NAME, and withdrawn. What a name means by now is looked at, not what has happened to it: a name made anew is another
 * namespace, and one whose making takes two steps (`ip netns add` mounts on a file) is looked at again.
 */
#ifndef NSRELAY_APP_NSRELAY_WATCHING_H
#define NSRELAY_APP_NSRELAY_WATCHING_H

#include <stdint.h>

#include "app/nsrelay/enrolment.h"

struct watching {
	int fd; /* inotify(7); -1: nothing is watched */
	bool has_folder;
	uint64_t look_ms;  /* the next look; 0: none before something happens */
	uint32_t pause_ms; /* until the look after that, if it finds the same */
	uint64_t looks;    /* each is a snapshot of its own */
};

void watching_init(struct watching *watching);
void watching_fini(struct watching *watching);

/* watching_configure - as @config has it from now on; what is watched no more is withdrawn. Errors: inotify_init1(2), logged */
void watching_configure(struct watching *watching, const struct config *config, uint64_t now_ms);

/* watching_heard - something has happened to the folder */
void watching_heard(struct watching *watching, uint64_t now_ms);

/* watching_act - look, if it is time. Returns when there is something to do next, 0: never */
uint64_t watching_act(struct watching *watching, const struct config *config, struct enrolments *enrolments,
                      uint64_t now_ms);

#endif
