/* SPDX-License-Identifier: Apache-2.0 */
#include "app/options.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "app/config_check.h"
#include "app/config_file.h"
#include "app/setting.h"
#include "app/suggest.h"
#include "base/check.h"

/* What a verb takes beside --help. */
enum { TAKES_CONFIG = 1 << 0, TAKES_SANDBOX = 1 << 1 };

static const struct verb_row {
	const char *name;
	const char *usage;
	const char *help;
	unsigned int takes;
} verbs[] = {
	[VERB_RUN] = {"run", "run (-c FILE | --listen ENDPOINT... --to ENDPOINT... [OPTION...])",
		      "relay connections until SIGTERM", TAKES_CONFIG | TAKES_SANDBOX},
	[VERB_CHECK] = {"check", "check (-c FILE | --listen ENDPOINT... --to ENDPOINT... [OPTION...])",
			"read a configuration and report every mistake in it", TAKES_CONFIG},
	[VERB_DOCTOR] = {"doctor", "doctor", "tell whether this machine has what nsrelay needs", 0},
	[VERB_VERSION] = {"version", "version", "print the version", 0},
	[VERB_HELP] = {"help", "help [VERB]", "print how a verb is used", 0},
};
static_assert(ARRAY_COUNT(verbs) == VERB_COUNT, "a verb has no row");

struct parser {
	struct options options;
	bool seen_listen, seen_to;
	const char *setting_seen; /* the last option given that belongs into a file when there is one */
};

typedef int apply_fn(struct parser *parser, const char *text, struct err *err);

/* An option that is no setting. */
struct option_row {
	const char *name;
	char letter; /* 0: none */
	unsigned int takes;
	const char *placeholder; /* NULL: it takes no argument */
	const char *help;
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

static int apply_help(struct parser *parser, const char *text, struct err *err)
{
	(void)text;
	(void)err;
	parser->options.wants_help = true;
	return 0;
}

#define RELAY_NAME_DEFAULT "relay"

static const struct option_row rows[] = {
	{"config", 'c', TAKES_CONFIG, "FILE",
	 "read the configuration from FILE, where every setting then stands", apply_config},
	{"listen", 0, TAKES_CONFIG, "ENDPOINT", "accept connections here; may be repeated", apply_listen},
	{"to", 0, TAKES_CONFIG, "ENDPOINT",
	 "relay them to here; may be repeated, connections then take turns", apply_to},
	{"name", 0, TAKES_CONFIG, "NAME", "what the relay is called in the log [" RELAY_NAME_DEFAULT "]",
	 apply_name},
	{"no-sandbox", 0, TAKES_SANDBOX, NULL, "keep one process with all privileges, to debug",
	 apply_no_sandbox},
	{"help", 'h', 0, NULL, "print this", apply_help},
};

/* An option of either kind: a row, or a setting that belongs to the daemon or to the relay. */
struct entry {
	const struct option_row *row;
	const struct setting *setting;
	bool of_relay;
};

enum { ENTRIES_MAX = 64 };

struct entries {
	struct entry all[ENTRIES_MAX];
	size_t count;
};

static const char *entry_name(const struct entry *entry)
{
	return entry->row ? entry->row->name : entry->setting->option;
}

static void entries_add(struct entries *entries, struct entry entry)
{
	CHECK(entries->count < ENTRIES_MAX);
	entries->all[entries->count++] = entry;
}

static void entries_add_settings(struct entries *entries, const struct setting_map *map, bool of_relay)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct setting *setting = &map->settings[i];
		if (setting->map)
			entries_add_settings(entries, setting->map, of_relay);
		else if (setting->option)
			entries_add(entries, (struct entry){.setting = setting, .of_relay = of_relay});
	}
}

