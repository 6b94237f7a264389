/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/testns.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "nsctl/nft/nft.h"

/* ---- running nft(8) ---- */

static char folder[] = "/tmp/test_nft.XXXXXX";
static bool has_folder;

static int remove_folder(void **state)
{
	if (has_folder)
		testns_run(-1, TESTNS_ARGV("rm", "-r", folder));
	has_folder = false;
	memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
	return testns_teardown(state);
}

/* run - a shell's @script in a namespace, with the folder for its $1 and @argument for its $2 */
static int run(int ns_fd, const char *script, const char *argument)
{
	if (!has_folder)
		assert_non_null(mkdtemp(folder));
	has_folder = true;
	return testns_run(ns_fd, TESTNS_ARGV("sh", "-c", script, "sh", folder, argument));
}

static char *read_output(void)
{
	char path[64], *text = NULL;
	size_t capacity = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/out", folder);
	file = fopen(path, "r");
	assert_non_null(file);
	if (getdelim(&text, &capacity, '\0', file) < 0) {
		free(text);
		text = strdup("");
	}
	fclose(file);
	return text;
}

static void require_program(const char *name)
{
	testns_require_root();
	if (run(-1, "command -v \"$2\" >/dev/null", name) != 0)
		skip();
}

static int new_namespace_for(const char *program)
{
	require_program(program);
	return testns_new();
}

/* nft - give it commands, which must succeed */
static void nft(int ns_fd, const char *commands)
{
	assert_int_equal(run(ns_fd, "nft \"$2\"", commands), 0);
}

/* ---- reading ---- */

static struct nft_ruleset ruleset_of(int ns_fd, const char *table)
{
	struct nft_ruleset ruleset = {0};
	struct err err = ERR_INIT;
	struct nl *nl = NULL;

	assert_success(nl_open(ns_fd, NETLINK_NETFILTER, "box", &nl, &err), &err);
	int rc = nft_read(nl, table, &ruleset, &err);
	nl_close(nl);
	assert_success(rc, &err);
	return ruleset;
}

static char *text_of(int ns_fd, const char *table)
{
	struct nft_ruleset ruleset = ruleset_of(ns_fd, table);
	char *text = nft_text(&ruleset, 0);

	nft_fini(&ruleset);
	assert_non_null(text);
	return text;
}

/* squeeze - white space of any length as one space, but one line for each line, unless that ends with a
 * comma */
static void squeeze(char *text)
{
	char *to = text, last = '\n';

	for (const char *from = text; *from; from++) {
		char c = *from;

		if (isspace((unsigned char)c))
			c = c == '\n' && last != ',' ? '\n' : ' ';
		if (c == ' ' && (last == ' ' || last == '\n'))
			continue;
		if (c == '\n' && last == ' ')
			to--;
		if (c == '\n' && (to == text || to[-1] == '\n'))
			continue;
		*to++ = last = c;
	}
	*to = '\0';
}

static void assert_same_lines(char *ours, char *theirs)
{
	char *our_rest, *their_rest, *our_line, *their_line;

	squeeze(ours);
	squeeze(theirs);
	our_line = strtok_r(ours, "\n", &our_rest);
	their_line = strtok_r(theirs, "\n", &their_rest);
	while (our_line && their_line) {
		assert_string_equal(our_line, their_line);
		our_line = strtok_r(NULL, "\n", &our_rest);
		their_line = strtok_r(NULL, "\n", &their_rest);
	}
	assert_null(our_line);
	assert_null(their_line);
}

/* ---- tests ---- */

static void empty_namespace_has_no_rules(void **state)
{
	char *text = text_of(testns_new(), NULL);

	(void)state;
	assert_string_equal(text, "");
	free(text);
}

static void ruleset_reads_as_nft_lists_it(void **state)
{
	static const char script[] =
	        "awk -v RS= '{ print >sprintf(\"%s/part%03d\", folder, NR) }' folder=\"$1\" \"$2\"\n"
	        "for part in \"$1\"/part*; do nft -f $part 2>>$1/err || while read -r line; do\n"
	        "nft \"$line\" 2>>$1/err || echo \"left out: $line\" >&2; done <$part; done\n"
	        "nft list ruleset >$1/out";
	int inside = new_namespace_for("nft");
	char *ours, *theirs;

	(void)state;
	assert_int_equal(run(inside, script, COMMANDS), 0);
	theirs = read_output();
	ours = text_of(inside, NULL);
	assert_non_null(strstr(ours, "tcp dport 22\n"));
	assert_same_lines(ours, theirs);
	free(ours);
	free(theirs);
}

struct wording {
	const char *rule, *ours;
};

