/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DOC: Theory of Operation
 *
 * A record is a time, a level, a message that never varies, and fields. It is built in the caller's own
 * buffer, without heap or lock, and leaves by one write(2) to standard error, so that records of several
 * threads (or processes) do not mix:
 *
 *	struct log_record record;
 *	log_record_begin(&record, LOG_LEVEL_WARNING, "backend refused");
 *	log_record_add_text(&record, "backend", name);
 *	log_record_add_u64(&record, "attempts", attempts);
 *	log_record_end(&record);
 *
 * logfmt:
 *	time=2024-05-01T12:00:00.123Z level=warning msg="backend refused" backend=api/10.0.0.1:80 attempts=3
 * JSON:
 *	{"time":"2024-05-01T12:00:00.123Z","level":"warning","msg":"backend refused","backend":"...",...}
 *
 * What comes from outside is made harmless: quotes and control characters are escaped, bytes that are not
 * UTF-8 become U+FFFD. A record that is too long loses the end of its texts, then whole fields, says
 * cut=true, and stays well-formed.
 *
 * Records above the configured rate are counted instead of written; the next one to be written is preceded by
 * one that tells how many were suppressed. Errors and events are never suppressed.
 */
#ifndef NSRELAY_BASE_LOG_H
#define NSRELAY_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

/* PIPE_BUF, pipe(7): what is written into a pipe at once up to this size is not interleaved. */
enum { LOG_RECORD_MAX = 4096 };

/* One record under construction; on the caller's stack. Its members are this module's business. */
struct log_record {
	bool wanted;
	bool cut;
	size_t length;
	char text[LOG_RECORD_MAX];
};

/*
 * log_configure - what is logged, and how; before any other thread logs
 * @level: the least important level that is written
 * @rate:  records a second, 0 for no limit
 *
 * Until then: info, logfmt, no limit.
 */
void log_configure(enum log_level level, enum log_format format, uint32_t rate);

/* log_set_level - from now on; any thread */
void log_set_level(enum log_level level);

/* log_find_level - by its name; -1 */
int log_find_level(const char *name);

/* log_enabled - is @level written? To skip the gathering of costly fields. */
bool log_enabled(enum log_level level);

/*
 * log_record_begin - start a record; @message is a constant text, what varies goes into fields. Any thread.
 * False when it will not be written, because of its level or the rate: its fields may then be left out.
 */
bool log_record_begin(struct log_record *record, enum log_level level, const char *message);

/* log_event_begin - the same for what is rare and must not be missed: whatever the rate, it is written */
bool log_event_begin(struct log_record *record, enum log_level level, const char *message);

/* log_record_add_* - append a field; @key is an identifier, @text any bytes or NULL; a double gets three
 * decimals */
void log_record_add_text(struct log_record *record, const char *key, const char *text);
void log_record_add_u64(struct log_record *record, const char *key, uint64_t value);
void log_record_add_i64(struct log_record *record, const char *key, int64_t value);
void log_record_add_double(struct log_record *record, const char *key, double value);

/* log_record_end - write it; a standard error that takes no bytes loses the record. Keeps errno. */
void log_record_end(struct log_record *record);

/* log_format_time - RFC 3339, UTC, milliseconds: 2024-05-01T12:00:00.123Z; from 1970 on. Returns @buf. */
const char *log_format_time(const struct timespec *at, char *buf, size_t size);

#endif
