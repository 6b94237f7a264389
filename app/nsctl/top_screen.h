/* SPDX-License-Identifier: Apache-2.0 */
/* A terminal, and what `nsctl top` draws on it. The only file that knows curses(3). */
#ifndef NSRELAY_APP_NSCTL_TOP_SCREEN_H
#define NSRELAY_APP_NSCTL_TOP_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#include "app/nsctl/top_source.h"

/* What the user looks at. */
struct top_look {
	enum top_view view;
	enum top_order order;
	size_t selected, first; /* rows: the marked one, and the first that is on the screen */
	bool is_paused;
	char message[160]; /* on the last line; "": the keys */
};

/* Keys that are no characters. */
enum top_key {
	TOP_KEY_NONE = -1,
	TOP_KEY_UP = 0x1000,
	TOP_KEY_DOWN,
	TOP_KEY_PAGE_UP,
	TOP_KEY_PAGE_DOWN,
	TOP_KEY_RESIZE
};

/* top_screen_open - 0, or -EINVAL for a terminal that cannot do what it takes ($TERM). top_screen_close()
 * gives it back. */
int top_screen_open(struct err *err);
void top_screen_close(void);

/* top_screen_draw - all of it; keeps the selected row on the screen */
void top_screen_draw(const struct top_model *model, const struct top_summary *summary, struct top_look *look);

/* top_screen_key - the next key: a character or enum top_key; TOP_KEY_NONE when none came within @ms */
int top_screen_key(int ms);

/* top_screen_page - how many rows fit */
size_t top_screen_page(void);

#endif
