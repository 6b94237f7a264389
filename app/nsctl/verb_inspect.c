/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsctl/verb_inspect.h"

#include <errno.h>
#include <stdlib.h>

#include "app/nsctl/inspection.h"

int verb_inspect(const struct nsctl_options *options, FILE *out, struct err *err)
{
	struct inspection inspection;
	int r = inspection_read(&options->netns, &inspection, err);
	if (r < 0)
		return r;
	if (options->json)
		inspection_write_json(&inspection, out);
	else if (inspection_print(&inspection, out) < 0)
		r = err_set(err, ENOMEM, "out of memory");
	inspection_fini(&inspection);
	return r;
}
