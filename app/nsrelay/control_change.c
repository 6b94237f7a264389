/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/control_change.h"

#include "app/nsrelay/control.h"
#include "app/nsrelay/control_interface.h"
#include "relay/request.h"

enum { PLACE_TICKET };

static struct requests *requests_of(const struct varlink_service *service)
{
	return ((struct control *)service->ctx)->inspect->requests;
}

static enum varlink_outcome ask(const struct varlink_service *service, struct varlink_call *call, const char *command,
                                int fd)
{
	call->place[PLACE_TICKET] = request_send(requests_of(service), command, fd);
	if (call->place[PLACE_TICKET] == 0)
		return varlink_fail(call, CONTROL_INTERFACE ".Busy", "advice",
		                    "another change is under way; try again", NULL, NULL);
	return VARLINK_WAITS;
}

enum varlink_outcome control_change(const struct varlink_service *service, struct varlink_call *call,
                                    const char *command, int fd)
{
	char text[ANSWER_TEXT_MAX];
	int error;
	if (call->place[PLACE_TICKET] == 0)
		return ask(service, call, command, fd);
	if (!request_answer(requests_of(service), call->place[PLACE_TICKET], &error, text))
		return VARLINK_WAITS;
	call->place[PLACE_TICKET] = 0;
	if (error)
		return varlink_fail(call, CONTROL_INTERFACE ".Refused", "reason", text, NULL, NULL);
	return VARLINK_LAST;
}

void control_drop_change(const struct varlink_service *service, const struct varlink_call *call)
{
	if (call->place[PLACE_TICKET])
		request_drop(requests_of(service), call->place[PLACE_TICKET]);
}

static enum varlink_outcome reload(const struct varlink_service *service, struct varlink_call *call, struct json *out)
{
	(void)out;
	return control_change(service, call, "reload", -1);
}

const struct varlink_method control_method_reload = {
        .name = "Reload",
        .help = "Read the configuration file again, as SIGHUP does, and reply when the relay works by it. What is "
                "wrong with it is told, and then nothing has changed.",
        .fn = reload,
        .dropped = control_drop_change,
};
