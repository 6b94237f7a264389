/* SPDX-License-Identifier: Apache-2.0 */
/* The first message of a TLS client, for tests of what looks into it. */
#ifndef NSRELAY_TESTS_LIB_CLIENTHELLO_H
#define NSRELAY_TESTS_LIB_CLIENTHELLO_H

#include <stddef.h>

enum { CLIENTHELLO_MAX = 512 };

/* clienthello_make - one record with a ClientHello that asks for the server @name; its size in bytes */
size_t clienthello_make(const char *name, unsigned char buf[CLIENTHELLO_MAX]);

#endif
