/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsctl/verb_namespaces.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "app/text/brief.h"
#include "app/text/json.h"
#include "app/text/table.h"
#include "nsctl/look/census.h"

static int print_table(struct table *table, FILE *out, struct err *err)
{
	int r = table_print(table, "", out);
	table_fini(table);
	return r < 0 ? err_set(err, ENOMEM, "out of memory") : EXIT_SUCCESS;
}

/* ---- network namespaces ---- */

static void add_names(struct table *table, const struct census_netns *netns)
{
	struct brief names;
	brief_init(&names);
	if (netns->is_own)
		brief_add(&names, "host");
	vec_each (name, &netns->names)
		brief_add(&names, "%s", *name);
	table_add(table, "%s", brief_text(&names));
}

static void add_relay(struct table *table, const struct census_netns *netns)
{
	char address[ENDPOINT_TEXT_MAX];
	struct brief held;
	brief_init(&held);
	vec_each (listener, &netns->relay_listeners)
		brief_add(&held, "%s",
		          endpoint_format_address(&listener->local.any, address, sizeof(address)));
	if (netns->relay_connections > 0)
		brief_add(&held, "%zu connection%s", netns->relay_connections,
		          netns->relay_connections == 1 ? "" : "s");
	table_add(table, "%s", brief_text(&held));
}

static void add_processes(struct table *table, const struct census_process *processes, size_t count)
{
	struct brief brief;
	brief_init(&brief);
	for (size_t i = 0; i < count; i++)
		brief_add(&brief, "%s %d", processes[i].name, (int)processes[i].pid);
	table_add(table, "%s", brief_text(&brief));
}

static void add_cookie(struct table *table, uint64_t cookie)
{
	if (cookie)
		table_add(table, "%" PRIu64, cookie);
	else
		table_add(table, "?");
}

static int print_census(const struct census *census, FILE *out, struct err *err)
{
	static const char *const columns[] = {">INODE",    ">COOKIE",      "NAMES",
	                                      "PROCESSES", "KEPT OPEN BY", "NSRELAY HAS"};
	struct table table = TABLE_INIT(columns);
	vec_each (netns, &census->all) {
		table_add(&table, "%" PRIu64, netns->inode);
		add_cookie(&table, netns->cookie);
		add_names(&table, netns);
		add_processes(&table, netns->processes.items, netns->processes.count);
		add_processes(&table, netns->holders.items, netns->holders.count);
		add_relay(&table, netns);
	}
	return print_table(&table, out, err);
}

/* ---- as JSON ---- */

static void write_processes(struct json *json, const char *key, const struct census_process *processes,
                            size_t count)
{
	json_begin_array(json, key);
	for (size_t i = 0; i < count; i++) {
		json_begin_object(json, NULL);
		json_number(json, "pid", (uint64_t)processes[i].pid);
		json_text(json, "name", processes[i].name);
		json_end(json);
	}
	json_end(json);
}

static void write_relay(struct json *json, const struct census_netns *netns)
{
	char address[ENDPOINT_TEXT_MAX];
	json_begin_object(json, "nsrelay");
	json_begin_array(json, "listeners");
	vec_each (listener, &netns->relay_listeners)
		json_text(json, NULL,
		          endpoint_format_address(&listener->local.any, address, sizeof(address)));
	json_end(json);
	json_number(json, "connections", netns->relay_connections);
	json_end(json);
}

static void write_netns(struct json *json, const struct census_netns *netns)
{
	json_begin_object(json, NULL);
	json_number(json, "inode", netns->inode);
	if (netns->cookie)
		json_number(json, "cookie", netns->cookie);
	else
		json_put_null(json, "cookie");
	json_bool(json, "host", netns->is_own);
	json_begin_array(json, "names");
	vec_each (name, &netns->names)
		json_text(json, NULL, *name);
	json_end(json);
	write_processes(json, "processes", netns->processes.items, netns->processes.count);
	write_processes(json, "kept_open_by", netns->holders.items, netns->holders.count);
	write_relay(json, netns);
	json_end(json);
}

static void write_census(const struct census *census, FILE *out)
{
	struct json json = JSON_INIT(out);
	json_begin_array(&json, NULL);
	vec_each (netns, &census->all)
		write_netns(&json, netns);
	json_end(&json);
}

static int list_network_namespaces(bool json, FILE *out, struct err *err)
{
	struct census census;
	int r = census_read(&census, err);
	if (r < 0)
		return r;
	if (json)
		write_census(&census, out);
	else
		r = print_census(&census, out, err);
	census_fini(&census);
	return r;
}

/* ---- those of one process ---- */

static void add_owner(struct table *table, const struct memberships *memberships, uint64_t owner)
{
	if (owner == 0) {
		table_add(table, "?");
		return;
	}
	vec_each (membership, &memberships->all) {
		if (membership->inode == owner) {
			table_add(table, "%" PRIu64 " (its own)", owner);
			return;
		}
	}
	table_add(table, "%" PRIu64, owner);
}

static int print_memberships(const struct memberships *memberships, FILE *out, struct err *err)
{
	static const char *const columns[] = {"NAMESPACE", ">INODE", "USER NAMESPACE", ">COUNT", "PROCESSES"};
	struct table table = TABLE_INIT(columns);
	vec_each (membership, &memberships->all) {
		table_add(&table, "%s", membership->entry);
		table_add(&table, "%" PRIu64, membership->inode);
		add_owner(&table, memberships, membership->owner);
		table_add(&table, "%zu", membership->processes.count);
		add_processes(&table, membership->processes.items, membership->processes.count);
	}
	return print_table(&table, out, err);
}

static void write_memberships(const struct memberships *memberships, FILE *out)
{
	struct json json = JSON_INIT(out);
	json_begin_array(&json, NULL);
	vec_each (membership, &memberships->all) {
		json_begin_object(&json, NULL);
		json_text(&json, "namespace", membership->entry);
		json_number(&json, "inode", membership->inode);
		if (membership->owner)
			json_number(&json, "user_namespace", membership->owner);
		else
			json_put_null(&json, "user_namespace");
		write_processes(&json, "processes", membership->processes.items, membership->processes.count);
		json_end(&json);
	}
	json_end(&json);
}

static int list_memberships(pid_t pid, bool json, FILE *out, struct err *err)
{
	struct memberships memberships;
	int r = memberships_read(pid, &memberships, err);
	if (r < 0)
		return r;
	if (json)
		write_memberships(&memberships, out);
	else
		r = print_memberships(&memberships, out, err);
	memberships_fini(&memberships);
	return r;
}

int verb_namespaces(const struct nsctl_options *options, FILE *out, struct err *err)
{
	if (options->pid)
		return list_memberships(options->pid, options->json, out, err);
	return list_network_namespaces(options->json, out, err);
}
