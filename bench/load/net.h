/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets as the load generators need them: in a namespace, with a congestion control, without Nagle's
 * delay. */
#ifndef NSRELAY_BENCH_LOAD_NET_H
#define NSRELAY_BENCH_LOAD_NET_H

#include "base/endpoint.h"

/* net_enter - move the calling thread into a network namespace. 0 or -errno (ENOENT: no such namespace;
 * EPERM). */
int net_enter(const struct netns_ref *netns, struct err *err);

/*
 * net_listen - a listening TCP socket in the current namespace; accepted sockets inherit its options
 * @flags: SOCK_NONBLOCK or 0; CLOEXEC is always set
 * Returns the fd, which the caller owns, or -errno (EADDRINUSE, ENOENT for an unknown congestion control,
 * ...).
 */
int net_listen(const struct endpoint *at, const char *congestion, int flags, struct err *err);

/*
 * net_connect_begin - start a TCP connection from the current namespace on a non-blocking socket
 * @ret_connected: whether it was made at once, as on a loopback device it is; else writability will tell
 * Returns the fd, which the caller owns, or -errno.
 */
int net_connect_begin(const struct endpoint *to, const char *congestion, bool *ret_connected);

/* net_connect_result - 0 or -errno of a connection begun before whose socket has become writable */
int net_connect_result(int fd);

#endif
