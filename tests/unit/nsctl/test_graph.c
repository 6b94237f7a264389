/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pictures compared with those in graph/, which were looked at by eye. After a change that is meant, write
 * them anew and look again: NSRELAY_WRITE_GRAPHS=1 test_nsctl_pure_graph
 */
#include "nsctl/graph/graph.h"

#include <errno.h>
#include <linux/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/sketch.h"
#include "tests/unit/unit.h"

/* GRAPHS: the folder of the pictures, from CMake */
enum { PATH_SIZE = 512 };

/* ---- what is drawn ---- */

static void sketch_routed(struct topology *topology)
{
	snprintf(topology->name, sizeof(topology->name), "routed");
	sketch_netns(topology, "host");
	sketch_netns(topology, "ns1");
	sketch_netns(topology, "ns2");
	snprintf(topology->netns.items[0].sysctls[SYSCTL_IP_FORWARD], SYSCTL_VALUE_MAX, "1");
	sketch_veth(topology, "host/v1_r", "10.10.10.1/24", "ns1/v1", "10.10.10.2/24");
	sketch_veth(topology, "host/v2_r", "10.10.20.1/24", "ns2/v2", "10.10.20.2/24");
	sketch_address(topology, "ns1/v1", "fd00::2/64");
	sketch_route(topology, "ns1", "0.0.0.0/0", "10.10.10.1");
	sketch_route(topology, "ns2", "10.10.10.0/24", "10.10.20.1");
}

static void sketch_port(struct topology *topology, const char *port, const char *bridge)
{
	topology->links.items[sketch_find_link(topology, port)].bridge = sketch_find_link(topology, bridge);
}

static void sketch_above(struct topology *topology, const char *name, enum link_kind kind, const char *mode,
                        const char *parent, const char *address)
{
	uint32_t index = sketch_link(topology, name, kind, address);
	struct topology_link *link = &topology->links.items[index];

	link->parent = sketch_find_link(topology, parent);
	link->mode = mode ? (uint32_t)link_mode_find(kind, mode) : 0;
}

static void sketch_nat(struct topology *topology)
{
	struct nat *nat = &topology->netns.items[0].nat;
	struct nat_masquerade *masquerade = vec_push(&nat->masquerades);
	struct nat_publish *publish = vec_push(&nat->publishes);

	assert_non_null(masquerade);
	assert_non_null(publish);
	assert_int_equal(prefix_parse("10.0.1.0/24", &masquerade->from, NULL), 0);
	snprintf(masquerade->out, sizeof(masquerade->out), "eth9");
	publish->port = 8080;
	assert_int_equal(prefix_parse("10.0.1.2", &publish->to, NULL), 0);
	publish->to_port = 80;
}

/* Every kind of link, two namespaces without a wire, wires within a column and within a namespace, and
 * awkward names. */
static void sketch_everything(struct topology *topology)
{
	struct topology_link *link;

	snprintf(topology->name, sizeof(topology->name), "every \"kind\" & <more>");
	sketch_netns(topology, "host");
	sketch_netns(topology, "web");
	sketch_netns(topology, "db\\\"<&>#`");
	sketch_netns(topology, "lonely");
	sketch_netns(topology, "away");
	sketch_link(topology, "host/br0", LINK_BRIDGE, "10.0.1.1/24");
	sketch_veth(topology, "host/web_r", NULL, "web/eth0", "10.0.1.2/24");
	sketch_veth(topology, "host/db_r", NULL, "db\\\"<&>#`/eth0", "10.0.1.3/24");
	sketch_port(topology, "host/web_r", "host/br0");
	sketch_port(topology, "host/db_r", "host/br0");
	link = &topology->links.items[sketch_link(topology, "host/eth9", LINK_OTHER, NULL)];
	link->existing = true;
	sketch_veth(topology, "web/direct", "10.9.0.1/30", "db\\\"<&>#`/direct", "10.9.0.2/30");
	sketch_veth(topology, "host/a", NULL, "host/b", NULL);
	sketch_above(topology, "away/mv0", LINK_MACVLAN, "bridge", "host/eth9", "192.0.2.7/24");
	sketch_above(topology, "host/iv0", LINK_IPVLAN, "l2", "host/eth9", NULL);
	sketch_above(topology, "web/vx0", LINK_VXLAN, NULL, "web/eth0", "10.42.0.1/24");
	link = &topology->links.items[sketch_find_link(topology, "web/vx0")];
	link->vxlan.vni = 42;
	assert_int_equal(prefix_parse("10.0.1.3", &link->vxlan.remote, NULL), 0);
	sketch_nat(topology);
}

