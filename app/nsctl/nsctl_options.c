/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsctl/nsctl_options.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>

#include "app/nsctl/live.h"
#include "app/nsctl/nsctl_notes.h"
#include "app/text/suggest.h"
#include "base/check.h"
#include "base/log.h"
#include "base/units.h"
#include "nsctl/graph/graph.h"
#include "nsctl/topology/ledger.h"
#include "relay/config.h"

/* ---- the tables ---- */

/* What a verb takes beside --help. */
enum {
	TAKES_JSON = 1 << 0,
	TAKES_STATE = 1 << 1,
	TAKES_EXIT_CODE = 1 << 2,
	TAKES_DRAWING = 1 << 3,
	TAKES_COMMAND = 1 << 4, /* behind "--" */
	TAKES_CONTROL = 1 << 5,
	TAKES_CONNECTIONS = 1 << 6,
	TAKES_POOL = 1 << 7,
	TAKES_FILTER = 1 << 8,
	TAKES_ALL = 1 << 9,
	TAKES_ALL_POOLS = 1 << 10,
	TAKES_DEFAULTS = 1 << 11,
	TAKES_INTERVAL = 1 << 12,
	TAKES_ENROLMENT = 1 << 13,
};

typedef int apply_fn(struct nsctl_options *options, const char *text, struct err *err);

static int take_file(struct nsctl_options *options, const char *text, struct err *err)
{
	(void)err;
	options->file = text;
	return 0;
}

static int take_netns(struct nsctl_options *options, const char *text, struct err *err)
{
	return netns_ref_parse(text, &options->netns, err);
}

static int take_pid(struct nsctl_options *options, const char *text, struct err *err)
{
	uint64_t pid;
	if (units_parse_count(text, &pid, NULL) < 0 || pid == 0 || pid > INT_MAX)
		return err_set(err, EINVAL, "'%.64s' is no PID; expected the number of a process", text);
	options->pid = (pid_t)pid;
	return 0;
}

static int take_id(struct nsctl_options *options, const char *text, struct err *err)
{
	uint64_t id, *place;
	if (units_parse_count(text, &id, NULL) < 0 || id > INT64_MAX)
		return err_set(err, EINVAL, "'%.64s' is no ID; expected a number that `nsctl connections` tells", text);
	place = vec_push(&options->ids.all);
	if (!place)
		return err_set(err, ENOMEM, "out of memory");
	*place = id;
	return 0;
}

static int take_which(struct nsctl_options *options, const char *text, struct err *err)
{
	(void)err;
	options->which = text;
	return 0;
}

static int take_prefix(struct nsctl_options *options, const char *text, struct err *err)
{
	(void)err;
	options->prefix = text;
	return 0;
}

static int take_removed(struct nsctl_options *options, const char *text, struct err *err)
{
	static const char *const kinds[] = {"relay", "pool", "backend", "namespace"};
	struct suggest suggest;
	if (options->which) {
		options->name = text;
		return 0;
	}
	suggest_init(&suggest, text);
	for (size_t i = 0; i < ARRAY_COUNT(kinds) && !options->which; i++) {
		options->which = strcmp(text, kinds[i]) == 0 ? text : NULL;
		suggest_add(&suggest, kinds[i]);
	}
	return options->which ? 0
	                      : err_set(err, EINVAL, "nothing is called a '%.64s'; %s", text, suggest_text(&suggest));
}

static int take_weight(struct nsctl_options *options, const char *text, struct err *err)
{
	uint64_t weight;
	if (!options->which)
		return take_which(options, text, err);
	int r = units_parse_count(text, &weight, err);
	if (r == 0 && (weight < 1 || weight > CONFIG_WEIGHT_MAX))
		r = err_set(err, ERANGE, "'%.64s' is out of range; expected 1 to %d", text, CONFIG_WEIGHT_MAX);
	if (r == 0)
		options->weight = (uint32_t)weight;
	return r;
}

static int take_level(struct nsctl_options *options, const char *text, struct err *err)
{
	static const char *const levels[] = {"error", "warning", "info", "debug"};
	struct suggest suggest;
	suggest_init(&suggest, text);
	for (size_t i = 0; i < ARRAY_COUNT(levels); i++)
		suggest_add(&suggest, levels[i]);
	options->which = text;
	return log_find_level(text) < 0
	               ? err_set(err, EINVAL, "unknown level '%.64s'; %s", text, suggest_text(&suggest))
	               : 0;
}

