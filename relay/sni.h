/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of a relay's routes a server's name takes: by the name itself, else by the wildcard that has most in common with it.
 * `*.example.com` is every name below example.com, at whatever depth, and not example.com itself. Pure.
 */
#ifndef NSRELAY_RELAY_SNI_H
#define NSRELAY_RELAY_SNI_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
	SNI_NAME_MAX = 254, /* a wildcard's dot, and 253 characters: RFC 1035, 2.3.4 */
};

struct sni_name {
	const char *name; /* borrowed; in lower case; a wildcard without its asterisk: ".example.com" */
	uint32_t route;   /* index into plan.routes */
};

/*
 * sni_parse - read NAME or *.NAME, as a user writes it, into the form of sni_name.name
 * Errors: EINVAL; the text says what was expected.
 */
int sni_parse(const char *text, char ret[SNI_NAME_MAX + 1], struct err *err);

/* sni_sort - as sni_find() needs them */
void sni_sort(struct sni_name *names, size_t count);

/* sni_find - the route of @name, which is in lower case, out of @count sorted names; SNI_NONE */
uint32_t sni_find(const struct sni_name *names, size_t count, const char *name);

enum { SNI_NONE = UINT32_MAX };

#endif
