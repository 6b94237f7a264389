/* SPDX-License-Identifier: Apache-2.0 */
/* In place of metrics.c where there is no libmicrohttpd. */
#include "app/nsrelay/metrics.h"

#include <errno.h>

bool metrics_are_built_in(void)
{
	return false;
}

size_t metrics_memory(const struct plan *plan)
{
	(void)plan;
	return 0;
}

int metrics_begin(void *ctx, struct inspect *inspect, struct err *err)
{
	(void)ctx;
	(void)inspect;
	return err_set(err, ENOTSUP, "metrics: this program was built without them (NSRELAY_METRICS=OFF)");
}

void metrics_end(void *ctx)
{
	(void)ctx;
}
