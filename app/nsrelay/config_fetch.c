/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/config_fetch.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/nsrelay/control_interface.h"
#include "app/varlink/client.h"

static int receive_all(struct varlink_client *client, FILE *out, struct err *err)
{
	bool continues = true;
	int r = 0;
	while (r == 0 && continues) {
		json_t *reply;
		r = varlink_receive(client, &reply, &continues, err);
		if (r < 0)
			return r;
		const char *text = json_string_value(json_object_get(reply, "text"));
		if (!text)
			r = err_set(err, EPROTO, "%s: a reply without text", client->path);
		else
			fputs(text, out);
		json_decref(reply);
	}
	return r;
}

static int fetch(const char *path, unsigned what, FILE *out, struct err *err)
{
	struct varlink_client client;
	int r = varlink_connect(&client, path, err);
	if (r < 0)
		return r;
	r = varlink_send(&client, CONTROL_INTERFACE ".GetConfiguration",
			 json_pack("{s:b, s:b}", "all", what & CONFIG_FETCH_ALL, "as_read", what & CONFIG_FETCH_AS_READ), true,
			 err);
	if (r == 0)
		r = receive_all(&client, out, err);
	varlink_disconnect(&client);
	return r;
}

int config_fetch(const char *path, unsigned what, char **ret, size_t *ret_size, struct err *err)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int r = out ? fetch(path, what, out, err) : err_set(err, ENOMEM, "out of memory");
	if (out && fclose(out) != 0 && r == 0)
		r = err_set(err, ENOMEM, "out of memory");
	if (r == 0) {
		*ret = text;
		*ret_size = size;
	} else {
		free(text);
	}
	return r;
}
