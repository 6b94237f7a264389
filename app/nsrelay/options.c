/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/options.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "app/nsctl/live.h"
#include "app/text/cli.h"
#include "app/nsrelay/config_check.h"
#include "app/nsrelay/config_file.h"
#include "app/nsrelay/setting.h"
#include "app/text/suggest.h"
#include "base/check.h"

/* What a verb takes beside --help. */
enum { TAKES_CONFIG = 1 << 0, TAKES_SANDBOX = 1 << 1, TAKES_DIFF = 1 << 2 };

#define CONFIG_NOTES                                                                                         \
	"ENDPOINT is NETNS/ADDRESS:PORT: web/127.0.0.1:80, web/[::1]:80, pid:42/10.0.0.1:80,\n"              \
	"path:/run/netns/web/0.0.0.0:80, or /127.0.0.1:80 in the program's own namespace; or unix:PATH.\n"   \
	"DURATION is a number and its unit: 250ms, 5s, 1m, 2h. Defaults stand in [brackets].\n"

#define DIFF_NOTES                                                                                           \
	"--diff tells what a reload would change, one change a line; a change that \"needs a restart\" would\n" \
	"not be made. It is compared with what the running daemon works by, which is asked at --control,\n"  \
	"or where FILE says, or at " LIVE_CONTROL_PATH "; or with another file. Exit status: 0 when\n"      \
	"FILE is valid, whether anything would change or not; 1 when the daemon cannot be asked; 2 when a\n" \
	"file is wrong.\n"

static const struct verb_row {
	const char *name;
	const char *arguments; /* what it takes beside [OPTION...] */
	const char *help;
	unsigned int takes;
} verbs[] = {
	[VERB_RUN] = {"run", "(-c FILE | --listen ENDPOINT... --to ENDPOINT...)",
		      "relay connections until SIGTERM", TAKES_CONFIG | TAKES_SANDBOX},
	[VERB_CHECK] = {"check", "(-c FILE | --diff FILE | --listen ENDPOINT... --to ENDPOINT...)",
			"read a configuration and report every mistake in it", TAKES_CONFIG | TAKES_DIFF},
	[VERB_DOCTOR] = {"doctor", "", "tell whether this machine has what nsrelay needs", 0},
	[VERB_VERSION] = {"version", "", "print the version", 0},
	[VERB_HELP] = {"help", "[VERB]", "print how a verb is used", 0},
};
static_assert(ARRAY_COUNT(verbs) == VERB_COUNT, "a verb has no row");

struct parser {
	struct options options;
	bool seen_listen, seen_to, seen_control;
	const char *setting_seen; /* the last option given that belongs into a file when there is one */
};

typedef int apply_fn(struct parser *parser, const char *text, struct err *err);

/* An option that is no setting. */
struct option_row {
	struct cli_option option;
	unsigned int takes;
	apply_fn *apply;
};

/* The relay that options describe, and its pool. */
static struct config_relay *relay_of(struct parser *parser)
{
	return &parser->options.config.relays[0];
}

static struct config_pool *pool_of(struct parser *parser)
{
	return &parser->options.config.pools[0];
}

static int apply_config(struct parser *parser, const char *text, struct err *err)
{
	if (*text == '\0')
		return err_set(err, EINVAL, "'' is no file; expected the path of one");
	parser->options.config_path = text;
	return 0;
}

static int apply_listen(struct parser *parser, const char *text, struct err *err)
{
	struct endpoint endpoint;
	int r = endpoint_parse(text, &endpoint, err);
	parser->seen_listen = true;
	parser->setting_seen = "listen";
	if (r == 0 && config_relay_add_listener(relay_of(parser), &endpoint) < 0)
		return err_set(err, ENOMEM, "out of memory");
	return r;
}

static int apply_to(struct parser *parser, const char *text, struct err *err)
{
	struct endpoint endpoint;
	int r = endpoint_parse(text, &endpoint, err);
	parser->seen_to = true;
	parser->setting_seen = "to";
	if (r == 0 && config_pool_add_backend(pool_of(parser), &endpoint) < 0)
		return err_set(err, ENOMEM, "out of memory");
	return r;
}

static int apply_accept_proxy(struct parser *parser, const char *text, struct err *err)
{
	struct cidr cidr;
	struct config_accept *accept = &relay_of(parser)->accept;
	parser->setting_seen = "accept-proxy";
	if (strcmp(text, "unix") == 0) {
		accept->from_unix = true;
		return 0;
	}
	int r = cidr_parse(text, &cidr, err);
	if (r == 0 && config_cidrs_add(&accept->from, &cidr) < 0)
		return err_set(err, ENOMEM, "out of memory");
	return r;
}

static int apply_name(struct parser *parser, const char *text, struct err *err)
{
	parser->setting_seen = "name";
	return value_parse(&setting_name_type, text, relay_of(parser)->name, err);
}

