/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsctl/verb_top.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app/nsctl/live.h"
#include "app/nsctl/top_screen.h"
#include "app/text/json.h"
#include "app/text/table.h"

struct top {
	struct varlink_client client;
	struct top_model model;
	struct top_summary summary;
	struct top_look look;
	uint32_t interval_ms;
	bool is_marked; /* the user has chosen a row, which is followed wherever it goes */
	uint64_t marked_id;
	char marked[TOP_NAME_MAX];
	bool is_asking; /* whether to kill this: the next key tells */
	uint64_t kill_id;
};

static uint64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int sample(struct top *top, struct err *err)
{
	return top_source_sample(&top->client, &top->model, &top->summary, err);
}

/* ---- what is no terminal gets ---- */

static void add_bytes(struct table *table, uint64_t bytes)
{
	char text[LIVE_TEXT_MAX];
	table_add_text(table, live_format_bytes(bytes, text, sizeof(text)));
}

static int print_view(struct top *top, enum top_view view, FILE *out)
{
	static const char *const columns[] = {"NAME", ">CONNECTIONS", ">UP/s", ">DOWN/s",
	                                      ">UP",  ">DOWN",        "STATE"};
	struct table table = TABLE_INIT(columns);
	top_model_view(&top->model, view, TOP_BY_RATE);
	vec_each (row, &top->model.rows) {
		table_add_text(&table, row->name);
		table_add(&table, "%" PRIu64, row->connections);
		add_bytes(&table, row->rate[TOP_UP]);
		add_bytes(&table, row->rate[TOP_DOWN]);
		add_bytes(&table, row->bytes[TOP_UP]);
		add_bytes(&table, row->bytes[TOP_DOWN]);
		table_add_text(&table, row->note);
	}
	fprintf(out, "%s:\n", top_view_name(view));
	int r = table_print(&table, "  ", out);
	table_fini(&table);
	return r;
}

static void write_view(struct top *top, enum top_view view, struct json *json)
{
	top_model_view(&top->model, view, TOP_BY_RATE);
	json_begin_array(json, top_view_name(view));
	vec_each (row, &top->model.rows) {
		json_begin_object(json, NULL);
		if (view == TOP_CONNECTIONS)
			json_number(json, "id", row->id);
		json_text(json, "name", row->name);
		json_number(json, "connections", row->connections);
		json_number(json, "up_bytes_per_s", row->rate[TOP_UP]);
		json_number(json, "down_bytes_per_s", row->rate[TOP_DOWN]);
		json_number(json, "up_bytes", row->bytes[TOP_UP]);
		json_number(json, "down_bytes", row->bytes[TOP_DOWN]);
		if (*row->note)
			json_text(json, "state", row->note);
		json_end(json);
	}
	json_end(json);
}

static int print_once(struct top *top, bool as_json, FILE *out, struct err *err)
{
	int r = sample(top, err);
	if (r == 0)
		poll(NULL, 0, (int)top->interval_ms);
	if (r == 0)
		r = sample(top, err);
	if (r < 0)
		return r;
	struct json json = JSON_INIT(out);
	if (as_json)
		json_begin_object(&json, NULL);
	for (int i = 0; i < TOP_VIEW_COUNT && r == 0; i++) {
		if (as_json)
			write_view(top, (enum top_view)i, &json);
		else
			r = print_view(top, (enum top_view)i, out);
	}
	if (as_json)
		json_end(&json);
	return r < 0 ? err_set(err, -r, "out of memory") : 0;
}

/* ---- keys ---- */

static const struct top_row *selected(const struct top *top)
{
	return top->look.selected < top->model.rows.count ? &top->model.rows.items[top->look.selected] : NULL;
}

/* show - the rows in their order now; who is about to press a key for a row still finds it marked */
static void show(struct top *top)
{
	top_model_view(&top->model, top->look.view, top->look.order);
	if (!top->is_marked)
		return;
	for (size_t i = 0; i < top->model.rows.count; i++) {
		const struct top_row *row = &top->model.rows.items[i];
		if (row->id == top->marked_id && strcmp(row->name, top->marked) == 0)
			top->look.selected = i;
	}
}

/* act - what the daemon says goes to the last line; it may well have lost what was selected meanwhile */
static void act(struct top *top, int rc, const char *done, const char *name, const struct err *err)
{
	if (rc < 0)
		snprintf(top->look.message, sizeof(top->look.message), "%.150s", err->text);
	else
		snprintf(top->look.message, sizeof(top->look.message), "%s %.100s", done, name);
}

