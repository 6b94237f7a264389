/* SPDX-License-Identifier: Apache-2.0 */
#include "base/endpoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

static struct endpoint endpoint_of(const char *text)
{
	struct endpoint endpoint;
	struct err err = ERR_INIT;
	if (endpoint_parse(text, &endpoint, &err) < 0)
		fail_msg("%s", err.text);
	return endpoint;
}

static void refused(const char *text, const char *why)
{
	struct endpoint endpoint = {.addr_len = 77};
	struct err err = ERR_INIT;
	assert_int_equal(endpoint_parse(text, &endpoint, &err), -EINVAL);
	assert_contains(err.text, why);
	assert_contains(err.text, "; expected ");
	assert_int_equal(endpoint.addr_len, 77);
}

static void text_survives_reading_and_writing(void **state)
{
	(void)state;
	static const char *const same[] = {
		"web/127.0.0.1:8080",
		"web/[::1]:8080",
		"db-1/[2001:db8::7]:1",
		"pid:4242/10.0.0.1:80",
		"path:/run/netns/x/0.0.0.0:65535",
		"path:/run/netns/x/[::]:80",
		"host/0.0.0.0:80",
		"unix:/run/app.sock",
		"@pods/[::]:15001",
		"@cni/net/0123456789abcdef/eth0/0.0.0.0:15001",
	};
	char text[ENDPOINT_TEXT_MAX];
	for (size_t i = 0; i < ARRAY_COUNT(same); i++) {
		struct endpoint endpoint = endpoint_of(same[i]);
		assert_string_equal(endpoint_format(&endpoint, text, sizeof(text)), same[i]);
	}
}

static void longest_text_fits(void **state)
{
	(void)state;
	char in[ENDPOINT_TEXT_MAX] = "path:/", out[ENDPOINT_TEXT_MAX];
	memset(in + 6, 'x', NETNS_TEXT_MAX - 2);
	strcat(in, "/[1111:2222:3333:4444:5555:6666:7777:8888]:65535");
	struct endpoint endpoint = endpoint_of(in);
	assert_string_equal(endpoint_format(&endpoint, out, sizeof(out)), in);
}

static void enrolment_is_told_from_its_successors_but_not_by_users(void **state)
{
	struct netns_ref wanted = endpoint_of("@pod/[::]:1").netns, first = wanted, second = wanted;
	(void)state;
	first.serial = 1;
	second.serial = 2;
	assert_false(netns_ref_equal(&first, &second));
	assert_true(netns_ref_hash(&first) != netns_ref_hash(&second));
	assert_true(netns_ref_fits(&wanted, &first) && netns_ref_fits(&wanted, &second));
	assert_false(netns_ref_fits(&first, &second));
	refused("@/[::]:1", "names no enrolment");
	refused("@a b/[::]:1", "names no enrolment");
}

static void nothing_before_the_slash_is_the_own_namespace(void **state)
{
	(void)state;
	struct endpoint a = endpoint_of("/0.0.0.0:80"), b = endpoint_of("host/0.0.0.0:80");
	assert_int_equal(a.netns.kind, NETNS_SELF);
	assert_true(endpoint_equal(&a, &b));
}

static void address_is_what_the_kernel_takes(void **state)
{
	(void)state;
	struct endpoint in4 = endpoint_of("pid:7/10.1.2.3:80"), in6 = endpoint_of("/[::1]:81"),
			un = endpoint_of("unix:/a");
	assert_int_equal(in4.netns.pid, 7);
	assert_int_equal(in4.addr.in4.sin_family, AF_INET);
	assert_int_equal(in4.addr.in4.sin_port, htons(80));
	assert_int_equal(in4.addr.in4.sin_addr.s_addr, htonl(0x0a010203));
	assert_int_equal(in4.addr_len, sizeof(struct sockaddr_in));
	assert_int_equal(in6.addr.in6.sin6_family, AF_INET6);
	assert_int_equal(in6.addr_len, sizeof(struct sockaddr_in6));
	assert_int_equal(un.addr.un.sun_family, AF_UNIX);
	assert_int_equal(un.addr_len, offsetof(struct sockaddr_un, sun_path) + sizeof("/a"));
}