/* entries_init - the options @verb takes */
static void entries_init(struct entries *entries, enum verb verb)
{
	entries->count = 0;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		if ((rows[i].takes & verbs[verb].takes) == rows[i].takes)
			entries_add(entries, (struct entry){.row = &rows[i]});
	if (!(verbs[verb].takes & TAKES_CONFIG))
		return;
	entries_add_settings(entries, &setting_relay, true);
	entries_add_settings(entries, &setting_daemon, false);
}

/* What getopt_long(3) returns for the entry at an index; above any letter. */
enum { ENTRY_VALUE = 256 };

/* long_options - the table getopt_long(3) wants, of @entries; @ret has room for one more, its end */
static void long_options(const struct entries *entries, struct option *ret)
{
	for (size_t i = 0; i < entries->count; i++) {
		const struct option_row *row = entries->all[i].row;
		ret[i] = (struct option){
			.name = entry_name(&entries->all[i]),
			.has_arg = row && !row->placeholder ? no_argument : required_argument,
			.val = ENTRY_VALUE + (int)i,
		};
	}
	ret[entries->count] = (struct option){0};
}

/* short_options - "+:c:h" */
static void short_options(const struct entries *entries, char *ret)
{
	*ret++ = '+'; /* stop at what is no option */
	*ret++ = ':'; /* tell a missing argument from an unknown option */
	for (size_t i = 0; i < entries->count; i++) {
		const struct option_row *row = entries->all[i].row;
		if (!row || !row->letter)
			continue;
		*ret++ = row->letter;
		if (row->placeholder)
			*ret++ = ':';
	}
	*ret = '\0';
}

/* find_entry - the entry getopt_long(3) means by @value, or NULL */
static const struct entry *find_entry(const struct entries *entries, int value)
{
	if (value >= ENTRY_VALUE)
		return &entries->all[value - ENTRY_VALUE];
	for (size_t i = 0; i < entries->count; i++)
		if (entries->all[i].row && entries->all[i].row->letter == value && value)
			return &entries->all[i];
	return NULL;
}

static int apply(struct parser *parser, const struct entry *entry, const char *text, struct err *err)
{
	struct config *config = &parser->options.config;
	int r;
	if (entry->row) {
		r = entry->row->apply(parser, text, err);
	} else {
		char *owner = entry->of_relay ? (char *)relay_of(parser) : (char *)config;
		parser->setting_seen = entry->setting->option;
		r = value_parse(&entry->setting->type, text, owner + entry->setting->offset, err);
	}
	return r < 0 ? err_prefix(err, "--%s", entry_name(entry)) : 0;
}

static int refuse_unknown(const struct entries *entries, const char *argument, struct err *err)
{
	struct suggest suggest;
	char word[64];
	const char *name = argument + strspn(argument, "-");
	snprintf(word, sizeof(word), "%.*s", (int)strcspn(name, "="), name);
	suggest_init(&suggest, word);
	for (size_t i = 0; i < entries->count; i++)
		suggest_add(&suggest, entry_name(&entries->all[i]));
	if (suggest.best)
		return err_set(err, EINVAL, "unknown option '%.64s'; did you mean '--%s'?", argument,
			       suggest.best);
	return err_set(err, EINVAL, "unknown option '%.64s'; expected one that --help shows", argument);
}

/* refuse - say why getopt_long(3) returned ':' (no argument) or '?' */
static int refuse(const struct entries *entries, int value, const char *argument, struct err *err)
{
	const struct entry *entry = find_entry(entries, optopt);
	char placeholder[VALUE_TEXT_MAX];
	if (value == '?' && entry)
		return err_set(err, EINVAL, "'%.64s' has an argument; expected --%s alone", argument,
			       entry_name(entry));
	if (value == '?' && optopt)
		return err_set(err, EINVAL, "unknown option '-%c'; expected one that --help shows", optopt);
	if (value == '?')
		return refuse_unknown(entries, argument, err);
	return err_set(
		err, EINVAL, "--%s has no argument; expected --%s %s", entry_name(entry), entry_name(entry),
		entry->row ? entry->row->placeholder
			   : value_placeholder(&entry->setting->type, placeholder, sizeof(placeholder)));
}

