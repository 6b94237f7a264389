/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a CNI plugin says on its standard output (CNI specification 1.1.0, section 5), and the versions of the
 * specification that this one speaks.
 */
#ifndef NSRELAY_APP_CNI_RESULT_H
#define NSRELAY_APP_CNI_RESULT_H

#include <jansson.h>
#include <stdio.h>

#include "base/err.h"

/* Well-known errors; from 100 on they are the plugin's own. */
enum cni_code {
	CNI_BAD_VERSION = 1,
	CNI_BAD_ENVIRONMENT = 4,
	CNI_IO = 5,
	CNI_BAD_JSON = 6,
	CNI_BAD_CONFIG = 7,
	CNI_TRY_LATER = 11,
	CNI_NOT_AVAILABLE = 50,
	CNI_LIMITED = 51,     /* nor are those well that were served before */
	CNI_REFUSED = 100,    /* the daemon will not serve this namespace */
	CNI_NOT_SERVED = 101, /* CHECK: it does not serve it, or another one in its place */
};

/* cni_version_index - of the supported version @text, the oldest being 0; -1: not supported, or NULL */
int cni_version_index(const char *text);
enum { CNI_VERSION_0_4_0 = 1, CNI_VERSION_1_1_0 = 3 };

/* cni_fail - state what goes wrong; returns @code, for commands to end with */
int cni_fail(struct err *err, enum cni_code code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/*
 * cni_print_versions - the answer to VERSION, whose input is @text; cni_print_result - to ADD; cni_print_error - to any
 */
void cni_print_versions(const char *text, size_t size, FILE *out);
void cni_print_result(const json_t *result, FILE *out);
void cni_print_error(const char *version, int code, const char *text, FILE *out);

#endif