static void endpoint_without_slash_is_refused(void **state)
{
	(void)state;
	refused("127.0.0.1:80", "'127.0.0.1:80' has no slash; expected NETNS/ADDRESS:PORT");
	refused("web", "has no slash");
	refused("", "has no slash");
}

static void bad_port_is_refused(void **state)
{
	(void)state;
	refused("web/127.0.0.1", "has no port; expected NETNS/ADDRESS:PORT");
	refused("web/[::1]", "has no port");
	refused("web/[::1]80", "has no port");
	refused("web/127.0.0.1:", "'' is not a port; expected a number from 1 to 65535");
	refused("web/127.0.0.1:0", "'0' is not a port");
	refused("web/127.0.0.1:65536", "'65536' is not a port");
	refused("web/127.0.0.1:080", "'080' is not a port");
	refused("web/127.0.0.1:80 ", "'80 ' is not a port");
	refused("web/127.0.0.1:-1", "'-1' is not a port");
	refused("web/127.0.0.1:http", "'http' is not a port");
}

static void bad_address_is_refused(void **state)
{
	(void)state;
	refused("web/localhost:80", "'localhost' is not an address; expected IPv4");
	refused("web/127.0.0.256:80", "not an address");
	refused("web/127.0.0.01:80", "not an address");
	refused("web/1:80", "not an address");
	refused("web/:80", "no address before ':80'");
	refused("web/[]:80", "no address before ':80'");
	refused("web/::1:80", "looks like IPv6 without brackets; expected [ADDRESS]:PORT");
	refused("web/[::1:80", "no closing bracket");
	refused("web/[127.0.0.1]:80", "not an IPv6 address");
	refused("web/[fe80::1%eth0]:80", "not an IPv6 address");
}

static void bad_namespace_is_refused(void **state)
{
	(void)state;
	refused("../127.0.0.1:80", "'..' is not the name of a namespace");
	refused("./127.0.0.1:80", "'.' is not the name");
	refused("a/b/127.0.0.1:80", "'a/b' is not the name");
	refused("a b/127.0.0.1:80", "'a b' is not the name");
	refused("pid:0/127.0.0.1:80", "'pid:0' is not a process; expected a pid from 1");
	refused("pid:4194305/127.0.0.1:80", "not a process");
	refused("pid:x/127.0.0.1:80", "'pid:x' is not a process");
	refused("path:run/netns/x/127.0.0.1:80", "not an absolute path");
	refused("path:/127.0.0.1:80", "not an absolute path");

	char text[400];
	memset(text, 'n', 64);
	strcpy(text + 64, "/127.0.0.1:80");
	refused(text, "too long; expected at most 63 bytes");
	strcpy(text, "path:/");
	memset(text + 6, 'p', NETNS_TEXT_MAX - 1);
	strcpy(text + 6 + NETNS_TEXT_MAX - 1, "/127.0.0.1:80");
	refused(text, "too long; expected at most 107 bytes");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	refused(text, "too long");
}

static void bad_unix_path_is_refused(void **state)
{
	(void)state;
	char text[200] = "unix:/";
	refused("unix:app.sock", "not an absolute path; expected unix:/run");
	refused("unix:", "not an absolute path");
	memset(text + 6, 'x', 107);
	refused(text, "too long; expected at most 107 bytes");
}

static void equal_compares_namespace_address_and_port(void **state)
{
	(void)state;
	struct endpoint a = endpoint_of("web/127.0.0.1:80"),
			mapped = endpoint_of("web/[::ffff:127.0.0.1]:80");
	static const char *const others[] = {"api/127.0.0.1:80",  "web/127.0.0.2:80",
					     "web/127.0.0.1:81",  "web/[::1]:80",
					     "unix:/a",           "path:/run/netns/web/127.0.0.1:80",
					     "pid:1/127.0.0.1:80"};
	assert_true(endpoint_equal(&a, &a));
	for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
		struct endpoint b = endpoint_of(others[i]);
		assert_false(endpoint_equal(&a, &b));
	}
	assert_false(endpoint_equal(&a, &mapped)); /* two sockets, although one covers the other */
}

