/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/config_edit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <fcntl.h>

#include "app/nsrelay/config_diff.h"
#include "app/nsrelay/config_text.h"
#include "app/nsrelay/edit.h"
#include "tests/unit/app/config_random.h"
#include "tests/unit/app/config_rig.h"

#define BASE                                                                                                 \
	"relays:\n"                                                                                          \
	"- { name: web, listen: [ front/127.0.0.1:80, back/127.0.0.1:80 ], to: api/127.0.0.1:80 }\n"         \
	"- name: tls\n"                                                                                      \
	"  listen: front/127.0.0.1:443\n"                                                                    \
	"  to: db\n"                                                                                         \
	"  sni: { routes: { a.example: cache } }\n"                                                          \
	"  intercept: { mode: redirect }\n"                                                                  \
	"  destinations: [ { ports: 25, to: mail }, { ports: 1, refuse: true } ]\n"                          \
	"  allow_namespaces: front\n"                                                                        \
	"  mirror: { to: tap/127.0.0.1:9 }\n"                                                                \
	"pools:\n"                                                                                           \
	"  db: { backends: [ one/10.0.0.1:5432, two/10.0.0.1:5432, two/10.0.0.2:5432 ] }\n"                  \
	"  cache: { backends: two/10.0.0.1:6379 }\n"                                                         \
	"  spare: { backends: two/10.0.0.9:6379 }\n"                                                         \
	"  mail: { backends: three/10.0.0.1:25 }\n"

/* edit - @command done to BASE; what it changes, or what is wrong with it, to be given to free(3) */
static char *edit(const char *command, int fd)
{
	struct config base = rig_accept(BASE), before = rig_accept(BASE), next;
	struct config_diff diff;
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	assert_non_null(out);
	int r = edit_config(&base, command, fd, getuid(), &next, out);
	fflush(out);
	assert_int_equal(r == 0, size == 0);
	config_assert_same(&base, &before);
	if (r == 0) {
		assert_int_equal(config_diff_init(&diff, &base, &next), 0);
		config_diff_print(&diff, out);
		config_diff_fini(&diff);
		config_fini(&next);
	}
	fclose(out);
	config_fini(&base);
	config_fini(&before);
	return text;
}

static void assert_edit(const char *command, const char *expected)
{
	char *text = edit(command, -1);
	assert_string_equal(text, expected);
	free(text);
}

/* fragment_of - a file of memory with @text, sealed as nsctl does */
static int fragment_of(const char *text, bool sealed)
{
	int fd = memfd_create("fragment", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	if (sealed)
		assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK), 0);
	return fd;
}

static void assert_added(const char *fragment, const char *expected)
{
	int fd = fragment_of(fragment, true);
	char *text = edit("add", fd);
	assert_contains(text, expected);
	free(text);
	close(fd);
}

static void a_copy_says_the_same(void **state)
{
	(void)state;
	for (uint32_t seed = 0; seed < 200; seed++) {
		struct config config = config_random(seed), copy;
		assert_int_equal(config_copy(&config, &copy), 0);
		config_assert_same(&config, &copy);
		config_fini(&config);
		while (copy.relay_count > 1)
			config_drop_relay(&copy, copy.relay_count / 2);
		char *text;
		size_t size;
		FILE *out = open_memstream(&text, &size);
		assert_int_equal(config_text(&copy, false, out), 0);
		fclose(out);
		free(text);
		config_fini(&copy);
	}
}

static void a_relay_goes_with_the_pool_made_for_it(void **state)
{
	(void)state;
	assert_edit("remove relay web", "pool web: removed\nrelay web: removed\n");
	assert_edit("remove relay tls", "relay tls: removed\n"); /* its pools have names of their own */
	assert_edit("remove relay wed", "there is no relay 'wed'; did you mean 'web'?\n");
}

static void the_last_relay_stays(void **state)
{
	(void)state;
	struct config config = rig_accept("relays: [ { name: a, listen: web/127.0.0.1:80, to: api/127.0.0.1:80 } ]\n");
	struct err err = ERR_INIT;
	assert_int_equal(config_remove_relay(&config, "a", &err), -EBUSY);
	assert_contains(err.text, "'a' is the last relay");
	assert_int_equal(config.relay_count, 1);
	config_fini(&config);
}

