/* SPDX-License-Identifier: Apache-2.0 */
#include "app/varlink/service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SERVICE "org.varlink.service"

/* ---- org.varlink.service ---- */

static enum varlink_outcome get_info(const struct varlink_service *service, struct varlink_call *call,
                                     struct json *out)
{
	(void)call;
	json_text(out, "vendor", service->vendor);
	json_text(out, "product", service->product);
	json_text(out, "version", service->version);
	json_text(out, "url", service->url);
	json_begin_array(out, "interfaces");
	json_text(out, NULL, SERVICE);
	json_text(out, NULL, service->interface->name);
	json_end(out);
	return VARLINK_LAST;
}

static const struct varlink_interface service_interface;

static const struct varlink_interface *find_interface(const struct varlink_service *service, const char *name)
{
	const struct varlink_interface *all[] = {&service_interface, service->interface};
	for (size_t i = 0; i < ARRAY_COUNT(all); i++)
		if (strcmp(all[i]->name, name) == 0)
			return all[i];
	return NULL;
}

static enum varlink_outcome get_description(const struct varlink_service *service, struct varlink_call *call,
                                            struct json *out)
{
	const char *name = varlink_text(call, "interface");
	const struct varlink_interface *interface = find_interface(service, name);
	char *text = NULL;
	size_t size;
	if (!interface)
		return varlink_fail(call, SERVICE ".InterfaceNotFound", "interface", name, NULL, NULL);
	FILE *file = open_memstream(&text, &size);
	if (!file)
		return varlink_fail(call, SERVICE ".MethodNotImplemented", "method", "out of memory", NULL,
		                    NULL);
	varlink_describe(interface, file);
	fclose(file);
	json_text(out, "description", text);
	free(text);
	return VARLINK_LAST;
}

static const struct varlink_field info_fields[] = {
        {.name = "vendor", .kind = VARLINK_STRING},
        {.name = "product", .kind = VARLINK_STRING},
        {.name = "version", .kind = VARLINK_STRING},
        {.name = "url", .kind = VARLINK_STRING},
        {.name = "interfaces", .kind = VARLINK_STRING, .array = true},
};
static const struct varlink_field interface_field[] = {{.name = "interface", .kind = VARLINK_STRING}};
static const struct varlink_field description_field[] = {{.name = "description", .kind = VARLINK_STRING}};
static const struct varlink_field method_field[] = {{.name = "method", .kind = VARLINK_STRING}};
static const struct varlink_field parameter_field[] = {{.name = "parameter", .kind = VARLINK_STRING}};

static const struct varlink_method get_info_method = {
        .name = "GetInfo",
        .help = "What this service is, and its interfaces.",
        .returns = VARLINK_FIELDS(info_fields),
        .fn = get_info,
};

static const struct varlink_method get_description_method = {
        .name = "GetInterfaceDescription",
        .help = "One of them, in the language of varlink.",
        .takes = VARLINK_FIELDS(interface_field),
        .returns = VARLINK_FIELDS(description_field),
        .fn = get_description,
};

static const struct varlink_method *const service_methods[] = {&get_info_method, &get_description_method};

static const struct varlink_error service_errors[] = {
        {"InterfaceNotFound", "There is no such interface.", VARLINK_FIELDS(interface_field)},
        {"MethodNotFound", "The interface has no such method.", VARLINK_FIELDS(method_field)},
        {"MethodNotImplemented", "The method cannot be carried out here.", VARLINK_FIELDS(method_field)},
        {"InvalidParameter", "This one is missing, unknown or of another type.",
         VARLINK_FIELDS(parameter_field)},
        {"PermissionDenied", "You may not ask.", {0}},
        {"ExpectedMore", "The method has many replies: call it with 'more'.", {0}},
};

static const struct varlink_interface service_interface = {
        .name = SERVICE,
        .help = "What every varlink service has.",
        .methods = service_methods,
        .method_count = ARRAY_COUNT(service_methods),
        .errors = service_errors,
        .error_count = ARRAY_COUNT(service_errors),
};

/* ---- reading ---- */

bool varlink_too_deep(const char *text, size_t length)
{
	unsigned depth = 0;
	bool quoted = false;
	for (size_t i = 0; i < length; i++) {
		char c = text[i];
		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '[' || c == '{') && ++depth > VARLINK_DEPTH_MAX)
			return true;
		else if (!quoted && (c == ']' || c == '}') && depth > 0)
			depth--;
	}
	return false;
}

static void set_detail(struct varlink_call *call, size_t index, const char *name, const char *text)
{
	call->details[index].name = name;
	snprintf(call->details[index].text, sizeof(call->details[index].text), "%s", text ? text : "");
}

enum varlink_outcome varlink_fail(struct varlink_call *call, const char *error, const char *name,
                                  const char *text, const char *other, const char *other_text)
{
	call->error = error;
	set_detail(call, 0, name, text);
	set_detail(call, 1, other, other_text);
	return VARLINK_FAILED;
}

const char *varlink_text(const struct varlink_call *call, const char *name)
{
	return json_string_value(json_object_get(call->arguments, name));
}

