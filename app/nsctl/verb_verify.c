/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsctl/verb_verify.h"

#include <stdlib.h>

#include "app/nsctl/topology_live.h"
#include "app/text/json.h"
#include "nsctl/look/verify.h"

struct report_to {
	const struct topology *topology;
	FILE *out;
	struct json *json; /* NULL: lines of text */
	size_t numbers, differing;
};

/* ---- words ---- */

enum { PLACE_MAX = PREFIX_TEXT_MAX + sizeof("[]:65535"), ANSWER_MAX = 64 };

static const char *format_place(const struct prefix *address, uint16_t port, char *buf, size_t size)
{
	char text[PREFIX_TEXT_MAX];
	prefix_format_address(address, text, sizeof(text));
	if (port == 0)
		snprintf(buf, size, "%s", text);
	else
		snprintf(buf, size, address->family == AF_INET6 ? "[%s]:%u" : "%s:%u", text, port);
	return buf;
}

/* format_answer - "echo, ttl 63, 0.05 ms" */
static const char *format_answer(const struct topology_expect *expect, const struct verify_result *result,
                                 char *buf, size_t size)
{
	double ms = result->round_trip_us / 1000.0;
	if (expect->port > 0)
		snprintf(buf, size, "tcp, %.2f ms", ms);
	else if (result->ttl > 0)
		snprintf(buf, size, "echo, ttl %u, %.2f ms", result->ttl, ms);
	else
		snprintf(buf, size, "echo, %.2f ms", ms);
	return buf;
}

/* ---- lines ---- */

static void print_success(const struct topology_expect *expect, const struct verify_result *result, FILE *out)
{
	char answer[ANSWER_MAX];
	if (result->reached)
		fprintf(out, " (%s)\n", format_answer(expect, result, answer, sizeof(answer)));
	else
		fprintf(out, " is not reached: %s\n", result->text);
}

static void print_failure(const struct topology_expect *expect, const struct verify_result *result, FILE *out)
{
	char answer[ANSWER_MAX];
	if (result->error)
		fprintf(out, ": %s\n", result->text);
	else if (!result->reached && expect->reaches)
		fprintf(out, ": expected to be reached: %s\n", result->text);
	else if (!result->reached)
		fprintf(out, ": expected %s: %s (%s)\n", unreachable_name(expect->because), result->text,
		        unreachable_name(result->reason));
	else if (expect->reaches)
		fprintf(out, ": expected ttl %u, and the answer has ttl %u\n", expect->ttl, result->ttl);
	else
		fprintf(out, ": expected not to be reached, and it is (%s)\n",
		        format_answer(expect, result, answer, sizeof(answer)));
}

static void print_line(const struct report_to *to, const struct topology_expect *expect,
                       const struct verify_result *result)
{
	char place[PLACE_MAX];
	fprintf(to->out, "%s  %s -> %s", result->ok ? "ok  " : "FAIL",
	        to->topology->netns.items[expect->from].name,
	        format_place(&expect->to, expect->port, place, sizeof(place)));
	if (result->ok)
		print_success(expect, result, to->out);
	else
		print_failure(expect, result, to->out);
	fflush(to->out);
}

static void print_summary(size_t failed, size_t count, FILE *out)
{
	if (count == 0)
		fprintf(out, "nothing is expected: the file has no `expect:`\n");
	else
		fprintf(out, "%zu of %zu expectation%s hold\n", count - failed, count, count == 1 ? "" : "s");
}

/* ---- JSON ---- */

static void write_expected(const struct report_to *to, const struct topology_expect *expect)
{
	char place[PLACE_MAX];
	json_text(to->json, "from", to->topology->netns.items[expect->from].name);
	json_text(to->json, expect->reaches ? "reaches" : "cannot_reach",
	          format_place(&expect->to, expect->port, place, sizeof(place)));
	if (!expect->reaches && expect->because != UNREACHABLE_ANY)
		json_text(to->json, "because", unreachable_name(expect->because));
	if (expect->ttl > 0)
		json_number(to->json, "expected_ttl", expect->ttl);
	json_number(to->json, "line", expect->line);
}

static void write_found(const struct report_to *to, const struct verify_result *result)
{
	json_bool(to->json, "ok", result->ok);
	json_bool(to->json, "reached", result->reached);
	if (result->reached)
		json_number(to->json, "round_trip_us", result->round_trip_us);
	if (result->ttl > 0)
		json_number(to->json, "ttl", result->ttl);
	if (!result->reached && !result->error)
		json_text(to->json, "reason", unreachable_name(result->reason));
	if (!result->reached)
		json_text(to->json, "text", result->text);
}

static void tell(void *ctx, const struct topology_expect *expect, const struct verify_result *result)
{
	const struct report_to *to = ctx;
	if (!to->json) {
		print_line(to, expect, result);
		return;
	}
	json_begin_object(to->json, NULL);
	write_expected(to, expect);
	write_found(to, result);
	json_end(to->json);
}

/* ---- numbers: somebody may have changed them, and everything is reached all the same ---- */

static void print_number(const struct live_number *number, FILE *out)
{
	fprintf(out, "FAIL  %s/%s: expected %s %u, ", number->netns, number->link,
	        link_numbers[number->number].name, number->wanted);
	if (number->is)
		fprintf(out, "and it is %u\n", number->is);
	else
		fprintf(out, "and there is none\n");
}

static void tell_number(void *ctx, const struct live_number *number)
{
	struct report_to *to = ctx;
	bool differs = number->is != number->wanted;
	to->numbers++;
	to->differing += differs;
	if (to->json)
		topology_live_write_number(to->json, number);
	else if (differs)
		print_number(number, to->out);
}

static int verify_numbers(struct report_to *to, struct err *err)
{
	struct topology_live live;
	int r = topology_live_read(to->topology, &live, err);
	if (r < 0)
		return r;
	topology_live_numbers(&live, tell_number, to);
	topology_live_fini(&live);
	return 0;
}

/* ---- both ---- */

/* verify_to_text, verify_to_json - whether all of it holds is 0 or 1; or -errno */

static int verify_to_text(struct report_to *to, struct err *err)
{
	int failed = verify_run(to->topology, tell, to, err);
	int r = failed < 0 ? failed : verify_numbers(to, err);
	if (r < 0)
		return r;
	print_summary((size_t)failed, to->topology->expects.count, to->out);
	if (to->numbers > 0)
		fprintf(to->out, "%zu of %zu numbers of links are as in the file\n",
		        to->numbers - to->differing, to->numbers);
	return failed + to->differing > 0;
}

static int verify_to_json(struct report_to *to, struct err *err)
{
	struct json json = JSON_INIT(to->out);
	to->json = &json;
	json_begin_object(&json, NULL);
	json_text(&json, "topology", to->topology->name);
	json_begin_array(&json, "expectations");
	int failed = verify_run(to->topology, tell, to, err);
	json_end(&json);
	json_begin_array(&json, "numbers");
	int r = failed < 0 ? failed : verify_numbers(to, err);
	json_end(&json);
	json_bool(&json, "ok", r == 0 && failed + to->differing == 0);
	json_end(&json);
	return r < 0 ? r : failed + to->differing > 0;
}

int verb_verify(const struct topology *topology, bool json, FILE *out, struct err *err)
{
	struct report_to to = {.topology = topology, .out = out};
	return json ? verify_to_json(&to, err) : verify_to_text(&to, err);
}