static void a_pool_stays_while_a_relay_leads_there(void **state)
{
	(void)state;
	assert_edit("remove pool spare", "pool spare: removed\n");
	assert_edit("remove pool db",
		    "the relay 'tls' leads to the pool 'db'; expected the relay to be removed before\n");
	assert_edit("remove pool cache",
		    "the relay 'tls' leads to the pool 'cache'; expected the relay to be removed before\n");
	assert_edit("remove pool mail",
		    "the relay 'tls' leads to the pool 'mail'; expected the relay to be removed before\n");
	assert_edit("remove pool", "'remove pool' is no command; expected add, remove or weight\n");
}

static void a_backend_goes_by_pool_and_address(void **state)
{
	(void)state;
	assert_edit("remove backend db/10.0.0.2:5432", "pool db, backend two/10.0.0.2:5432: removed\n");
	assert_edit("remove backend db/one/10.0.0.1:5432", "pool db, backend one/10.0.0.1:5432: removed\n");
	assert_edit("remove backend db/10.0.0.1:5432",
		    "the pool 'db' has 2 backends 10.0.0.1:5432; expected NETNS/ADDRESS:PORT\n");
	assert_edit("remove backend db/10.0.0.3:5432",
		    "the pool 'db' has no backend 10.0.0.3:5432; expected one of its backends\n");
	assert_edit("remove backend bd/10.0.0.1:5432", "there is no pool 'bd'; did you mean 'db'?\n");
	assert_edit("remove backend db", "'db' does not begin with a pool's name; expected POOL/ADDRESS:PORT\n");
	assert_edit("remove backend spare/10.0.0.9:6379",
		    "spare/10.0.0.9:6379 is the last backend of its pool; expected the pool to be removed, or the backend "
		    "to be put into maintenance\n");
}

static void a_namespace_goes_with_all_that_is_in_it(void **state)
{
	(void)state;
	assert_edit("remove namespace back", "relay web: listen: removed back/127.0.0.1:80\n");
	assert_edit("remove namespace front", "relay tls: removed\nrelay web: listen: removed front/127.0.0.1:80\n");
	assert_edit("remove namespace one", "pool db, backend one/10.0.0.1:5432: removed\n");
	assert_edit("remove namespace tap", "relay tls: mirror: removed\n");
	assert_edit("remove namespace two", "the pool 'cache' would be empty, and the relay 'tls' leads there; expected the "
					    "relay to be removed before\n");
	assert_edit("remove namespace four", "nothing is in the namespace 'four'; expected one that listeners or backends "
					      "are in\n");
}

static void a_weight_is_set(void **state)
{
	(void)state;
	assert_edit("weight 7 db/one/10.0.0.1:5432", "pool db, backend one/10.0.0.1:5432: weight: 1 -> 7\n");
	assert_edit("weight 0 db/one/10.0.0.1:5432", "a weight of 0 is out of range; expected 1 to 256\n");
	assert_edit("weight 257 db/one/10.0.0.1:5432", "a weight of 257 is out of range; expected 1 to 256\n");
	assert_edit("weight x db/one/10.0.0.1:5432", "'x' is not a number; expected a whole number\n");
}

static void a_state_is_set(void **state)
{
	(void)state;
	struct config config = rig_accept(BASE);
	assert_int_equal(config_set_state(&config, "cache/10.0.0.1:6379", CONFIG_STATE_DRAIN, NULL), 0);
	assert_int_equal(config.pools[1].backends[0].state, CONFIG_STATE_DRAIN);
	assert_int_equal(config_set_state(&config, "cache/10.0.0.2:6379", CONFIG_STATE_DRAIN, NULL), -ENOENT);
	config_fini(&config);
}

static void a_fragment_adds(void **state)
{
	(void)state;
	assert_added("relays: [ { name: new, listen: front/127.0.0.1:81, to: spare } ]\n", "relay new: added\n");
	assert_added("pools: { new: { backends: x/1.2.3.4:1 } }\n", "pool new: added\n");
	assert_added("defaults: { timeouts: { idle: 1s } }\n"
		     "namespaces: { there: { pid: 1 } }\n"
		     "relays: [ { name: new, listen: there/127.0.0.1:81, to: x/1.2.3.4:5 } ]\n",
		     "pool new: added\nrelay new: added\n");
	assert_added("pools: { db: { backends: { address: x/1.2.3.4:1, weight: 3 } }, new: { backends: y/1.2.3.4:1 } }\n",
		     "pool db, backend x/1.2.3.4:1: added\npool new: added\n");
}

