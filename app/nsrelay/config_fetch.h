/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration that a running daemon works by, asked for over its control socket. */
#ifndef NSRELAY_APP_NSRELAY_CONFIG_FETCH_H
#define NSRELAY_APP_NSRELAY_CONFIG_FETCH_H

#include <stddef.h>

#include "base/err.h"

enum {
	CONFIG_FETCH_ALL = 1 << 0,     /* settings that have their default as well */
	CONFIG_FETCH_AS_READ = 1 << 1, /* without what an operator has changed and a reload leaves as it is */
};

/*
 * config_fetch - as a file
 * @path: of the control socket
 * @what: CONFIG_FETCH_..., or 0
 * *@ret: the text, ended by a NUL that is not of its *@ret_size bytes, to be given to free(3)
 * Errors: those of varlink_connect() and varlink_receive(), ENOMEM.
 */
int config_fetch(const char *path, unsigned what, char **ret, size_t *ret_size, struct err *err);

#endif
