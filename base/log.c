/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/rate.h"
#include "base/utf8.h"

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};
static_assert(ARRAY_COUNT(level_names) == LOG_LEVEL_DEBUG + 1, "a level has no name");

/* How the two formats differ. */
static const struct syntax {
	const char *open, *between, *after_key, *key_quote, *close, *cut, *not_a_number;
} syntaxes[] = {
	[LOG_FORMAT_LOGFMT] = {"", " ", "=", "", "\n", " cut=true\n", "nan"},
	[LOG_FORMAT_JSON] = {"{", ",", ":", "\"", "}\n", ",\"cut\":true}\n", "null"},
};

/* What a record must always have room for: a closing quote and the longest of the endings above. */
enum { TAIL_MAX = 1 + sizeof(",\"cut\":true}\n") };

/* Written by log_configure() before there are other threads, read-only afterwards, but for its atomics. */
static struct {
	_Atomic enum log_level level;
	enum log_format format;
	struct rate rate;
	_Atomic uint64_t suppressed_count;
	atomic_bool no_socket; /* standard error, as was found out when it was first written to */
} settings = {.level = LOG_LEVEL_INFO, .format = LOG_FORMAT_LOGFMT};

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&settings.level, level, memory_order_relaxed);
}

int log_find_level(const char *name)
{
	for (size_t i = 0; i < ARRAY_COUNT(level_names); i++)
		if (strcmp(level_names[i], name) == 0)
			return (int)i;
	return -1;
}