static void a_wrong_fragment_is_reported_with_its_place(void **state)
{
	(void)state;
	assert_added("relays:\n- { name: web, listen: front/127.0.0.1:81, to: spare }\n",
		     "fragment:2:11: error: there is a relay 'web' already; expected another name\n");
	assert_added("pools:\n  db: { backends: x/1.2.3.4:1, retries: 3 }\n",
		     "fragment:2:32: error: there is a pool 'db' already, which backends can be added to and nothing else; "
		     "expected 'backends' alone, or another name\n");
	assert_added("pools:\n  db: { backends: [ x/1.2.3.4:1, two/10.0.0.2:5432 ] }\n",
		     "fragment:2:34: error: the pool 'db' has this backend already; expected another one\n");
	assert_added("pools:\n  db: 7\n", "fragment:2:7: error: ");
	assert_added("pools:\n  new: { backends: y/1.2.3.4:1 }\n  db: { backends: front/127.0.0.1:443 }\n",
		     "fragment:3:19: error: backend front/127.0.0.1:443 is reached by listener front/127.0.0.1:443");
	assert_added("relays:\n- { name: db, listen: front/127.0.0.1:81, to: x/1.2.3.4:1 }\n",
		     "fragment:2:47: error: these endpoints would make a second pool 'db'");
	assert_added("relays:\n- { name: new, listen: front/127.0.0.1:81, to: sparee }\n",
		     "fragment:2:48: error: there is no pool 'sparee'; did you mean 'spare'?\n");
	assert_added("relays:\n- { name: new, listen: front/0.0.0.0:80, to: spare }\n",
		     "fragment:2:24: error: front/0.0.0.0:80 overlaps front/127.0.0.1:80 of relay 'web'");
	assert_added("relays:\n- { name: new, listen: x/0.0.0.0:80, to: [ y/1.2.3.4:1, x/127.0.0.1:80 ] }\n",
		     "fragment:2:57: error: backend x/127.0.0.1:80 is reached by listener x/0.0.0.0:80");
	assert_added("threads: 2\n", "fragment:1:1: error: unknown key 'threads' in a fragment; expected one of namespaces, "
				     "pools, defaults, relays, publish\n");
	assert_added("", "error: a fragment is empty; expected 'pools:' or 'relays:'\n");
}

/* Who passes it on could have written it. */
static void a_fragment_that_may_still_change_is_not_believed(void **state)
{
	(void)state;
	int fd = fragment_of("pools: { new: { backends: x/1.2.3.4:1 } }\n", false);
	char *text = edit("add", fd);
	assert_contains(text, "the fragment is no sealed memory file");
	free(text);
	close(fd);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	text = edit("add", fd);
	assert_contains(text, "the fragment is no sealed memory file");
	free(text);
	close(fd);
	assert_edit("add", "there is no fragment; expected a file with the call\n");
}

static void a_fragment_of_another_user_is_not_believed(void **state)
{
	(void)state;
	struct config base = rig_accept(BASE), next;
	char *text;
	size_t size;
	int fd = fragment_of("pools: { new: { backends: x/1.2.3.4:1 } }\n", true);
	if (fchown(fd, 12345, 12345) < 0) {
		close(fd);
		config_fini(&base);
		skip(); /* without privilege nobody else's can be made */
	}
	FILE *out = open_memstream(&text, &size);
	assert_int_equal(edit_config(&base, "add", fd, 54321, &next, out), -EPERM);
	assert_int_equal(edit_config(&base, "add", fd, 12345, &next, out), 0);
	config_fini(&next);
	fclose(out);
	free(text);
	close(fd);
	config_fini(&base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_copy_says_the_same, rig_teardown),
		cmocka_unit_test_teardown(a_relay_goes_with_the_pool_made_for_it, rig_teardown),
		cmocka_unit_test_teardown(the_last_relay_stays, rig_teardown),
		cmocka_unit_test_teardown(a_pool_stays_while_a_relay_leads_there, rig_teardown),
		cmocka_unit_test_teardown(a_backend_goes_by_pool_and_address, rig_teardown),
		cmocka_unit_test_teardown(a_namespace_goes_with_all_that_is_in_it, rig_teardown),
		cmocka_unit_test_teardown(a_weight_is_set, rig_teardown),
		cmocka_unit_test_teardown(a_state_is_set, rig_teardown),
		cmocka_unit_test_teardown(a_fragment_adds, rig_teardown),
		cmocka_unit_test_teardown(a_wrong_fragment_is_reported_with_its_place, rig_teardown),
		cmocka_unit_test_teardown(a_fragment_that_may_still_change_is_not_believed, rig_teardown),
		cmocka_unit_test_teardown(a_fragment_of_another_user_is_not_believed, rig_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
