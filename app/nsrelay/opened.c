/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/opened.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/sys.h"
#include "nsctl/netns.h"

static void to_socket_options(const struct config_tcp *tcp, struct nssock_tcp_options *ret)
{
	*ret = (struct nssock_tcp_options){
		.nodelay = tcp->nodelay,
		.keepalive_idle_s = tcp->keepalive_idle_s,
		.keepalive_interval_s = tcp->keepalive_interval_s,
		.keepalive_count = tcp->keepalive_count,
		.user_timeout_ms = tcp->user_timeout_ms,
		.backlog = tcp->backlog,
	};
	_Static_assert(sizeof(ret->congestion) == sizeof(tcp->congestion), "one limit for both");
	memcpy(ret->congestion, tcp->congestion, sizeof(ret->congestion));
}

/* find_netns - the namespace @ref means, opened on first use; a descriptor that stays @opened's, or -errno */
static int find_netns(struct opened *opened, const struct netns_ref *ref, struct err *err)
{
	for (uint32_t i = 0; i < opened->netns_count; i++) {
		if (netns_ref_equal(opened->netns[i].ref, ref))
			return opened->netns[i].fd;
	}
	int fd = netns_open(ref, err);
	if (fd >= 0)
		opened->netns[opened->netns_count++] = (struct opened_netns){ref, fd};
	return fd;
}

/* ---- listeners ---- */

/* open_first - a listener's socket, of the first thread or, TCP's, of any */
static int open_first(struct opened *opened, uint32_t index, uid_t uid, struct err *err)
{
	const struct plan_listener *listener = &opened->plan->listeners[index];
	struct nssock_tcp_options options;
	char text[ENDPOINT_TEXT_MAX];
	int ns_fd = find_netns(opened, &listener->endpoint->netns, err);
	if (ns_fd < 0)
		return err_prefix(err, "listen on %s", endpoint_format(listener->endpoint, text, sizeof(text)));
	to_socket_options(&opened->plan->config->relays[listener->relay].tcp, &options);
	int fd = nssock_listen(ns_fd, listener->endpoint, &options, opened->threads > 1, uid, err);
	if (fd >= 0 && listener->endpoint->addr.family == AF_UNIX)
		socket_file_note(&opened->files[index], listener->endpoint->addr.un.sun_path);
	return fd;
}