/* parse_options - read @argv, of which the first is the verb */
static int parse_options(struct parser *parser, int argc, char **argv, struct err *err)
{
	struct entries entries;
	struct option longs[ENTRIES_MAX + 1];
	char shorts[2 * ARRAY_COUNT(rows) + 3];
	entries_init(&entries, parser->options.verb);
	long_options(&entries, longs);
	short_options(&entries, shorts);
	optind = 0; /* glibc, getopt(3): start anew */
	opterr = 0;
	while (!parser->options.wants_help) {
		int value = getopt_long(argc, argv, shorts, longs, NULL);
		if (value == -1)
			break;
		if (value == '?' || value == ':')
			return refuse(&entries, value, argv[optind - 1], err);
		int r = apply(parser, find_entry(&entries, value), optarg, err);
		if (r < 0)
			return r;
	}
	if (!parser->options.wants_help && optind < argc)
		return err_set(err, EINVAL, "unexpected argument '%.64s'; expected an option", argv[optind]);
	return 0;
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

static int finish(struct parser *parser, struct err *err)
{
	const struct options *options = &parser->options;
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

static void print_row(const struct option_row *row, FILE *out)
{
	if (row->letter)
		fprintf(out, "  -%c, ", row->letter);
	else
		fprintf(out, "  ");
	fprintf(out, "--%s%s%s\n        %s\n", row->name, row->placeholder ? " " : "",
		row->placeholder ? row->placeholder : "", row->help);
}

/* print_setting - @owner has the default */
static void print_setting(const struct setting *setting, const void *owner, FILE *out)
{
	char placeholder[VALUE_TEXT_MAX], value[VALUE_TEXT_MAX];
	value_placeholder(&setting->type, placeholder, sizeof(placeholder));
	value_format(&setting->type, (const char *)owner + setting->offset, value, sizeof(value));
	fprintf(out, "  --%s %s\n        %s [%s]\n", setting->option, placeholder, setting->help,
		*value ? value : "none");
}

static void print_entries(enum verb verb, FILE *out)
{
	struct entries entries;
	struct config config;
	struct config_relay relay;
	config_init(&config);
	config_relay_init(&relay);
	entries_init(&entries, verb);
	for (size_t i = 0; i < entries.count; i++) {
		const struct entry *entry = &entries.all[i];
		if (entry->row)
			print_row(entry->row, out);
		else
			print_setting(entry->setting, entry->of_relay ? (void *)&relay : (void *)&config,
				      out);
	}
}

static void print_verbs(FILE *out)
{
	fprintf(out, "nsrelay relays TCP connections between network namespaces.\n\nusage: nsrelay VERB "
		     "[OPTION...]\n\n");
	for (size_t i = 0; i < VERB_COUNT; i++)
		fprintf(out, "  %-10s%s\n", verbs[i].name, verbs[i].help);
	fprintf(out, "\n'nsrelay help VERB' tells more.\n");
}

void options_print_help(enum verb verb, FILE *out)
{
	if (verb == VERB_HELP) {
		print_verbs(out);
		return;
	}
	fprintf(out, "usage: nsrelay %s\n\n%s\n\n", verbs[verb].usage, verbs[verb].help);
	print_entries(verb, out);
	if (verbs[verb].takes & TAKES_CONFIG)
		fprintf(out, "\nENDPOINT is NETNS/ADDRESS:PORT: web/127.0.0.1:80, web/[::1]:80, "
			     "pid:42/10.0.0.1:80,\n"
			     "path:/run/netns/web/0.0.0.0:80, or /127.0.0.1:80 in the program's own "
			     "namespace; or unix:PATH.\n"
			     "DURATION is a number and its unit: 250ms, 5s, 1m, 2h. Defaults stand in "
			     "[brackets].\n");
}
