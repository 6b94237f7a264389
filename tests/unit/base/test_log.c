/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/unit.h"

/* Standard error while a test logs: a memory file, read back by written(). */
static int memory_fd = -1, real_stderr = -1;
static char *captured;

static int capture_begin(void **state)
{
	(void)state;
	memory_fd = memfd_create("log", MFD_CLOEXEC);
	real_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	assert_true(memory_fd >= 0 && real_stderr >= 0);
	/* Without it the kernel does not lock a memory file's position, and threads overwrite each other. */
	assert_return_code(fcntl(memory_fd, F_SETFL, O_APPEND), errno);
	return 0;
}

static int capture_end(void **state)
{
	(void)state;
	close(memory_fd);
	close(real_stderr);
	free(captured);
	captured = NULL;
	return 0;
}

static void divert(void)
{
	assert_return_code(dup2(memory_fd, STDERR_FILENO), errno);
}

/* written - what was logged since divert(); standard error is the real one again */
static const char *written(void)
{
	assert_return_code(dup2(real_stderr, STDERR_FILENO), errno);
	off_t size = lseek(memory_fd, 0, SEEK_END);
	free(captured);
	captured = calloc(1, (size_t)size + 1);
	assert_non_null(captured);
	assert_int_equal(pread(memory_fd, captured, (size_t)size, 0), size);
	assert_return_code(ftruncate(memory_fd, 0), errno);
	return captured;
}

static const char *log_text(enum log_format format, const char *text)
{
	struct log_record record;
	log_configure(LOG_LEVEL_INFO, format, 0);
	divert();
	log_record_begin(&record, LOG_LEVEL_INFO, "m");
	log_record_add_text(&record, "k", text);
	log_record_end(&record);
	return written();
}

static const char *log_double(enum log_format format, double value)
{
	struct log_record record;
	log_configure(LOG_LEVEL_INFO, format, 0);
	divert();
	log_record_begin(&record, LOG_LEVEL_INFO, "m");
	log_record_add_double(&record, "k", value);
	log_record_end(&record);
	return written();
}

static void log_all_kinds(enum log_format format)
{
	struct log_record record;
	log_configure(LOG_LEVEL_INFO, format, 0);
	divert();
	log_record_begin(&record, LOG_LEVEL_WARNING, "backend refused");
	log_record_add_text(&record, "backend", "api/10.0.0.1:80");
	log_record_add_u64(&record, "u", UINT64_MAX);
	log_record_add_i64(&record, "i", INT64_MIN);
	log_record_add_double(&record, "d", 1.0 / 3);
	log_record_end(&record);
}

static void logfmt_has_every_field(void **state)
{
	(void)state;
	log_all_kinds(LOG_FORMAT_LOGFMT);
	const char *text = written();
	assert_int_equal(strncmp(text, "time=", 5), 0);
	assert_string_equal(strchr(text, ' '),
			    " level=warning msg=\"backend refused\" backend=api/10.0.0.1:80 "
			    "u=18446744073709551615 i=-9223372036854775808 d=0.333\n");
}

static void json_has_every_field(void **state)
{
	(void)state;
	log_all_kinds(LOG_FORMAT_JSON);
	const char *text = written();
	assert_int_equal(strncmp(text, "{\"time\":\"", 9), 0);
	assert_string_equal(
		strchr(text, ','),
		",\"level\":\"warning\",\"msg\":\"backend refused\",\"backend\":\"api/10.0.0.1:80\","
		"\"u\":18446744073709551615,\"i\":-9223372036854775808,\"d\":0.333}\n");
}

