/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/app/inside.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/nsrelay/sandbox.h"
#include "base/check.h"
#include "io/probe.h"
#include "tests/lib/testns.h"

static struct inside_report *report;

/* ---- the child ---- */

void inside_tell(struct inside *inside, long result)
{
	CHECK(inside->report->count < INSIDE_RESULTS_MAX);
	inside->report->results[inside->report->count++] = result < 0 ? -errno : (int)result;
}

void inside_need(struct inside *inside, const char *what, bool holds)
{
	if (holds)
		return;
	snprintf(inside->report->error, sizeof(inside->report->error), "%s: %s", what, strerror(errno));
	_exit(EXIT_FAILURE);
}

static _Noreturn void give_up(const struct err *err)
{
	snprintf(report->error, sizeof(report->error), "%s", err->text);
	_exit(EXIT_FAILURE);
}

static struct ring *open_ring(struct err *err)
{
	struct io_features features;
	struct ring_config config = {
	        .features = &features,
	        .sq_entries = INSIDE_RING_ENTRIES,
	        .cq_entries = INSIDE_RING_ENTRIES,
	        .buffer_count = INSIDE_RING_ENTRIES,
	        .buffer_size = 4096,
	};
	if (io_probe(&features, err) < 0)
		return NULL;
	if (!features.restrictions) {
		err_set(err, EOPNOTSUPP, "this kernel cannot restrict a ring");
		return NULL;
	}
	return ring_open(&config, err);
}

/* A process that waits for its end; its parent's end is its own. */
static pid_t fork_neighbour(void)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(TESTNS_PATIENCE_MS / 1000);
	for (;;)
		pause();
}

static _Noreturn void live_inside(inside_fn *before, inside_fn *work, int ns_fd)
{
	struct inside inside = {.report = report, .ns_fd = ns_fd};
	struct sandbox_user user;
	struct err err = ERR_INIT;
	alarm(TESTNS_PATIENCE_MS / 1000);
	signal(SIGPIPE, SIG_IGN);
	setgroups(1, (const gid_t[]){1}); /* root has some on most machines */
	if (sandbox_find_user("nobody", &user, &err) < 0 || sandbox_drop(&user, &err) < 0)
		give_up(&err);
	inside.neighbour = fork_neighbour();
	inside.ring = open_ring(&err);
	if (!inside.ring)
		give_up(&err);
	if (before)
		before(&inside);
	if (sandbox_seal(&err) < 0)
		give_up(&err);
	report->is_sealed = true;
	work(&inside);
	_exit(EXIT_SUCCESS);
}

/* ---- the test ---- */

pid_t inside_start(inside_fn *before, inside_fn *work, int ns_fd)
{
	testns_require_root();
	if (report)
		munmap(report, sizeof(*report));
	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(report, MAP_FAILED);
	fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		live_inside(before, work, ns_fd);
	return pid;
}

void inside_await_seal(void)
{
	for (int ms = 0; ms < TESTNS_PATIENCE_MS && !report->is_sealed && !report->error[0]; ms++)
		poll(NULL, 0, 1);
	if (!report->is_sealed)
		fail_msg("not sealed: %s", report->error);
}

void inside_end(pid_t pid)
{
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (report->error[0])
		fail_msg("%s", report->error);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("the child ended with wait status %#x", (unsigned int)status);
}

const struct inside_report *inside_run(inside_fn *before, inside_fn *work, int ns_fd)
{
	inside_end(inside_start(before, work, ns_fd));
	return report;
}
