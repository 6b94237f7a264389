/* SPDX-License-Identifier: Apache-2.0 */
/* `publish:` - ports as relays. */
#include "tests/unit/app/config_rig.h"

#define PUBLISH(from, to, more) "publish: [ { from: '" from "', to: '" to "'" more " } ]\n"

static void assert_relay(const struct config *config, size_t index, const char *name, const char *from, const char *to)
{
	char text[ENDPOINT_TEXT_MAX];
	const struct config_relay *relay = &config->relays[index];
	const struct config_pool *pool = &config->pools[relay->pool];
	assert_string_equal(relay->name, name);
	assert_string_equal(pool->name, name);
	assert_int_equal(relay->listener_count, 1);
	assert_int_equal(pool->backend_count, 1);
	assert_string_equal(endpoint_format(&relay->listeners[0], text, sizeof(text)), from);
	assert_string_equal(endpoint_format(&pool->backends[0].endpoint, text, sizeof(text)), to);
}

static void each_port_is_a_relay(void **state)
{
	(void)state;
	struct config config = rig_accept("namespaces: { pod: { path: /run/x } }\ndefaults: { timeouts: { idle: 7s } }\npublish:\n"
					  "- { from: 8080, to: 'pod/127.0.0.1:80' }\n"
					  "- { from: '127.0.0.1:2000-2002', to: 'web/[::1]:65533-65535', client: announce }\n"
					  "- { from: '[::1]:9', to: 'web/10.0.0.1:9', client: hide }\n"
					  "- { from: 10, to: 'web/10.0.0.1:10', client: keep }\n");
	assert_int_equal(config.relay_count, 6);
	assert_int_equal(config.relays[4].source, CONFIG_SOURCE_OWN);
	assert_int_equal(config.relays[5].source, CONFIG_SOURCE_CLIENT);
	assert_relay(&config, 0, "publish-8080", "host/[::]:8080", "path:/run/x/127.0.0.1:80");
	assert_relay(&config, 1, "publish-127.0.0.1-2000", "host/127.0.0.1:2000", "web/[::1]:65533");
	assert_relay(&config, 3, "publish-127.0.0.1-2002", "host/127.0.0.1:2002", "web/[::1]:65535");
	assert_relay(&config, 4, "publish-__1-9", "host/[::1]:9", "web/10.0.0.1:9");
	assert_int_equal(config.relays[0].proxy_send, CONFIG_PROXY_OFF);
	assert_int_equal(config.relays[1].proxy_send, CONFIG_PROXY_V2);
	assert_int_equal(config.relays[2].timeouts.idle_ms, 7000);
	config_fini(&config);
}

/* What a port says of the client stands, whatever else is said for all. */
static void client_of_a_port_goes_before_the_defaults(void **state)
{
	(void)state;
	struct config config = rig_accept("defaults: { proxy_protocol: { send: v1 }, intercept: { source: client } }\npublish:\n"
					  "- { from: 1, to: 'web/10.0.0.1:1' }\n"
					  "- { from: 2, to: 'web/10.0.0.1:2', client: hide }\n"
					  "- { from: 3, to: 'web/10.0.0.1:3', client: announce }\n"
					  "- { from: 4, to: 'web/10.0.0.1:4', client: keep }\n");
	static const enum config_proxy send[] = {CONFIG_PROXY_V1, CONFIG_PROXY_OFF, CONFIG_PROXY_V2, CONFIG_PROXY_OFF};
	static const enum config_source source[] = {CONFIG_SOURCE_CLIENT, CONFIG_SOURCE_OWN, CONFIG_SOURCE_OWN, CONFIG_SOURCE_CLIENT};
	assert_int_equal(config.relay_count, 4);
	for (size_t i = 0; i < config.relay_count; i++) {
		assert_int_equal(config.relays[i].proxy_send, send[i]);
		assert_int_equal(config.relays[i].source, source[i]);
	}
	config_fini(&config);
}

