/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsctl/verb_dump.h"

#include <stdlib.h>

#include "app/nsrelay/config_fetch.h"

int verb_dump(const struct nsctl_options *options, FILE *out, struct err *err)
{
	char *text;
	size_t size;
	int r = config_fetch(options->control_path, options->defaults ? CONFIG_FETCH_ALL : 0, &text, &size, err);
	if (r < 0)
		return r;
	fwrite(text, 1, size, out); /* whether it arrived is looked at where the program ends */
	free(text);
	return EXIT_SUCCESS;
}
