/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsctl/top_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

const char *top_view_name(enum top_view view)
{
	static const char *const names[] = {"relays", "backends", "namespaces", "connections"};
	_Static_assert(ARRAY_COUNT(names) == TOP_VIEW_COUNT, "a name for each view");
	return names[view];
}

const char *top_order_name(enum top_order order)
{
	static const char *const names[] = {"rate", "bytes", "connections", "name"};
	_Static_assert(ARRAY_COUNT(names) == TOP_ORDER_COUNT, "a name for each order");
	return names[order];
}

/* ---- samples ---- */

static void free_item(struct top_item *item)
{
	for (int i = 0; i < TOP_VIEW_COUNT; i++)
		free(item->names[i]);
	free(item->note);
}

static void clear_sample(struct top_sample *sample)
{
	vec_each (item, &sample->items)
		free_item(item);
	vec_clear(&sample->items);
	*sample = (struct top_sample){0};
}

void top_model_fini(struct top_model *model)
{
	clear_sample(&model->now);
	clear_sample(&model->before);
	for (int i = 0; i < TOP_VIEW_COUNT; i++)
		vec_clear(&model->named[i].all);
	vec_clear(&model->rows);
	*model = (struct top_model){0};
}

void top_model_begin(struct top_model *model, uint64_t now_ms)
{
	clear_sample(&model->before);
	model->before = model->now;
	model->now = (struct top_sample){.at_ms = now_ms, .is_taken = true};
	for (int i = 0; i < TOP_VIEW_COUNT; i++)
		model->named[i].all.count = 0;
}

void top_model_name(struct top_model *model, enum top_view view, const char *name, const char *note)
{
	struct top_row *row = vec_push(&model->named[view].all);
	if (!row) {
		model->is_short = true;
		return;
	}
	snprintf(row->name, sizeof(row->name), "%s", name);
	snprintf(row->note, sizeof(row->note), "%s", note);
}

/* namespace_of - what stands before an endpoint's last slash; a unix socket is the daemon's own */
static char *namespace_of(const char *endpoint)
{
	const char *slash = strncmp(endpoint, "unix:", 5) == 0 ? NULL : strrchr(endpoint, '/');
	return slash ? strndup(endpoint, (size_t)(slash - endpoint)) : strdup("host");
}

static char *join(const char *a, const char *between, const char *b)
{
	char *text;
	return asprintf(&text, "%s%s%s", a, between, b) < 0 ? NULL : text;
}

void top_model_add(struct top_model *model, const struct top_connection *connection)
{
	struct top_item item = {
	        .id = connection->id,
	        .names[TOP_RELAYS] = strdup(connection->relay),
	        .names[TOP_BACKENDS] = *connection->backend ? join(connection->pool, "/", connection->backend)
	                                                    : strdup(""),
	        .names[TOP_NAMESPACES] = namespace_of(connection->listener),
	        .names[TOP_CONNECTIONS] = join(connection->client, " > ",
	                                       *connection->backend ? connection->backend : connection->pool),
	        .note = join(connection->relay, ", ", connection->state),
	};
	struct top_item *place = vec_push(&model->now.items);
	bool is_whole = place && item.note;
	memcpy(item.bytes, connection->bytes, sizeof(item.bytes));
	for (int i = 0; i < TOP_VIEW_COUNT; i++)
		is_whole = is_whole && item.names[i];
	if (is_whole) {
		*place = item;
		return;
	}
	free_item(&item);
	if (place)
		model->now.items.count--;
	model->is_short = true;
}

static int compare_ids(const void *a, const void *b)
{
	const struct top_item *one = a, *other = b;
	return (one->id > other->id) - (one->id < other->id);
}

static uint64_t rate_of(uint64_t bytes, uint64_t before, uint64_t ms)
{
	return ms > 0 && bytes > before ? (bytes - before) * 1000 / ms : 0;
}

void top_model_end(struct top_model *model)
{
	struct top_sample *now = &model->now;
	uint64_t ms = model->before.is_taken ? now->at_ms - model->before.at_ms : 0;
	if (now->items.count > 0)
		qsort(now->items.items, now->items.count, sizeof(*now->items.items), compare_ids);
	vec_each (item, &now->items) {
		/* One that is not in the sample before has begun since: all its bytes are new. */
		const struct top_item *before = model->before.items.count
		                                        ? bsearch(item, model->before.items.items,
		                                                  model->before.items.count, sizeof(*item),
		                                                  compare_ids)
		                                        : NULL;
		for (int i = 0; i < TOP_DIRECTIONS; i++)
			item->rate[i] = rate_of(item->bytes[i], before ? before->bytes[i] : 0, ms);
	}
}

