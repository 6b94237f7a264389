/* SPDX-License-Identifier: Apache-2.0 */
/* nsctl: from the command line to one verb. */
#include <stdio.h>
#include <stdlib.h>

#include "app/nsctl/nsctl_options.h"
#include "app/nsctl/verb_change.h"
#include "app/nsctl/verb_enrol.h"
#include "app/nsctl/verb_events.h"
#include "app/nsctl/verb_dump.h"
#include "app/nsctl/verb_inspect.h"
#include "app/nsctl/verb_kill.h"
#include "app/nsctl/verb_listen.h"
#include "app/nsctl/verb_live.h"
#include "app/nsctl/verb_namespaces.h"
#include "app/nsctl/verb_set.h"
#include "app/nsctl/verb_top.h"
#include "app/nsctl/verb_topology.h"
#include "base/check.h"

/* The exit status, or -errno and @err. */
typedef int verb_fn(const struct nsctl_options *options, FILE *out, struct err *err);

static int version(const struct nsctl_options *options, FILE *out, struct err *err)
{
	(void)options;
	(void)err;
	fputs("nsctl " NSRELAY_VERSION "\n", out);
	return EXIT_SUCCESS;
}

static int help(const struct nsctl_options *options, FILE *out, struct err *err)
{
	(void)err;
	nsctl_options_print_help(options, out);
	return EXIT_SUCCESS;
}

static verb_fn *const verbs[NSCTL_VERB_COUNT] = {
        [NSCTL_PLAN] = verb_topology_plan,
        [NSCTL_APPLY] = verb_topology_apply,
        [NSCTL_DELETE] = verb_topology_delete,
        [NSCTL_SHOW] = verb_topology_show,
        [NSCTL_VERIFY] = verb_topology_verify,
        [NSCTL_GRAPH] = verb_topology_graph,
        [NSCTL_INSPECT] = verb_inspect,
        [NSCTL_NAMESPACES] = verb_namespaces,
        [NSCTL_LISTEN] = verb_listen,
        [NSCTL_STATUS] = verb_live,
        [NSCTL_RELAYS] = verb_live,
        [NSCTL_BACKENDS] = verb_live,
        [NSCTL_CONNECTIONS] = verb_live,
        [NSCTL_COUNTERS] = verb_live,
        [NSCTL_DUMP] = verb_dump,
        [NSCTL_KILL] = verb_kill,
        [NSCTL_DRAIN] = verb_set,
        [NSCTL_READY] = verb_set,
        [NSCTL_MAINTENANCE] = verb_set,
        [NSCTL_LOG] = verb_set,
        [NSCTL_RELOAD] = verb_change,
        [NSCTL_ADD] = verb_change,
        [NSCTL_REMOVE] = verb_change,
        [NSCTL_WEIGHT] = verb_change,
        [NSCTL_ENROL] = verb_enrol,
        [NSCTL_WITHDRAW] = verb_enrol,
        [NSCTL_ENROLLED] = verb_live,
        [NSCTL_EVENTS] = verb_events,
        [NSCTL_TOP] = verb_top,
        [NSCTL_VERSION] = version,
        [NSCTL_HELP] = help,
};

/* run - output that did not reach its reader is a failure: `nsctl inspect -j >/full/disk/file` */
static int run(const struct nsctl_options *options, struct err *err)
{
	int r = options->wants_help ? help(options, stdout, err) : verbs[options->verb](options, stdout, err);
	if (r >= 0 && (fflush(stdout) != 0 || ferror(stdout)))
		r = err_set_errno(err, "write to standard output");
	return r;
}

int main(int argc, char **argv)
{
	struct nsctl_options options;
	struct err err = ERR_INIT;
	if (nsctl_options_parse(argc, argv, &options, &err) < 0) {
		fprintf(stderr, "nsctl: %s\n", err.text);
		nsctl_options_print_usage(argc, argv, stderr);
		return EXIT_USAGE;
	}
	int status = run(&options, &err);
	if (status < 0)
		fprintf(stderr, "nsctl: %s\n", err.text);
	nsctl_options_fini(&options);
	return status < 0 ? EXIT_FAILURE : status;
}
