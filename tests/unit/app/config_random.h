/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations at random, every setting of the tables among them, and their comparison field by field. */
#ifndef NSRELAY_TESTS_UNIT_APP_CONFIG_RANDOM_H
#define NSRELAY_TESTS_UNIT_APP_CONFIG_RANDOM_H

#include <stdint.h>

#include "app/text/value.h"
#include "relay/config.h"

/* config_random - one that config_check() has nothing against; the caller owns it */
struct config config_random(uint32_t seed);

/* config_random_value - into the field @ret of @type, whatever was there */
void config_random_value(const struct value_type *type, void *ret);

/* config_assert_same - fail unless the fields are the same, bytes for bytes; no text is made of them */
void config_assert_same(const struct config *a, const struct config *b);

#endif