static int take_endpoint(struct nsctl_options *options, const char *text, struct err *err)
{
	struct endpoint endpoint;
	int r = endpoint_parse(text, &endpoint, err);
	if (r < 0)
		return r;
	struct endpoint *place = vec_push(&options->endpoints.all);
	if (!place)
		return err_set(err, ENOMEM, "out of memory");
	*place = endpoint;
	return 0;
}

/* What a verb works on. */
struct arguments {
	const char *usage; /* "", or begins with a blank */
	size_t min, max;
	const char *expected; /* when there are too few or too many */
	apply_fn *take;
};

static const struct arguments nothing = {"", 0, 0, "nothing more", NULL};
static const struct arguments a_file = {" FILE", 1, 1, "one FILE", take_file};
static const struct arguments a_netns = {" [NETNS]", 0, 1, "one NETNS", take_netns};
static const struct arguments a_pid = {" [PID]", 0, 1, "one PID", take_pid};
static const struct arguments ids = {" [ID...]", 0, SIZE_MAX, "ID...", take_id};
static const struct arguments a_backend = {" BACKEND", 1, 1, "one BACKEND", take_which};
static const struct arguments a_level = {" error|warning|info|debug", 1, 1, "one LEVEL", take_level};
static const struct arguments a_fragment = {" FILE|-", 1, 1, "one FILE, or - for standard input", take_file};
static const struct arguments a_thing = {" relay NAME|pool NAME|backend POOL/ADDRESS|namespace NETNS", 2, 2,
                                         "the kind of thing and its name", take_removed};
static const struct arguments a_weight = {" POOL/ADDRESS N", 2, 2, "POOL/ADDRESS and a weight", take_weight};
static const struct arguments one_netns = {" NETNS", 1, 1, "one NETNS", take_netns};
static const struct arguments a_uid = {" UID", 1, 1, "one UID", take_which};
static const struct arguments a_prefix = {" [PREFIX]", 0, 1, "one PREFIX", take_prefix};
static const struct arguments a_verb = {" [VERB]", 0, 0, "a VERB", NULL};
static const struct arguments endpoints = {" ENDPOINT... -- COMMAND [ARGUMENT...]", 1, SIZE_MAX,
                                           "ENDPOINT... -- COMMAND", take_endpoint};