static void confirm_kill(struct top *top, int key)
{
	struct err err = ERR_INIT;
	top->is_asking = false;
	*top->look.message = '\0';
	if (key == 'y')
		act(top, top_source_kill(&top->client, top->kill_id, &err), "killed", "", &err);
}

static void ask_kill(struct top *top)
{
	const struct top_row *row = selected(top);
	if (top->look.view != TOP_CONNECTIONS || !row)
		return;
	top->is_asking = true;
	top->kill_id = row->id;
	snprintf(top->look.message, sizeof(top->look.message), "kill %.100s? y: yes, any other key: no",
	         row->name);
}

static void set_state(struct top *top, const char *state)
{
	struct err err = ERR_INIT;
	const struct top_row *row = selected(top);
	if (top->look.view != TOP_BACKENDS || !row)
		return;
	act(top, top_source_set_state(&top->client, row->name, state, &err), state, row->name, &err);
}

static void move(struct top *top, long by)
{
	long to = (long)top->look.selected + by, last = (long)top->model.rows.count - 1;
	to = to < last ? to : last;
	top->look.selected = to > 0 ? (size_t)to : 0;
	const struct top_row *row = selected(top);
	top->is_marked = row != NULL;
	if (!row)
		return;
	top->marked_id = row->id;
	memcpy(top->marked, row->name, sizeof(top->marked));
}

static void move_by_key(struct top *top, int key)
{
	long page = (long)top_screen_page();
	switch (key) {
	case TOP_KEY_UP:
		move(top, -1);
		break;
	case TOP_KEY_DOWN:
		move(top, 1);
		break;
	case TOP_KEY_PAGE_UP:
		move(top, -page);
		break;
	case TOP_KEY_PAGE_DOWN:
		move(top, page);
		break;
	default:
		break;
	}
}

static void look_at(struct top *top, enum top_view view)
{
	top->look.view = view;
	top->is_marked = false;
	top->look.selected = top->look.first = 0;
}

static void obey(struct top *top, int key)
{
	if (key == TOP_KEY_RESIZE)
		return;
	if (top->is_asking) {
		confirm_kill(top, key);
		return;
	}
	*top->look.message = '\0';
	if (key >= '1' && key < '1' + TOP_VIEW_COUNT)
		look_at(top, (enum top_view)(key - '1'));
	else if (key == '\t')
		look_at(top, (top->look.view + 1) % TOP_VIEW_COUNT);
	else if (key == 's')
		top->look.order = (top->look.order + 1) % TOP_ORDER_COUNT;
	else if (key == 'p')
		top->look.is_paused = !top->look.is_paused;
	else if (key == 'k')
		ask_kill(top);
	else if (key == 'd')
		set_state(top, "drain");
	else if (key == 'r')
		set_state(top, "ready");
	else if (key == 'm')
		set_state(top, "maintenance");
	else
		move_by_key(top, key);
}

/* ---- the loop ---- */

/* watch_keys - until the next sample is due; false when the user has had enough */
static bool watch_keys(struct top *top, uint64_t until_ms)
{
	for (uint64_t now; (now = now_ms()) < until_ms;) {
		int key = top_screen_key((int)(until_ms - now));
		if (key == 'q' && !top->is_asking)
			return false;
		if (key == TOP_KEY_NONE)
			continue;
		obey(top, key);
		show(top);
		top_screen_draw(&top->model, &top->summary, &top->look);
	}
	return true;
}

static int run(struct top *top, struct err *err)
{
	int r = 0;
	bool goes_on = true;
	while (r == 0 && goes_on) {
		uint64_t next_ms = now_ms() + top->interval_ms;
		/* What a key is about to confirm stays on the screen as it is. */
		if (!top->look.is_paused && !top->is_asking)
			r = sample(top, err);
		if (r < 0)
			break;
		show(top);
		top_screen_draw(&top->model, &top->summary, &top->look);
		goes_on = watch_keys(top, next_ms);
	}
	return r;
}

static int run_on_screen(struct top *top, struct err *err)
{
	int r = top_screen_open(err);
	if (r < 0)
		return r;
	r = run(top, err);
	top_screen_close();
	return r;
}

int verb_top(const struct nsctl_options *options, FILE *out, struct err *err)
{
	struct top top = {.interval_ms = options->interval_ms};
	bool on_screen = !options->json && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	int r = varlink_connect(&top.client, options->control_path, err);
	if (r < 0)
		return r;
	r = on_screen ? run_on_screen(&top, err) : print_once(&top, options->json, out, err);
	varlink_disconnect(&top.client);
	top_model_fini(&top.model);
	return r;
}
