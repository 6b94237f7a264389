/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/app/load.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/endpoint.h"
#include "nsctl/netns.h"
#include "tests/lib/relayproc.h"

enum { PROCESSES_MAX = 16 };

static struct {
	struct load_counts *counts;
	pid_t pids[PROCESSES_MAX];
	unsigned int count;
	struct endpoint endpoint;
	int listener; /* 0: none */
} load;

/* start - a process inside @ns_fd that is in @work until it is killed, at the latest by the end of this
 * one */
static void start(int ns_fd, void (*work)(int fd), int fd)
{
	pid_t parent = getpid(), pid;
	int home;
	assert_true(load.count < PROCESSES_MAX);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid > 0) {
		load.pids[load.count++] = pid;
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || netns_enter(ns_fd, &home, NULL) < 0)
		_exit(1);
	for (;;)
		work(fd);
}

static void answer_one(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	char byte;
	if (fd < 0)
		return;
	if (recv(fd, &byte, 1, 0) == 1)
		send(fd, &byte, 1, MSG_NOSIGNAL);
	recv(fd, &byte, 1, 0); /* the client's end */
	close(fd);
}

static _Atomic uint64_t *ask(int fd)
{
	const struct timeval patience = {.tv_sec = TESTNS_PATIENCE_MS / 1000};
	char byte = 'x';
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, &load.endpoint.addr.any, load.endpoint.addr_len) < 0)
		return errno == ECONNREFUSED ? &load.counts->refused : &load.counts->failed;
	if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1)
		return &load.counts->cut;
	ssize_t n = recv(fd, &byte, 1, 0);
	if (n == 1)
		return &load.counts->answered;
	return n == 0 || errno == ECONNRESET ? &load.counts->cut : &load.counts->failed;
}

static void ask_one(int unused)
{
	int fd = socket(load.endpoint.addr.family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)unused;
	(*ask(fd))++;
	close(fd);
}

const struct load_counts *load_start(int client_ns, int server_ns, const char *to, const char *at,
                                     unsigned int clients)
{
	char text[ENDPOINT_TEXT_MAX];
	struct err err = ERR_INIT;
	snprintf(text, sizeof(text), "/%s", to);
	assert_success(endpoint_parse(text, &load.endpoint, &err), &err);
	if (load.counts)
		munmap(load.counts, sizeof(*load.counts));
	load.counts = mmap(NULL, sizeof(*load.counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	                   0);
	assert_ptr_not_equal(load.counts, MAP_FAILED);
	load.listener = testns_listen(server_ns, at);
	/* One for each client: an answerer waits for the end of its connection. */
	for (unsigned int i = 0; i < clients; i++)
		start(server_ns, answer_one, load.listener);
	for (unsigned int i = 0; i < clients; i++)
		start(client_ns, ask_one, -1);
	return load.counts;
}

void load_await(uint64_t more)
{
	uint64_t goal = load.counts->answered + more;
	for (int ms = 0; ms < TESTNS_PATIENCE_MS && load.counts->answered < goal; ms++)
		poll(NULL, 0, 1);
	if (load.counts->answered < goal)
		fail_msg("connections are not answered any more");
}

void load_stop(void)
{
	while (load.count > 0) {
		pid_t pid = load.pids[--load.count];
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	/* What waits in its queue would otherwise go on without end. */
	if (load.listener > 0)
		testns_close(load.listener);
	load.listener = 0;
}

int load_teardown(void **state)
{
	load_stop();
	return relayproc_teardown(state);
}
