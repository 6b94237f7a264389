/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/app/controlled.h"

int web, api;

struct relayproc *start(void)
{
	testns_require_root();
	web = testns_new_named("web");
	api = testns_new_named("api");
	return relayproc_start_config("relays:\n"
	                              "  - { name: one, listen: web/127.0.0.1:80, to: api/127.0.0.1:80 }\n"
	                              "  - { name: two, listen: \"web/[::]:81\", to: second }\n"
	                              "pools:\n"
	                              "  second:\n"
	                              "    balance: least_connections\n"
	                              "    backends:\n"
	                              "      - { address: api/127.0.0.1:81, weight: 3 }\n"
	                              "      - { address: api/127.0.0.1:82, state: maintenance }\n"
	                              "threads: 2\n"
	                              "drain: 0s\n"
	                              "user: daemon\n"
	                              "log: { rate: 100 }\n"
	                              "control: { path: " PATH " }\n");
}

void assert_member(const char *path, const char *expected)
{
	const char *text = nsctlproc_json(path);
	assert_non_null(text);
	assert_string_equal(text, expected);
}
