/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/metrics_text.h"

#include <string.h>

#include "base/check.h"
#include "relay/tally.h"
#include "relay/worker.h"

enum {
	LABELS_MAX = 512,      /* of a row, escaped: two texts of an endpoint at the most */
	LINE_MAX_BYTES = 128,  /* of a line, without those */
	HEAD_MAX = 64 * 1024,  /* everything that has no rows, and what is said of each metric */
	US_PER_S = 1000000,
};

/* ---- writing: several times as fast as printf(3), which matters with 100,000 lines ---- */

struct page {
	char *at, *end;
	bool full;
};

static void put_bytes(struct page *page, const char *text, size_t length)
{
	if ((size_t)(page->end - page->at) < length) {
		page->full = true;
		return;
	}
	memcpy(page->at, text, length);
	page->at += length;
}

static void put(struct page *page, const char *text)
{
	put_bytes(page, text, strlen(text));
}

static void put_number(struct page *page, uint64_t value)
{
	char digits[20], *first = digits + sizeof(digits);
	do {
		*--first = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	put_bytes(page, first, (size_t)(digits + sizeof(digits) - first));
}

/* put_micros - as seconds */
static void put_micros(struct page *page, uint64_t us)
{
	char digits[] = ".000000";
	uint64_t rest = us % US_PER_S;
	for (size_t i = sizeof(digits) - 2; i > 0; i--, rest /= 10)
		digits[i] = (char)('0' + rest % 10);
	put_number(page, us / US_PER_S);
	put_bytes(page, digits, sizeof(digits) - 1);
}

/* escape - as the format wants it within quotes; of what is too long, the beginning */
static size_t escape(const char *text, char *ret, size_t size)
{
	size_t length = 0;
	for (; *text && length + 2 < size; text++) {
		if (*text == '"' || *text == '\\' || *text == '\n')
			ret[length++] = '\\';
		char c = *text;
		if (c == '\n')
			c = 'n';
		ret[length++] = c;
	}
	return length;
}

/* ---- metrics ---- */

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

static void put_head(struct page *page, const char *name, const char *help, const char *advice, enum metric_type type)
{
	static const char *const types[] = {"counter", "gauge", "histogram"};
	put(page, "# HELP nsrelay_");
	put(page, name);
	put(page, " ");
	put(page, help);
	if (advice[0]) {
		put(page, ". When it moves: ");
		put(page, advice);
	}
	put(page, "\n# TYPE nsrelay_");
	put(page, name);
	put(page, " ");
	put(page, types[type]);
	put(page, "\n");
}

static void put_value(struct page *page, const char *name, uint64_t value)
{
	put(page, "nsrelay_");
	put(page, name);
	put(page, " ");
	put_number(page, value);
	put(page, "\n");
}

/* ---- of the daemon as a whole ---- */

static void put_counters(struct page *page, const struct inspect *inspect)
{
	for (unsigned i = 0; i < COUNTER_CLOSED; i++) {
		put_head(page, counter_name(i), counter_help(i), counter_advice(i), METRIC_COUNTER);
		put_value(page, counter_name(i), inspect_counter(inspect, i));
	}
	put_head(page, "closed_total", "connections that have ended, by cause", "", METRIC_COUNTER);
	for (unsigned i = 0; i < CAUSE_COUNT; i++) {
		put(page, "nsrelay_closed_total{cause=\"");
		put(page, cause_name((enum cause)i));
		put(page, "\"} ");
		put_number(page, inspect_counter(inspect, COUNTER_CLOSED + i));
		put(page, "\n");
	}
}

static uint64_t gauge_connections(const struct inspect *inspect, const struct metrics_process *process)
{
	(void)process;
	return inspect_connections(inspect);
}

static uint64_t gauge_connections_max(const struct inspect *inspect, const struct metrics_process *process)
{
	(void)process;
	return inspect->limits->connections;
}

static uint64_t gauge_descriptors_max(const struct inspect *inspect, const struct metrics_process *process)
{
	(void)process;
	return inspect->limits->nofile;
}

static uint64_t gauge_memory_fixed(const struct inspect *inspect, const struct metrics_process *process)
{
	(void)process;
	return inspect->limits->memory_fixed;
}

static uint64_t gauge_memory_each(const struct inspect *inspect, const struct metrics_process *process)
{
	(void)process;
	return inspect->limits->memory_per_connection;
}

static uint64_t gauge_memory_resident(const struct inspect *inspect, const struct metrics_process *process)
{
	(void)inspect;
	return process->resident_bytes;
}

static uint64_t gauge_threads(const struct inspect *inspect, const struct metrics_process *process)
{
	(void)process;
	return inspect->limits->threads;
}

static uint64_t gauge_left_out(const struct inspect *inspect, const struct metrics_process *process)
{
	(void)process;
	return inspect->shared->tally.arrivals.left_out + inspect->shared->tally.backends.left_out;
}

static uint64_t gauge_started(const struct inspect *inspect, const struct metrics_process *process)
{
	(void)inspect;
	return process->started_s;
}

static const struct gauge {
	const char *name, *help, *advice;
	uint64_t (*read)(const struct inspect *inspect, const struct metrics_process *process);
} gauges[] = {
	{"connections", "connections that are relayed now", "", gauge_connections},
	{"connections_max", "connections that may be relayed at the same time", "", gauge_connections_max},
	{"file_descriptors_max", "descriptors that the limits were computed from", "", gauge_descriptors_max},
	{"memory_fixed_bytes", "own memory at the most, whatever the load", "", gauge_memory_fixed},
	{"memory_per_connection_bytes", "own memory at the most for each connection on top", "", gauge_memory_each},
	{"memory_resident_bytes", "memory that the relay process has in use; 0: not known", "", gauge_memory_resident},
	{"threads", "relay threads", "", gauge_threads},
	{"rows_left_out", "namespaces of relays, and backends, that are counted together as (other)",
	 "raise metrics.series_max", gauge_left_out},
	{"start_time_seconds", "when the relay process was started, which sets every counter to 0", "", gauge_started},
};

static void put_gauges(struct page *page, const struct inspect *inspect, const struct metrics_process *process)
{
	for (size_t i = 0; i < ARRAY_COUNT(gauges); i++) {
		put_head(page, gauges[i].name, gauges[i].help, gauges[i].advice, METRIC_GAUGE);
		put_value(page, gauges[i].name, gauges[i].read(inspect, process));
	}
	put_head(page, "build_info", "always 1; its label tells the version", "", METRIC_GAUGE);
	put(page, "nsrelay_build_info{version=\"" NSRELAY_VERSION "\"} 1\n");
}

/* ---- of rows ---- */

/* What a family tells of each row. */
struct family {
	const char *name, *help, *advice;
	enum metric_type type;
	unsigned cell;          /* the first */
	unsigned count;         /* of cells: buckets, or one for each value of @label */
	const char *label;      /* NULL: there is one cell */
	const char *(*value)(unsigned index);
	unsigned shift;         /* of a histogram: log2 of its first bucket's end */
	bool is_time;           /* it is in microseconds */
	unsigned sum, sums;     /* of a histogram: cells that are its sum together */
};

static const char *direction_name(unsigned index)
{
	return index == 0 ? "up" : "down";
}

static const char *cause_text(unsigned index)
{
	return cause_name((enum cause)index);
}

static const struct family arrival_families[] = {
	{"relay_connections", "connections that came by the relay in the namespace and are open now", "", METRIC_GAUGE,
	 TALLY_ARRIVAL_OPEN, 1, NULL, NULL, 0, false, 0, 0},
	{"relay_accepted_total", "connections that came", "", METRIC_COUNTER, TALLY_ARRIVAL_ACCEPTED, 1, NULL, NULL, 0, false, 0, 0},
	{"relay_ended_bytes_total", "bytes of connections that have ended", "", METRIC_COUNTER, TALLY_ARRIVAL_BYTES_UP, 2,
	 "direction", direction_name, 0, false, 0, 0},
	{"relay_closed_total", "connections that have ended; causes that there were", "", METRIC_COUNTER, TALLY_ARRIVAL_CLOSED,
	 CAUSE_COUNT, "cause", cause_text, 0, false, 0, 0},
	{"relay_duration_seconds", "how long connections lasted that have ended", "", METRIC_HISTOGRAM,
	 TALLY_ARRIVAL_DURATIONS, TALLY_DURATION_BUCKETS, "le", NULL, TALLY_DURATION_SHIFT, true, TALLY_ARRIVAL_DURATION_US, 1},
	{"relay_connection_bytes", "bytes of each connection that has ended, both directions together", "", METRIC_HISTOGRAM,
	 TALLY_ARRIVAL_SIZES, TALLY_SIZE_BUCKETS, "le", NULL, TALLY_SIZE_SHIFT, false, TALLY_ARRIVAL_BYTES_UP, 2},
};

static const struct family backend_families[] = {
	{"backend_connections", "connections that the backend has answered and that are open now", "", METRIC_GAUGE,
	 TALLY_BACKEND_OPEN, 1, NULL, NULL, 0, false, 0, 0},
	{"backend_connect_failures_total", "attempts to connect that failed or timed out",
	 "look at the backend: the log tells why", METRIC_COUNTER, TALLY_BACKEND_FAILURES, 1, NULL, NULL, 0, false, 0, 0},
	{"backend_ended_bytes_total", "bytes of connections that have ended", "", METRIC_COUNTER, TALLY_BACKEND_BYTES_UP, 2,
	 "direction", direction_name, 0, false, 0, 0},
	{"backend_connect_seconds", "from a client's coming to its backend's answer", "the backend or the way to it is slow",
	 METRIC_HISTOGRAM, TALLY_BACKEND_CONNECTS, TALLY_CONNECT_BUCKETS, "le", NULL, TALLY_CONNECT_SHIFT, true,
	 TALLY_BACKEND_CONNECT_US, 1},
};

static const struct out_reason {
	enum standing_reason reason;
	const char *name;
} out_reasons[] = {
	{STANDING_DOWN, "down"},
	{STANDING_EJECTED, "ejected"},
	{STANDING_DRAIN, "drain"},
	{STANDING_MAINTENANCE, "maintenance"},
};

static const char OUT_NAME[] = "backend_out",
		  OUT_HELP[] = "1: the backend gets no new connections for this reason; 0: this is no reason not to",
		  OUT_ADVICE[] = "look at the backend, unless an operator took it out";

/* A row of a table: which one, and the labels that it has. */
struct row {
	const struct tally *tally;
	const struct tally_table *table;
	uint32_t index;
	const char *labels;
};

/* The labels of all rows, which every family has: written once, at the end of the page's memory. */
struct labels {
	char (*arrivals)[LABELS_MAX], (*backends)[LABELS_MAX];
};

static uint64_t cell_of(const struct row *row, unsigned cell)
{
	return tally_read(row->tally, row->table, row->index, cell);
}

/* set_labels - @a and @b are texts of ours, or of the configuration */
static void set_labels(char ret[LABELS_MAX], const char *name_a, const char *a, const char *name_b, const char *b)
{
	char escaped_a[LABELS_MAX / 2 - 32], escaped_b[LABELS_MAX / 2 - 32];
	int length_a = (int)escape(a, escaped_a, sizeof(escaped_a)), length_b = (int)escape(b, escaped_b, sizeof(escaped_b));
	int length = snprintf(ret, LABELS_MAX, "%s=\"%.*s\",%s=\"%.*s\"", name_a, length_a, escaped_a, name_b, length_b, escaped_b);
	CHECK(length > 0 && length < LABELS_MAX);
}

static void label_arrivals(const struct inspect *inspect, char (*ret)[LABELS_MAX])
{
	const struct tally *tally = &inspect->shared->tally;
	char text[ENDPOINT_TEXT_MAX];
	set_labels(ret[TALLY_OTHER], "relay", "(other)", "namespace", "(other)");
	for (uint32_t i = 1; i < tally->arrivals.row_count; i++) {
		const struct plan_listener *listener = &inspect->plan->listeners[tally->row_listeners[i]];
		set_labels(ret[i], "relay", inspect->plan->config->relays[listener->relay].name, "namespace",
			   netns_ref_format(&listener->endpoint->netns, text, sizeof(text)));
	}
}

static void label_backends(const struct inspect *inspect, char (*ret)[LABELS_MAX])
{
	const struct tally *tally = &inspect->shared->tally;
	const struct config *config = inspect->plan->config;
	char text[ENDPOINT_TEXT_MAX];
	set_labels(ret[TALLY_OTHER], "pool", "(other)", "backend", "(other)");
	for (size_t pool = 0; pool < config->pool_count; pool++) {
		for (uint32_t i = 0; i < config->pools[pool].backend_count; i++) {
			uint32_t row = tally_backend_row(tally, (uint32_t)pool, i);
			if (row == TALLY_OTHER)
				return; /* as are all that follow */
			set_labels(ret[row], "pool", config->pools[pool].name, "backend",
				   endpoint_format(&config->pools[pool].backends[i].endpoint, text, sizeof(text)));
		}
	}
}

/* put_series - a metric's name with its labels; the value is the caller's */
static void put_series(struct page *page, const struct row *row, const char *name, const char *suffix)
{
	put_bytes(page, "nsrelay_", 8);
	put(page, name);
	put(page, suffix);
	put_bytes(page, "{", 1);
	put(page, row->labels);
}

static void put_histogram(struct page *page, const struct row *row, const struct family *family)
{
	uint64_t count = 0, sum = 0;
	for (unsigned i = 0; i < family->count; i++) {
		uint64_t end = 1ull << (family->shift + 2 * i);
		count += cell_of(row, family->cell + i);
		put_series(page, row, family->name, "_bucket");
		put(page, ",le=\"");
		if (i == family->count - 1)
			put(page, "+Inf");
		else if (family->is_time)
			put_micros(page, end);
		else
			put_number(page, end);
		put(page, "\"} ");
		put_number(page, count);
		put(page, "\n");
	}
	for (unsigned i = 0; i < family->sums; i++)
		sum += cell_of(row, family->sum + i);
	put_series(page, row, family->name, "_sum");
	put(page, "} ");
	if (family->is_time)
		put_micros(page, sum);
	else
		put_number(page, sum);
	put(page, "\n");
	put_series(page, row, family->name, "_count");
	put(page, "} ");
	put_number(page, count);
	put(page, "\n");
}

static void put_cells(struct page *page, const struct row *row, const struct family *family)
{
	for (unsigned i = 0; i < family->count; i++) {
		uint64_t value = cell_of(row, family->cell + i);
		if (value == 0 && family->value == cause_text)
			continue; /* most causes never are */
		put_series(page, row, family->name, "");
		if (family->label) {
			put(page, ",");
			put(page, family->label);
			put(page, "=\"");
			put(page, family->value(i));
			put(page, "\"");
		}
		put(page, "} ");
		put_number(page, value);
		put(page, "\n");
	}
}

static void put_family(struct page *page, const struct row *row, const struct family *family)
{
	if (family->type == METRIC_HISTOGRAM)
		put_histogram(page, row, family);
	else
		put_cells(page, row, family);
}

/* put_table - the family, of each row; of row 0 only if somebody had to share it */
static void put_table(struct page *page, const struct tally *tally, const struct tally_table *table,
		      char (*labels)[LABELS_MAX], const struct family *family)
{
	put_head(page, family->name, family->help, family->advice, family->type);
	for (uint32_t i = table->left_out ? 0 : 1; i < table->row_count; i++) {
		const struct row row = {.tally = tally, .table = table, .index = i, .labels = labels[i]};
		put_family(page, &row, family);
	}
}

static void put_standing(struct page *page, const struct row *row, unsigned reasons)
{
	for (size_t i = 0; i < ARRAY_COUNT(out_reasons); i++) {
		put_series(page, row, OUT_NAME, "");
		put(page, ",reason=\"");
		put(page, out_reasons[i].name);
		put(page, reasons & out_reasons[i].reason ? "\"} 1\n" : "\"} 0\n");
	}
}

/* put_standings - of backends that have rows of their own */
static void put_standings(struct page *page, const struct inspect *inspect, char (*labels)[LABELS_MAX])
{
	const struct tally *tally = &inspect->shared->tally;
	const struct config *config = inspect->plan->config;
	put_head(page, OUT_NAME, OUT_HELP, OUT_ADVICE, METRIC_GAUGE);
	for (size_t pool = 0; pool < config->pool_count; pool++) {
		for (uint32_t i = 0; i < config->pools[pool].backend_count; i++) {
			const struct row row = {.index = tally_backend_row(tally, (uint32_t)pool, i),
						.labels = labels[tally_backend_row(tally, (uint32_t)pool, i)]};
			if (row.index != TALLY_OTHER)
				put_standing(page, &row, inspect_backend_reasons(inspect, pool, i));
		}
	}
}

static void put_rows(struct page *page, const struct inspect *inspect, const struct labels *labels)
{
	const struct tally *tally = &inspect->shared->tally;
	for (size_t i = 0; i < ARRAY_COUNT(arrival_families); i++)
		put_table(page, tally, &tally->arrivals, labels->arrivals, &arrival_families[i]);
	for (size_t i = 0; i < ARRAY_COUNT(backend_families); i++)
		put_table(page, tally, &tally->backends, labels->backends, &backend_families[i]);
	put_standings(page, inspect, labels->backends);
}

/* ---- under Istio's names ---- */

/*
 * The TCP metrics of Istio (https://istio.io/latest/docs/reference/config/metrics/), with those of its labels that there is
 * something to say for: the namespace of the listener is the source's, the relay is the service that is called. Sent bytes
 * are those of answers. Of bytes those of connections that have ended.
 */
static const struct istio_metric {
	const char *name, *help;
	unsigned first, count; /* cells that it is the sum of */
} istio_metrics[] = {
	{"istio_tcp_connections_opened_total", "connections that came", TALLY_ARRIVAL_ACCEPTED, 1},
	{"istio_tcp_connections_closed_total", "connections that have ended", TALLY_ARRIVAL_CLOSED, CAUSE_COUNT},
	{"istio_tcp_received_bytes_total", "bytes from clients, of connections that have ended", TALLY_ARRIVAL_BYTES_UP, 1},
	{"istio_tcp_sent_bytes_total", "bytes to clients, of connections that have ended", TALLY_ARRIVAL_BYTES_DOWN, 1},
};

static const char ISTIO_LABELS[] = "reporter, source_workload_namespace, destination_service, request_protocol, "
				   "connection_security_policy";

static void put_istio_row(struct page *page, const struct inspect *inspect, uint32_t row, const struct istio_metric *metric)
{
	const struct tally *tally = &inspect->shared->tally;
	char netns[ENDPOINT_TEXT_MAX], labels[LABELS_MAX];
	const struct plan_listener *listener = row == TALLY_OTHER ? NULL : &inspect->plan->listeners[tally->row_listeners[row]];
	uint64_t sum = 0;
	for (unsigned i = 0; i < metric->count; i++)
		sum += tally_read(tally, &tally->arrivals, row, metric->first + i);
	set_labels(labels, "source_workload_namespace",
		   listener ? netns_ref_format(&listener->endpoint->netns, netns, sizeof(netns)) : "(other)",
		   "destination_service", listener ? inspect->plan->config->relays[listener->relay].name : "(other)");
	put(page, metric->name);
	put(page, "{reporter=\"source\",request_protocol=\"tcp\",connection_security_policy=\"none\",");
	put(page, labels);
	put(page, "} ");
	put_number(page, sum);
	put(page, "\n");
}

static void put_istio(struct page *page, const struct inspect *inspect)
{
	const struct tally_table *table = &inspect->shared->tally.arrivals;
	for (size_t i = 0; i < ARRAY_COUNT(istio_metrics); i++) {
		const struct istio_metric *metric = &istio_metrics[i];
		put(page, "# HELP ");
		put(page, metric->name);
		put(page, " ");
		put(page, metric->help);
		put(page, "\n# TYPE ");
		put(page, metric->name);
		put(page, " counter\n");
		for (uint32_t row = table->left_out ? 0 : 1; row < table->row_count; row++)
			put_istio_row(page, inspect, row, metric);
	}
}

/* ---- all ---- */

size_t metrics_text_size(uint32_t arrival_rows, uint32_t backend_rows)
{
	size_t lines = (size_t)arrival_rows * TALLY_SERIES_ARRIVAL + (size_t)backend_rows * TALLY_SERIES_BACKEND;
	return HEAD_MAX + lines * (LINE_MAX_BYTES + LABELS_MAX) + ((size_t)arrival_rows + backend_rows) * LABELS_MAX;
}

size_t metrics_text_write(const struct inspect *inspect, const struct metrics_process *process, char *page, size_t size)
{
	const struct tally *tally = &inspect->shared->tally;
	size_t label_size = ((size_t)tally->arrivals.row_count + tally->backends.row_count) * LABELS_MAX;
	if (size < label_size)
		return 0;
	struct page to = {page, page + size - label_size, false};
	struct labels labels = {.arrivals = (char(*)[LABELS_MAX])to.end};
	labels.backends = labels.arrivals + tally->arrivals.row_count;
	put_gauges(&to, inspect, process);
	put_counters(&to, inspect);
	if (tally->arrivals.row_count) {
		label_arrivals(inspect, labels.arrivals);
		label_backends(inspect, labels.backends);
		put_rows(&to, inspect, &labels);
	}
	if (inspect->plan->config->metrics.istio)
		put_istio(&to, inspect);
	return to.full ? 0 : (size_t)(to.at - page);
}

static void document_row(FILE *out, const char *name, const char *labels, const char *help, const char *advice)
{
	fprintf(out, "| `nsrelay_%s` | %s | %s |%s%s |\n", name, labels, help, advice[0] ? " " : "", advice);
}

static void document_families(FILE *out, const struct family *families, size_t count, const char *labels)
{
	for (size_t i = 0; i < count; i++) {
		const struct family *family = &families[i];
		char all[64];
		snprintf(all, sizeof(all), "%s%s%s", labels, family->label ? ", " : "", family->label ? family->label : "");
		document_row(out, family->name, all, family->help, family->advice);
	}
}

void metrics_text_document(FILE *out)
{
	fputs("| metric | labels | what it is | what to do when it moves |\n|---|---|---|---|\n", out);
	for (size_t i = 0; i < ARRAY_COUNT(gauges); i++)
		document_row(out, gauges[i].name, "", gauges[i].help, gauges[i].advice);
	document_families(out, arrival_families, ARRAY_COUNT(arrival_families), "relay, namespace");
	document_families(out, backend_families, ARRAY_COUNT(backend_families), "pool, backend");
	document_row(out, OUT_NAME, "pool, backend, reason", OUT_HELP, OUT_ADVICE);
	fprintf(out, "\nWith `istio: true` there is also what dashboards for Istio ask for, by %s:\n\n| metric | what it is |\n|---|---|\n",
		ISTIO_LABELS);
	for (size_t i = 0; i < ARRAY_COUNT(istio_metrics); i++)
		fprintf(out, "| `%s` | %s |\n", istio_metrics[i].name, istio_metrics[i].help);
}