/* ---- what is there ---- */

static struct netstate_link *see_link(struct seen *seen, uint32_t netns, const char *name, uint32_t flags)
{
	struct netstate *state = &seen->netns.items[netns].state;
	struct netstate_link *link = vec_push(&state->links);

	assert_non_null(link);
	snprintf(link->name, sizeof(link->name), "%s", name);
	link->index = (uint32_t)state->links.count;
	link->flags = flags;
	return link;
}

static void see_address(struct seen *seen, uint32_t netns, uint32_t link, const char *text)
{
	struct netstate_address *address = vec_push(&seen->netns.items[netns].state.addresses);

	assert_non_null(address);
	address->link = link;
	assert_int_equal(prefix_parse(text, &address->prefix, NULL), 0);
}

/* Of sketch_routed(): v1 is down, so that v1_r has no carrier; v2_r is missing, as is ns2; v1 lacks an
 * address. */
static void see_routed(const struct topology *topology, struct seen *seen)
{
	memset(seen, 0, sizeof(*seen));
	for (uint32_t i = 0; i < topology->netns.count; i++) {
		struct seen_netns *netns = vec_push(&seen->netns);

		assert_non_null(netns);
		netns->exists = i != 2;
	}
	see_address(seen, 0, see_link(seen, 0, "v1_r", IFF_UP)->index, "10.10.10.1/24");
	see_address(seen, 1, see_link(seen, 1, "v1", 0)->index, "10.10.10.2/24");
}

static void see_nothing(struct seen *seen)
{
	vec_each (netns, &seen->netns) {
		vec_clear(&netns->state.links);
		vec_clear(&netns->state.addresses);
	}
	vec_clear(&seen->netns);
}

/* ---- comparing ---- */

static char *draw(const struct topology *topology, const struct seen *seen, enum graph_format format)
{
	struct err err = ERR_INIT;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(graph_write(topology, seen, format, out, &err), 0);
	fclose(out);
	return text;
}

