/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever is read as a block of addresses is written and read back as the same one, and a set of it has its first address. */
#include "relay/admission/cidr.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "tests/fuzz/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_accepted(const struct cidr *cidr)
{
	char text[CIDR_TEXT_MAX];
	struct cidr again;
	struct cidr_set set;
	cidr_format(cidr, text, sizeof(text));
	CHECK(cidr_parse(text, &again, NULL) == 0);
	CHECK(memcmp(cidr, &again, sizeof(again)) == 0);
	CHECK(cidr_set_init(&set, cidr, 1) == 0);
	CHECK(cidr_set_has(&set, &cidr->first));
	cidr_set_fini(&set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cidr cidr;
	struct err err = ERR_INIT;
	char *text = text_of(data, size);
	if (cidr_parse(text, &cidr, &err) == 0)
		check_accepted(&cidr);
	else
		CHECK(err.code > 0 && strstr(err.text, "expected"));
	free(text);
	return 0;
}
