/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of the configuration, which the supervisor makes: methods ask for them, and wait for its answer. */
#ifndef NSRELAY_APP_NSRELAY_CONTROL_CHANGE_H
#define NSRELAY_APP_NSRELAY_CONTROL_CHANGE_H

#include "app/varlink/service.h"
#include "relay/request.h"

extern const struct varlink_method control_method_reload, control_method_add, control_method_remove,
        control_method_set_weight;

/*
 * control_request - a step of a method that asks for the command that @format makes of the arguments (relay/request.h)
 * @fd: a file that belongs to it, borrowed; -1: none
 * VARLINK_LAST: here is the answer, *@ret, for answer_fini(); one that is too long is answered so, too (EINVAL). Until then
 * place[0] of the call is in use. control_reason() - what the answer says
 */
enum varlink_outcome __attribute__((format(printf, 5, 6)))
control_request(const struct varlink_service *service, struct varlink_call *call, int fd, struct answer *ret,
                const char *format, ...);
const char *control_reason(const struct answer *answer);

/* control_drop_change - whoever asked has gone */
void control_drop_change(const struct varlink_service *service, const struct varlink_call *call);

#endif
