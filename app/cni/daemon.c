/* SPDX-License-Identifier: Apache-2.0 */
#include "app/cni/daemon.h"

#include <errno.h>
#include <string.h>

#include "app/nsctl/live.h"

int cni_daemon_connect(struct varlink_client *daemon, const struct cni_request *request, struct err *err)
{
	int r = varlink_connect_within(daemon, request->socket, request->deadline_ms, err);
	if (r != -ENOENT && r != -ECONNREFUSED)
		return r;
	return err_set(err, -r,
	               "no nsrelay answers at %s (%s); is it running, with that path in its `control`?",
	               request->socket, strerror(-r));
}

/* ask - one question; @parameters are taken, NULL is a lack of memory or a text that is no UTF-8 */
static int ask(struct varlink_client *daemon, const char *method, json_t *parameters, int fd, json_t **ret,
               struct err *err)
{
	return parameters ? varlink_ask(daemon, method, parameters, fd, ret, err)
	                  : err_set(err, EINVAL, "a name is no UTF-8, or memory is out");
}

int cni_daemon_enrol(struct varlink_client *daemon, const struct cni_request *request, const char *uid,
                     const char *name, int namespace_fd, struct err *err)
{
	/* It gives up a little sooner than we do, so that it is the one to say why. */
	int deadline_ms = request->deadline_ms - request->deadline_ms / 10;
	json_t *reply = NULL;
	int r = ask(daemon, LIVE_INTERFACE "Enrol",
	            json_pack("{s:s, s:s*, s:s*, s:i}", "uid", uid, "name", name, "policy", request->policy,
	                      "deadline_ms", deadline_ms),
	            namespace_fd, &reply, err);
	if (r < 0)
		return r;
	const char *state = json_string_value(json_object_get(reply, "state"));
	if (!state || strcmp(state, "served") != 0)
		r = err_set(err, EAGAIN, "%s: the namespace is not served yet: %s", request->socket,
		            state ? state : "no state");
	json_decref(reply);
	return r;
}

int cni_daemon_withdraw(struct varlink_client *daemon, const char *uid, struct err *err)
{
	json_t *reply = NULL;
	int r = ask(daemon, LIVE_INTERFACE "Withdraw", json_pack("{s:s}", "uid", uid), -1, &reply, err);
	if (r == 0)
		json_decref(reply);
	return r;
}

/* take - the enrolments of one reply into the list */
static int take(void *ctx, const json_t *reply, struct err *err)
{
	json_t *list = ctx;
	const json_t *some = json_object_get(reply, "enrolments");
	for (size_t i = 0; i < json_array_size(some); i++)
		if (json_array_append(list, json_array_get(some, i)) < 0)
			return err_set(err, ENOMEM, "out of memory");
	return 0;
}

int cni_daemon_list(struct varlink_client *daemon, const char *prefix, json_t **ret, struct err *err)
{
	json_t *list = json_array();
	if (!list)
		return err_set(err, ENOMEM, "out of memory");
	int r = varlink_each(daemon, LIVE_INTERFACE "Enrolled", json_pack("{s:s}", "prefix", prefix), take,
	                     list, err);
	if (r < 0)
		json_decref(list);
	else
		*ret = list;
	return r;
}
