/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsctl/live.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "app/text/table.h"

/* ---- members: what a daemon of another version does not tell is nothing ---- */

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : "";
}

static uint64_t number_of(const json_t *object, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

/* sum_of - of both sides */
static uint64_t sum_of(const json_t *connection, const char *name)
{
	return number_of(json_object_get(connection, "client"), name) +
	       number_of(json_object_get(connection, "server"), name);
}

/* ---- numbers ---- */

const char *live_format_bytes(uint64_t bytes, char *buf, size_t size)
{
	static const char units[] = "KMGTPE";
	double value = (double)bytes / 1024;
	size_t unit = 0;
	if (bytes < 1024) {
		snprintf(buf, size, "%" PRIu64, bytes);
		return buf;
	}
	while (value >= 1023.95) { /* it would be written as 1024.0 */
		value /= 1024;
		unit++;
	}
	snprintf(buf, size, "%.1f%c", value, units[unit]);
	return buf;
}

const char *live_format_time(uint64_t ms, char *buf, size_t size)
{
	uint64_t s = ms / 1000, minutes = s / 60, hours = minutes / 60, days = hours / 24;
	if (s < 10)
		snprintf(buf, size, "%" PRIu64 ".%" PRIu64 "s", s, ms / 100 % 10);
	else if (minutes == 0)
		snprintf(buf, size, "%" PRIu64 "s", s);
	else if (hours == 0)
		snprintf(buf, size, "%" PRIu64 "m%02" PRIu64 "s", minutes, s % 60);
	else if (days == 0)
		snprintf(buf, size, "%" PRIu64 "h%02" PRIu64 "m", hours, minutes % 60);
	else
		snprintf(buf, size, "%" PRIu64 "d%02" PRIu64 "h", days, hours % 24);
	return buf;
}

/* ---- order ---- */

typedef uint64_t rank_fn(const json_t *connection);

static uint64_t rank_age(const json_t *connection)
{
	return number_of(connection, "age_ms");
}

static uint64_t rank_idle(const json_t *connection)
{
	return number_of(connection, "idle_ms");
}

static uint64_t rank_bytes(const json_t *connection)
{
	return sum_of(connection, "bytes");
}

static uint64_t rank_rtt(const json_t *connection)
{
	uint64_t client = number_of(json_object_get(connection, "client"), "rtt_us");
	uint64_t server = number_of(json_object_get(connection, "server"), "rtt_us");
	return client > server ? client : server;
}

static uint64_t rank_retransmits(const json_t *connection)
{
	return sum_of(connection, "retransmits");
}

static uint64_t rank_queue(const json_t *connection)
{
	return sum_of(connection, "send_queue_bytes") + sum_of(connection, "receive_queue_bytes");
}

static const struct order {
	const char *name;
	rank_fn *rank;
	bool wants_details;
} orders[] = {
        {"age", rank_age, false},
        {"idle", rank_idle, false},
        {"bytes", rank_bytes, false},
        {"rtt", rank_rtt, true},
        {"retransmits", rank_retransmits, true},
        {"queue", rank_queue, true},
};

int live_find_order(const char *name)
{
	for (size_t i = 0; i < ARRAY_COUNT(orders); i++)
		if (strcmp(orders[i].name, name) == 0)
			return (int)i;
	return -1;
}

const char *live_order_name(size_t index)
{
	return index < ARRAY_COUNT(orders) ? orders[index].name : NULL;
}

bool live_order_wants_details(int order)
{
	return order >= 0 && orders[order].wants_details;
}

/* ---- tables ---- */

int live_print_status(const json_t *reply, FILE *out)
{
	char text[LIVE_TEXT_MAX];
	fprintf(out, "nsrelay %s, pid %" PRIu64 ", relay process %" PRIu64 " for %s\n",
	        text_of(reply, "version"), number_of(reply, "pid"), number_of(reply, "relay_pid"),
	        live_format_time(number_of(reply, "uptime_ms"), text, sizeof(text)));
	fprintf(out, "%" PRIu64 " relays, %" PRIu64 " listeners, %" PRIu64 " threads\n",
	        number_of(reply, "relays"), number_of(reply, "listeners"), number_of(reply, "threads"));
	fprintf(out, "%" PRIu64 " connections of at most %" PRIu64 ", %" PRIu64 " accepted so far\n",
	        number_of(reply, "connections"), number_of(reply, "max_connections"),
	        number_of(reply, "accepted"));
	fprintf(out, "own memory at most %s",
	        live_format_bytes(number_of(reply, "memory_fixed_bytes"), text, sizeof(text)));
	fprintf(out, ", and %s for each connection\n",
	        live_format_bytes(number_of(reply, "memory_per_connection_bytes"), text, sizeof(text)));
	return 0;
}

/* ---- lists ---- */

/* What a method lists, and the table that is made of it. */
struct live_list {
	const char *member; /* of each reply: the array */
	const char *const *columns;
	size_t column_count;
	void (*add)(struct table *table, const json_t *item);
	const char *nothing; /* said when there is none */
};

#define LIVE_LIST(name_, add_, ...)                                                                          \
	static const char *const name_##_columns[] = {__VA_ARGS__};                                          \
	const struct live_list live_##name_ = {#name_, name_##_columns, ARRAY_COUNT(name_##_columns), add_,  \
	                                       "no " #name_}

static void add_u64(struct table *table, uint64_t number)
{
	table_add(table, "%" PRIu64, number);
}

static void add_counter(struct table *table, const json_t *counter)
{
	table_add_text(table, text_of(counter, "name"));
	add_u64(table, number_of(counter, "value"));
	table_add_text(table, text_of(counter, "help"));
	table_add_text(table, text_of(counter, "advice"));
}
LIVE_LIST(counters, add_counter, "COUNTER", ">VALUE", "WHAT", "WHAT TO DO WHEN IT MOVES");

static void add_listeners(struct table *table, const json_t *relay)
{
	const json_t *listeners = json_object_get(relay, "listeners");
	size_t shown = json_array_size(listeners);
	const char *first = json_string_value(json_array_get(listeners, 0));
	uint64_t count = number_of(relay, "listener_count");
	if (count > 1 && shown > 0)
		table_add(table, "%s and %" PRIu64 " more", first, count - 1);
	else
		table_add(table, "%s", first ? first : "");
}

static void add_relay(struct table *table, const json_t *relay)
{
	table_add_text(table, text_of(relay, "name"));
	add_listeners(table, relay);
	table_add_text(table, text_of(relay, "pool"));
	add_u64(table, number_of(relay, "backend_count"));
}
LIVE_LIST(relays, add_relay, "RELAY", "LISTENS ON", "POOL", ">BACKENDS");

/* add_reasons - why it gets no new connections */
static void add_reasons(struct table *table, const json_t *reasons)
{
	char text[128] = "usable";
	size_t length = 0;
	for (size_t i = 0; i < json_array_size(reasons) && length < sizeof(text); i++) {
		const char *reason = json_string_value(json_array_get(reasons, i));
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s", length ? "," : "",
		                           reason ? reason : "");
	}
	table_add(table, "%s", text);
}

