/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsctl/verb_topology.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "app/text/json.h"
#include "app/nsctl/topology_file.h"
#include "app/nsctl/topology_show.h"
#include "app/nsctl/verb_graph.h"
#include "app/nsctl/verb_verify.h"
#include "base/check.h"
#include "nsctl/topology/lab.h"

typedef int topology_fn(const struct nsctl_options *options, const struct topology *topology, FILE *out,
                        struct err *err);

/* with_file - do @work with the topology that the command line names */
/* raise_descriptors - two are held for each namespace; the soft limit is a default for programs that use select(2) */
static void raise_descriptors(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int with_file(const struct nsctl_options *options, topology_fn *work, FILE *out, struct err *err)
{
	struct topology topology;
	if (topology_file_load(options->file, &topology, stderr) < 0)
		return EXIT_USAGE;
	raise_descriptors();
	int r = work(options, &topology, out, err);
	topology_fini(&topology);
	return r;
}

/* ---- what is to be done ---- */

struct tally {
	size_t add, change, remove;
};

/* How a step's line begins, and what is said of it. */
static const struct action {
	char mark;
	const char *name;
	size_t tally; /* offset of its number */
} actions[] = {
        {'+', "add", offsetof(struct tally, add)},
        {'~', "change", offsetof(struct tally, change)},
        {'-', "remove", offsetof(struct tally, remove)},
};

static const struct action *find_action(const char *line)
{
	for (size_t i = 0; i < ARRAY_COUNT(actions); i++)
		if (actions[i].mark == *line)
			return &actions[i];
	CHECK(!"a step's mark");
	return NULL;
}

static void tally_add(struct tally *tally, const struct action *action)
{
	++*(size_t *)((char *)tally + action->tally);
}

static void write_step(struct json *json, const struct step *step, const char *const names[],
                       struct tally *tally)
{
	char line[STEP_TEXT_MAX];
	const struct action *action = find_action(step_describe(step, names, line, sizeof(line)));
	const char *what = strstr(line, ": ");
	tally_add(tally, action);
	json_begin_object(json, NULL);
	json_text(json, "action", action->name);
	json_text(json, "namespace", names[step->netns]);
	if (*step->link)
		json_text(json, "link", step->link);
	json_text(json, "what", what ? what + 2 : line);
	json_end(json);
}

static void print_step(const struct step *step, const char *const names[], struct tally *tally, FILE *out)
{
	char line[STEP_TEXT_MAX];
	tally_add(tally, find_action(step_describe(step, names, line, sizeof(line))));
	fprintf(out, "%s\n", line);
}

static void print_tally(const struct tally *tally, FILE *out)
{
	if (tally->add + tally->change + tally->remove == 0)
		fprintf(out, "nothing to do\n");
	else
		fprintf(out, "%zu to add, %zu to change, %zu to remove\n", tally->add, tally->change,
		        tally->remove);
}

static void print_plan(const struct lab *lab, FILE *out)
{
	struct tally tally = {0};
	vec_each (step, &lab_plan(lab)->all)
		print_step(step, lab_names(lab), &tally, out);
	print_tally(&tally, out);
}

/* write_plan - @state: what became of it */
static void write_plan(const struct lab *lab, const char *name, const char *state, FILE *out)
{
	struct json json = JSON_INIT(out);
	struct tally tally = {0};
	json_begin_object(&json, NULL);
	json_text(&json, "topology", name);
	json_begin_array(&json, "steps");
	vec_each (step, &lab_plan(lab)->all)
		write_step(&json, step, lab_names(lab), &tally);
	json_end(&json);
	json_number(&json, "add", tally.add);
	json_number(&json, "change", tally.change);
	json_number(&json, "remove", tally.remove);
	json_text(&json, "state", state);
	json_end(&json);
}

/* ---- plan, apply, delete ---- */

static int plan(const struct nsctl_options *options, const struct topology *topology, FILE *out,
                struct err *err)
{
	struct lab *lab;
	int r = lab_open(topology, options->state_dir, &lab, err);
	if (r < 0)
		return r;
	if (options->json)
		write_plan(lab, topology->name, "planned", out);
	else
		print_plan(lab, out);
	bool has_steps = lab_plan(lab)->all.count > 0;
	lab_close(lab);
	return has_steps && options->exit_code ? EXIT_CHANGES : EXIT_SUCCESS;
}

/* carry_out - JSON comes at the end and only if all went well, so that its reader never has to doubt it */
static int carry_out(const struct nsctl_options *options, struct lab *lab, const char *name, FILE *out,
                     struct err *err)
{
	bool has_steps = lab_plan(lab)->all.count > 0;
	if (!options->json)
		print_plan(lab, out);
	fflush(out);
	int r = lab_apply(lab, NULL, NULL, err);
	if (r < 0)
		return r;
	if (options->json)
		write_plan(lab, name, "done", out);
	else if (has_steps)
		fprintf(out, "done\n");
	return EXIT_SUCCESS;
}

static int apply(const struct nsctl_options *options, const struct topology *topology, FILE *out,
                 struct err *err)
{
	struct lab *lab;
	int r = lab_open(topology, options->state_dir, &lab, err);
	if (r < 0)
		return r;
	r = carry_out(options, lab, topology->name, out, err);
	lab_close(lab);
	return r;
}

/* delete - make the topology of that name one of nothing */
static int delete (const struct nsctl_options *options, const struct topology *topology, FILE *out,
                   struct err *err)
{
	struct topology nothing = {0};
	memcpy(nothing.name, topology->name, sizeof(nothing.name));
	return apply(options, &nothing, out, err);
}

static int show(const struct nsctl_options *options, const struct topology *topology, FILE *out,
                struct err *err)
{
	return topology_show(topology, options->json, out, err);
}

static int verify(const struct nsctl_options *options, const struct topology *topology, FILE *out,
                  struct err *err)
{
	return verb_verify(topology, options->json, out, err);
}

static int graph(const struct nsctl_options *options, const struct topology *topology, FILE *out,
                 struct err *err)
{
	if (options->json)
		return verb_graph_json(topology, options->live, out, err);
	return verb_graph(topology, options->format, options->live, out, err);
}

int verb_topology_plan(const struct nsctl_options *options, FILE *out, struct err *err)
{
	return with_file(options, plan, out, err);
}

int verb_topology_apply(const struct nsctl_options *options, FILE *out, struct err *err)
{
	return with_file(options, apply, out, err);
}

int verb_topology_delete(const struct nsctl_options *options, FILE *out, struct err *err)
{
	return with_file(options, delete, out, err);
}

int verb_topology_show(const struct nsctl_options *options, FILE *out, struct err *err)
{
	return with_file(options, show, out, err);
}

int verb_topology_verify(const struct nsctl_options *options, FILE *out, struct err *err)
{
	return with_file(options, verify, out, err);
}

int verb_topology_graph(const struct nsctl_options *options, FILE *out, struct err *err)
{
	return with_file(options, graph, out, err);
}
