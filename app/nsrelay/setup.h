/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that follows from one configuration, on the supervisor's side: its plan, its limits, and what is
 * open for it. */
#ifndef NSRELAY_APP_NSRELAY_SETUP_H
#define NSRELAY_APP_NSRELAY_SETUP_H

#include <stdbool.h>

#include "app/nsrelay/opened.h"
#include "base/err.h"
#include "relay/config.h"
#include "relay/limits.h"
#include "relay/plan.h"

struct setup {
	struct config config;
	struct plan plan; /* borrows the configuration: a setup stays where it is */
	struct limits limits;
	struct opened opened;
};

/*
 * setup_new - of @config, which is taken, also on failure
 * @before: what is kept from it; NULL: nothing is there yet
 * @sandbox: the relay is a process of its own, and does not count towards our descriptors
 * NULL with the errors of limits_compute() and opened_init(), or ENOMEM.
 */
struct setup *setup_new(struct config *config, const struct setup *before, bool sandbox,
                        struct targets *targets, struct err *err);

/* setup_free - close all of it that is open still. Takes NULL */
void setup_free(struct setup *setup, uint64_t now_ms);

#endif
