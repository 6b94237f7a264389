/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/opened.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/nsrelay/socket_options.h"
#include "nsctl/nssock.h"

static const struct config_relay *relay_of(const struct opened *opened, uint32_t listener)
{
	return &opened->plan->config->relays[opened->plan->listeners[listener].relay];
}

/* listener_options - TPROXY brings connections to addresses that are not the namespace's */
static struct nssock_tcp_options listener_options(const struct config_relay *relay)
{
	struct nssock_tcp_options options = socket_options_of(&relay->tcp);
	options.transparent = relay->intercept == CONFIG_INTERCEPT_TPROXY;
	return options;
}

static bool is_unix(const struct opened *opened, uint32_t listener)
{
	return opened->plan->listeners[listener].endpoint->addr.family == AF_UNIX;
}

static int *fd_of(const struct opened *opened, uint32_t listener, uint32_t thread)
{
	return &opened->listener_fds[thread * opened->plan->listener_count + listener];
}

/* ---- listeners ---- */

/* open_first - a listener's socket, of the first thread or, TCP's, of any */
static int open_first(struct opened *opened, uint32_t index, struct err *err)
{
	const struct endpoint *endpoint = opened->plan->listeners[index].endpoint;
	struct nssock_tcp_options options = listener_options(relay_of(opened, index));
	struct opened_listener *listener = &opened->listeners[index];
	int ns_fd = listener->space ? listener->space->fd : -1;
	int fd = nssock_listen(ns_fd, endpoint, &options, opened->threads > 1, opened->targets->uid, err);
	if (fd >= 0 && endpoint->addr.family == AF_UNIX)
		socket_file_note(&listener->file, endpoint->addr.un.sun_path);
	return fd;
}

/* open_share - one thread's socket of a listener; a unix socket is one for all threads */
static int open_share(struct opened *opened, uint32_t index, uint32_t thread, struct err *err)
{
	if (thread == 0 || !is_unix(opened, index))
		return open_first(opened, index, err);
	int fd = fcntl(*fd_of(opened, index, 0), F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? err_set_errno(err, "share unix:%s among threads",
	                              opened->plan->listeners[index].endpoint->addr.un.sun_path)
	              : fd;
}

static int open_fresh(struct opened *opened, uint32_t index, struct err *err)
{
	for (uint32_t thread = 0; thread < opened->threads; thread++) {
		int fd = open_share(opened, index, thread, err);
		if (fd < 0)
			return err_prefix(err, "relay '%s'", relay_of(opened, index)->name);
		*fd_of(opened, index, thread) = fd;
	}
	return 0;
}

/* hold_space - the namespace that a listener is in */
static int hold_space(struct opened *opened, uint32_t index, struct err *err)
{
	const struct endpoint *endpoint = opened->plan->listeners[index].endpoint;
	char text[ENDPOINT_TEXT_MAX];
	if (is_unix(opened, index))
		return 0;
	int rc = spaces_hold(opened->targets->spaces, &endpoint->netns, &opened->listeners[index].space, err);
	if (rc < 0)
		err_prefix(err, "relay '%s': listen on %s", relay_of(opened, index)->name,
		           endpoint_format(endpoint, text, sizeof(text)));
	return rc;
}

/* is_same - is listener @old of @before the one at @index? */
static bool is_same(const struct opened *opened, uint32_t index, const struct opened *before, uint32_t old)
{
	return *fd_of(before, old, 0) >= 0 &&
	       before->listeners[old].space == opened->listeners[index].space &&
	       endpoint_equal(before->plan->listeners[old].endpoint, opened->plan->listeners[index].endpoint);
}

/* find_kept - its index in @before. The one behind the last that was found is tried first (*@next), as most are in the
 * order that they had. */
static uint32_t find_kept(const struct opened *opened, uint32_t index, const struct opened *before, uint32_t *next)
{
	uint32_t count = before ? before->plan->listener_count : 0;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t old = (*next + i) % count;
		if (is_same(opened, index, before, old)) {
			*next = old + 1;
			return old;
		}
	}
	return OPENED_FRESH;
}

static int open_listener(struct opened *opened, uint32_t index, const struct opened *before, uint32_t *next,
                         struct err *err)
{
	struct opened_listener *listener = &opened->listeners[index];
	int rc = hold_space(opened, index, err);
	if (rc < 0)
		return rc;
	listener->kept_from = find_kept(opened, index, before, next);
	return listener->kept_from == OPENED_FRESH ? open_fresh(opened, index, err) : 0;
}

/* ---- targets ---- */

/* first_user - the name of the first relay that uses @target */
static const char *first_user(const struct plan *plan, uint32_t target)
{
	const struct config *config = plan->config;
	for (uint32_t i = 0; i < plan->route_count; i++) {
		const struct plan_route *route = &plan->routes[i];
		for (size_t j = 0; j < config->pools[route->pool].backend_count; j++) {
			if (route->targets[j] == target)
				return config->relays[route->relay].name;
		}
	}
	for (size_t i = 0; i < config->relay_count; i++) {
		if (plan->mirror_targets[i] == target)
			return config->relays[i].name;
	}
	return "";
}