static void assert_worded(int ns_fd, const char *chain, const struct wording *wording)
{
	char command[512], *text;

	snprintf(command, sizeof(command), "flush chain %s; add rule %s %s", chain, chain, wording->rule);
	nft(ns_fd, command);
	text = text_of(ns_fd, NULL);
	if (!strstr(text, wording->ours))
		fail_msg("'%s' is not in %s", wording->ours, text);
	free(text);
}

/* What nft words otherwise, for the worse, or in terms of its own. */
static void own_wording_says_the_same(void **state)
{
	static const struct wording wordings[] = {
	        {"tcp flags { syn, syn|ack }", "tcp flags { syn, syn | ack }"}, /* the smaller first */
	        {"ip dscp . tcp dport { cs1 . 80 }",
	         "ip dscp . tcp dport { cs1 . 80 }"}, /* "ip dscp >> 2 . tcp dport" */
	        {"meter m1 { ip saddr limit rate 10/second }", "add @m1 { ip saddr limit rate 10/second }"},
	        {"mh type binding-update", "mh type 5"},
	        {"ip saddr . tcp dport { 10.0.0.2 . 80, 10.0.0.1 . 443 }",
	         "{ 10.0.0.1 . 443, 10.0.0.2 . 80 }"},
	};
	int inside = new_namespace_for("nft");

	(void)state;
	nft(inside, "add table inet t; add chain inet t c");
	for (size_t i = 0; i < ARRAY_COUNT(wordings); i++)
		assert_worded(inside, "inet t c", &wordings[i]);
}

static void handles_and_comments_are_known(void **state)
{
	int inside = new_namespace_for("nft");
	struct nft_ruleset ruleset;
	const struct nft_chain *chain;
	char *text;

	(void)state;
	nft(inside, "add table ip t; add chain ip t c; add rule ip t c accept comment \"for all\"");
	ruleset = ruleset_of(inside, NULL);
	chain = &ruleset.tables.items[0].chains.items[0];
	assert_int_not_equal(chain->rules.items[0].handle, 0);
	assert_string_equal(chain->rules.items[0].comment, "for all");
	assert_string_equal(chain->rules.items[0].text, "accept");
	text = nft_text(&ruleset, NFT_TEXT_HANDLES);
	assert_non_null(strstr(text, "chain c { # handle 1\n"));
	free(text);
	nft_fini(&ruleset);
}

static void one_table_is_read_alone(void **state)
{
	int inside = new_namespace_for("nft");
	struct nft_ruleset ruleset;

	(void)state;
	nft(inside, "add table ip a; add chain ip a c; add rule ip a c accept;"
	            "add table ip6 b; add chain ip6 b c; add rule ip6 b c drop; add table ip b");
	ruleset = ruleset_of(inside, "b");
	assert_int_equal(ruleset.tables.count, 2); /* of two families */
	assert_int_equal(ruleset.tables.items[0].chains.count + ruleset.tables.items[1].chains.count, 1);
	nft_fini(&ruleset);
}

static void extensions_of_xtables_are_named(void **state)
{
	int inside = new_namespace_for("iptables-nft");
	char *text;

	(void)state;
	assert_int_equal(run(inside, "iptables-nft -A INPUT -m conntrack --ctstate NEW -j LOG", ""), 0);
	text = text_of(inside, NULL);
	if (!strstr(text, "[xt match conntrack]") || !strstr(text, "[xt target LOG]"))
		fail_msg("%s", text);
	free(text);
}

static void legacy_tables_are_told_of(void **state)
{
	int inside = new_namespace_for("iptables-legacy");

	(void)state;
	assert_int_equal(nft_legacy_present(inside, NULL), 0);
	assert_int_equal(run(inside, "iptables-legacy -A INPUT -j ACCEPT", ""), 0);
	assert_int_equal(nft_legacy_present(inside, NULL), 1);
}

static void namespace_without_legacy_tables_has_none(void **state)
{
	(void)state;
	assert_int_equal(nft_legacy_present(testns_new(), NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_teardown(empty_namespace_has_no_rules, remove_folder),
	        cmocka_unit_test_teardown(ruleset_reads_as_nft_lists_it, remove_folder),
	        cmocka_unit_test_teardown(own_wording_says_the_same, remove_folder),
	        cmocka_unit_test_teardown(handles_and_comments_are_known, remove_folder),
	        cmocka_unit_test_teardown(one_table_is_read_alone, remove_folder),
	        cmocka_unit_test_teardown(extensions_of_xtables_are_named, remove_folder),
	        cmocka_unit_test_teardown(legacy_tables_are_told_of, remove_folder),
	        cmocka_unit_test_teardown(namespace_without_legacy_tables_has_none, remove_folder),

	};

	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