int64_t varlink_number(const struct varlink_call *call, const char *name, int64_t otherwise)
{
	const json_t *value = json_object_get(call->arguments, name);
	return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

bool varlink_flag(const struct varlink_call *call, const char *name)
{
	return json_is_true(json_object_get(call->arguments, name));
}

/* read_flag - false when it is something else than a boolean */
static bool read_flag(const json_t *message, const char *name, bool *ret)
{
	const json_t *value = json_object_get(message, name);
	*ret = json_is_true(value);
	return !value || json_is_null(value) || json_is_boolean(value);
}

/* find_method - of "org.example.Interface.Method" */
static const struct varlink_method *find_method(const struct varlink_service *service,
                                                struct varlink_call *call, const char *full_name)
{
	char name[128];
	const char *dot = strrchr(full_name, '.');
	size_t length = dot ? (size_t)(dot - full_name) : 0;
	if (length == 0 || length >= sizeof(name)) {
		varlink_fail(call, SERVICE ".InvalidParameter", "parameter", "method", NULL, NULL);
		return NULL;
	}
	memcpy(name, full_name, length);
	name[length] = '\0';
	const struct varlink_interface *interface = find_interface(service, name);
	const struct varlink_method *method = interface ? varlink_find_method(interface, dot + 1) : NULL;
	if (!interface)
		varlink_fail(call, SERVICE ".InterfaceNotFound", "interface", name, NULL, NULL);
	else if (!method)
		varlink_fail(call, SERVICE ".MethodNotFound", "method", full_name, NULL, NULL);
	return method;
}

static void check_call(struct varlink_call *call, const struct varlink_method *method)
{
	const char *wrong = varlink_check_arguments(method, call->arguments);
	if (wrong)
		varlink_fail(call, SERVICE ".InvalidParameter", "parameter", wrong, NULL, NULL);
	else if (method->streams && !call->more)
		varlink_fail(call, SERVICE ".ExpectedMore", NULL, NULL, NULL, NULL);
	else
		call->method = method;
}

static int read_call(const struct varlink_service *service, struct varlink_call *call, json_t *message)
{
	const char *name = json_string_value(json_object_get(message, "method"));
	json_t *arguments = json_object_get(message, "parameters");
	bool upgrade;
	if (!name || !read_flag(message, "more", &call->more) ||
	    !read_flag(message, "oneway", &call->oneway) || !read_flag(message, "upgrade", &upgrade))
		return -EPROTO;
	if (arguments && !json_is_object(arguments) && !json_is_null(arguments))
		return -EPROTO;
	const struct varlink_method *method = find_method(service, call, name);
	call->arguments = json_incref(json_is_object(arguments) ? arguments : NULL);
	if (method && upgrade)
		varlink_fail(call, SERVICE ".InvalidParameter", "parameter", "upgrade", NULL, NULL);
	else if (method)
		check_call(call, method);
	return 0;
}

int varlink_call_begin(const struct varlink_service *service, struct varlink_call *call, const char *text,
                       size_t length)
{
	*call = (struct varlink_call){.serial = call->serial};
	json_t *message = varlink_too_deep(text, length)
	                          ? NULL
	                          : json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
	int rc = json_is_object(message) ? read_call(service, call, message) : -EPROTO;
	json_decref(message);
	return rc;
}

/* ---- replying ---- */

static void write_error(const struct varlink_call *call, FILE *out)
{
	struct json json = JSON_INIT(out);
	json_begin_object(&json, NULL);
	json_text(&json, "error", call->error);
	json_begin_object(&json, "parameters");
	for (size_t i = 0; i < ARRAY_COUNT(call->details); i++)
		if (call->details[i].name)
			json_text(&json, call->details[i].name, call->details[i].text);
	json_end(&json);
	json_end(&json);
}

/* write_reply - the outcome of the method; what it has written is a reply unless that is VARLINK_WAITS or
 * _FAILED */
static enum varlink_outcome write_reply(const struct varlink_service *service, struct varlink_call *call,
                                        FILE *out)
{
	struct json json = JSON_INIT(out);
	json_begin_object(&json, NULL);
	json_begin_object(&json, "parameters");
	enum varlink_outcome outcome = call->method->fn(service, call, &json);
	json_end(&json);
	if (outcome == VARLINK_CONTINUES)
		json_bool(&json, "continues", true);
	json_end(&json);
	return outcome;
}

enum varlink_outcome varlink_call_step(const struct varlink_service *service, struct varlink_call *call,
                                       FILE *out)
{
	enum varlink_outcome outcome = VARLINK_FAILED;
	char *text = NULL;
	size_t size = 0;
	/* Nobody waits for what it would find; and what changes something is done for who waits for its outcome. */
	if (call->oneway)
		return VARLINK_LAST;
	if (!call->error) {
		FILE *file = open_memstream(&text, &size);
		if (!file)
			return VARLINK_LAST;
		outcome = write_reply(service, call, file);
		fclose(file);
	}
	if (outcome == VARLINK_FAILED)
		write_error(call, out);
	else if (outcome != VARLINK_WAITS)
		fwrite(text, 1, size, out);
	free(text);
	return outcome == VARLINK_FAILED ? VARLINK_LAST : outcome;
}

void varlink_call_end(const struct varlink_service *service, struct varlink_call *call)
{
	if (call->method && call->method->dropped)
		call->method->dropped(service, call);
	if (call->has_file)
		close(call->file);
	json_decref(call->arguments);
	*call = (struct varlink_call){.serial = call->serial};
}
