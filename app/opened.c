/* SPDX-License-Identifier: Apache-2.0 */
#include "app/opened.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* open_share - one thread's socket of a listener; a unix socket is one for all threads */
static int open_share(struct opened *opened, uint32_t index, uint32_t thread, int ns_fd, uid_t uid, struct err *err)
{
	const struct plan *plan = opened->plan;
	const struct plan_listener *listener = &plan->listeners[index];
	if (thread > 0 && listener->endpoint->addr.family == AF_UNIX) {
		int fd = fcntl(opened->listener_fds[index], F_DUPFD_CLOEXEC, 3);
		return fd < 0 ? err_set_errno(err, "duplicate a listener") : fd;
	}
	struct nssock_tcp_options options;
	to_socket_options(&plan->config->relays[listener->relay].tcp, &options);
	return nssock_listen(ns_fd, listener->endpoint, &options, opened->threads > 1, uid, err);
}

static int open_listener(struct opened *opened, uint32_t index, uid_t uid, struct err *err)
{
	const struct plan_listener *listener = &opened->plan->listeners[index];
	int ns_fd = find_netns(opened, &listener->endpoint->netns, err);
	int rc = ns_fd < 0 ? ns_fd : 0;
	for (uint32_t thread = 0; thread < opened->threads && rc >= 0; thread++) {
		rc = open_share(opened, index, thread, ns_fd, uid, err);
		if (rc >= 0)
			opened->listener_fds[thread * opened->plan->listener_count + index] = rc;
		opened->unix_bound[index] |= rc >= 0 && listener->endpoint->addr.family == AF_UNIX;
	}
	if (rc >= 0)
		return 0;
	char text[ENDPOINT_TEXT_MAX];
	return err_prefix(err, "relay '%s' cannot listen on %s",
			  opened->plan->config->relays[listener->relay].name,
			  endpoint_format(listener->endpoint, text, sizeof(text)));
}

static int open_target(struct opened *opened, uint32_t index, struct err *err)
{
	const struct plan_target *target = &opened->plan->targets[index];
	struct broker_target *ret = &opened->targets[index];
	ret->ns_fd = -1;
	ret->family = target->endpoint->addr.family;
	to_socket_options(target->tcp, &ret->options);
	if (ret->family == AF_UNIX) {
		_Static_assert(sizeof(ret->unix_path) == sizeof(target->endpoint->addr.un.sun_path), "unix(7)");
		memcpy(ret->unix_path, target->endpoint->addr.un.sun_path, sizeof(ret->unix_path));
		return 0;
	}
	ret->ns_fd = find_netns(opened, &target->endpoint->netns, err);
	char text[ENDPOINT_TEXT_MAX];
	return ret->ns_fd >= 0 ? 0
			       : err_prefix(err, "backend %s",
					    endpoint_format(target->endpoint, text, sizeof(text)));
}

static int allocate(struct opened *opened)
{
	size_t listeners = (size_t)opened->plan->listener_count * opened->threads;
	size_t namespaces = opened->plan->listener_count + opened->plan->target_count;
	opened->netns = calloc(namespaces + 1, sizeof(*opened->netns));
	opened->listener_fds = malloc((listeners + 1) * sizeof(*opened->listener_fds));
	opened->targets = calloc(opened->plan->target_count + 1, sizeof(*opened->targets));
	opened->unix_bound = calloc(opened->plan->listener_count + 1, sizeof(*opened->unix_bound));
	if (!opened->netns || !opened->listener_fds || !opened->targets || !opened->unix_bound)
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
		rc = open_target(opened, i, err);
	for (uint32_t i = 0; i < plan->listener_count && rc == 0; i++)
		rc = open_listener(opened, i, uid, err);
	if (rc < 0)
		opened_fini(opened);
	return rc;
}

void opened_close_listeners(struct opened *opened)
{
	size_t count = (size_t)opened->plan->listener_count * opened->threads;
	for (size_t i = 0; opened->listener_fds && i < count; i++) {
		if (opened->listener_fds[i] >= 0)
			close(opened->listener_fds[i]);
		opened->listener_fds[i] = -1;
	}
}

/* remove_files - of the unix listeners that are open */
static void remove_files(const struct opened *opened)
{
	for (uint32_t i = 0; opened->listener_fds && i < opened->plan->listener_count; i++) {
		const struct endpoint *endpoint = opened->plan->listeners[i].endpoint;
		if (endpoint->addr.family == AF_UNIX && opened->unix_bound && opened->unix_bound[i])
			unlink(endpoint->addr.un.sun_path);
	}
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
	remove_files(opened);
	opened_close_listeners(opened);
	close_namespaces(opened);
	free(opened->netns);
	free(opened->listener_fds);
	free(opened->targets);
	free(opened->unix_bound);
	*opened = (struct opened){0};
}