/* open_share - one thread's socket of a listener; a unix socket is one for all threads */
static int open_share(struct opened *opened, uint32_t index, uint32_t thread, uid_t uid, struct err *err)
{
	const struct endpoint *endpoint = opened->plan->listeners[index].endpoint;
	if (thread == 0 || endpoint->addr.family != AF_UNIX)
		return open_first(opened, index, uid, err);
	int fd = fcntl(opened->listener_fds[index], F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? err_set_errno(err, "share unix:%s among threads", endpoint->addr.un.sun_path) : fd;
}

static int open_listener(struct opened *opened, uint32_t index, uid_t uid, struct err *err)
{
	const struct plan *plan = opened->plan;
	for (uint32_t thread = 0; thread < opened->threads; thread++) {
		int fd = open_share(opened, index, thread, uid, err);
		if (fd < 0)
			return err_prefix(err, "relay '%s'", plan->config->relays[plan->listeners[index].relay].name);
		opened->listener_fds[thread * plan->listener_count + index] = fd;
	}
	return 0;
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

/* try_target - make a socket of it: what is not permitted, or not in this kernel, is told now and not to a client */
static int try_target(const struct broker_target *target, uid_t uid, struct err *err)
{
	uint32_t count;
	int fd;
	int rc = nssock_upstream_batch(target->ns_fd, target->family, &target->options, uid, 1, &fd, &count, err);
	if (rc == 0)
		close(fd);
	return rc;
}

static int open_tcp_target(struct opened *opened, uint32_t index, uid_t uid, struct err *err)
{
	struct broker_target *target = &opened->targets[index];
	const struct endpoint *endpoint = opened->plan->targets[index].endpoint;
	target->ns_fd = find_netns(opened, &endpoint->netns, err);
	int rc = target->ns_fd < 0 ? target->ns_fd : try_target(target, uid, err);
	char text[ENDPOINT_TEXT_MAX];
	return rc == 0 ? 0
		       : err_prefix(err, "relay '%s': %s %s", first_user(opened->plan, index),
				    opened->plan->targets[index].mirrors ? "mirror" : "backend",
				    endpoint_format(endpoint, text, sizeof(text)));
}

static int open_target(struct opened *opened, uint32_t index, uid_t uid, struct err *err)
{
	const struct plan_target *target = &opened->plan->targets[index];
	struct broker_target *ret = &opened->targets[index];
	ret->ns_fd = -1;
	ret->family = target->endpoint->addr.family;
	to_socket_options(target->tcp, &ret->options);
	if (ret->family != AF_UNIX)
		return open_tcp_target(opened, index, uid, err);
	_Static_assert(sizeof(ret->unix_path) == sizeof(target->endpoint->addr.un.sun_path), "unix(7)");
	memcpy(ret->unix_path, target->endpoint->addr.un.sun_path, sizeof(ret->unix_path));
	return 0;
}

/* ---- all ---- */

static int allocate(struct opened *opened)
{
	size_t listeners = (size_t)opened->plan->listener_count * opened->threads;
	size_t namespaces = opened->plan->listener_count + opened->plan->target_count;
	opened->netns = calloc(namespaces + 1, sizeof(*opened->netns));
	opened->listener_fds = malloc((listeners + 1) * sizeof(*opened->listener_fds));
	opened->targets = calloc(opened->plan->target_count + 1, sizeof(*opened->targets));
	opened->files = calloc(opened->plan->listener_count + 1, sizeof(*opened->files));
	if (!opened->netns || !opened->listener_fds || !opened->targets || !opened->files)
		return -ENOMEM;
	memset(opened->listener_fds, -1, (listeners + 1) * sizeof(*opened->listener_fds));
	return 0;
}

int opened_init(struct opened *opened, const struct plan *plan, uint32_t threads, uid_t uid, struct err *err)
{
	*opened = (struct opened){.plan = plan, .threads = threads};
	int rc = allocate(opened);
	if (rc < 0)
		err_set(err, -rc, "listeners: out of memory");
	for (uint32_t i = 0; i < plan->target_count && rc == 0; i++)
		rc = open_target(opened, i, uid, err);
	for (uint32_t i = 0; i < plan->listener_count && rc == 0; i++)
		rc = open_listener(opened, i, uid, err);
	if (rc < 0)
		opened_fini(opened);
	return rc;
}

static void remove_files(struct opened *opened)
{
	for (uint32_t i = 0; opened->files && i < opened->plan->listener_count; i++)
		socket_file_remove(&opened->files[i], opened->plan->listeners[i].endpoint->addr.un.sun_path);
}

/* close_listener - who has begun to connect is accepted by the relay; who begins now is not let in to be reset */
static void close_listener(struct opened *opened, size_t i)
{
	int *fd = &opened->listener_fds[i];
	if (*fd < 0)
		return;
	if (opened->plan->listeners[i % opened->plan->listener_count].endpoint->addr.family != AF_UNIX)
		nssock_refuse_handshakes(*fd);
	close(*fd);
	*fd = -1;
}

void opened_close_listeners(struct opened *opened)
{
	size_t count = (size_t)opened->plan->listener_count * opened->threads;
	remove_files(opened);
	for (size_t i = 0; opened->listener_fds && i < count; i++)
		close_listener(opened, i);
}

static void close_namespaces(struct opened *opened)
{
	for (uint32_t i = 0; i < opened->netns_count; i++)
		close(opened->netns[i].fd);
	opened->netns_count = 0;
}

void opened_keep_listeners(struct opened *opened)
{
	close_namespaces(opened);
}

void opened_fini(struct opened *opened)
{
	if (!opened->plan)
		return;
	opened_close_listeners(opened);
	close_namespaces(opened);
	free(opened->netns);
	free(opened->listener_fds);
	free(opened->targets);
	free(opened->files);
	*opened = (struct opened){0};
}
