/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsctl/verb_kill.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "app/nsctl/live.h"
#include "app/text/json.h"
#include "app/varlink/client.h"

/* kill_some - by one call; how many it were in *ret */
static int kill_some(struct varlink_client *client, json_t *parameters, uint64_t *ret, struct err *err)
{
	json_t *reply;
	if (!parameters)
		return err_set(err, EINVAL, "an option's value is no UTF-8, or memory is out");
	int r = varlink_ask(client, LIVE_INTERFACE "KillConnections", parameters, -1, &reply, err);
	if (r < 0)
		return r;
	*ret = (uint64_t)json_integer_value(json_object_get(reply, "killed"));
	json_decref(reply);
	return 0;
}

static json_t *filter_parameters(const struct nsctl_options *options)
{
	json_t *all = json_pack("{s:b}", "all", options->all);
	if (all && nsctl_filter_parameters(&options->filter, all))
		return all;
	json_decref(all);
	return NULL;
}

struct tally {
	uint64_t killed;
	VEC(uint64_t) missing; /* IDs that nobody has */
};

static int kill_ids(struct varlink_client *client, const struct nsctl_options *options, struct tally *tally,
                    struct err *err)
{
	vec_each (id, &options->ids.all) {
		uint64_t count = 0, *missing;
		int r = kill_some(client, json_pack("{s:I}", "id", (json_int_t)*id), &count, err);
		if (r < 0)
			return r;
		tally->killed += count;
		if (count > 0)
			continue;
		missing = vec_push(&tally->missing);
		if (!missing)
			return err_set(err, ENOMEM, "out of memory");
		*missing = *id;
	}
	return 0;
}

static void write_tally(const struct tally *tally, FILE *out)
{
	struct json json = JSON_INIT(out);
	json_begin_object(&json, NULL);
	json_number(&json, "killed", tally->killed);
	json_begin_array(&json, "missing");
	vec_each (id, &tally->missing)
		json_number(&json, NULL, *id);
	json_end(&json);
	json_end(&json);
}

static void print_tally(const struct tally *tally, FILE *out)
{
	fprintf(out, "%" PRIu64 " connection%s killed\n", tally->killed, tally->killed == 1 ? "" : "s");
	vec_each (id, &tally->missing)
		fprintf(stderr, "nsctl: no connection %" PRIu64 "; it has ended, or never was\n", *id);
}

int verb_kill(const struct nsctl_options *options, FILE *out, struct err *err)
{
	struct tally tally = {0};
	struct varlink_client client;
	int r = varlink_connect(&client, options->control_path, err);
	if (r < 0)
		return r;
	if (options->ids.all.count > 0)
		r = kill_ids(&client, options, &tally, err);
	else
		r = kill_some(&client, filter_parameters(options), &tally.killed, err);
	varlink_disconnect(&client);
	if (r == 0 && options->json)
		write_tally(&tally, out);
	else if (r == 0)
		print_tally(&tally, out);
	if (r == 0 && tally.missing.count > 0)
		r = EXIT_FAILURE;
	vec_clear(&tally.missing);
	return r;
}
