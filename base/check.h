/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assertions that stay on in release builds. They state this program's own invariants only: what a peer sends, a user
 * writes or a kernel refuses is handled, never asserted.
 */
#ifndef NSRELAY_BASE_CHECK_H
#define NSRELAY_BASE_CHECK_H

/* check_failed - print the broken invariant on standard error and abort() */
_Noreturn void check_failed(const char *file, int line, const char *what);

#define CHECK(cond) (__builtin_expect(!(cond), 0) ? check_failed(__FILE__, __LINE__, #cond) : (void)0)

#define ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))

#endif