static const struct verb_row {
	const char *name; /* one word, or two */
	const struct arguments *arguments;
	unsigned takes;
	const char *help;
	const char *notes; /* below the options */
} verbs[] = {
        [NSCTL_PLAN] = {"topology plan", &a_file, TAKES_JSON | TAKES_STATE | TAKES_EXIT_CODE,
                        "show what apply would do; changes nothing", FILE_NOTES PLAN_NOTES},
        [NSCTL_APPLY] = {"topology apply", &a_file, TAKES_JSON | TAKES_STATE,
                         "make the network that the file describes, or mend it: all or nothing",
                         FILE_NOTES APPLY_NOTES},
        [NSCTL_DELETE] = {"topology delete", &a_file, TAKES_JSON | TAKES_STATE,
                          "remove what apply has made, and nothing else", FILE_NOTES DELETE_NOTES},
        [NSCTL_SHOW] = {"topology show", &a_file, TAKES_JSON,
                        "show the things that the file names as they are now", FILE_NOTES},
        [NSCTL_VERIFY] = {"topology verify", &a_file, TAKES_JSON,
                          "try what the file expects to be reached, or not, and say why not",
                          FILE_NOTES VERIFY_NOTES},
        [NSCTL_GRAPH] = {"topology graph", &a_file, TAKES_JSON | TAKES_DRAWING, "draw the topology", FILE_NOTES},
        [NSCTL_INSPECT] = {"inspect", &a_netns, TAKES_JSON,
                           "show links, addresses, routes, rules, firewall, settings and sockets",
                           NETNS_NOTES},
        [NSCTL_NAMESPACES] = {"namespaces", &a_pid, TAKES_JSON,
                              "list the network namespaces of this machine, or all those of a process", ""},
        [NSCTL_LISTEN] = {"listen", &endpoints, TAKES_JSON | TAKES_COMMAND,
                          "run a command with sockets that listen inside other namespaces", LISTEN_NOTES},
        [NSCTL_STATUS] = {"status", &nothing, TAKES_JSON | TAKES_CONTROL, "ask a running nsrelay how it is",
                          CONTROL_NOTES},
        [NSCTL_RELAYS] = {"relays", &nothing, TAKES_JSON | TAKES_CONTROL, "list its relays", CONTROL_NOTES},
        [NSCTL_BACKENDS] = {"backends", &nothing, TAKES_JSON | TAKES_CONTROL | TAKES_POOL,
                            "list the backends of its pools", CONTROL_NOTES},
        [NSCTL_CONNECTIONS] = {"connections", &nothing, TAKES_JSON | TAKES_CONTROL | TAKES_FILTER | TAKES_CONNECTIONS,
                               "list what it relays now, with what the kernel knows of both sides",
                               CONNECTIONS_NOTES CONTROL_NOTES},
        [NSCTL_COUNTERS] = {"counters", &nothing, TAKES_JSON | TAKES_CONTROL,
                            "what it has counted, and what to do about it", CONTROL_NOTES},
        [NSCTL_DUMP] = {"dump", &nothing, TAKES_CONTROL | TAKES_DEFAULTS,
                        "write its configuration, changes while it runs included, as a file", CONTROL_NOTES},
        [NSCTL_KILL] = {"kill", &ids, TAKES_JSON | TAKES_CONTROL | TAKES_FILTER | TAKES_ALL,
                        "reset connections", KILL_NOTES CONTROL_NOTES},
        [NSCTL_DRAIN] = {"drain", &a_backend, TAKES_JSON | TAKES_CONTROL | TAKES_ALL_POOLS,
                         "give a backend no new clients", STATE_NOTES CONTROL_NOTES},
        [NSCTL_READY] = {"ready", &a_backend, TAKES_JSON | TAKES_CONTROL | TAKES_ALL_POOLS,
                         "let a backend have new connections again", STATE_NOTES CONTROL_NOTES},
        [NSCTL_MAINTENANCE] = {"maintenance", &a_backend, TAKES_JSON | TAKES_CONTROL | TAKES_ALL_POOLS,
                               "give a backend no new connections at all", STATE_NOTES CONTROL_NOTES},
        [NSCTL_LOG] = {"log", &a_level, TAKES_JSON | TAKES_CONTROL, "change what is logged",
                       LOG_NOTES CONTROL_NOTES},
        [NSCTL_RELOAD] = {"reload", &nothing, TAKES_JSON | TAKES_CONTROL,
                          "have nsrelay read its configuration file again", RELOAD_NOTES CONTROL_NOTES},
        [NSCTL_ADD] = {"add", &a_fragment, TAKES_JSON | TAKES_CONTROL, "add relays, pools and backends while it runs",
                       ADD_NOTES EDIT_NOTES CONTROL_NOTES},
        [NSCTL_REMOVE] = {"remove", &a_thing, TAKES_JSON | TAKES_CONTROL,
                          "remove a relay, a pool, a backend, or what is in a namespace",
                          REMOVE_NOTES EDIT_NOTES CONTROL_NOTES},
        [NSCTL_WEIGHT] = {"weight", &a_weight, TAKES_JSON | TAKES_CONTROL, "give a backend another weight",
                          EDIT_NOTES CONTROL_NOTES},
        [NSCTL_ENROL] = {"enrol", &one_netns, TAKES_JSON | TAKES_CONTROL | TAKES_ENROLMENT,
                         "have relays listen in a namespace, and steer its connections there", ENROL_NOTES CONTROL_NOTES},
        [NSCTL_WITHDRAW] = {"withdraw", &a_uid, TAKES_JSON | TAKES_CONTROL, "undo that", CONTROL_NOTES},
        [NSCTL_ENROLLED] = {"enrolled", &a_prefix, TAKES_JSON | TAKES_CONTROL,
                            "list the namespaces that are enrolled, or those whose UID begins so", CONTROL_NOTES},
        [NSCTL_EVENTS] = {"events", &nothing, TAKES_JSON | TAKES_CONTROL,
                          "tell what happens, until it is interrupted", EVENTS_NOTES CONTROL_NOTES},
        [NSCTL_TOP] = {"top", &nothing, TAKES_JSON | TAKES_CONTROL | TAKES_INTERVAL,
                       "watch who relays how much, and act upon it", TOP_NOTES CONTROL_NOTES},
        [NSCTL_VERSION] = {"version", &nothing, 0, "print the version", ""},
        [NSCTL_HELP] = {"help", &a_verb, 0, "print how a verb is used", ""},
};
static_assert(ARRAY_COUNT(verbs) == NSCTL_VERB_COUNT, "a verb has no row");

