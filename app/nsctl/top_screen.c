/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsctl/top_screen.h"

#include <curses.h>
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "app/nsctl/live.h"
#include "app/text/table.h"

/* Lines: summary, views, headings, rows, keys. */
enum { LINE_SUMMARY, LINE_VIEWS, LINE_HEADINGS, LINE_ROWS, LINES_BESIDE_ROWS = LINE_ROWS + 1 };

/* Columns behind the name: connections, up/s, down/s, up, down, and a note. */
enum { NUMBER_WIDTH = 9, NUMBERS = 5, NOTE_WIDTH = 20, NAME_MIN = 12 };

enum { PAIR_BAD = 1 };

static SCREEN *screen;
static bool has_colours;

int top_screen_open(struct err *err)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	setlocale(LC_ALL, "");
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return err_set(err, EINVAL,
		               "the terminal '%s' is not known; expected another $TERM, as xterm or vt100",
		               term ? term : "");
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	curs_set(0);
	set_escdelay(25);
	/* https://no-color.org: set and not empty */
	has_colours = !(no_color && *no_color) && has_colors();
	if (has_colours) {
		start_color();
		use_default_colors();
		init_pair(PAIR_BAD, COLOR_RED, -1);
	}
	return 0;
}

void top_screen_close(void)
{
	if (!screen)
		return;
	endwin();
	delscreen(screen);
	screen = NULL;
}

size_t top_screen_page(void)
{
	return LINES > LINES_BESIDE_ROWS ? (size_t)(LINES - LINES_BESIDE_ROWS) : 1;
}

int top_screen_key(int ms)
{
	timeout(ms);
	int key = getch();
	switch (key) {
	case ERR:
		return TOP_KEY_NONE;
	case KEY_UP:
		return TOP_KEY_UP;
	case KEY_DOWN:
		return TOP_KEY_DOWN;
	case KEY_PPAGE:
		return TOP_KEY_PAGE_UP;
	case KEY_NPAGE:
		return TOP_KEY_PAGE_DOWN;
	case KEY_RESIZE:
		return TOP_KEY_RESIZE;
	default:
		return key;
	}
}

/* ---- drawing ---- */

/* put - @text within @width columns from @x on */
static void put(int y, int x, int width, const char *text)
{
	if (x < COLS && width > 0)
		mvaddnstr(y, x, text, width < COLS - x ? width : COLS - x);
}

/* put_right - the same, at their right end */
static void put_right(int y, int x, int width, const char *text)
{
	int length = (int)strlen(text);
	put(y, length < width ? x + width - length : x, width, text);
}

/* put_foreign - text of a daemon, which a terminal must not obey */
static void put_foreign(int y, int x, int width, const char *text)
{
	char *visible = table_visible(text);
	put(y, x, width, visible ? visible : "?");
	free(visible);
}

static int name_width(void)
{
	int width = COLS - NUMBERS * NUMBER_WIDTH - NOTE_WIDTH;
	return width > NAME_MIN ? width : NAME_MIN;
}

static void draw_summary(const struct top_summary *summary, bool is_paused)
{
	char uptime[LIVE_TEXT_MAX], line[256];
	snprintf(line, sizeof(line), "nsrelay %s  up %s  %llu of %llu connections  %llu new/s%s",
	         summary->version, live_format_time(summary->uptime_ms, uptime, sizeof(uptime)),
	         (unsigned long long)summary->connections, (unsigned long long)summary->max_connections,
	         (unsigned long long)summary->accepted_rate, is_paused ? "  PAUSED" : "");
	put_foreign(LINE_SUMMARY, 0, COLS, line);
}

static void draw_views(const struct top_look *look)
{
	int x = 0;
	for (int i = 0; i < TOP_VIEW_COUNT; i++) {
		char text[32];
		snprintf(text, sizeof(text), " %d %s ", i + 1, top_view_name((enum top_view)i));
		if (i == (int)look->view)
			attron(A_BOLD | A_REVERSE);
		put(LINE_VIEWS, x, COLS, text);
		attroff(A_BOLD | A_REVERSE);
		x += (int)strlen(text) + 1;
	}
	char order[48];
	snprintf(order, sizeof(order), "by %s", top_order_name(look->order));
	put(LINE_VIEWS, x + 1, COLS, order);
}

static void draw_headings(void)
{
	static const char *const headings[NUMBERS] = {"CONNS", "UP/s", "DOWN/s", "UP", "DOWN"};
	int x = name_width();
	attron(A_REVERSE);
	mvhline(LINE_HEADINGS, 0, ' ', COLS);
	put(LINE_HEADINGS, 0, x, "NAME");
	for (int i = 0; i < NUMBERS; i++, x += NUMBER_WIDTH)
		put_right(LINE_HEADINGS, x, NUMBER_WIDTH, headings[i]);
	put(LINE_HEADINGS, x + 1, NOTE_WIDTH, "STATE");
	attroff(A_REVERSE);
}

static void draw_row(int y, const struct top_row *row, bool is_selected, bool is_bad)
{
	const uint64_t bytes[] = {row->rate[TOP_UP], row->rate[TOP_DOWN], row->bytes[TOP_UP],
	                          row->bytes[TOP_DOWN]};
	char text[LIVE_TEXT_MAX];
	int x = name_width();
	attr_t attributes = is_selected ? A_REVERSE : has_colours && is_bad ? COLOR_PAIR(PAIR_BAD) : A_NORMAL;
	attron(attributes);
	if (is_selected)
		mvhline(y, 0, ' ', COLS);
	put_foreign(y, 0, x - 1, row->name);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)row->connections);
	put_right(y, x, NUMBER_WIDTH, text);
	for (size_t i = 0; i < ARRAY_COUNT(bytes); i++) {
		x += NUMBER_WIDTH;
		put_right(y, x, NUMBER_WIDTH, live_format_bytes(bytes[i], text, sizeof(text)));
	}
	put_foreign(y, x + NUMBER_WIDTH + 1, NOTE_WIDTH - 1, row->note);
	attroff(attributes);
}

static void draw_keys(const struct top_look *look)
{
	const char *own = look->view == TOP_BACKENDS      ? "  d drain  r ready  m maintenance"
	                  : look->view == TOP_CONNECTIONS ? "  k kill"
	                                                  : "";
	char keys[160];
	snprintf(keys, sizeof(keys), "q quit  1-4 what  s sort  p pause%s", own);
	attron(A_BOLD);
	put_foreign(LINES - 1, 0, COLS - 1, *look->message ? look->message : keys);
	attroff(A_BOLD);
}

/* scroll_to_selected - and select a row that there is */
static void scroll_to_selected(struct top_look *look, size_t count)
{
	size_t page = top_screen_page();
	if (look->selected >= count)
		look->selected = count > 0 ? count - 1 : 0;
	if (look->first > look->selected)
		look->first = look->selected;
	if (look->selected >= look->first + page)
		look->first = look->selected - page + 1;
}

void top_screen_draw(const struct top_model *model, const struct top_summary *summary, struct top_look *look)
{
	size_t count = model->rows.count;
	scroll_to_selected(look, count);
	erase();
	draw_summary(summary, look->is_paused);
	draw_views(look);
	draw_headings();
	for (size_t i = 0; i < top_screen_page() && look->first + i < count; i++) {
		const struct top_row *row = &model->rows.items[look->first + i];
		bool is_bad = look->view == TOP_BACKENDS && *row->note;
		draw_row(LINE_ROWS + (int)i, row, look->first + i == look->selected, is_bad);
	}
	draw_keys(look);
	refresh();
}
