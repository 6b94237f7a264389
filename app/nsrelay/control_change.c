/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/control_change.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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
		                    "too many changes are under way; try again", NULL, NULL);
	return VARLINK_WAITS;
}

enum varlink_outcome control_request(const struct varlink_service *service, struct varlink_call *call, int fd,
                                     struct answer *ret, const char *format, ...)
{
	char command[REQUEST_TEXT_MAX];
	va_list args;
	if (call->place[PLACE_TICKET] == 0) {
		va_start(args, format);
		/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is va_start()'s */
		int length = vsnprintf(command, sizeof(command), format, args);
		va_end(args);
		if (length >= 0 && (size_t)length < sizeof(command))
			return ask(service, call, command, fd);
		*ret = (struct answer){.error = EINVAL, .text = strdup("a name is too long"), .fd = -1};
		return VARLINK_LAST;
	}
	if (!request_answer(requests_of(service), call->place[PLACE_TICKET], ret))
		return VARLINK_WAITS;
	call->place[PLACE_TICKET] = 0;
	return VARLINK_LAST;
}

const char *control_reason(const struct answer *answer)
{
	return answer->text ? answer->text : "out of memory";
}

/* finish - a step of what returns nothing */
static enum varlink_outcome finish(struct varlink_call *call, enum varlink_outcome outcome, struct answer *answer)
{
	if (outcome != VARLINK_LAST)
		return outcome;
	if (answer->error)
		outcome = varlink_fail(call, CONTROL_INTERFACE ".Refused", "reason", control_reason(answer), NULL, NULL);
	answer_fini(answer);
	return outcome;
}

void control_drop_change(const struct varlink_service *service, const struct varlink_call *call)
{
	if (call->place[PLACE_TICKET])
		request_drop(requests_of(service), call->place[PLACE_TICKET]);
}

static enum varlink_outcome reload(const struct varlink_service *service, struct varlink_call *call, struct json *out)
{
	struct answer answer = {.fd = -1};
	(void)out;
	return finish(call, control_request(service, call, -1, &answer, "reload"), &answer);
}

const struct varlink_method control_method_reload = {
        .name = "Reload",
        .help = "Read the configuration file again, as SIGHUP does, and reply when the relay works by it. What is "
                "wrong with it is told, and then nothing has changed.",
        .fn = reload,
        .dropped = control_drop_change,
};

/* ---- what edit.h knows ---- */

static enum varlink_outcome add(const struct varlink_service *service, struct varlink_call *call, struct json *out)
{
	struct answer answer = {.fd = -1};
	(void)out;
	return finish(call, control_request(service, call, call->has_file ? call->file : -1, &answer, "add"), &answer);
}

const struct varlink_method control_method_add = {
        .name = "Add",
        .help = "Add what a fragment has: pools and relays, as in a file, and backends of pools that there are. It comes as a file with the call (SCM_RIGHTS), of "
                "memory and sealed (memfd_create(2)), which root or the daemon's user has made. All of it or nothing.",
        .fn = add,
        .dropped = control_drop_change,
};

static const struct varlink_field remove_fields[] = {
        {.name = "kind", .kind = VARLINK_STRING, .help = "relay, pool, backend, namespace"},
        {.name = "name", .kind = VARLINK_STRING, .help = "a backend's is POOL/ADDRESS:PORT, or POOL/NETNS/ADDRESS:PORT"},
};

static enum varlink_outcome remove_it(const struct varlink_service *service, struct varlink_call *call, struct json *out)
{
	struct answer answer = {.fd = -1};
	(void)out;
	return finish(call,
	              control_request(service, call, -1, &answer, "remove %s %s", varlink_text(call, "kind"),
	                              varlink_text(call, "name")),
	              &answer);
}

const struct varlink_method control_method_remove = {
        .name = "Remove",
        .help = "Remove it; connections go on until they end, or the drain timeout of a removed relay does. What others refer "
                "to stays, and it is told who does.",
        .takes = VARLINK_FIELDS(remove_fields),
        .fn = remove_it,
        .dropped = control_drop_change,
};

static const struct varlink_field weight_fields[] = {
        {.name = "backend", .kind = VARLINK_STRING, .help = "POOL/ADDRESS:PORT, or POOL/NETNS/ADDRESS:PORT"},
        {.name = "weight", .kind = VARLINK_INT, .help = "its share beside the others, 1 to 256"},
};

static enum varlink_outcome set_weight(const struct varlink_service *service, struct varlink_call *call, struct json *out)
{
	struct answer answer = {.fd = -1};
	(void)out;
	return finish(call,
	              control_request(service, call, -1, &answer, "weight %" PRId64 " %s", varlink_number(call, "weight", 0),
	                              varlink_text(call, "backend")),
	              &answer);
}

const struct varlink_method control_method_set_weight = {
        .name = "SetWeight",
        .help = "Give a backend another weight.",
        .takes = VARLINK_FIELDS(weight_fields),
        .fn = set_weight,
        .dropped = control_drop_change,
};
