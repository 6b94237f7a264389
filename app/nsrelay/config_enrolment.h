/* SPDX-License-Identifier: Apache-2.0 */
/* The key `enrolment:` of a configuration. */
#ifndef NSRELAY_APP_NSRELAY_CONFIG_ENROLMENT_H
#define NSRELAY_APP_NSRELAY_CONFIG_ENROLMENT_H

#include "app/text/schema.h"

/* config_read_enrolment - @target: struct config */
void config_read_enrolment(struct schema_reader *reader, const struct yaml_node *node, void *target);
extern const struct schema config_enrolment_schema;

#endif