static int apply_format(struct nsctl_options *options, const char *text, struct err *err)
{
	struct suggest suggest;
	suggest_init(&suggest, text);
	for (int i = 0; i < GRAPH_FORMAT_COUNT; i++)
		suggest_add(&suggest, graph_format_name((enum graph_format)i));
	if (graph_format_find(text) < 0)
		return err_set(err, EINVAL, "unknown format '%.64s'; %s", text, suggest_text(&suggest));
	options->format = text;
	return 0;
}

static int apply_state(struct nsctl_options *options, const char *text, struct err *err)
{
	if (*text == '\0')
		return err_set(err, EINVAL, "'' is no folder; expected the path of one");
	options->state_dir = text;
	return 0;
}

static int apply_copies(struct nsctl_options *options, const char *text, struct err *err)
{
	enum { COPIES_MAX = 1024 }; /* more processes than that share no socket to any use */
	uint64_t copies;
	int r = units_parse_count(text, &copies, err);
	if (r < 0)
		return r;
	if (copies < 1 || copies > COPIES_MAX)
		return err_set(err, ERANGE, "'%.64s' is out of range; expected 1 to %d", text, COPIES_MAX);
	options->copies = (uint32_t)copies;
	return 0;
}

static int apply_also(struct nsctl_options *options, const char *text, struct err *err)
{
	const char **place = vec_push(&options->also.all);
	if (!place)
		return err_set(err, ENOMEM, "out of memory");
	*place = text;
	return 0;
}

#define FILTER_APPLY(name)                                                                                   \
	static int apply_##name(struct nsctl_options *options, const char *text, struct err *err)           \
	{                                                                                                    \
		return nsctl_filter_set_##name(&options->filter, text, err);                                 \
	}
FILTER_APPLY(client)
FILTER_APPLY(backend)
FILTER_APPLY(netns)
FILTER_APPLY(lane)
FILTER_APPLY(bytes)

static int apply_session_state(struct nsctl_options *options, const char *text, struct err *err)
{
	return nsctl_filter_set_state(&options->filter, text, err);
}

static int apply_age(struct nsctl_options *options, const char *text, struct err *err)
{
	return units_parse_duration(text, &options->filter.age_over_ms, err);
}

static int apply_idle(struct nsctl_options *options, const char *text, struct err *err)
{
	return units_parse_duration(text, &options->filter.idle_over_ms, err);
}

static int apply_order(struct nsctl_options *options, const char *text, struct err *err)
{
	struct suggest suggest;
	suggest_init(&suggest, text);
	for (size_t i = 0; live_order_name(i); i++)
		suggest_add(&suggest, live_order_name(i));
	options->order = live_find_order(text);
	return options->order < 0 ? err_set(err, EINVAL, "unknown order '%.64s'; %s", text, suggest_text(&suggest)) : 0;
}

static int apply_limit(struct nsctl_options *options, const char *text, struct err *err)
{
	uint64_t limit;
	int r = units_parse_count(text, &limit, err);
	if (r == 0 && (limit < 1 || limit > UINT32_MAX))
		r = err_set(err, ERANGE, "'%.64s' is out of range; expected 1 to %u", text, UINT32_MAX);
	if (r == 0)
		options->limit = (uint32_t)limit;
	return r;
}

static int apply_interval(struct nsctl_options *options, const char *text, struct err *err)
{
	enum { LEAST_MS = 100, MOST_MS = 3600000 };
	uint64_t ms;
	int r = units_parse_duration(text, &ms, err);
	if (r == 0 && (ms < LEAST_MS || ms > MOST_MS))
		r = err_set(err, ERANGE, "'%.64s' is out of range; expected 100ms to 1h", text);
	if (r == 0)
		options->interval_ms = (uint32_t)ms;
	return r;
}

static int apply_deadline(struct nsctl_options *options, const char *text, struct err *err)
{
	options->has_deadline = true;
	return units_parse_duration(text, &options->deadline_ms, err);
}

