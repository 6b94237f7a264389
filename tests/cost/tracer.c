/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/cost/tracer.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

enum { TRACEES_MAX = 16 };

struct tracee {
	pid_t tid;
	enum tracer_role role;
	bool inside;  /* a system call */
	bool hold;    /* keep it at its next stop */
	bool stopped; /* kept there */
};

static struct {
	struct tracee tracees[TRACEES_MAX];
	size_t count;
	struct tracer_counts counts;
} tracer;

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* check_patience - fail the test when what it has waited for since @began_ms will never be */
static void check_patience(uint64_t began_ms, const char *what)
{
	if (now_ms() - began_ms > TESTNS_PATIENCE_MS)
		fail_msg("the traced relay: %s", what);
	sched_yield();
}

/* ---- one thread ---- */

/* resume - until its next system call begins or ends */
static void resume(struct tracee *tracee, int signal_number)
{
	tracee->stopped = false;
	if (ptrace(PTRACE_SYSCALL, tracee->tid, NULL, (void *)(intptr_t)signal_number) < 0)
		fail_msg("resume thread %d: %s", (int)tracee->tid, strerror(errno));
}

/* note_call - it is stopped where a system call begins or ends */
static void note_call(struct tracee *tracee)
{
	struct __ptrace_syscall_info info = {0};

	if (ptrace(PTRACE_GET_SYSCALL_INFO, tracee->tid, (void *)sizeof(info), &info) <= 0)
		fail_msg("look at thread %d: %s", (int)tracee->tid, strerror(errno));
	tracee->inside = info.op == PTRACE_SYSCALL_INFO_ENTRY;
	/* restart_syscall(2) is what the kernel makes of a wait that a stop has cut short. */
	if (tracee->inside && info.entry.nr < TRACER_CALLS && info.entry.nr != SYS_restart_syscall)
		tracer.counts.calls[tracee->role][info.entry.nr]++;
}

/* look_at - take its stop, if it has stopped since; see "Stopped states" in ptrace(2) */
static void look_at(struct tracee *tracee)
{
	int status, signal_number = 0;

	if (tracee->stopped || waitpid(tracee->tid, &status, __WALL | WNOHANG) != tracee->tid)
		return;
	if (!WIFSTOPPED(status))
		fail_msg("traced thread %d has ended", (int)tracee->tid);
	if (WSTOPSIG(status) == (SIGTRAP | 0x80))
		note_call(tracee);
	else if (status >> 16 == 0)
		signal_number = WSTOPSIG(status);
	if (tracee->hold && signal_number == 0)
		tracee->stopped = true;
	else
		resume(tracee, signal_number);
}

/* sleeps - inside a system call and waiting there; field 3 of /proc/PID/stat, proc(5) */
static bool sleeps(const struct tracee *tracee)
{
	char path[64], state = '?';
	FILE *file;

	if (!tracee->inside)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)tracee->tid);
	file = fopen(path, "re");
	if (!file || fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = '?';
	if (file)
		fclose(file);
	return state == 'S';
}

/* ---- all of them ---- */

void tracer_pump(void)
{
	for (size_t i = 0; i < tracer.count; i++)
		look_at(&tracer.tracees[i]);
}

void tracer_await(int fd, short events)
{
	struct pollfd pollfd = {.fd = fd, .events = events};
	uint64_t began_ms = now_ms();

	for (tracer_pump(); poll(&pollfd, 1, 0) == 0; tracer_pump())
		check_patience(began_ms, "nothing comes of what it was given");
}

static bool all_sleep(void)
{
	for (size_t i = 0; i < tracer.count; i++) {
		if (tracer.tracees[i].role == TRACER_RELAY && !sleeps(&tracer.tracees[i]))
			return false;
	}
	return true;
}

void tracer_settle(void)
{
	uint64_t began_ms = now_ms();

	for (tracer_pump(); !all_sleep(); tracer_pump())
		check_patience(began_ms, "it does not come to rest");
}

static void stop(struct tracee *tracee)
{
	uint64_t began_ms = now_ms();

	tracee->hold = true;
	if (ptrace(PTRACE_INTERRUPT, tracee->tid, NULL, NULL) < 0)
		fail_msg("interrupt thread %d: %s", (int)tracee->tid, strerror(errno));
	for (look_at(tracee); !tracee->stopped; look_at(tracee))
		check_patience(began_ms, "a thread does not stop");
}

void tracer_hold(void)
{
	tracer_settle();
	for (size_t i = 0; i < tracer.count; i++) {
		if (tracer.tracees[i].role != TRACER_RELAY)
			continue;
		stop(&tracer.tracees[i]);
		tracer.counts.calls[TRACER_RELAY][SYS_io_uring_enter]--;
	}
}

void tracer_release(void)
{
	for (size_t i = 0; i < tracer.count; i++) {
		tracer.tracees[i].hold = false;
		if (tracer.tracees[i].stopped)
			resume(&tracer.tracees[i], 0);
	}
}

void tracer_read(struct tracer_counts *ret)
{
	*ret = tracer.counts;
}

/* ---- from beginning to end ---- */

static void seize(pid_t tid, enum tracer_role role)
{
	struct tracee *tracee = &tracer.tracees[tracer.count];

	assert_true(tracer.count < TRACEES_MAX);
	if (ptrace(PTRACE_SEIZE, tid, NULL, (void *)PTRACE_O_TRACESYSGOOD) < 0) {
		print_message("skipped: thread %d cannot be traced: %s\n", (int)tid, strerror(errno));
		tracer_detach();
		skip();
	}
	*tracee = (struct tracee){.tid = tid, .role = role};
	tracer.count++;
	stop(tracee);
}

/* seize_threads - the first thread of process @pid in role @first, the others in role @others */
static void seize_threads(pid_t pid, enum tracer_role first, enum tracer_role others)
{
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir));) {
		pid_t tid = atoi(entry->d_name);

		if (tid > 0)
			seize(tid, tid == pid ? first : others);
	}
	closedir(dir);
}

void tracer_attach(const struct relayproc *relay)
{
	memset(&tracer, 0, sizeof(tracer));
	seize_threads(relayproc_child(relay), TRACER_CONTROL, TRACER_RELAY);
	seize_threads(relayproc_pid(relay), TRACER_BROKER, TRACER_BROKER);
	tracer_release();
	tracer_settle();
}

/* Also in a teardown, so without a way to fail: a thread that is gone is not traced any more. */
void tracer_detach(void)
{
	for (size_t i = 0; i < tracer.count; i++) {
		const struct tracee *tracee = &tracer.tracees[i];

		if (!tracee->stopped && ptrace(PTRACE_INTERRUPT, tracee->tid, NULL, NULL) == 0)
			waitpid(tracee->tid, NULL, __WALL);
		ptrace(PTRACE_DETACH, tracee->tid, NULL, NULL);
	}
	tracer.count = 0;
}
