/* SPDX-License-Identifier: Apache-2.0 */
/* What a container runtime asks of a CNI plugin: variables of the environment, and a network's configuration as JSON. */
#ifndef NSRELAY_APP_CNI_REQUEST_H
#define NSRELAY_APP_CNI_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum {
	CNI_CONFIG_MAX = 1024 * 1024, /* bytes of JSON; a result of the plugins before is in it */
	CNI_DEADLINE_MS = 10000,      /* unless the configuration has `deadline_ms` */
	CNI_DEADLINE_MAX_MS = 600000,
	CNI_UID_MAX = 108, /* what the daemon takes, as of names; a container's id has 64 */
	CNI_NAME_MAX = 128,
};

/* Borrowed from the environment; NULL: not set, or empty. */
struct cni_environment {
	const char *command, *container, *netns, *ifname, *args;
};

/* The configuration; texts live as long as @json. */
struct cni_request {
	json_t *json; /* owned */
	const char *version, *network;
	const char *socket; /* of the daemon */
	const char *policy; /* NULL: the daemon's choice */
	int deadline_ms;
	bool may_proceed; /* onFailure: the pod starts although it is not served */
};

/*
 * cni_request_read - from JSON of @size bytes
 * @ret: valid whatever is returned, as far as it was read, so that the answer can have its version; the caller's
 *       to cni_request_free()
 * Returns 0 or a code of the specification, with @err.
 */
int cni_request_read(const char *text, size_t size, struct cni_request *ret, struct err *err);

/*
 * cni_request_result - what the plugins before have made, with its version, the caller's to json_decref()
 * Returns 0 or a code of the specification, with @err.
 */
int cni_request_result(const struct cni_request *request, json_t **ret, struct err *err);
void cni_request_free(struct cni_request *request);

/*
 * cni_uid - by what the daemon knows an attachment: cni/NETWORK/CONTAINER/IFNAME
 * @container, @ifname: NULL for the prefix that all of a network have
 *
 * What is no letter, digit, `_`, `.` or `-` is written as %XX, so that no two attachments have the same.
 * Returns 0 or -ENAMETOOLONG.
 */
int cni_uid(const char *network, const char *container, const char *ifname, char ret[CNI_UID_MAX]);

/*
 * cni_pod_name - NAMESPACE/POD from CNI_ARGS as Kubernetes sets them, or only POD, as podman does
 * Cut where it is longer than the daemon keeps; what does not belong into such names is written as `_`. false: there is none.
 */
bool cni_pod_name(const char *args, char ret[CNI_NAME_MAX]);

#endif