static const struct option_row {
	struct cli_option option;
	unsigned takes;
	apply_fn *apply; /* NULL: ... */
	size_t flag;     /* ... this bool of struct nsctl_options becomes true ... */
	size_t text;     /* ... or, of an option with a value, this const char * is the value */
} rows[] = {
        {
                .option = {"json", 'j', NULL, "write JSON"},
                .takes = TAKES_JSON,
                .flag = offsetof(struct nsctl_options, json),
        },
        {
                .option = {"exit-code", 0, NULL, "end with status 3 when there is something to do"},
                .takes = TAKES_EXIT_CODE,
                .flag = offsetof(struct nsctl_options, exit_code),
        },
        {
                .option = {"state", 0, "DIR",
                           "where nsctl remembers what it has taken in hand [" LEDGER_DIR "]"},
                .takes = TAKES_STATE,
                .apply = apply_state,
        },
        {
                .option = {"format", 0, "text|dot|mermaid|svg", "how it is drawn [text]"},
                .takes = TAKES_DRAWING,
                .apply = apply_format,
        },
        {
                .option = {"live", 0, NULL, "draw the state of each link as it is now"},
                .takes = TAKES_DRAWING,
                .flag = offsetof(struct nsctl_options, live),
        },
        {
                .option = {"copies", 0, "N", "run the command so many times, all with the same sockets [1]"},
                .takes = TAKES_COMMAND,
                .apply = apply_copies,
        },
        {
                .option = {"also", 0, "COMMAND",
                           "a further command, run by sh -c, with the same sockets; may be repeated"},
                .takes = TAKES_COMMAND,
                .apply = apply_also,
        },
        {
                .option = {"control", 0, "PATH", "the daemon's control socket [" LIVE_CONTROL_PATH "]"},
                .takes = TAKES_CONTROL,
                .text = offsetof(struct nsctl_options, control_path),
        },
        {
                .option = {"pool", 0, "POOL", "only the backends of this pool"},
                .takes = TAKES_POOL,
                .text = offsetof(struct nsctl_options, pool),
        },
        {
                .option = {"relay", 0, "RELAY",
                           "only connections of this relay"},
                .takes = TAKES_FILTER,
                .text = offsetof(struct nsctl_options, filter.relay),
        },
        {
                .option = {"pool", 0, "POOL",
                           "only those that go to this pool"},
                .takes = TAKES_FILTER,
                .text = offsetof(struct nsctl_options, filter.pool),
        },
        {
                .option = {"client", 0, "ADDRESS",
                           "only those of this client, or of a network ADDRESS/LENGTH"},
                .takes = TAKES_FILTER,
                .apply = apply_client,
        },
        {
                .option = {"backend", 0, "BACKEND",
                           "only those to ADDRESS:PORT or NETNS/ADDRESS:PORT"},
                .takes = TAKES_FILTER,
                .apply = apply_backend,
        },
        {
                .option = {"netns", 0, "NETNS",
                           "only those from or to this namespace"},
                .takes = TAKES_FILTER,
                .apply = apply_netns,
        },
        {
                .option = {"state", 0, "waiting|hello|preread|pending|queued|connecting|open|resetting|closing",
                           "only those in this state"},
                .takes = TAKES_FILTER,
                .apply = apply_session_state,
        },
        {
                .option = {"lane", 0, "parked|interactive|stopping|bulk|held|ended|new",
                           "only those with a direction in this lane"},
                .takes = TAKES_FILTER,
                .apply = apply_lane,
        },
        {
                .option = {"age-over", 0, "TIME",
                           "only those older than that: 90s, 5m, 2h"},
                .takes = TAKES_FILTER,
                .apply = apply_age,
        },
        {
                .option = {"idle-over", 0, "TIME",
                           "only those that have moved no byte for longer"},
                .takes = TAKES_FILTER,
                .apply = apply_idle,
        },
        {
                .option = {"bytes-over", 0, "SIZE",
                           "only those that have moved more: 1000, 64KiB, 1GiB"},
                .takes = TAKES_FILTER,
                .apply = apply_bytes,
        },
        {
                .option = {"all", 0, NULL, "all connections"},
                .takes = TAKES_ALL,
                .flag = offsetof(struct nsctl_options, all),
        },
        {
                .option = {"defaults", 0, NULL, "settings that have their default as well"},
                .takes = TAKES_DEFAULTS,
                .flag = offsetof(struct nsctl_options, defaults),
        },
        {
                .option = {"all-pools", 0, NULL, "in all pools that have it, if these are several"},
                .takes = TAKES_ALL_POOLS,
                .flag = offsetof(struct nsctl_options, all_pools),
        },
        {
                .option = {"long", 'l', NULL, "tell what the kernel knows of both sockets too"},
                .takes = TAKES_CONNECTIONS,
                .flag = offsetof(struct nsctl_options, details),
        },
        {
                .option = {"sort", 0, "age|idle|bytes|rtt|retransmits|queue", "the most first [none]"},
                .takes = TAKES_CONNECTIONS,
                .apply = apply_order,
        },
        {
                .option = {"limit", 0, "N", "no more than so many, of those sorted the first"},
                .takes = TAKES_CONNECTIONS,
                .apply = apply_limit,
        },
        {
                .option = {"interval", 0, "TIME", "from one look to the next, 100ms to 1h [1s]"},
                .takes = TAKES_INTERVAL,
                .apply = apply_interval,
        },
        {
                .option = {"uid", 0, "UID", "what it is known by [NETNS, as it was written]"},
                .takes = TAKES_ENROLMENT,
                .text = offsetof(struct nsctl_options, uid),
        },
        {
                .option = {"name", 0, "NAME", "what people call it"},
                .takes = TAKES_ENROLMENT,
                .text = offsetof(struct nsctl_options, name),
        },
        {
                .option = {"policy", 0, "POLICY", "of the relays with a listener @POLICY/ADDRESS:PORT [the only one]"},
                .takes = TAKES_ENROLMENT,
                .text = offsetof(struct nsctl_options, policy),
        },
        {
                .option = {"deadline", 0, "TIME", "how long to wait until it is served [10s]"},
                .takes = TAKES_ENROLMENT,
                .apply = apply_deadline,
        },
        {
                .option = {"help", 'h', NULL, "print this"},
                .flag = offsetof(struct nsctl_options, wants_help),
        },
};

