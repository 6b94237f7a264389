/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsctl/verb_set.h"

#include <errno.h>

#include "app/nsctl/live.h"
#include "app/varlink/client.h"

/* How a verb is called as a state of a backend; NULL: it is none. */
static const char *const states[NSCTL_VERB_COUNT] = {
        [NSCTL_DRAIN] = "drain",
        [NSCTL_READY] = "ready",
        [NSCTL_MAINTENANCE] = "maintenance",
};

static int ask(const struct nsctl_options *options, json_t **ret, struct err *err)
{
	const char *state = states[options->verb];
	json_t *parameters = state ? json_pack("{s:s, s:s, s:b}", "backend", options->which, "state", state,
	                                       "all_pools", options->all_pools)
	                           : json_pack("{s:s}", "level", options->which);
	if (!parameters)
		return err_set(err, EINVAL, "'%.64s' is no UTF-8, or memory is out", options->which);
	return varlink_call(options->control_path,
	                    state ? LIVE_INTERFACE "SetBackendState" : LIVE_INTERFACE "SetLogLevel", parameters,
	                    -1, ret, err);
}

/* print - "api/10.0.0.1:80: drain in pool one, two" */
static void print(const struct nsctl_options *options, const json_t *reply, FILE *out)
{
	const json_t *pools = json_object_get(reply, "pools");
	if (!states[options->verb]) {
		fprintf(out, "the log's level is %s\n", options->which);
		return;
	}
	fprintf(out, "%s: %s in pool", options->which, states[options->verb]);
	for (size_t i = 0; i < json_array_size(pools); i++)
		fprintf(out, "%s %s", i ? "," : "", json_string_value(json_array_get(pools, i)));
	fprintf(out, "\n");
}

int verb_set(const struct nsctl_options *options, FILE *out, struct err *err)
{
	json_t *reply = NULL;
	int r = ask(options, &reply, err);
	if (r < 0)
		return r;
	if (options->json) {
		json_dumpf(reply, out, JSON_COMPACT);
		putc('\n', out);
	} else {
		print(options, reply, out);
	}
	json_decref(reply);
	return 0;
}
