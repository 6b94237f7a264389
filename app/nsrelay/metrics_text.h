/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is counted, as Prometheus reads it: text format 0.0.4. Every metric has a row in a table here or in
 * relay/counters.h, with its help; docs/COUNTERS.md is made from them.
 */
#ifndef NSRELAY_APP_NSRELAY_METRICS_TEXT_H
#define NSRELAY_APP_NSRELAY_METRICS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "relay/inspect.h"

/* What the daemon knows of itself. */
struct metrics_process {
	uint64_t started_s;      /* CLOCK_REALTIME */
	uint64_t resident_bytes; /* 0: not known */
};

/* metrics_text_size - bytes that a page with so many rows takes at the most */
size_t metrics_text_size(uint32_t arrival_rows, uint32_t backend_rows);

/*
 * metrics_text_write - the page; the caller has inspect_lock()
 * Writes at most @size bytes to @page, without a NUL; returns how many, or 0 when they are too few.
 */
size_t metrics_text_write(const struct inspect *inspect, const struct metrics_process *process, char *page, size_t size);

/* metrics_text_document - the tables, in Markdown */
void metrics_text_document(FILE *out);

#endif
