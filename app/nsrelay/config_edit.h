/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single changes of a configuration. Each keeps it one that a file could hold: what others refer to is not removed, and
 * the error says who they are. Pure; on failure the configuration is as it was.
 *
 * Errors: EINVAL (no text of that form), ENOENT (there is none, with a suggestion), EBUSY (something refers to it, or
 * nothing would be left), ENOTUNIQ (several are meant).
 */
#ifndef NSRELAY_APP_NSRELAY_CONFIG_EDIT_H
#define NSRELAY_APP_NSRELAY_CONFIG_EDIT_H

#include "base/err.h"
#include "relay/config.h"

/* config_remove_relay - with its listeners, and with the pool of its name unless another relay leads there */
int config_remove_relay(struct config *config, const char *name, struct err *err);

/* config_remove_pool - with its backends */
int config_remove_pool(struct config *config, const char *name, struct err *err);

/* config_remove_backend - @which: POOL/ADDRESS:PORT or POOL/NETNS/ADDRESS:PORT. A pool keeps one backend at least. */
int config_remove_backend(struct config *config, const char *which, struct err *err);

/*
 * config_remove_namespace - whatever is in the namespace @text, as an endpoint begins: listeners, and relays that are left without any; backends, and
 * pools that are left without any; mirrors; and what lists of namespaces say of it
 */
int config_remove_namespace(struct config *config, const char *text, struct err *err);

/* config_set_weight, config_set_state - of the backend @which, as above; @weight: 1 .. CONFIG_WEIGHT_MAX, or EINVAL */
int config_set_weight(struct config *config, const char *which, uint32_t weight, struct err *err);
int config_set_state(struct config *config, const char *which, enum config_state state, struct err *err);

#endif
