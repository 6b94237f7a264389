/* SPDX-License-Identifier: Apache-2.0 */
/* A daemon with a control socket, for the tests of that. */
#ifndef NSRELAY_TESTS_INTEGRATION_APP_CONTROLLED_H
#define NSRELAY_TESTS_INTEGRATION_APP_CONTROLLED_H

#include "tests/integration/app/nsctlproc.h"
#include "tests/lib/relayproc.h"

/* In a /run of this program's own: testns_new_named(). */
#define PATH "/run/control.sock"

/* The namespaces of those names; set by start(). */
extern int web, api;

/*
 * start - two relays from web to api, and a control socket; nobody is neither of the daemon's users
 * `one` leads to api/127.0.0.1:80, `two` to the pool `second`: api/127.0.0.1:81, and :82, which is in maintenance.
 */
struct relayproc *start(void);

/* ask - nsctl, which must succeed; refused - nsctl, which need not */
#define ask(...)     nsctlproc_succeed(-1, TESTNS_ARGV(__VA_ARGS__, "--control", PATH))
#define refused(...) nsctlproc_run(-1, TESTNS_ARGV(__VA_ARGS__, "--control", PATH))

/* assert_member - the scalar at @path of what nsctl wrote last is @expected */
void assert_member(const char *path, const char *expected);

#endif