/* ---- rows ---- */

static void row_take(struct top_row *row, const struct top_item *item)
{
	row->connections++;
	for (int i = 0; i < TOP_DIRECTIONS; i++) {
		row->bytes[i] += item->bytes[i];
		row->rate[i] += item->rate[i];
	}
}

static struct top_row *push_row(struct top_model *model, const char *name, const char *note)
{
	struct top_row *row = vec_push(&model->rows);
	if (!row) {
		model->is_short = true;
		return NULL;
	}
	memset(row, 0, sizeof(*row));
	snprintf(row->name, sizeof(row->name), "%s", name);
	snprintf(row->note, sizeof(row->note), "%s", note);
	return row;
}

static void fill_connections(struct top_model *model)
{
	vec_each (item, &model->now.items) {
		struct top_row *row = push_row(model, item->names[TOP_CONNECTIONS], item->note);
		if (!row)
			return;
		row->id = item->id;
		row_take(row, item);
	}
}

static int compare_names(const void *a, const void *b)
{
	const struct top_row *one = a, *other = b;
	return strcmp(one->name, other->name);
}

/* fill_named - the rows that there are anyway, by name and each once */
static void fill_named(struct top_model *model, enum top_view view)
{
	vec_each (named, &model->named[view].all)
		push_row(model, named->name, named->note);
	if (model->rows.count > 0)
		qsort(model->rows.items, model->rows.count, sizeof(*model->rows.items), compare_names);
}

static struct top_row *find_row(struct top_model *model, size_t sorted, const char *name)
{
	struct top_row key;
	snprintf(key.name, sizeof(key.name), "%s", name);
	struct top_row *row = sorted > 0
	                              ? bsearch(&key, model->rows.items, sorted, sizeof(key), compare_names)
	                              : NULL;
	for (size_t i = sorted; !row && i < model->rows.count; i++) /* few: those that nobody has named */
		if (strcmp(model->rows.items[i].name, key.name) == 0)
			row = &model->rows.items[i];
	return row;
}

static void fill_groups(struct top_model *model, enum top_view view)
{
	fill_named(model, view);
	size_t sorted = model->rows.count;
	vec_each (item, &model->now.items) {
		struct top_row *row = *item->names[view] ? find_row(model, sorted, item->names[view]) : NULL;
		if (!row && *item->names[view])
			row = push_row(model, item->names[view], "");
		if (row)
			row_take(row, item);
	}
}

typedef uint64_t rank_fn(const struct top_row *row);

static uint64_t rank_rate(const struct top_row *row)
{
	return row->rate[TOP_UP] + row->rate[TOP_DOWN];
}

static uint64_t rank_bytes(const struct top_row *row)
{
	return row->bytes[TOP_UP] + row->bytes[TOP_DOWN];
}

static uint64_t rank_connections(const struct top_row *row)
{
	return row->connections;
}

static rank_fn *const ranks[TOP_ORDER_COUNT] = {
        [TOP_BY_RATE] = rank_rate,
        [TOP_BY_BYTES] = rank_bytes,
        [TOP_BY_CONNECTIONS] = rank_connections,
};

/* compare_rows - the most first, then by name, so that what does nothing does not jump about */
static int compare_rows(const void *a, const void *b, void *arg)
{
	rank_fn *rank = ranks[*(enum top_order *)arg];
	uint64_t one = rank ? rank(a) : 0, other = rank ? rank(b) : 0;
	if (one != other)
		return one < other ? 1 : -1;
	return compare_names(a, b);
}

void top_model_view(struct top_model *model, enum top_view view, enum top_order order)
{
	model->rows.count = 0;
	if (view == TOP_CONNECTIONS)
		fill_connections(model);
	else
		fill_groups(model, view);
	if (model->rows.count > 0)
		qsort_r(model->rows.items, model->rows.count, sizeof(*model->rows.items), compare_rows,
		        &order);
}
