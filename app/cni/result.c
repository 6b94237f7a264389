/* SPDX-License-Identifier: Apache-2.0 */
#include "app/cni/result.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "app/text/json.h"
#include "base/check.h"

/* In each of them a result is passed on as it came, so that they differ in commands only. */
static const char *const versions[] = {"0.3.1", "0.4.0", "1.0.0", "1.1.0"};

int cni_version_index(const char *text)
{
	for (size_t i = 0; text && i < ARRAY_COUNT(versions); i++)
		if (strcmp(text, versions[i]) == 0)
			return (int)i;
	return -1;
}

int cni_fail(struct err *err, enum cni_code code, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;
	va_start(args, fmt);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is va_start()'s */
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	err_set(err, EINVAL, "%s", text);
	return (int)code;
}

void cni_print_versions(const char *text, size_t size, FILE *out)
{
	json_t *input = json_loadb(text, size, 0, NULL);
	const char *asked = json_string_value(json_object_get(input, "cniVersion"));
	struct json json = JSON_INIT(out);
	json_begin_object(&json, NULL);
	json_text(&json, "cniVersion", asked ? asked : versions[CNI_VERSION_1_1_0]);
	json_begin_array(&json, "supportedVersions");
	for (size_t i = 0; i < ARRAY_COUNT(versions); i++)
		json_text(&json, NULL, versions[i]);
	json_end(&json);
	json_end(&json);
	json_decref(input);
}

void cni_print_result(const json_t *result, FILE *out)
{
	json_dumpf(result, out, JSON_COMPACT);
	fputc('\n', out);
}

void cni_print_error(const char *version, int code, const char *text, FILE *out)
{
	struct json json = JSON_INIT(out);
	json_begin_object(&json, NULL);
	json_text(&json, "cniVersion",
	          cni_version_index(version) < 0 ? versions[CNI_VERSION_1_1_0] : version);
	json_number(&json, "code", (uint64_t)code);
	json_text(&json, "msg", text);
	json_end(&json);
}