void log_configure(enum log_level level, enum log_format format, uint32_t rate)
{
	log_set_level(level);
	settings.format = format;
	rate_init(&settings.rate, rate);
	atomic_store_explicit(&settings.no_socket, false, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
	return level <= atomic_load_explicit(&settings.level, memory_order_relaxed);
}

static size_t room(const struct log_record *record)
{
	size_t limit = sizeof(record->text) - TAIL_MAX;
	return record->length < limit ? limit - record->length : 0; /* a closing quote may stand beyond it */
}

/* put - append @size bytes, or nothing and false when they do not fit */
static bool put(struct log_record *record, const char *text, size_t size)
{
	if (size > room(record))
		return false;
	memcpy(record->text + record->length, text, size);
	record->length += size;
	return true;
}

static bool put_string(struct log_record *record, const char *text)
{
	return put(record, text, strlen(text));
}

static bool put_key(struct log_record *record, const char *key)
{
	const struct syntax *syntax = &syntaxes[settings.format];
	return put_string(record, record->length ? syntax->between : syntax->open) &&
	       put_string(record, syntax->key_quote) && put_string(record, key) &&
	       put_string(record, syntax->key_quote) && put_string(record, syntax->after_key);
}

/* put_character - append the character at @text as it may stand in quotes; ret_size: bytes it took */
static bool put_character(struct log_record *record, const char *text, size_t size, size_t *ret_size)
{
	static const char named[] = {['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't', ['"'] = '"', ['\\'] = '\\'};
	char escaped[8];
	uint32_t c;
	*ret_size = utf8_decode(text, size, &c);
	if (*ret_size == 0) {
		*ret_size = 1;
		return put_string(record, "\xef\xbf\xbd"); /* U+FFFD */
	}
	if (c < sizeof(named) && named[c]) {
		escaped[0] = '\\';
		escaped[1] = named[c];
		return put(record, escaped, 2);
	}
	if (utf8_is_control(c)) {
		snprintf(escaped, sizeof(escaped), "\\u%04x", (unsigned int)c);
		return put_string(record, escaped);
	}
	return put(record, text, *ret_size);
}

static void put_characters(struct log_record *record, const char *text)
{
	size_t size = strlen(text), used;
	for (; size > 0; text += used, size -= used) {
		if (!put_character(record, text, size, &used)) {
			record->cut = true;
			return;
		}
	}
}

/* needs_quotes - would a logfmt reader stumble over it? */
static bool needs_quotes(const char *text)
{
	if (*text == '\0')
		return true;
	for (; *text; text++)
		if ((unsigned char)*text <= ' ' || (unsigned char)*text >= 0x7f || strchr("\"=\\", *text))
			return true;
	return false;
}

static void put_text(struct log_record *record, const char *text)
{
	bool quoted = settings.format == LOG_FORMAT_JSON || needs_quotes(text);
	if (quoted)
		record->text[record->length++] = '"'; /* the caller saw to the room */
	put_characters(record, text);
	if (quoted)
		record->text[record->length++] = '"'; /* TAIL_MAX kept room */
}

/* add_value - append key and @value, both or neither */
static void add_value(struct log_record *record, const char *key, const char *value)
{
	size_t start = record->length;
	if (!record->wanted || (put_key(record, key) && put_string(record, value)))
		return;
	record->length = start;
	record->cut = true;
}

void log_record_add_text(struct log_record *record, const char *key, const char *text)
{
	if (!record->wanted)
		return;
	size_t start = record->length;
	if (put_key(record, key) && room(record) > 0) {
		put_text(record, text ? text : "");
		return;
	}
	record->length = start;
	record->cut = true;
}

void log_record_add_u64(struct log_record *record, const char *key, uint64_t value)
{
	char text[24];
	snprintf(text, sizeof(text), "%" PRIu64, value);
	add_value(record, key, text);
}

void log_record_add_i64(struct log_record *record, const char *key, int64_t value)
{
	char text[24];
	snprintf(text, sizeof(text), "%" PRId64, value);
	add_value(record, key, text);
}

void log_record_add_double(struct log_record *record, const char *key, double value)
{
	char text[32];
	if (!isfinite(value)) {
		add_value(record, key, syntaxes[settings.format].not_a_number);
		return;
	}
	if (snprintf(text, sizeof(text), "%.3f", value) >= (int)sizeof(text))
		snprintf(text, sizeof(text), "%.17g", value);
	add_value(record, key, text);
}

static int year_days(int year)
{
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return leap ? 366 : 365;
}

static int month_days(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	return month == 1 && year_days(year) == 366 ? 29 : days[month];
}

/* Not by gmtime_r(3): glibc locks in it, and opens the time zone's file once, which a sandbox refuses. */
const char *log_format_time(const struct timespec *at, char *buf, size_t size)
{
	unsigned int seconds = (unsigned int)(at->tv_sec % 86400);
	long days = at->tv_sec / 86400;
	int year = 1970, month = 0;
	for (; days >= year_days(year); year++)
		days -= year_days(year);
	for (; days >= month_days(year, month); month++)
		days -= month_days(year, month);
	snprintf(buf, size, "%04d-%02d-%02ldT%02u:%02u:%02u.%03ldZ", year, month + 1, days + 1,
		 seconds / 3600, seconds / 60 % 60, seconds % 60, at->tv_nsec / 1000000);
	return buf;
}

static bool admitted(enum log_level level)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	bool taken = rate_take(&settings.rate, (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
	if (taken || level == LOG_LEVEL_ERROR)
		return true;
	atomic_fetch_add_explicit(&settings.suppressed_count, 1, memory_order_relaxed);
	return false;
}

static void start(struct log_record *record, enum log_level level, const char *message)
{
	struct timespec now;
	char time[64];
	record->wanted = true;
	record->cut = false;
	record->length = 0;
	clock_gettime(CLOCK_REALTIME, &now);
	log_record_add_text(record, "time", log_format_time(&now, time, sizeof(time)));
	log_record_add_text(record, "level", level_names[level]);
	log_record_add_text(record, "msg", message);
}

/* emit - a socket, as journald gives one, is asked not to wait; a file that shall not must be O_NONBLOCK */
static void emit(const char *text, size_t size)
{
	if (!atomic_load_explicit(&settings.no_socket, memory_order_relaxed)) {
		ssize_t sent = send(STDERR_FILENO, text, size, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent >= 0 || errno != ENOTSOCK)
			return; /* there is nowhere to complain */
		atomic_store_explicit(&settings.no_socket, true, memory_order_relaxed);
	}
	ssize_t written = write(STDERR_FILENO, text, size);
	(void)written;
}

static void finish(struct log_record *record)
{
	int saved = errno;
	const struct syntax *syntax = &syntaxes[settings.format];
	const char *end = record->cut ? syntax->cut : syntax->close;
	memcpy(record->text + record->length, end, strlen(end));
	emit(record->text, record->length + strlen(end));
	errno = saved;
}

static void tell_suppressed(struct log_record *record)
{
	uint64_t count = atomic_exchange_explicit(&settings.suppressed_count, 0, memory_order_relaxed);
	if (count == 0)
		return;
	start(record, LOG_LEVEL_WARNING, "log records suppressed");
	log_record_add_u64(record, "count", count);
	finish(record);
}

static bool begin(struct log_record *record, bool wanted, enum log_level level, const char *message)
{
	record->wanted = wanted;
	if (!wanted)
		return false;
	tell_suppressed(record);
	start(record, level, message);
	return true;
}

bool log_record_begin(struct log_record *record, enum log_level level, const char *message)
{
	return begin(record, log_enabled(level) && admitted(level), level, message);
}

bool log_event_begin(struct log_record *record, enum log_level level, const char *message)
{
	return begin(record, log_enabled(level), level, message);
}

void log_record_end(struct log_record *record)
{
	if (record->wanted)
		finish(record);
	record->wanted = false;
}
