/* SPDX-License-Identifier: Apache-2.0 */
/* The places for tracers: the program has all of them, as the table and docs/PROBES.md say. */
#include "relay/probes.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/app/document.h"
#include "tests/unit/unit.h"

static size_t count_arguments(const struct probe_info *probe)
{
	size_t count = 0;
	while (count < PROBE_ARGUMENTS_MAX && probe->arguments[count])
		count++;
	return count;
}

static void documentation_has_every_probe(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	(void)state;
	fputs("| probe | when | `arg0` | `arg1` | `arg2` | `arg3` |\n|---|---|---|---|---|---|\n", out);
	for (size_t i = 0; i < PROBE_COUNT; i++) {
		fprintf(out, "| `%s` | %s ", probes[i].name, probes[i].when);
		for (size_t k = 0; k < PROBE_ARGUMENTS_MAX; k++)
			fprintf(out, "| %s%s", k < count_arguments(&probes[i]) ? probes[i].arguments[k] : "",
			        k < count_arguments(&probes[i]) ? " " : "");
		fputs("|\n", out);
	}
	fclose(out);
	document_check(DOCUMENT, "## The probes\n\n", text);
	free(text);
}

#ifdef NSRELAY_USDT
/* has_note - does `readelf --notes` tell of a probe called so, with so many arguments? */
static bool has_note(const char *name, size_t argument_count)
{
	char line[512], wanted[64];
	size_t words = 0;
	bool found = false;
	/* NOLINTNEXTLINE(cert-env33-c): words of ours */
	FILE *notes = popen("readelf --notes --wide '" NSRELAY_BINARY "' 2>/dev/null", "re");
	assert_non_null(notes);
	snprintf(wanted, sizeof(wanted), "Name: %s\n", name);
	while (fgets(line, sizeof(line), notes)) {
		char *save = NULL, *list = strstr(line, "Arguments: ");
		if (strstr(line, wanted))
			found = true;
		if (!found || !list)
			continue;
		for (char *word = strtok_r(list + 11, " \n", &save); word;
		     word = strtok_r(NULL, " \n", &save))
			words++;
		break;
	}
	pclose(notes);
	return found && words == argument_count;
}
#endif

static void program_has_every_probe(void **state)
{
	(void)state;
#ifdef NSRELAY_USDT
	if (system("command -v readelf >/dev/null") != 0) { /* NOLINT(cert-env33-c): words of ours */
		print_message("[  SKIPPED ] there is no readelf\n");
		skip();
	}
	for (size_t i = 0; i < PROBE_COUNT; i++)
		if (!has_note(probes[i].name, count_arguments(&probes[i])))
			fail_msg("no note of %s with %zu arguments", probes[i].name,
			         count_arguments(&probes[i]));
	assert_false(has_note("nothing", 0));
#else
	print_message("[  SKIPPED ] built without probes\n");
	skip();
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(documentation_has_every_probe),
	        cmocka_unit_test(program_has_every_probe),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