static int hold_target(struct opened *opened, uint32_t index, struct err *err)
{
	const struct plan_target *target = &opened->plan->targets[index];
	char text[ENDPOINT_TEXT_MAX];
	int64_t number = targets_hold(opened->targets, target, err);
	if (number < 0)
		return err_prefix(err, "relay '%s': %s %s", first_user(opened->plan, index),
		                  target->mirrors ? "mirror" : "backend",
		                  endpoint_format(target->endpoint, text, sizeof(text)));
	opened->numbers[opened->number_count++] = (uint32_t)number;
	return 0;
}

/* ---- all ---- */

static int allocate(struct opened *opened)
{
	const struct plan *plan = opened->plan;
	size_t fds = (size_t)plan->listener_count * opened->threads;
	opened->listener_fds = malloc((fds + 1) * sizeof(*opened->listener_fds));
	opened->listeners = calloc(plan->listener_count + 1, sizeof(*opened->listeners));
	opened->numbers = calloc(plan->target_count + 1, sizeof(*opened->numbers));
	if (!opened->listener_fds || !opened->listeners || !opened->numbers)
		return -ENOMEM;
	memset(opened->listener_fds, -1, (fds + 1) * sizeof(*opened->listener_fds));
	for (uint32_t i = 0; i < plan->listener_count; i++)
		opened->listeners[i].kept_from = OPENED_FRESH;
	return 0;
}

int opened_init(struct opened *opened, const struct opened *before, const struct plan *plan, uint32_t threads,
                struct targets *targets, struct err *err)
{
	uint32_t next = 0;
	*opened = (struct opened){.plan = plan, .threads = threads, .targets = targets};
	int rc = allocate(opened);
	if (rc < 0)
		err_set(err, -rc, "listeners: out of memory");
	for (uint32_t i = 0; i < plan->target_count && rc == 0; i++)
		rc = hold_target(opened, i, err);
	for (uint32_t i = 0; i < plan->listener_count && rc == 0; i++)
		rc = open_listener(opened, i, before, &next, err);
	if (rc < 0)
		opened_fini(opened, 0);
	return rc;
}

uint32_t opened_fresh(const struct opened *opened, bool *ret)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < opened->plan->listener_count; i++) {
		ret[i] = opened->listeners[i].kept_from == OPENED_FRESH;
		count += ret[i];
	}
	return count;
}

/* ---- the end ---- */

/* close_listener - who has begun to connect is accepted by the relay; who begins now is not let in to be
 * reset */
static void close_listener(struct opened *opened, uint32_t index)
{
	const struct endpoint *endpoint = opened->plan->listeners[index].endpoint;
	socket_file_remove(&opened->listeners[index].file, endpoint->addr.un.sun_path);
	for (uint32_t thread = 0; thread < opened->threads; thread++) {
		int *fd = fd_of(opened, index, thread);
		if (*fd < 0)
			continue;
		if (endpoint->addr.family != AF_UNIX)
			nssock_refuse_handshakes(*fd);
		close(*fd);
		*fd = -1;
	}
}

void opened_close_listeners(struct opened *opened)
{
	for (uint32_t i = 0; opened->listeners && opened->listener_fds && i < opened->plan->listener_count;
	     i++)
		close_listener(opened, i);
}

void opened_fini(struct opened *opened, uint64_t now_ms)
{
	if (!opened->plan)
		return;
	opened_close_listeners(opened);
	for (uint32_t i = 0; opened->listeners && i < opened->plan->listener_count; i++)
		space_release(opened->listeners[i].space);
	for (uint32_t i = 0; i < opened->number_count; i++)
		targets_release(opened->targets, opened->numbers[i], now_ms);
	free(opened->listener_fds);
	free(opened->listeners);
	free(opened->numbers);
	*opened = (struct opened){0};
}

/* ---- one configuration after the other ---- */

/* keep - the sockets of a listener that stays; each of a unix listener's is the same one */
static int keep(struct opened *opened, uint32_t index, struct opened *before, struct err *err)
{
	struct opened_listener *listener = &opened->listeners[index];
	struct opened_listener *old = &before->listeners[listener->kept_from];
	const struct nssock_tcp_options was = listener_options(relay_of(before, listener->kept_from));
	const struct nssock_tcp_options is = listener_options(relay_of(opened, index));
	int rc = 0;
	for (uint32_t thread = 0; thread < opened->threads; thread++) {
		int *fd = fd_of(before, listener->kept_from, thread);
		if (!socket_options_equal(&was, &is))
			rc = nssock_listen_again(*fd, opened->plan->listeners[index].endpoint, &is, err);
		*fd_of(opened, index, thread) = *fd;
		*fd = -1;
	}
	listener->file = old->file;
	old->file = (struct socket_file){0};
	return rc;
}

static bool has_open(const struct opened *opened)
{
	for (uint32_t i = 0; i < opened->plan->listener_count; i++) {
		if (*fd_of(opened, i, 0) >= 0)
			return true;
	}
	return false;
}

int opened_replace(struct opened *opened, struct opened *before, uint64_t now_ms, bool *ret_closes,
                   struct err *err)
{
	int rc = 0;
	for (uint32_t i = 0; i < opened->plan->listener_count; i++) {
		if (opened->listeners[i].kept_from == OPENED_FRESH)
			continue;
		int kept = keep(opened, i, before, err);
		rc = kept < 0 ? kept : rc;
		opened->listeners[i].kept_from = OPENED_FRESH; /* @before is about to go */
	}
	*ret_closes = has_open(before);
	opened_fini(before, now_ms);
	return rc;
}