static int apply_no_sandbox(struct parser *parser, const char *text, struct err *err)
{
	(void)text;
	(void)err;
	parser->options.no_sandbox = true;
	return 0;
}

static int apply_diff(struct parser *parser, const char *text, struct err *err)
{
	parser->options.diff = true;
	return apply_config(parser, text, err);
}

static int apply_against(struct parser *parser, const char *text, struct err *err)
{
	if (*text == '\0')
		return err_set(err, EINVAL, "'' is no file; expected the path of one");
	parser->options.against_path = text;
	return 0;
}

static int apply_help(struct parser *parser, const char *text, struct err *err)
{
	(void)text;
	(void)err;
	parser->options.wants_help = true;
	return 0;
}

#define RELAY_NAME_DEFAULT "relay"

static const struct option_row rows[] = {
	{{"config", 'c', "FILE", "read the configuration from FILE, where every setting then stands"},
	 TAKES_CONFIG,
	 apply_config},
	{{"listen", 0, "ENDPOINT", "accept connections here; may be repeated"}, TAKES_CONFIG, apply_listen},
	{{"to", 0, "ENDPOINT", "relay them to here; may be repeated, connections then take turns"},
	 TAKES_CONFIG,
	 apply_to},
	{{"accept-proxy", 0, "ADDRESS", "clients from there begin with a PROXY protocol header: an address, a block such as "
					"10.0.0.0/8, or unix; may be repeated"},
	 TAKES_CONFIG,
	 apply_accept_proxy},
	{{"name", 0, "NAME", "what the relay is called in the log [" RELAY_NAME_DEFAULT "]"},
	 TAKES_CONFIG,
	 apply_name},
	{{"diff", 0, "FILE", "as -c FILE, and tell what a reload would change"}, TAKES_DIFF, apply_diff},
	{{"against", 0, "FILE", "compare it with this file rather than with the running daemon"}, TAKES_DIFF, apply_against},
	{{"no-sandbox", 0, NULL, "keep one process with all privileges, to debug"},
	 TAKES_SANDBOX,
	 apply_no_sandbox},
	{{"help", 'h', NULL, "print this"}, 0, apply_help},
};

enum { HELP_MAX = 256 };

/* An option of either kind: a row, or a setting that belongs to the daemon or to the relay. */
struct entry {
	const struct option_row *row;
	const struct setting *setting;
	bool of_relay;
	char placeholder[VALUE_TEXT_MAX]; /* of a setting */
	char help[HELP_MAX];              /* of a setting, with its default */
};

struct entries {
	struct entry all[CLI_OPTIONS_MAX];
	struct cli_option options[CLI_OPTIONS_MAX]; /* the same for cli_parse() */
	size_t count;
};

/* The owners of settings, as they are by default. */
struct owners {
	struct config config;
	struct config_relay relay;
};

static struct entry *entries_add(struct entries *entries)
{
	CHECK(entries->count < CLI_OPTIONS_MAX);
	return &entries->all[entries->count++];
}

static void entries_add_row(struct entries *entries, const struct option_row *row)
{
	struct cli_option *option = &entries->options[entries->count];
	*entries_add(entries) = (struct entry){.row = row};
	*option = row->option;
}

static void entries_add_setting(struct entries *entries, const struct setting *setting,
				const struct owners *owners, bool of_relay)
{
	const char *owner = of_relay ? (const char *)&owners->relay : (const char *)&owners->config;
	char value[VALUE_TEXT_MAX];
	struct cli_option *option = &entries->options[entries->count];
	struct entry *entry = entries_add(entries);
	*entry = (struct entry){.setting = setting, .of_relay = of_relay};
	value_placeholder(&setting->type, entry->placeholder, sizeof(entry->placeholder));
	value_format(&setting->type, owner + setting->offset, value, sizeof(value));
	int length = snprintf(entry->help, sizeof(entry->help), "%s [%s]", setting->help, *value ? value : "none");
	CHECK((size_t)length < sizeof(entry->help)); /* both are ours */
	*option = (struct cli_option){
		.name = setting->option, .placeholder = entry->placeholder, .help = entry->help};
}

static void entries_add_settings(struct entries *entries, const struct setting_map *map,
				 const struct owners *owners, bool of_relay)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct setting *setting = &map->settings[i];
		if (setting->map)
			entries_add_settings(entries, setting->map, owners, of_relay);
		else if (setting->option)
			entries_add_setting(entries, setting, owners, of_relay);
	}
}

