/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsctl/verb_listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/nsctl/jobs.h"
#include "app/text/json.h"
#include "nsctl/netns.h"
#include "nsctl/nssock.h"

enum {
	PASSED_FD = 3,    /* SD_LISTEN_FDS_START, sd_listen_fds(3) */
	BACKLOG = 4096,   /* net.core.somaxconn since Linux 5.4; the kernel lowers it to that */
	FDNAME_MAX = 255, /* of a descriptor's name, sd_listen_fds(3) */
};

struct listeners {
	VEC(struct listener {
		int fd;
		char name[FDNAME_MAX + 1];
	})
	all;
};

static void listeners_fini(struct listeners *listeners)
{
	vec_each (listener, &listeners->all)
		close(listener->fd);
	vec_clear(&listeners->all);
}

/* ---- making them ---- */

static int listen_in_namespace(const struct endpoint *endpoint, struct err *err)
{
	const struct nssock_tcp_options tcp = {.backlog = BACKLOG};
	int ns_fd = -1;
	if (endpoint->addr.family != AF_UNIX)
		ns_fd = netns_open(&endpoint->netns, err);
	if (endpoint->addr.family != AF_UNIX && ns_fd < 0)
		return ns_fd;
	int fd = nssock_listen(ns_fd, endpoint, &tcp, false, NSSOCK_UID_OWN, err);
	if (ns_fd >= 0)
		close(ns_fd);
	return fd;
}

/* make_blocking - as a server that was started by systemd finds it; O_NONBLOCK is of the socket, not of the
 * descriptor */
static int make_blocking(int fd, struct err *err)
{
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0)
		return err_set_errno(err, "make a socket blocking");
	return 0;
}

/* name_listener - by its namespace; a colon would end the name in LISTEN_FDNAMES */
static void name_listener(struct listener *listener, const struct endpoint *endpoint)
{
	if (endpoint->addr.family == AF_UNIX)
		snprintf(listener->name, sizeof(listener->name), "unix");
	else
		netns_ref_format(&endpoint->netns, listener->name, sizeof(listener->name));
	for (char *c = listener->name; *c; c++)
		if (*c == ':')
			*c = '-';
}

static int add_listener(struct listeners *listeners, const struct endpoint *endpoint, struct err *err)
{
	int fd = listen_in_namespace(endpoint, err);
	if (fd < 0)
		return fd;
	struct listener *listener = vec_push(&listeners->all);
	if (!listener) {
		close(fd);
		return err_set(err, ENOMEM, "out of memory");
	}
	listener->fd = fd;
	name_listener(listener, endpoint);
	return make_blocking(fd, err);
}

/* ---- passing them ---- */

/* move_fd - to a number that nobody has, @target or above, or to @target itself; it survives execve(2) only
 * then */
static int move_fd(int *fd, int target, bool exactly, struct err *err)
{
	int moved = exactly ? dup2(*fd, target) : fcntl(*fd, F_DUPFD_CLOEXEC, target);
	if (moved < 0)
		return err_set_errno(err, "move a socket to descriptor %d", target);
	close(*fd);
	*fd = moved;
	return 0;
}

/* pass_listeners - first out of each other's way, then to where they are expected */
static int pass_listeners(struct listeners *listeners, struct err *err)
{
	int end = PASSED_FD + (int)listeners->all.count, r = 0;
	for (size_t i = 0; r == 0 && i < listeners->all.count; i++)
		r = move_fd(&listeners->all.items[i].fd, end, false, err);
	for (size_t i = 0; r == 0 && i < listeners->all.count; i++)
		r = move_fd(&listeners->all.items[i].fd, PASSED_FD + (int)i, true, err);
	return r;
}

static int set_number(const char *name, size_t value)
{
	char text[24];
	snprintf(text, sizeof(text), "%zu", value);
	return setenv(name, text, 1);
}

static int set_names(const struct listeners *listeners)
{
	char *names = calloc(listeners->all.count + 1, FDNAME_MAX + 1), *end = names;
	if (!names)
		return -1;
	vec_each (listener, &listeners->all)
		end += sprintf(end, "%s%s", end > names ? ":" : "", listener->name);
	int r = setenv("LISTEN_FDNAMES", names, 1);
	free(names);
	return r;
}

static int announce(const struct listeners *listeners, struct err *err)
{
	if (set_number("LISTEN_FDS", listeners->all.count) < 0 || set_names(listeners) < 0)
		return err_set_errno(err, "tell the command of its sockets");
	return 0;
}

/* ---- telling of them ---- */

/* write_listeners - each by the descriptor that the commands have it as */
static int write_listeners(const struct listeners *listeners, const struct nsctl_options *options, FILE *out,
                           struct err *err)
{
	struct json json = JSON_INIT(out);
	char text[ENDPOINT_TEXT_MAX];
	json_begin_object(&json, NULL);
	json_begin_array(&json, "sockets");
	for (size_t i = 0; i < listeners->all.count; i++) {
		json_begin_object(&json, NULL);
		json_number(&json, "fd", (uint64_t)listeners->all.items[i].fd);
		json_text(&json, "name", listeners->all.items[i].name);
		json_text(&json, "endpoint",
		          endpoint_format(&options->endpoints.all.items[i], text, sizeof(text)));
		json_end(&json);
	}
	json_end(&json);
	json_number(&json, "commands", options->copies + options->also.all.count);
	json_end(&json);
	return fflush(out) < 0 ? err_set_errno(err, "write to standard output") : 0;
}

/* ---- running ---- */

/* run_command - @command ends with NULL */
static int run_command(char **command, struct err *err)
{
	if (set_number("LISTEN_PID", (size_t)getpid()) < 0)
		return err_set_errno(err, "tell the command of its sockets");
	execvp(command[0], command);
	return err_set_errno(err, "run %s", command[0]);
}

static int run_in_shell(const char *text, struct err *err)
{
	/* execve(2) changes nothing in it; the prototype is older than const. */
	char *command[] = {(char *)"sh", (char *)"-c", (char *)(uintptr_t)text, NULL};
	return run_command(command, err);
}

/* run_job - the copies come first */
static int run_job(void *ctx, size_t index, struct err *err)
{
	const struct nsctl_options *options = ctx;
	if (index < options->copies)
		return run_command(options->command, err);
	return run_in_shell(options->also.all.items[index - options->copies], err);
}

static int run(const struct nsctl_options *options, struct err *err)
{
	size_t count = options->copies + options->also.all.count;
	if (count == 1)
		return run_command(options->command, err);
	return jobs_run(count, run_job, (void *)(uintptr_t)options, err);
}

int verb_listen(const struct nsctl_options *options, FILE *out, struct err *err)
{
	struct listeners listeners = {0};
	int r = 0;
	for (size_t i = 0; r == 0 && i < options->endpoints.all.count; i++)
		r = add_listener(&listeners, &options->endpoints.all.items[i], err);
	if (r == 0)
		r = pass_listeners(&listeners, err);
	if (r == 0)
		r = announce(&listeners, err);
	if (r == 0 && options->json)
		r = write_listeners(&listeners, options, out, err);
	if (r == 0)
		r = run(options, err);
	listeners_fini(&listeners);
	return r;
}