/* ---- which verb ---- */

/* begins_with_word - is @word all of the verb's name, or the first of its two words? */
static bool begins_with_word(const char *name, const char *word)
{
	size_t length = strlen(word);
	return strncmp(name, word, length) == 0 && (name[length] == ' ' || name[length] == '\0');
}

static const char *second_word(const char *name)
{
	const char *space = strchr(name, ' ');
	return space ? space + 1 : NULL;
}

/* first_word - of row @i, unless the row before has the same one */
static const char *first_word(size_t i, char *buf, size_t size)
{
	snprintf(buf, size, "%.*s", (int)strcspn(verbs[i].name, " "), verbs[i].name);
	return i > 0 && begins_with_word(verbs[i - 1].name, buf) ? NULL : buf;
}

static int refuse_verb(const char *word, struct err *err)
{
	char names[NSCTL_VERB_COUNT][16];
	struct suggest suggest;
	suggest_init(&suggest, word);
	for (size_t i = 0; i < NSCTL_VERB_COUNT; i++) {
		const char *name = first_word(i, names[i], sizeof(names[i]));
		if (name)
			suggest_add(&suggest, name);
	}
	return err_set(err, EINVAL, "unknown verb '%.64s'; %s", word, suggest_text(&suggest));
}

/* refuse_second - @word: NULL when there is none */
static int refuse_second(const char *group, const char *word, struct err *err)
{
	struct suggest suggest;
	suggest_init(&suggest, word ? word : "");
	for (size_t i = 0; i < NSCTL_VERB_COUNT; i++) {
		if (second_word(verbs[i].name) && begins_with_word(verbs[i].name, group))
			suggest_add(&suggest, second_word(verbs[i].name));
	}
	if (!word)
		return err_set(err, EINVAL, "what of the %s? %s", group, suggest_text(&suggest));
	return err_set(err, EINVAL, "unknown verb '%s %.64s'; %s", group, word, suggest_text(&suggest));
}

/*
 * find_verb - by the one or two words in @words, of which there are @count
 * Returns how many of them it took, or an error.
 */
static int find_verb(char **words, int count, enum nsctl_verb *ret, struct err *err)
{
	const char *group = NULL;
	for (size_t i = 0; i < NSCTL_VERB_COUNT; i++) {
		const char *second = second_word(verbs[i].name);
		if (!begins_with_word(verbs[i].name, words[0]))
			continue;
		if (!second || (count > 1 && strcmp(second, words[1]) == 0)) {
			*ret = (enum nsctl_verb)i;
			return second ? 2 : 1;
		}
		group = words[0];
	}
	if (!group)
		return refuse_verb(words[0], err);
	return refuse_second(group, count > 1 ? words[1] : NULL, err);
}

static bool is_group(const char *word)
{
	for (size_t i = 0; i < NSCTL_VERB_COUNT; i++)
		if (second_word(verbs[i].name) && begins_with_word(verbs[i].name, word))
			return true;
	return false;
}