static void they_stand_beside_relays_and_in_fragments(void **state)
{
	struct config config, added;
	(void)state;
	config = rig_accept("relays: [ { name: a, listen: web/127.0.0.1:1, to: web/127.0.0.1:2 } ]\n" PUBLISH("80", "pod/127.0.0.1:1", ""));
	assert_int_equal(config.relay_count, 2);
	static const char fragment[] = PUBLISH("81-82", "pod/127.0.0.1:3-4", "");
	assert_int_equal(config_text_add(&config, fragment, strlen(fragment), "fragment", &added, stderr), 0);
	assert_int_equal(added.relay_count, 4);
	assert_relay(&added, 3, "publish-82", "host/[::]:82", "pod/127.0.0.1:4");
	config_fini(&added);
	config_fini(&config);
}

static void mistakes_are_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
		{PUBLISH("0", "a/1.2.3.4:1", ""), 1, 20, "'0'", "'0' ends with no port"},
		{PUBLISH("65536", "a/1.2.3.4:1", ""), 1, 20, "'65536'", "'65536' ends with no port"},
		{PUBLISH("20-10", "a/1.2.3.4:1", ""), 1, 20, "'20-10'", "'20-10' ends with no port"},
		{PUBLISH("8x", "a/1.2.3.4:1", ""), 1, 20, "'8x'", "'8x' ends with no port"},
		{PUBLISH("-8", "a/1.2.3.4:1", ""), 1, 20, "'-8'", "'-8' ends with no port"},
		{PUBLISH("host:80", "a/1.2.3.4:1", ""), 1, 20, "'host:80'", "'host' is not an address; expected IPv4"},
		{PUBLISH("web/1.2.3.4:80", "a/1.2.3.4:1", ""), 1, 20, "'web/1.2.3.4:80'", "'web/1.2.3.4:80' has a namespace; expected PORT"},
		{PUBLISH("80", "1.2.3.4:1", ""), 1, 30, "'1.2.3.4:1'", "'1.2.3.4:1' is no endpoint; expected NETNS/ADDRESS:PORT"},
		{PUBLISH("80", "a/1.2.3.4", ""), 1, 30, "'a/1.2.3.4'", "'a/1.2.3.4' is no endpoint"},
		{PUBLISH("80-81", "unix:/a/b:80-81", ""), 1, 33, "'unix:/a/b:80-81'", "'unix:/a/b:80-81' has no port; expected NETNS/"},
		{PUBLISH("80", "host/1.2.3.4:1", ", client: keep"), 1, 56, "keep", "servers in the program's own namespace cannot see"},
		{PUBLISH("80-89", "a/1.2.3.4:1-9", ""), 1, 33, "'a/1.2.3.4:1-9'", "10 ports lead to 9; expected as many"},
		{PUBLISH("80", "a/1.2.3.4:1", ", client: show"), 1, 53, "show", "'show' is not known; expected hide, announce or keep"},
		{PUBLISH("80", "a/1.2.3.4:1", ", clients: hide"), 1, 45, "clients", "unknown key 'clients' in publish; did you mean 'client'?"},
		{"publish: [ { to: a/1.2.3.4:1 } ]\n", 1, 12, "{", "there is no 'from' in publish; expected from: PORT"},
		{"publish: []\n", 1, 10, "[", "the list is empty"},
		{"publish: [ { from: 80, to: a/1.2.3.4:1 }, { from: '1.2.3.4:80', to: a/1.2.3.4:1 } ]\n", 1, 51, "'1.2.3.4:80'",
		 "host/1.2.3.4:80 overlaps host/[::]:80 of relay 'publish-80'"},
	};
	RIG_REFUSE(cases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(each_port_is_a_relay, rig_teardown),
		cmocka_unit_test_teardown(client_of_a_port_goes_before_the_defaults, rig_teardown),
		cmocka_unit_test_teardown(they_stand_beside_relays_and_in_fragments, rig_teardown),
		cmocka_unit_test_teardown(mistakes_are_refused, rig_teardown),
	};
	return cmocka_run_group_tests_name("publish", tests, NULL, NULL);
}
