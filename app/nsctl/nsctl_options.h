/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of nsctl. Verbs and options are rows of two tables in nsctl_options.c, of which parser and
 * help are made. */
#ifndef NSRELAY_APP_NSCTL_NSCTL_OPTIONS_H
#define NSRELAY_APP_NSCTL_NSCTL_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "app/nsctl/nsctl_filter.h"
#include "app/text/manual.h"
#include "base/endpoint.h"
#include "base/vec.h"

enum nsctl_verb {
	NSCTL_PLAN,
	NSCTL_APPLY,
	NSCTL_DELETE,
	NSCTL_SHOW,
	NSCTL_VERIFY,
	NSCTL_GRAPH,
	NSCTL_INSPECT,
	NSCTL_NAMESPACES,
	NSCTL_LISTEN,
	NSCTL_STATUS,
	NSCTL_RELAYS,
	NSCTL_BACKENDS,
	NSCTL_CONNECTIONS,
	NSCTL_COUNTERS,
	NSCTL_DUMP,
	NSCTL_KILL,
	NSCTL_DRAIN,
	NSCTL_READY,
	NSCTL_MAINTENANCE,
	NSCTL_LOG,
	NSCTL_RELOAD,
	NSCTL_ADD,
	NSCTL_REMOVE,
	NSCTL_WEIGHT,
	NSCTL_ENROL,
	NSCTL_WITHDRAW,
	NSCTL_ENROLLED,
	NSCTL_EVENTS,
	NSCTL_TOP,
	NSCTL_VERSION,
	NSCTL_HELP,
	NSCTL_VERB_COUNT,
};

/* Texts are borrowed from argv. */
struct nsctl_options {
	enum nsctl_verb verb;
	bool wants_help;       /* print the help of @verb, or of @topic, instead of doing it */
	const char *topic;     /* NSCTL_HELP: "topology" for the verbs that begin so; NULL: all */
	bool json;             /* -j */
	const char *state_dir; /* of the ledgers */

	const char *file; /* topology ... */
	bool exit_code;   /* topology plan */
	bool defaults;    /* dump */
	bool live;        /* topology graph */
	const char *format;

	struct netns_ref netns; /* inspect, enrol */
	const char *uid;        /* enrol; NULL: as it calls the namespace */
	const char *policy;     /* enrol; NULL: the only one */
	bool has_deadline;      /* enrol */
	uint64_t deadline_ms;
	const char *prefix;     /* enrolled; NULL: all */
	pid_t pid;              /* namespaces; 0: none */

	struct {
		VEC(struct endpoint) all;
	} endpoints; /* listen */
	uint32_t copies;
	struct {
		VEC(const char *) all;
	} also;         /* for the shell */
	const char *control_path;  /* what asks a running daemon */
	const char *pool;          /* backends; NULL: any */
	struct nsctl_filter filter; /* connections, kill */
	bool details;              /* connections */
	int order;                 /* of live_find_order(); -1: none */
	uint32_t limit;            /* 0: none */
	struct {
		VEC(uint64_t) all;
	} ids;    /* kill */
	bool all; /* kill without IDs and filter */
	const char *which; /* drain, ready, maintenance, weight: the backend; withdraw: the uid; log: the level; remove: the kind of thing */
	const char *name;  /* remove, enrol */
	uint32_t weight;   /* weight */
	bool all_pools;
	uint32_t interval_ms; /* top */

	char **command; /* what stands behind "--", ended by NULL; NULL: there is no "--" */
};

/*
 * nsctl_options_parse - read the command line; without arguments the verb is NSCTL_HELP
 * On failure @ret holds nothing to free. Errors: EINVAL or ERANGE; the text says what was expected. ENOMEM.
 */
int nsctl_options_parse(int argc, char **argv, struct nsctl_options *ret, struct err *err);
void nsctl_options_fini(struct nsctl_options *options);

/* The verbs and their options. */
extern const struct manual nsctl_manual;

/* nsctl_options_print_usage - one line, for a command line that was refused: how its verb is used */
void nsctl_options_print_usage(int argc, char **argv, FILE *out);

/* nsctl_options_print_help - as @options->verb and its topic say */
void nsctl_options_print_help(const struct nsctl_options *options, FILE *out);

#endif