/* entries_init - the options @verb takes */
static void entries_init(struct entries *entries, enum verb verb)
{
	struct owners owners;
	entries->count = 0;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		if ((rows[i].takes & verbs[verb].takes) == rows[i].takes)
			entries_add_row(entries, &rows[i]);
	if (!(verbs[verb].takes & TAKES_CONFIG))
		return;
	config_init(&owners.config);
	config_relay_init(&owners.relay);
	entries_add_settings(entries, &setting_relay, &owners, true);
	entries_add_settings(entries, &setting_daemon, &owners, false);
}

static int apply_setting(struct parser *parser, const struct entry *entry, const char *text, struct err *err)
{
	char *owner = entry->of_relay ? (char *)relay_of(parser) : (char *)&parser->options.config;
	if (strcmp(entry->setting->option, "control") == 0)
		parser->seen_control = true; /* no setting beside --diff */
	else
		parser->setting_seen = entry->setting->option;
	return value_parse(&entry->setting->type, text, owner + entry->setting->offset, err);
}

struct reading {
	struct parser *parser;
	struct entries entries;
};

static int on_option(void *ctx, size_t index, const char *text, struct err *err)
{
	struct reading *reading = ctx;
	const struct entry *entry = &reading->entries.all[index];
	int r = entry->row ? entry->row->apply(reading->parser, text, err)
			   : apply_setting(reading->parser, entry, text, err);
	return r == 0 && reading->parser->options.wants_help ? 1 : r;
}

static int on_argument(void *ctx, char *argument, struct err *err)
{
	(void)ctx;
	return err_set(err, EINVAL, "unexpected argument '%.64s'; expected an option", argument);
}

/* parse_options - read @argv, of which the first is the verb */
static int parse_options(struct parser *parser, int argc, char **argv, struct err *err)
{
	struct reading reading = {.parser = parser};
	entries_init(&reading.entries, parser->options.verb);
	const struct cli cli = {.options = reading.entries.options,
				.count = reading.entries.count,
				.on_option = on_option,
				.on_argument = on_argument,
				.ctx = &reading};
	return cli_parse(&cli, argc, argv, err);
}

static void complain(void *context, enum config_part part, size_t index, const char *text)
{
	struct err *err = context;
	(void)index;
	if (!err->code) /* one line: the first */
		err_set(err, EINVAL, "--%s: %s", part == CONFIG_PART_BACKEND ? "to" : "listen", text);
}

/* finish_described - complete the relay that options describe, and check it */
static int finish_described(struct parser *parser, struct err *err)
{
	struct err found = ERR_INIT;
	if (!parser->seen_listen && !parser->seen_to)
		return err_set(err, EINVAL, "there is nothing to %s; expected -c FILE, or --listen and --to",
			       verbs[parser->options.verb].name);
	if (!parser->seen_listen)
		return err_set(err, EINVAL,
			       "--to without --listen; expected --listen NETNS/ADDRESS:PORT as well");
	if (!parser->seen_to)
		return err_set(err, EINVAL,
			       "--listen without --to; expected --to NETNS/ADDRESS:PORT as well");
	memcpy(pool_of(parser)->name, relay_of(parser)->name, sizeof(pool_of(parser)->name));
	config_check(&parser->options.config, complain, &found);
	return found.code ? err_set(err, found.code, "%s", found.text) : 0;
}

/* finish_diff - where the daemon is to be asked is no setting of the file */
static int finish_diff(struct parser *parser, struct err *err)
{
	struct options *options = &parser->options;
	if (options->against_path && !options->diff)
		return err_set(err, EINVAL, "--against without --diff; expected --diff FILE as well");
	if (options->against_path && parser->seen_control)
		return err_set(err, EINVAL, "--against does not go with --control; expected one of them");
	if (options->diff)
		memcpy(options->control_path, options->config.control_path, sizeof(options->control_path));
	else if (parser->seen_control && !parser->setting_seen)
		parser->setting_seen = "control";
	return 0;
}

static int finish(struct parser *parser, struct err *err)
{
	const struct options *options = &parser->options;
	int r = finish_diff(parser, err);
	if (r < 0)
		return r;
	if (options->wants_help || !(verbs[options->verb].takes & TAKES_CONFIG))
		return 0;
	if (!options->config_path)
		return finish_described(parser, err);
	if (parser->setting_seen)
		return err_set(err, EINVAL, "--%s does not go with -c; expected it in '%s'",
			       parser->setting_seen, options->config_path);
	return 0;
}

/* find_verb - the verb called @name */
static int find_verb(const char *name, enum verb *ret, struct err *err)
{
	struct suggest suggest;
	suggest_init(&suggest, name);
	for (int i = 0; i < VERB_COUNT; i++) {
		if (strcmp(verbs[i].name, name) == 0) {
			*ret = (enum verb)i;
			return 0;
		}
		suggest_add(&suggest, verbs[i].name);
	}
	return err_set(err, EINVAL, "unknown verb '%.64s'; %s", name, suggest_text(&suggest));
}