static void logfmt_quotes_only_where_needed(void **state)
{
	(void)state;
	static const struct {
		const char *text, *logged;
	} cases[] = {
		{"plain/1.2.3.4:80", " k=plain/1.2.3.4:80\n"},
		{"", " k=\"\"\n"},
		{NULL, " k=\"\"\n"},
		{"a b", " k=\"a b\"\n"},
		{"a=b", " k=\"a=b\"\n"},
		{"a\"b\\c", " k=\"a\\\"b\\\\c\"\n"},
		{"a\nlevel=error", " k=\"a\\nlevel=error\"\n"},
		{"\033[31m", " k=\"\\u001b[31m\"\n"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
		assert_contains(log_text(LOG_FORMAT_LOGFMT, cases[i].text), cases[i].logged);
}

static void json_escapes_what_json_forbids(void **state)
{
	(void)state;
	static const struct {
		const char *text, *logged;
	} cases[] = {
		{"a\"b\\c", ",\"k\":\"a\\\"b\\\\c\"}\n"},
		{"\n\r\t\x01\x7f", ",\"k\":\"\\n\\r\\t\\u0001\\u007f\"}\n"},
		{"\xc3\xa9 \xe2\x82\xac", ",\"k\":\"\xc3\xa9 \xe2\x82\xac\"}\n"},
		{"\xc2\x9b", ",\"k\":\"\\u009b\"}\n"}, /* C1: an 8-bit terminal escape */
		{NULL, ",\"k\":\"\"}\n"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
		assert_contains(log_text(LOG_FORMAT_JSON, cases[i].text), cases[i].logged);
}

static void invalid_utf8_becomes_the_replacement_character(void **state)
{
	(void)state;
	assert_contains(log_text(LOG_FORMAT_JSON, "a\xff\xc3(z"),
			",\"k\":\"a\xef\xbf\xbd\xef\xbf\xbd(z\"}\n");
	assert_contains(log_text(LOG_FORMAT_LOGFMT, "a\xff"), " k=\"a\xef\xbf\xbd\"\n");
}

static void numbers_that_are_none_stay_valid(void **state)
{
	(void)state;
	assert_contains(log_double(LOG_FORMAT_JSON, (double)NAN), ",\"k\":null}\n");
	assert_contains(log_double(LOG_FORMAT_JSON, (double)-INFINITY), ",\"k\":null}\n");
	assert_contains(log_double(LOG_FORMAT_LOGFMT, (double)NAN), " k=nan\n");
	assert_contains(log_double(LOG_FORMAT_JSON, 1e300), ",\"k\":1.0000000000000001e+300}\n");
}

static void long_text_is_cut_and_the_record_stays_valid(void **state)
{
	(void)state;
	/* Every size around the limit, and characters that take one, two and six bytes when written. */
	static const char *const fillers[] = {"x", "\"", "\x01", "\xc3\xa9"};
	char *text = calloc(1, LOG_RECORD_MAX + 3);
	assert_non_null(text);
	for (size_t filler = 0; filler < ARRAY_COUNT(fillers); filler++) {
		text[0] = '\0';
		while (strlen(text) < LOG_RECORD_MAX)
			strcat(text, fillers[filler]);
		const char *json = log_text(LOG_FORMAT_JSON, text);
		assert_true(strlen(json) <= LOG_RECORD_MAX);
		assert_true(strlen(json) > LOG_RECORD_MAX - 32);
		const char *end = strstr(json, "\",\"cut\":true}\n");
		assert_non_null(end);
		size_t length = strlen(fillers[filler]);
		if (length == 1 && fillers[filler][0] != 'x')
			length = fillers[filler][0] == '"' ? 2 : 6;
		const char *begin = strstr(json, "\"k\":\"") + 5;
		assert_int_equal((size_t)(end - begin) % length, 0); /* no character was torn */
	}
	assert_contains(log_text(LOG_FORMAT_LOGFMT, text), "\" cut=true\n");
	free(text);
}

static void fields_that_do_not_fit_are_left_out_whole(void **state)
{
	(void)state;
	struct log_record record;
	char text[100];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	/* Shift the point at which the record is full by one byte a time. */
	for (size_t shift = 0; shift < 100; shift++) {
		log_configure(LOG_LEVEL_INFO, LOG_FORMAT_JSON, 0);
		divert();
		log_record_begin(&record, LOG_LEVEL_INFO, "m");
		log_record_add_text(&record, "s", text + shift);
		for (int i = 0; i < 60; i++) {
			log_record_add_text(&record, "t", text);
			log_record_add_u64(&record, "u", 12345);
		}
		log_record_end(&record);
		const char *json = written();
		assert_true(strlen(json) <= LOG_RECORD_MAX);
		assert_string_equal(json + strlen(json) - strlen(",\"cut\":true}\n"), ",\"cut\":true}\n");
		for (const char *u = strstr(json, "\"u\":"); u; u = strstr(u + 1, "\"u\":"))
			assert_int_equal(strncmp(u, "\"u\":12345,", 10), 0);
	}
}

static void levels_below_the_configured_are_not_written(void **state)
{
	(void)state;
	struct log_record record;
	log_configure(LOG_LEVEL_WARNING, LOG_FORMAT_LOGFMT, 0);
	assert_true(log_enabled(LOG_LEVEL_ERROR) && log_enabled(LOG_LEVEL_WARNING));
	assert_false(log_enabled(LOG_LEVEL_INFO) || log_enabled(LOG_LEVEL_DEBUG));
	divert();
	log_record_begin(&record, LOG_LEVEL_INFO, "m");
	log_record_add_text(&record, "k", "v");
	log_record_add_u64(&record, "u", 1);
	log_record_end(&record);
	assert_string_equal(written(), "");
}

static size_t count_of(const char *text, const char *part)
{
	size_t count = 0;
	for (; (text = strstr(text, part)); text++)
		count++;
	return count;
}

static void log_empty(enum log_level level, const char *message)
{
	struct log_record record;
	log_record_begin(&record, level, message);
	log_record_end(&record);
}

static void suppressed_records_are_counted_and_told(void **state)
{
	(void)state;
	log_configure(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, 1);
	divert();
	for (int i = 0; i < 1000; i++)
		log_empty(LOG_LEVEL_INFO, "many");
	log_empty(LOG_LEVEL_ERROR, "last");
	const char *text = written(), *told = text;
	size_t count = 0;
	while ((told = strstr(told, "msg=\"log records suppressed\" count="))) {
		told += strlen("msg=\"log records suppressed\" count=");
		count += strtoul(told, NULL, 10);
	}
	assert_true(count > 0);
	assert_int_equal(count_of(text, "msg=many") + count, 1000);
	assert_contains(text, "msg=last\n");
}

static void errors_are_never_suppressed(void **state)
{
	(void)state;
	log_configure(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, 1);
	divert();
	for (int i = 0; i < 100; i++)
		log_empty(LOG_LEVEL_ERROR, "bad");
	assert_int_equal(count_of(written(), "msg=bad\n"), 100);
}

enum { THREADS = 4, RECORDS = 250 };

static void *log_from_thread(void *arg)
{
	for (int i = 0; i < RECORDS; i++) {
		struct log_record record;
		log_record_begin(&record, LOG_LEVEL_INFO, "m");
		log_record_add_text(&record, "thread", arg);
		log_record_end(&record);
	}
	return NULL;
}

static void events_are_never_suppressed(void **state)
{
	struct log_record record;
	(void)state;
	log_configure(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, 1);
	divert();
	for (int i = 0; i < 100; i++) {
		log_event_begin(&record, LOG_LEVEL_INFO, "turn");
		log_record_end(&record);
	}
	assert_false(log_event_begin(&record, LOG_LEVEL_DEBUG, "below the level"));
	log_record_end(&record);
	assert_int_equal(count_of(written(), "msg=turn\n"), 100);
	assert_int_equal(count_of(written(), "below"), 0);
}

static void records_of_several_threads_do_not_mix(void **state)
{
	(void)state;
	static const char *const names[THREADS] = {"one", "two", "three", "four"};
	pthread_t threads[THREADS];
	log_configure(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, 100);
	divert();
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, log_from_thread, (void *)names[i]), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	log_empty(LOG_LEVEL_ERROR, "last");
	const char *text = written();
	assert_true(count_of(text, "\n") > 100);
	assert_int_equal(count_of(text, "\n"), count_of(text, "time="));
	assert_int_equal(count_of(text, "\n"),
			 count_of(text, "msg=m thread=") +
				 count_of(text, "msg=\"log records suppressed\" count=") + 1);
}

static void a_full_standard_error_changes_nothing(void **state)
{
	(void)state;
	log_configure(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, 0);
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	assert_true(full >= 0);
	dup2(full, STDERR_FILENO);
	close(full);
	errno = ESRCH;
	log_empty(LOG_LEVEL_INFO, "m");
	int after = errno;
	dup2(real_stderr, STDERR_FILENO);
	assert_int_equal(after, ESRCH);
}

static void times_are_those_of_the_calendar(void **state)
{
	(void)state;
	char ours[64], theirs[64];
	/* From 1970 past 2100, which is no leap year, at a step that wanders through months and hours. */
	for (time_t at = 0; at < 4200000000; at += 86400 * 3 + 12345) {
		struct timespec time = {.tv_sec = at, .tv_nsec = 7999999};
		struct tm tm;
		gmtime_r(&at, &tm);
		strftime(theirs, sizeof(theirs), "%Y-%m-%dT%H:%M:%S.007Z", &tm);
		assert_string_equal(log_format_time(&time, ours, sizeof(ours)), theirs);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logfmt_has_every_field),
		cmocka_unit_test(json_has_every_field),
		cmocka_unit_test(logfmt_quotes_only_where_needed),
		cmocka_unit_test(json_escapes_what_json_forbids),
		cmocka_unit_test(invalid_utf8_becomes_the_replacement_character),
		cmocka_unit_test(numbers_that_are_none_stay_valid),
		cmocka_unit_test(long_text_is_cut_and_the_record_stays_valid),
		cmocka_unit_test(fields_that_do_not_fit_are_left_out_whole),
		cmocka_unit_test(levels_below_the_configured_are_not_written),
		cmocka_unit_test(suppressed_records_are_counted_and_told),
		cmocka_unit_test(errors_are_never_suppressed),
		cmocka_unit_test(events_are_never_suppressed),
		cmocka_unit_test(records_of_several_threads_do_not_mix),
		cmocka_unit_test(a_full_standard_error_changes_nothing),
		cmocka_unit_test(times_are_those_of_the_calendar),
	};
	return cmocka_run_group_tests(tests, capture_begin, capture_end);
}