static void reach_follows_wildcards_of_the_listener(void **state)
{
	(void)state;
	static const struct {
		const char *to, *listener;
		bool reaches;
	} cases[] = {
		{"web/127.0.0.1:80", "web/127.0.0.1:80", true},
		{"web/127.0.0.1:80", "web/127.0.0.2:80", false},
		{"web/127.0.0.1:80", "web/127.0.0.1:81", false},
		{"web/127.0.0.1:80", "api/127.0.0.1:80", false},
		{"web/10.0.0.1:80", "web/0.0.0.0:80", true},
		{"web/10.0.0.1:80", "web/0.0.0.0:81", false},
		{"web/10.0.0.1:80", "api/0.0.0.0:80", false},
		{"web/10.0.0.1:80", "web/[::]:80", true}, /* :: covers IPv4 */
		{"web/[::1]:80", "web/[::]:80", true},
		{"web/[::1]:80", "web/0.0.0.0:80", false},
		{"web/[::1]:80", "web/127.0.0.1:80", false},
		{"web/0.0.0.0:80", "web/127.0.0.1:80",
		 true}, /* connect(2) to a wildcard is to the own host */
		{"web/0.0.0.0:80", "web/[::1]:80", false},
		{"web/[::]:80", "web/[::1]:80", true},
		{"web/[::]:80", "web/127.0.0.1:80", false},
		{"web/[::ffff:10.0.0.1]:80", "web/10.0.0.1:80", true},
		{"/127.0.0.1:80", "host/0.0.0.0:80", true},
		{"unix:/a", "unix:/a", true},
		{"unix:/a", "unix:/b", false},
		{"unix:/a", "/0.0.0.0:80", false},
		{"/0.0.0.0:80", "unix:/a", false},
	};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct endpoint to = endpoint_of(cases[i].to), listener = endpoint_of(cases[i].listener);
		if (endpoint_would_reach(&to, &listener) != cases[i].reaches)
			fail_msg("%s -> %s", cases[i].to, cases[i].listener);
	}
}

static void endpoint_without_address_is_the_original_destination(void **state)
{
	(void)state;
	char text[ENDPOINT_TEXT_MAX];
	const struct endpoint original = {0};
	struct endpoint endpoint;
	assert_string_equal(endpoint_format(&original, text, sizeof(text)), "original");
	assert_int_equal(endpoint_parse("original", &endpoint, NULL), -EINVAL);
}

static void any_socket_address_has_a_text(void **state)
{
	(void)state;
	char text[ENDPOINT_TEXT_MAX];
	struct sockaddr_un full = {.sun_family = AF_UNIX};
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	memset(full.sun_path, 'x', sizeof(full.sun_path)); /* no NUL, as unix(7) allows */
	assert_int_equal(strlen(endpoint_format_address((struct sockaddr *)&full, text, sizeof(text))),
			 strlen("unix:") + sizeof(full.sun_path));
	assert_string_equal(endpoint_format_address(&none, text, sizeof(text)), "(address of family 0)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(enrolment_is_told_from_its_successors_but_not_by_users),
		cmocka_unit_test(text_survives_reading_and_writing),
		cmocka_unit_test(longest_text_fits),
		cmocka_unit_test(nothing_before_the_slash_is_the_own_namespace),
		cmocka_unit_test(address_is_what_the_kernel_takes),
		cmocka_unit_test(endpoint_without_slash_is_refused),
		cmocka_unit_test(bad_port_is_refused),
		cmocka_unit_test(bad_address_is_refused),
		cmocka_unit_test(bad_namespace_is_refused),
		cmocka_unit_test(bad_unix_path_is_refused),
		cmocka_unit_test(equal_compares_namespace_address_and_port),
		cmocka_unit_test(reach_follows_wildcards_of_the_listener),
		cmocka_unit_test(endpoint_without_address_is_the_original_destination),
		cmocka_unit_test(any_socket_address_has_a_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
