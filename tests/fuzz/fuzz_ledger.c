/* SPDX-License-Identifier: Apache-2.0 */
/* No text may crash what reads a ledger; what it accepts refers to nothing that is not there, and survives
 * being written. */
#include "nsctl/topology/ledger.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK_NETNS(ledger, facts)                                                                           \
	do {                                                                                                 \
		vec_each (fact_, (facts))                                                                    \
			CHECK(fact_->netns < (ledger)->netns.count);                                         \
	} while (0)

static void check_accepted(const struct ledger *ledger)
{
	CHECK(ledger->name[0]);
	CHECK_NETNS(ledger, &ledger->sysctls);
	CHECK_NETNS(ledger, &ledger->addresses);
	CHECK_NETNS(ledger, &ledger->routes);
	CHECK_NETNS(ledger, &ledger->ports);
	CHECK_NETNS(ledger, &ledger->numbers);
	vec_each (fact, &ledger->sysctls)
		CHECK(fact->key < SYSCTL_COUNT);
	vec_each (fact, &ledger->numbers)
		CHECK(fact->number < LINK_NUMBER_COUNT && fact->link[0]);
}

/* check_written - what is written is read back, and written alike */
static void check_written(const struct ledger *ledger)
{
	struct ledger again;
	char *text = ledger_format(ledger), *second;
	CHECK(text && ledger_parse(text, strlen(text), &again, NULL) == 0);
	second = ledger_format(&again);
	CHECK(second && strcmp(text, second) == 0);
	ledger_fini(&again);
	free(second);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ledger ledger;
	struct err err = ERR_INIT;
	char *input = malloc(size ? size : 1); /* as long as the text, so that a read beyond it is seen */
	if (!input)
		abort();
	memcpy(input, data, size);
	if (ledger_parse(input, size, &ledger, &err) == 0) {
		check_accepted(&ledger);
		check_written(&ledger);
		ledger_fini(&ledger);
	} else {
		CHECK(err.text[0]);
	}
	free(input);
	return 0;
}
