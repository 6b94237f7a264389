/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsctl/verb_change.h"

#include "app/nsctl/live.h"
#include "app/varlink/client.h"

int verb_change(const struct nsctl_options *options, FILE *out, struct err *err)
{
	struct varlink_client client;
	json_t *reply = NULL;
	bool continues;
	int r = varlink_connect(&client, options->control_path, err);
	if (r < 0)
		return r;
	r = varlink_send(&client, LIVE_INTERFACE "Reload", NULL, false, err);
	if (r == 0)
		r = varlink_receive(&client, &reply, &continues, err);
	varlink_disconnect(&client);
	json_decref(reply);
	if (r == 0)
		fputs(options->json ? "{}\n" : "reloaded\n", out);
	return r;
}
