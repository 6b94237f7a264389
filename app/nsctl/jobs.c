/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsctl/jobs.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"

/* What a shell makes of a death by signal N: 128 + N. */
enum { STATUS_SIGNAL = 128 };

static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

struct jobs {
	pid_t *pids; /* 0: has ended */
	size_t count, alive;
	int status;    /* of the first that failed */
	int passed_on; /* the last signal that was; who ends by it does as told */
	sigset_t waited, before;
};

/* block_signals - they wait until sigwaitinfo(2) asks for them, so that none comes between asking and
 * waiting */
static void block_signals(struct jobs *jobs)
{
	signal(SIGCHLD, SIG_DFL); /* ignored, as some parents leave it, children would end unseen */
	sigemptyset(&jobs->waited);
	sigaddset(&jobs->waited, SIGCHLD);
	for (size_t i = 0; i < ARRAY_COUNT(signals); i++)
		sigaddset(&jobs->waited, signals[i]);
	sigprocmask(SIG_BLOCK, &jobs->waited, &jobs->before);
}

static void kill_all(const struct jobs *jobs, int signal)
{
	for (size_t i = 0; i < jobs->count; i++)
		if (jobs->pids[i] > 0)
			kill(jobs->pids[i], signal);
}

/* ---- a child ---- */

static _Noreturn void become(const struct jobs *jobs, pid_t parent, jobs_start_fn *start, void *ctx,
                             size_t index)
{
	struct err err = ERR_INIT;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	sigprocmask(SIG_SETMASK, &jobs->before, NULL);
	start(ctx, index, &err);
	fprintf(stderr, "nsctl: %s\n", err.text);
	_exit(EXIT_FAILURE);
}

static int start_all(struct jobs *jobs, jobs_start_fn *start, void *ctx, struct err *err)
{
	pid_t parent = getpid();
	for (size_t i = 0; i < jobs->count; i++) {
		pid_t pid = fork();
		if (pid < 0)
			return err_set_errno(err, "fork");
		if (pid == 0)
			become(jobs, parent, start, ctx, i);
		jobs->pids[i] = pid;
		jobs->alive++;
	}
	return 0;
}

/* ---- the parent ---- */

static int status_of(int wait_status)
{
	return WIFSIGNALED(wait_status) ? STATUS_SIGNAL + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

static void tell(const struct jobs *jobs, pid_t pid, int wait_status)
{
	if (WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == jobs->passed_on)
		return;
	if (WIFSIGNALED(wait_status))
		fprintf(stderr, "nsctl: process %d was ended by signal %d (%s)\n", (int)pid,
		        WTERMSIG(wait_status), strsignal(WTERMSIG(wait_status)));
	else
		fprintf(stderr, "nsctl: process %d ended with status %d\n", (int)pid,
		        WEXITSTATUS(wait_status));
}

static void note_end(struct jobs *jobs, pid_t pid, int wait_status)
{
	for (size_t i = 0; i < jobs->count; i++) {
		if (jobs->pids[i] != pid)
			continue;
		jobs->pids[i] = 0;
		jobs->alive--;
		if (status_of(wait_status) == 0)
			return;
		tell(jobs, pid, wait_status);
		if (jobs->status == 0)
			jobs->status = status_of(wait_status);
		return;
	}
}

static void reap(struct jobs *jobs)
{
	int wait_status;
	pid_t pid;
	while ((pid = waitpid(-1, &wait_status, WNOHANG)) > 0)
		note_end(jobs, pid, wait_status);
}

static void wait_for_all(struct jobs *jobs)
{
	siginfo_t info;
	for (reap(jobs); jobs->alive > 0; reap(jobs)) {
		int signal = sigwaitinfo(&jobs->waited, &info);
		/* sigaction(2): SI_USER and below are sent by a process; a terminal's go to all of its
		 * foreground. */
		if (signal <= 0 || signal == SIGCHLD || info.si_code > 0)
			continue;
		jobs->passed_on = signal;
		kill_all(jobs, signal);
	}
}

int jobs_run(size_t count, jobs_start_fn *start, void *ctx, struct err *err)
{
	struct jobs jobs = {.pids = calloc(count, sizeof(pid_t)), .count = count};
	if (!jobs.pids)
		return err_set(err, ENOMEM, "out of memory");
	fflush(NULL); /* or each child would have it too */
	block_signals(&jobs);
	int r = start_all(&jobs, start, ctx, err);
	if (r < 0)
		kill_all(&jobs, SIGTERM);
	wait_for_all(&jobs);
	sigprocmask(SIG_SETMASK, &jobs.before, NULL);
	free(jobs.pids);
	return r < 0 ? r : jobs.status;
}