static bool is_one_of(const char *text, const char *a, const char *b)
{
	return strcmp(text, a) == 0 || strcmp(text, b) == 0;
}

/* parse_verb - read the verb; `--help`, `--version` and nothing are verbs too */
static int parse_verb(struct options *options, int argc, char **argv, struct err *err)
{
	const char *name = argc > 1 ? argv[1] : "help";
	if (is_one_of(name, "-h", "--help"))
		name = "help";
	if (is_one_of(name, "-V", "--version"))
		name = "version";
	if (*name == '-')
		return err_set(err, EINVAL,
			       "'%.64s' stands before the verb; expected nsrelay VERB [OPTION...]", name);
	int r = find_verb(name, &options->verb, err);
	if (r == 0 && options->verb == VERB_HELP) {
		options->wants_help = true;
		r = argc > 2 ? find_verb(argv[2], &options->verb, err) : 0;
	}
	return r;
}

static int parser_init(struct parser *parser)
{
	*parser = (struct parser){0};
	config_init(&parser->options.config);
	if (!config_add_relay(&parser->options.config) || !config_add_pool(&parser->options.config))
		return -ENOMEM;
	strcpy(relay_of(parser)->name, RELAY_NAME_DEFAULT);
	return 0;
}

int options_parse(int argc, char **argv, struct options *ret, struct err *err)
{
	struct parser parser;
	int r = parser_init(&parser);
	if (r < 0)
		err_set(err, ENOMEM, "out of memory");
	else
		r = parse_verb(&parser.options, argc, argv, err);
	if (r == 0 && !parser.options.wants_help)
		r = parse_options(&parser, argc - 1, argv + 1, err);
	if (r == 0)
		r = finish(&parser, err);
	if (r < 0 || !parser.seen_listen)
		config_fini(&parser.options.config);
	if (r == 0)
		*ret = parser.options;
	return r;
}

int options_load(struct options *options, FILE *report)
{
	struct config config;
	if (!options->config_path)
		return 0;
	int r = config_file_load(options->config_path, &config, report);
	if (r < 0)
		return r;
	config_fini(&options->config);
	options->config = config;
	return 0;
}

void options_fini(struct options *options)
{
	if (options)
		config_fini(&options->config);
}

static void print_usage(enum verb verb, FILE *out)
{
	fprintf(out, "usage: nsrelay %s [OPTION...]%s%s\n", verbs[verb].name, *verbs[verb].arguments ? " " : "",
		verbs[verb].arguments);
}

void options_print_usage(int argc, char **argv, FILE *out)
{
	struct options options = {0};
	if (parse_verb(&options, argc, argv, NULL) == 0 && options.verb != VERB_HELP)
		print_usage(options.verb, out);
	else
		fputs("usage: nsrelay VERB [OPTION...]; 'nsrelay help' tells of the verbs\n", out);
}

static void print_verbs(FILE *out)
{
	fprintf(out, "nsrelay relays TCP connections between network namespaces.\n\nusage: nsrelay VERB "
		     "[OPTION...]\n\n");
	for (size_t i = 0; i < VERB_COUNT; i++)
		fprintf(out, "  %-10s%s\n", verbs[i].name, verbs[i].help);
	fprintf(out, "\n'nsrelay help VERB' tells more.\n");
}

static const char *notes_of(enum verb verb)
{
	if (verbs[verb].takes & TAKES_DIFF)
		return DIFF_NOTES CONFIG_NOTES;
	return verbs[verb].takes & TAKES_CONFIG ? CONFIG_NOTES : "";
}

/* describe - @verb as its row and @entries, its options, say */
static struct manual_verb describe(enum verb verb, const struct entries *entries)
{
	return (struct manual_verb){
		.name = verbs[verb].name,
		.arguments = verbs[verb].arguments,
		.help = verbs[verb].help,
		.notes = notes_of(verb),
		.options = entries->options,
		.option_count = entries->count,
	};
}

static void each_verb(manual_fn *tell, void *ctx)
{
	struct entries entries;
	for (enum verb verb = 0; verb < VERB_COUNT; verb++) {
		entries_init(&entries, verb);
		const struct manual_verb told = describe(verb, &entries);
		tell(ctx, &told);
	}
}

const struct manual options_manual = {"nsrelay", each_verb};

void options_print_help(enum verb verb, FILE *out)
{
	struct entries entries;
	if (verb == VERB_HELP) {
		print_verbs(out);
		return;
	}
	entries_init(&entries, verb);
	print_usage(verb, out);
	fprintf(out, "\n%s\n\n", verbs[verb].help);
	for (size_t i = 0; i < entries.count; i++)
		cli_print_option(&entries.options[i], out);
	if (*notes_of(verb))
		fprintf(out, "\n%s", notes_of(verb));
}