static bool is_one_of(const char *text, const char *a, const char *b)
{
	return strcmp(text, a) == 0 || strcmp(text, b) == 0;
}

/* find_topic - what help is wanted about */
static int find_topic(struct nsctl_options *options, char **words, int count, struct err *err)
{
	options->verb = NSCTL_HELP;
	options->wants_help = true;
	if (count == 0)
		return 0;
	if (count == 1 && is_group(words[0])) {
		options->topic = words[0];
		return 0;
	}
	return find_verb(words, count, &options->verb, err);
}

/* parse_verb - `--help`, `--version` and nothing are verbs too. Returns how many of @words it took. */
static int parse_verb(struct nsctl_options *options, char **words, int count, struct err *err)
{
	if (count == 0 || is_one_of(words[0], "-h", "--help") || strcmp(words[0], "help") == 0)
		return find_topic(options, words + 1, count > 0 ? count - 1 : 0, err);
	if (count == 2 && is_group(words[0]) && is_one_of(words[1], "-h", "--help"))
		return find_topic(options, words, 1, err);
	if (is_one_of(words[0], "-V", "--version")) {
		options->verb = NSCTL_VERSION;
		return 1;
	}
	if (*words[0] == '-')
		return err_set(err, EINVAL, "'%.64s' stands before the verb; expected nsctl VERB [OPTION...]",
		               words[0]);
	return find_verb(words, count, &options->verb, err);
}

/* ---- what stands behind it ---- */

struct reading {
	struct nsctl_options *options;
	size_t argument_count;
	const struct option_row *taken[ARRAY_COUNT(rows)]; /* by the verb */
	struct cli_option table[ARRAY_COUNT(rows)];
	size_t count;
};

static void reading_init(struct reading *reading, struct nsctl_options *options)
{
	unsigned takes = verbs[options->verb].takes;
	*reading = (struct reading){.options = options};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		if ((rows[i].takes & takes) != rows[i].takes)
			continue;
		reading->taken[reading->count] = &rows[i];
		reading->table[reading->count++] = rows[i].option;
	}
}

static int on_option(void *ctx, size_t index, const char *text, struct err *err)
{
	struct reading *reading = ctx;
	const struct option_row *row = reading->taken[index];
	if (row->apply)
		return row->apply(reading->options, text, err);
	if (row->option.placeholder) {
		*(const char **)(void *)((char *)reading->options + row->text) = text;
		return 0;
	}
	*(bool *)((char *)reading->options + row->flag) = true;
	return reading->options->wants_help; /* then the rest does not matter */
}

static int on_argument(void *ctx, char *argument, struct err *err)
{
	struct reading *reading = ctx;
	const struct verb_row *verb = &verbs[reading->options->verb];
	if (reading->argument_count++ == verb->arguments->max)
		return err_set(err, EINVAL, "unexpected argument '%.64s'; expected %s", argument,
		               verb->arguments->expected);
	return verb->arguments->take(reading->options, argument, err);
}

/* split_command - what stands behind "--" is not for us. Returns how many words are in front of it. */
static int split_command(struct nsctl_options *options, char **words, int count)
{
	for (int i = 0; i < count; i++) {
		if (strcmp(words[i], "--") == 0) {
			options->command = words + i + 1;
			return i;
		}
	}
	return count;
}

/* check_which - what ends connections must be told which, in one way */
static int check_which(const struct nsctl_options *options, struct err *err)
{
	bool filters = !nsctl_filter_is_empty(&options->filter);
	int ways = (options->ids.all.count > 0) + filters + options->all;
	if (ways == 0)
		return err_set(err, EINVAL, "which ones? expected ID..., options that tell, or --all");
	if (ways > 1)
		return err_set(err, EINVAL, "IDs, options that tell which, and --all exclude each other");
	return 0;
}

static int check(const struct reading *reading, struct err *err)
{
	const struct nsctl_options *options = reading->options;
	const struct verb_row *verb = &verbs[options->verb];
	if (options->wants_help)
		return 0;
	if ((verb->takes & TAKES_ALL) && check_which(options, err) < 0)
		return -EINVAL;
	if (reading->argument_count < verb->arguments->min)
		return err_set(err, EINVAL, "%s: there is too little; expected %s", verb->name,
		               verb->arguments->expected);
	if (options->command && !(verb->takes & TAKES_COMMAND))
		return err_set(err, EINVAL, "%s takes no '--'; expected %s", verb->name,
		               verb->arguments->expected);
	if ((verb->takes & TAKES_COMMAND) && (!options->command || !*options->command))
		return err_set(err, EINVAL, "%s: there is no command; expected %s", verb->name,
		               verb->arguments->expected);
	return 0;
}

