/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/config_fetch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/nsrelay/control_interface.h"
#include "app/varlink/client.h"

static int add_text(void *ctx, const json_t *reply, struct err *err)
{
	const char *text = json_string_value(json_object_get(reply, "text"));
	if (!text)
		return err_set(err, EPROTO, "a reply without text");
	fputs(text, ctx);
	return 0;
}

static int fetch(const char *path, unsigned what, FILE *out, struct err *err)
{
	struct varlink_client client;
	int r = varlink_connect(&client, path, err);
	if (r < 0)
		return r;
	r = varlink_each(&client, CONTROL_INTERFACE ".GetConfiguration",
			 json_pack("{s:b, s:b}", "all", what & CONFIG_FETCH_ALL, "as_read", what & CONFIG_FETCH_AS_READ), add_text,
			 out, err);
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