static char *read_file(const char *path)
{
	enum { SIZE_MAX_READ = 1 << 20 };
	FILE *file = fopen(path, "r");
	char *text = calloc(1, SIZE_MAX_READ);

	assert_non_null(text);
	if (file && fread(text, 1, SIZE_MAX_READ - 1, file) > 0)
		fclose(file);
	else
		fail_msg("cannot read %s", path);
	return text;
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void compare(const struct topology *topology, const struct seen *seen, const char *name)
{
	for (int format = 0; format < GRAPH_FORMAT_COUNT; format++) {
		char *text = draw(topology, seen, (enum graph_format)format);
		char path[PATH_SIZE], *expected;

		snprintf(path, sizeof(path), "%s/%s.%s", GRAPHS, name,
		         graph_format_name((enum graph_format)format));
		if (getenv("NSRELAY_WRITE_GRAPHS"))
			write_file(path, text);
		expected = read_file(path);
		if (strcmp(text, expected) != 0)
			fail_msg("%s is not what is drawn:\n%s", path, text);
		free(expected);
		free(text);
	}
}

/* check_svg - by a program that knows XML */
static void check_svg(const struct topology *topology, const struct seen *seen)
{
	char path[] = "/tmp/test_graph_XXXXXX", command[PATH_SIZE];
	char *text = draw(topology, seen, GRAPH_SVG);
	int fd = mkstemp(path), status;

	assert_true(fd >= 0);
	close(fd);
	write_file(path, text);
	free(text);
	snprintf(command, sizeof(command), "python3 %s/check_svg.py %s", GRAPHS, path);
	status = system(command); /* NOLINT(cert-env33-c): a test's own words */
	unlink(path);
	assert_int_equal(status, 0);
}

static void require_python(void)
{
	if (system("command -v python3 >/dev/null") != 0) { /* NOLINT(cert-env33-c): a test's own words */
		print_message("skipped: python3 is not there\n");
		skip();
	}
}

/* ---- claims ---- */

static void a_file_alone_is_drawn(void **state)
{
	struct topology topology = {0};

	(void)state;
	sketch_routed(&topology);
	compare(&topology, NULL, "routed");
	topology_fini(&topology);
}

static void what_is_there_is_drawn_in_its_state(void **state)
{
	struct topology topology = {0};
	struct seen seen;

	(void)state;
	sketch_routed(&topology);
	see_routed(&topology, &seen);
	compare(&topology, &seen, "routed-live");
	see_nothing(&seen);
	topology_fini(&topology);
}

static void every_kind_of_link_and_awkward_names_are_drawn(void **state)
{
	struct topology topology = {0};

	(void)state;
	sketch_everything(&topology);
	compare(&topology, NULL, "everything");
	topology_fini(&topology);
}

static void an_empty_topology_is_drawn(void **state)
{
	struct topology topology = {.name = "empty"};

	(void)state;
	compare(&topology, NULL, "empty");
}

static void formats_are_found_by_name(void **state)
{
	(void)state;
	for (int format = 0; format < GRAPH_FORMAT_COUNT; format++)
		assert_int_equal(graph_format_find(graph_format_name((enum graph_format)format)), format);
	assert_int_equal(graph_format_find("png"), -1);
}

static void svg_is_well_formed_and_its_boxes_are_apart(void **state)
{
	struct topology routed = {0}, everything = {0}, empty = {.name = "empty"};
	struct seen seen;

	(void)state;
	require_python();
	sketch_routed(&routed);
	sketch_everything(&everything);
	see_routed(&routed, &seen);
	check_svg(&routed, NULL);
	check_svg(&routed, &seen);
	check_svg(&everything, NULL);
	check_svg(&empty, NULL);
	see_nothing(&seen);
	topology_fini(&routed);
	topology_fini(&everything);
}

/* A namespace at every other's end, with names and addresses of any length. */
static void sketch_random(struct topology *topology, unsigned seed)
{
	unsigned count = 2 + seed % 20;

	snprintf(topology->name, sizeof(topology->name), "random-%u", seed);
	for (unsigned i = 0; i < count; i++) {
		char name[TOPOLOGY_NETNS_NAME_MAX];

		snprintf(name, sizeof(name), "%.*s-%u", (int)(rand_r(&seed) % 40),
		         "a-namespace-with-quite-a-long-name-indeed", i);
		sketch_netns(topology, name);
	}
	for (unsigned i = 0; i < count + seed % 7; i++) {
		char a[96], b[96];

		snprintf(a, sizeof(a), "%s/a%u", topology->netns.items[(unsigned)rand_r(&seed) % count].name,
		         i);
		snprintf(b, sizeof(b), "%s/b%u", topology->netns.items[(unsigned)rand_r(&seed) % count].name,
		         i);
		sketch_veth(topology, a,
		           rand_r(&seed) % 2 ? "fd00:1234:5678:9abc:def0:1234:5678:9abc/128" : NULL, b,
		           "10.0.0.1/24");
	}
}

static void boxes_are_apart_whatever_is_wired_to_what(void **state)
{
	(void)state;
	require_python();
	for (unsigned seed = 1; seed <= 20; seed++) {
		struct topology topology = {0};

		sketch_random(&topology, seed);
		print_message("seed %u\n", seed);
		check_svg(&topology, NULL);
		topology_fini(&topology);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_file_alone_is_drawn),
	        cmocka_unit_test(what_is_there_is_drawn_in_its_state),
	        cmocka_unit_test(every_kind_of_link_and_awkward_names_are_drawn),
	        cmocka_unit_test(an_empty_topology_is_drawn),
	        cmocka_unit_test(formats_are_found_by_name),
	        cmocka_unit_test(svg_is_well_formed_and_its_boxes_are_apart),
	        cmocka_unit_test(boxes_are_apart_whatever_is_wired_to_what),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
