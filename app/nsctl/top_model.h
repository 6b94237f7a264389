/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `nsctl top` shows, without a screen or a daemon: samples of all connections, and the rates between two
 * of them, by relay, by backend, by namespace and for each connection. What was relayed by a connection that
 * came and went between two samples is in neither, so the rates of very short connections are too low.
 *
 *	top_model_begin(&model, now_ms);
 *	top_model_name(&model, TOP_RELAYS, "postgres", "");      what is to be shown without connections too
 *	top_model_add(&model, &connection);
 *	top_model_end(&model);
 *	top_model_view(&model, TOP_RELAYS, TOP_BY_RATE);         model.rows
 */
#ifndef NSRELAY_APP_NSCTL_TOP_MODEL_H
#define NSRELAY_APP_NSCTL_TOP_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"

enum top_view { TOP_RELAYS, TOP_BACKENDS, TOP_NAMESPACES, TOP_CONNECTIONS, TOP_VIEW_COUNT };
enum top_order { TOP_BY_RATE, TOP_BY_BYTES, TOP_BY_CONNECTIONS, TOP_BY_NAME, TOP_ORDER_COUNT };

enum { TOP_UP, TOP_DOWN, TOP_DIRECTIONS };
enum { TOP_NAME_MAX = 320, TOP_NOTE_MAX = 256 };

/* A connection as the daemon tells it; texts are borrowed for the call. */
struct top_connection {
	uint64_t id;
	const char *relay, *pool, *listener, *backend, *client, *state; /* "": not known */
	uint64_t bytes[TOP_DIRECTIONS];
};

struct top_item {
	uint64_t id;
	char *names[TOP_VIEW_COUNT]; /* owned: of the row that it belongs to, by view */
	char *note;                  /* owned: of its own row */
	uint64_t bytes[TOP_DIRECTIONS], rate[TOP_DIRECTIONS];
};

struct top_sample {
	uint64_t at_ms;
	bool is_taken;
	VEC(struct top_item) items;
};

struct top_row {
	char name[TOP_NAME_MAX];
	char note[TOP_NOTE_MAX];
	uint64_t id; /* TOP_CONNECTIONS */
	uint64_t connections;
	uint64_t bytes[TOP_DIRECTIONS]; /* of the connections that there are */
	uint64_t rate[TOP_DIRECTIONS];  /* bytes a second */
};

struct top_model {
	struct top_sample now, before;
	struct {
		VEC(struct top_row) all;
	} named[TOP_VIEW_COUNT];  /* shown though nothing may belong to them */
	VEC(struct top_row) rows; /* of the view last asked for, in its order */
	bool is_short;            /* memory ran out: something is missing */
};

const char *top_view_name(enum top_view view);
const char *top_order_name(enum top_order order);

/* A zeroed one is empty. */
void top_model_fini(struct top_model *model);

/* top_model_begin - another sample, taken at @now_ms of any clock that goes on evenly */
void top_model_begin(struct top_model *model, uint64_t now_ms);

/* top_model_name - a row that there is anyway; @note: what is said beside it */
void top_model_name(struct top_model *model, enum top_view view, const char *name, const char *note);
void top_model_add(struct top_model *model, const struct top_connection *connection);

/* top_model_end - the sample is whole: rates are those since the one before */
void top_model_end(struct top_model *model);

/* top_model_view - fill model.rows */
void top_model_view(struct top_model *model, enum top_view view, enum top_order order);

#endif
