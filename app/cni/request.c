/* SPDX-License-Identifier: Apache-2.0 */
#include "app/cni/request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app/cni/result.h"
#include "app/nsctl/live.h"
#include "base/check.h"

/* ---- characters ---- */

static bool is_alphanumeric(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_plain(char c)
{
	return is_alphanumeric(c) || c == '_' || c == '.' || c == '-';
}

/* ---- settings ---- */

/* take_text - a member that is a text, or left out */
static int take_text(const json_t *json, const char *key, const char **ret, struct err *err)
{
	const json_t *value = json_object_get(json, key);
	if (!value)
		return 0;
	if (!json_is_string(value) || json_string_length(value) == 0)
		return cni_fail(err, CNI_BAD_CONFIG, "%s: expected a text that is not empty", key);
	*ret = json_string_value(value);
	return 0;
}

static int take_deadline(struct cni_request *request, struct err *err)
{
	const json_t *value = json_object_get(request->json, "deadline_ms");
	if (!value)
		return 0;
	json_int_t ms = json_integer_value(value);
	if (!json_is_integer(value) || ms < 1 || ms > CNI_DEADLINE_MAX_MS)
		return cni_fail(err, CNI_BAD_CONFIG, "deadline_ms: expected a whole number from 1 to %d",
		                CNI_DEADLINE_MAX_MS);
	request->deadline_ms = (int)ms;
	return 0;
}

static int take_failure(struct cni_request *request, struct err *err)
{
	const char *word = "fail";
	int code = take_text(request->json, "onFailure", &word, err);
	if (code)
		return code;
	request->may_proceed = strcmp(word, "proceed") == 0;
	if (!request->may_proceed && strcmp(word, "fail") != 0)
		return cni_fail(err, CNI_BAD_CONFIG, "onFailure: '%s'; expected \"fail\" or \"proceed\"",
		                word);
	return 0;
}

static int take_settings(struct cni_request *request, struct err *err)
{
	int code = take_text(request->json, "socket", &request->socket, err);
	if (!code)
		code = take_text(request->json, "policy", &request->policy, err);
	if (!code)
		code = take_deadline(request, err);
	return code ? code : take_failure(request, err);
}

/* ---- what every network has ---- */

static int take_version(struct cni_request *request, struct err *err)
{
	int code = take_text(request->json, "cniVersion", &request->version, err);
	if (code)
		return code;
	if (cni_version_index(request->version) < 0)
		return cni_fail(err, CNI_BAD_VERSION, "cniVersion %s; expected 0.3.1, 0.4.0, 1.0.0 or 1.1.0",
		                request->version ? request->version : "is missing");
	return 0;
}

static int take_network(struct cni_request *request, struct err *err)
{
	int code = take_text(request->json, "name", &request->network, err);
	if (code)
		return code;
	const char *c = request->network;
	while (c && is_plain(*c))
		c++;
	if (!c || *c || !is_alphanumeric(*request->network))
		return cni_fail(err, CNI_BAD_CONFIG,
		                "name: expected a letter or digit, and then letters, digits, _, . and -");
	return 0;
}

int cni_request_read(const char *text, size_t size, struct cni_request *ret, struct err *err)
{
	json_error_t error;
	*ret = (struct cni_request){.socket = LIVE_CONTROL_PATH, .deadline_ms = CNI_DEADLINE_MS};
	ret->json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
	if (!ret->json)
		return cni_fail(err, CNI_BAD_JSON, "standard input, line %d: %s", error.line, error.text);
	if (!json_is_object(ret->json))
		return cni_fail(err, CNI_BAD_JSON, "standard input: expected an object");
	int code = take_version(ret, err);
	if (!code)
		code = take_network(ret, err);
	return code ? code : take_settings(ret, err);
}

/* with_version - a result has one, though a runtime may pass on what an older plugin made without */
static json_t *with_version(json_t *result, const char *version)
{
	json_t *copy = json_copy(result);
	if (copy && json_object_set_new(copy, "cniVersion", json_string(version)) == 0)
		return copy;
	json_decref(copy);
	return NULL;
}

int cni_request_result(const struct cni_request *request, json_t **ret, struct err *err)
{
	json_t *result = json_object_get(request->json, "prevResult");
	const char *version = json_string_value(json_object_get(result, "cniVersion"));
	if (!result || json_is_null(result))
		return cni_fail(
		        err, CNI_BAD_CONFIG,
		        "prevResult is missing; nsrelay-cni comes behind a plugin that makes the interface");
	if (!json_is_object(result))
		return cni_fail(err, CNI_BAD_CONFIG, "prevResult: expected an object");
	if (version && strcmp(version, request->version) != 0)
		return cni_fail(err, CNI_BAD_VERSION,
		                "prevResult has cniVersion %s; expected %s as the network has", version,
		                request->version);
	*ret = version ? json_incref(result) : with_version(result, request->version);
	return *ret ? 0 : cni_fail(err, CNI_IO, "out of memory");
}

void cni_request_free(struct cni_request *request)
{
	json_decref(request->json);
}

/* ---- names ---- */

/* append - @text, escaped, behind the @length bytes of @uid; the new length, CNI_UID_MAX when that is too long */
static size_t append(char uid[CNI_UID_MAX], size_t length, const char *text)
{
	for (; *text && length < CNI_UID_MAX; text++)
		length += (size_t)snprintf(uid + length, CNI_UID_MAX - length,
		                           is_plain(*text) ? "%c" : "%%%02X", (unsigned char)*text);
	return length < CNI_UID_MAX ? length : CNI_UID_MAX;
}

int cni_uid(const char *network, const char *container, const char *ifname, char ret[CNI_UID_MAX])
{
	const char *const parts[] = {network, container ? container : "", container ? ifname : NULL};
	char uid[CNI_UID_MAX] = "cni";
	size_t length = strlen(uid);
	for (size_t i = 0; i < ARRAY_COUNT(parts) && parts[i] && length < CNI_UID_MAX; i++) {
		uid[length++] = '/';
		length = append(uid, length, parts[i]);
	}
	if (length >= CNI_UID_MAX)
		return -ENAMETOOLONG;
	memcpy(ret, uid, length);
	ret[length] = '\0';
	return 0;
}

/* find_argument - the value of KEY in KEY=VALUE;KEY=VALUE; its length at @ret_length, 0: there is none */
static const char *find_argument(const char *args, const char *key, size_t *ret_length)
{
	size_t key_length = strlen(key);
	*ret_length = 0;
	for (; args; args = strchr(args, ';') ? strchr(args, ';') + 1 : NULL)
		if (strncmp(args, key, key_length) == 0 && args[key_length] == '=') {
			*ret_length = strcspn(args + key_length + 1, ";");
			return args + key_length + 1;
		}
	return "";
}

bool cni_pod_name(const char *args, char ret[CNI_NAME_MAX])
{
	size_t space_length, pod_length;
	const char *space = find_argument(args, "K8S_POD_NAMESPACE", &space_length);
	const char *pod = find_argument(args, "K8S_POD_NAME", &pod_length);
	snprintf(ret, CNI_NAME_MAX, "%.*s%s%.*s", (int)space_length, space, space_length ? "/" : "",
	         (int)pod_length, pod);
	for (char *c = ret; *c; c++)
		if (!is_plain(*c) && *c != '/')
			*c = '_';
	return pod_length > 0;
}
