/* SPDX-License-Identifier: Apache-2.0 */
/* A network's configuration is either refused with a code and a text, or within all its bounds. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "app/cni/request.h"
#include "app/cni/result.h"
#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_request(const struct cni_request *request)
{
	char uid[CNI_UID_MAX];
	CHECK(cni_version_index(request->version) >= 0);
	CHECK(request->deadline_ms >= 1 && request->deadline_ms <= CNI_DEADLINE_MAX_MS);
	CHECK(*request->network && *request->socket);
	json_t *result = NULL;
	struct err err = ERR_INIT;
	int code = cni_request_result(request, &result, &err);
	CHECK(code ? code < CNI_REFUSED && *err.text : json_is_string(json_object_get(result, "cniVersion")));
	json_decref(result);
	if (cni_uid(request->network, request->socket, request->network, uid) == 0)
		CHECK(strncmp(uid, "cni/", 4) == 0 && strlen(uid) < CNI_UID_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cni_request request;
	struct err err = ERR_INIT;
	char name[CNI_NAME_MAX];
	/* Of just that size, so that a read beyond it is seen. */
	char *text = malloc(size + 1);
	CHECK(text);
	memcpy(text, data, size);
	text[size] = '\0';
	cni_pod_name(text, name);
	CHECK(!strpbrk(name, " \t\n")); /* the daemon takes none */
	int code = cni_request_read(text, size, &request, &err);
	if (code == 0)
		check_request(&request);
	else
		CHECK(code < CNI_REFUSED && *err.text);
	cni_request_free(&request);
	free(text);
	return 0;
}