/* parse_rest - @words begins with the last word of the verb, and is ended by NULL */
static int parse_rest(struct nsctl_options *options, char **words, int count, struct err *err)
{
	struct reading reading;
	reading_init(&reading, options);
	const struct cli cli = {.options = reading.table,
	                        .count = reading.count,
	                        .on_option = on_option,
	                        .on_argument = on_argument,
	                        .ctx = &reading};
	int r = cli_parse(&cli, split_command(options, words, count), words, err);
	return r < 0 ? r : check(&reading, err);
}

int nsctl_options_parse(int argc, char **argv, struct nsctl_options *ret, struct err *err)
{
	struct nsctl_options options = {.format = "text", .state_dir = LEDGER_DIR, .copies = 1,
	                                .control_path = LIVE_CONTROL_PATH, .order = -1, .interval_ms = 1000};
	int taken = parse_verb(&options, argv + 1, argc > 1 ? argc - 1 : 0, err);
	int r = taken < 0 ? taken : 0;
	if (r == 0 && !options.wants_help)
		r = parse_rest(&options, argv + taken, argc - taken, err);
	if (r < 0)
		nsctl_options_fini(&options);
	else
		*ret = options;
	return r;
}

void nsctl_options_fini(struct nsctl_options *options)
{
	vec_clear(&options->also.all);
	vec_clear(&options->endpoints.all);
	vec_clear(&options->ids.all);
}

/* ---- help ---- */

#define ANY_USAGE "nsctl VERB [OPTION...] [ARGUMENT...]"

static void print_usage(const struct verb_row *verb, FILE *out)
{
	fprintf(out, "usage: nsctl %s [OPTION...]%s\n", verb->name, verb->arguments->usage);
}

void nsctl_options_print_usage(int argc, char **argv, FILE *out)
{
	struct nsctl_options options = {0};
	if (parse_verb(&options, argv + 1, argc - 1, NULL) >= 0 && options.verb != NSCTL_HELP)
		print_usage(&verbs[options.verb], out);
	else
		fputs("usage: " ANY_USAGE "; 'nsctl help' tells of the verbs\n", out);
}

static void print_verbs(const char *topic, FILE *out)
{
	fprintf(out, "nsctl builds, shows, checks and removes networks between network namespaces, and asks a\n"
	             "running nsrelay.\n\n"
	             "usage: " ANY_USAGE "\n\n");
	for (size_t i = 0; i < NSCTL_VERB_COUNT; i++)
		if (!topic || begins_with_word(verbs[i].name, topic))
			fprintf(out, "  %-17s%s\n", verbs[i].name, verbs[i].help);
	fprintf(out, "\n'nsctl help VERB' tells more. The exit status is 0 when all went well, 1 when "
	             "something failed,\n"
	             "2 for a command line or a file that is wrong.\n");
}

void nsctl_options_print_help(const struct nsctl_options *options, FILE *out)
{
	const struct verb_row *verb = &verbs[options->verb];
	struct nsctl_options copy = *options;
	struct reading reading;
	if (options->verb == NSCTL_HELP) {
		print_verbs(options->topic, out);
		return;
	}
	print_usage(verb, out);
	fprintf(out, "\n%s\n\n", verb->help);
	reading_init(&reading, &copy);
	for (size_t i = 0; i < reading.count; i++)
		cli_print_option(&reading.table[i], out);
	if (*verb->notes)
		fprintf(out, "\n%s", verb->notes);
}

static void each_verb(manual_fn *tell, void *ctx)
{
	struct reading reading;
	struct nsctl_options options = {0};
	for (options.verb = 0; options.verb < NSCTL_VERB_COUNT; options.verb++) {
		const struct verb_row *row = &verbs[options.verb];
		reading_init(&reading, &options);
		const struct manual_verb verb = {
		        .name = row->name,
		        .arguments = *row->arguments->usage ? row->arguments->usage + 1 : "",
		        .help = row->help,
		        .notes = row->notes,
		        .options = reading.table,
		        .option_count = reading.count,
		};
		tell(ctx, &verb);
	}
}

const struct manual nsctl_manual = {"nsctl", each_verb};