/* add_number - nothing where it is not told */
static void add_number(struct table *table, const json_t *object, const char *name)
{
	if (json_object_get(object, name))
		add_u64(table, number_of(object, name));
	else
		table_add_text(table, "");
}

static void add_backend(struct table *table, const json_t *backend)
{
	table_add_text(table, text_of(backend, "pool"));
	table_add_text(table, text_of(backend, "netns"));
	table_add_text(table, text_of(backend, "address"));
	add_u64(table, number_of(backend, "weight"));
	table_add_text(table, json_is_true(json_object_get(backend, "backup")) ? "backup" : "");
	add_reasons(table, json_object_get(backend, "reasons"));
	add_number(table, backend, "connections");
}
LIVE_LIST(backends, add_backend, "POOL", "NETNS", "ADDRESS", ">WEIGHT", "BACKUP", "STATE", ">CONNECTIONS");

static void add_bytes(struct table *table, uint64_t bytes)
{
	char text[LIVE_TEXT_MAX];
	table_add_text(table, live_format_bytes(bytes, text, sizeof(text)));
}

static void add_time(struct table *table, uint64_t ms)
{
	char text[LIVE_TEXT_MAX];
	table_add_text(table, live_format_time(ms, text, sizeof(text)));
}

static void add_rtt(struct table *table, const json_t *side)
{
	if (json_object_get(side, "rtt_us"))
		table_add(table, "%.2f", (double)number_of(side, "rtt_us") / 1000);
	else
		table_add_text(table, "");
}

/* add_lanes - of both directions, or what they have in common */
static void add_lanes(struct table *table, const json_t *client, const json_t *server)
{
	const char *up = text_of(client, "lane"), *down = text_of(server, "lane");
	bool same = strcmp(up, down) == 0;
	if (same)
		table_add_text(table, up);
	else
		table_add(table, "%s/%s", up, down);
}

/* add_details - what only the sockets know */
static void add_details(struct table *table, const json_t *connection, const json_t *client,
                        const json_t *server)
{
	enum { CELLS = 6 };
	if (!json_object_get(client, "rtt_us") && !json_object_get(server, "rtt_us")) {
		for (int i = 0; i < CELLS; i++)
			table_add_text(table, "");
		return;
	}
	add_rtt(table, client);
	add_rtt(table, server);
	add_number(table, client, "congestion_window");
	add_number(table, server, "congestion_window");
	add_u64(table, sum_of(connection, "retransmits"));
	add_bytes(table, rank_queue(connection));
}

