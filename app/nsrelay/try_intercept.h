/* SPDX-License-Identifier: Apache-2.0 */
/* Can this machine steer connections? Tried in a namespace that is made for it, and ends with it. */
#ifndef NSRELAY_APP_NSRELAY_TRY_INTERCEPT_H
#define NSRELAY_APP_NSRELAY_TRY_INTERCEPT_H

#include <stdbool.h>

#include "base/err.h"

/* try_intercept - both directions; @tproxy: inbound by that, else by redirect. Errors: those of netns_create_anonymous() and
 * intercept_apply() */
int try_intercept(bool tproxy, struct err *err);

/* try_accepting_marks - may servers find the way of their answers by marks? Errors: those of intercept_accept_marks() */
int try_accepting_marks(struct err *err);

#endif
