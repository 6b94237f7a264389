/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports of the program's own namespace, usually the host's, that lead into others: `publish:` of a configuration.
 *
 *	publish:
 *	  - { from: 8080, to: "pod/127.0.0.1:80" }                                [::]:8080, which IPv4 clients reach as well
 *	  - { from: "127.0.0.1:2000-2999", to: "pod/10.0.0.2:3000-3999" }         a thousand of them
 *
 * Each port is a relay of its own, publish-8080 or publish-127.0.0.1-2000, with a pool of that name.
 */
#ifndef NSRELAY_APP_NSRELAY_CONFIG_PUBLISH_H
#define NSRELAY_APP_NSRELAY_CONFIG_PUBLISH_H

#include "app/text/schema.h"

/* config_read_publish - of the file, or of a fragment */
void config_read_publish(struct schema_reader *reader, const struct yaml_node *node, void *target);
extern const struct schema config_publish_schema;

#endif