static void add_connection(struct table *table, const json_t *connection)
{
	const json_t *client = json_object_get(connection, "client"),
	             *server = json_object_get(connection, "server");
	add_u64(table, number_of(connection, "id"));
	table_add_text(table, text_of(connection, "relay"));
	table_add_text(table, text_of(connection, "state"));
	table_add_text(table, text_of(client, "remote"));
	table_add_text(table, text_of(connection, "via"));
	table_add_text(table, text_of(connection, "destination"));
	table_add_text(table, text_of(connection, "listener"));
	table_add_text(table, text_of(connection, "backend"));
	add_lanes(table, client, server);
	add_time(table, number_of(connection, "age_ms"));
	add_time(table, number_of(connection, "idle_ms"));
	add_bytes(table, number_of(client, "bytes"));
	add_bytes(table, number_of(server, "bytes"));
	add_bytes(table, number_of(client, "spliced_bytes") + number_of(server, "spliced_bytes"));
	add_details(table, connection, client, server);
}
LIVE_LIST(connections, add_connection, ">ID", "RELAY", "STATE", "CLIENT", "VIA", "DESTINATION",
          "LISTENER", "BACKEND", "LANE", ">AGE", ">IDLE", ">UP", ">DOWN", ">SPLICED", ">C.RTT", ">B.RTT", ">C.CWND", ">B.CWND",
          ">RETRANS", ">QUEUED");

/* ---- in their order ---- */

static void add_enrolment(struct table *table, const json_t *enrolment)
{
	uint64_t pid = number_of(enrolment, "pid");
	table_add_text(table, text_of(enrolment, "uid"));
	table_add_text(table, text_of(enrolment, "name"));
	table_add_text(table, text_of(enrolment, "policy"));
	table_add(table, "%" PRIu64, number_of(enrolment, "netns_inode"));
	if (pid)
		add_u64(table, pid);
	else
		table_add(table, "%s", "");
	table_add_text(table, text_of(enrolment, "state"));
	table_add_text(table, text_of(enrolment, "reason"));
}

LIVE_LIST(enrolments, add_enrolment, "UID", "NAME", "POLICY", ">NETNS INODE", ">PID", "STATE", "REASON");

void live_table_init(struct live_table *table, const struct live_list *list, int order)
{
	*table = (struct live_table){
	        .list = list,
	        .order = order,
	        .table = {.headings = list->columns, .column_count = list->column_count},
	};
}

void live_table_fini(struct live_table *table)
{
	table_fini(&table->table);
	vec_clear(&table->rows);
}

int live_table_add(struct live_table *table, const json_t *reply)
{
	const json_t *all = json_object_get(reply, table->list->member);
	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *item = json_array_get(all, i);
		struct live_row *row = vec_push(&table->rows);
		if (!row)
			return -ENOMEM;
		row->index = table->rows.count - 1;
		row->rank = table->order < 0 ? 0 : orders[table->order].rank(item);
		table->list->add(&table->table, item);
	}
	return 0;
}

/* compare - the most first; equals stay as they were */
static int compare(const void *a, const void *b)
{
	const struct live_row *one = a, *other = b;
	if (one->rank != other->rank)
		return one->rank < other->rank ? 1 : -1;
	return one->index < other->index ? -1 : 1;
}

int live_table_print(struct live_table *table, size_t limit, FILE *out)
{
	size_t all = table->rows.count, count = limit && limit < all ? limit : all;
	size_t *rows = calloc(all + 1, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	if (all > 0)
		qsort(table->rows.items, all, sizeof(*table->rows.items), compare);
	for (size_t i = 0; i < count; i++)
		rows[i] = table->rows.items[i].index;
	int r = table_print_some(&table->table, "", rows, count, out);
	if (count == 0)
		fprintf(out, "%s\n", table->list->nothing);
	free(rows);
	return r;
}

void live_sort(json_t *connections, int order)
{
	size_t count = json_array_size(connections);
	struct live_row *rows = calloc(count + 1, sizeof(*rows));
	json_t *sorted = json_array();
	for (size_t i = 0; rows && i < count; i++)
		rows[i] = (struct live_row){orders[order].rank(json_array_get(connections, i)), i};
	if (rows)
		qsort(rows, count, sizeof(*rows), compare);
	for (size_t i = 0; rows && i < count; i++)
		json_array_append(sorted, json_array_get(connections, rows[i].index));
	if (json_array_size(sorted) == count) { /* unsorted is better than nothing */
		json_array_clear(connections);
		json_array_extend(connections, sorted);
	}
	json_decref(sorted);
	free(rows);
}
