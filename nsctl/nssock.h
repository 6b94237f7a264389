/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets inside a namespace. A socket belongs for life to the namespace it was made in, so that a thread
 * visits the namespace for socket(2) alone; whoever gets the descriptor needs no privilege to use it.
 *
 * All sockets are non-blocking and CLOEXEC. The loopback of a fresh namespace is down: a socket can be bound
 * to 127.0.0.1 all the same, but nothing reaches it; nothing here brings it up.
 *
 * @ns_fd is a namespace as netns_open() gives it, borrowed. The calling thread comes back from it, see
 * netns_leave(). A unix socket's path is in the file system, so that neither @ns_fd nor @uid matters to it.
 *
 * @uid owns the sockets (set as fsuid around socket(2)): only a socket of the same user can join a
 * SO_REUSEPORT group, so that an own uid keeps every other program, in the pod or out of it, from taking a
 * share of the connections. Needs CAP_SETUID unless it is the process's own; NSSOCK_UID_OWN leaves it alone.
 * The kernel clears a process's dumpable flag and the thread's PR_SET_PDEATHSIG when its fsuid changes.
 */
#ifndef NSRELAY_NSCTL_NSSOCK_H
#define NSRELAY_NSCTL_NSSOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/endpoint.h"
#include "base/err.h"

enum { NSSOCK_CONGESTION_MAX = 16 }; /* TCP_CA_NAME_MAX, include/net/tcp.h */

#define NSSOCK_UID_OWN ((uid_t)-1)

/* What accepted sockets inherit from a listener, and upstream sockets are given. All zero: the kernel's own
 * defaults. */
struct nssock_tcp_options {
	bool nodelay;
	uint32_t keepalive_idle_s;     /* 0: no keepalive */
	uint32_t keepalive_interval_s; /* 0: the kernel's own */
	uint32_t keepalive_count;      /* 0: the kernel's own */
	uint32_t user_timeout_ms;      /* TCP_USER_TIMEOUT, RFC 5482; 0: the kernel's own */
	/* "": the namespace's default. "cubic" gives way to "reno", which every kernel has and allows, where
	 * it is missing or not permitted; any other name must be had. */
	char congestion[NSSOCK_CONGESTION_MAX];
	uint32_t mark;    /* SO_MARK, by which rules and routes know the socket and what comes of it; 0: none */
	/* IP_TRANSPARENT: it may be bound to, and accept for, addresses that are not the namespace's. An upstream socket
	 * that is bound gets its port as it connects (IP_BIND_ADDRESS_NO_PORT), so that ports are shared by destination. */
	bool transparent;
	uint32_t backlog; /* listen(2); listeners only */
	bool owner_only;  /* listeners on unix sockets: mode 0600 */
};

/*
 * nssock_listen - a listening socket
 * @listener:  where; its address alone counts, its namespace is for errors
 * @reuseport: let further listeners of the same uid share the address
 *
 * [::] takes IPv4 too, whatever net.ipv6.bindv6only says. An address in use is tried again for up to 100 ms,
 * during which the thread sleeps.
 *
 * A unix socket's file gets mode 0660, or 0600, and the owner and group of the program (umask(2), which is the whole
 * process's, is changed for that moment). A file left by a listener that is gone is replaced; one that
 * somebody listens on, or that is no socket, is left alone (EADDRINUSE). To find out, the socket is connected
 * to once. The file is not removed on close.
 *
 * Returns a descriptor, owned by the caller, or -errno: EADDRINUSE; EADDRNOTAVAIL (the namespace has no such
 * address); EACCES (a port below net.ipv4.ip_unprivileged_port_start needs CAP_NET_BIND_SERVICE); ENOENT or
 * EPERM (congestion control); EPERM (namespace or @uid; mark or transparent without CAP_NET_ADMIN); EMFILE.
 */
int nssock_listen(int ns_fd, const struct endpoint *listener, const struct nssock_tcp_options *options,
                  bool reuseport, uid_t uid, struct err *err);

/*
 * nssock_listen_again - give a listening socket other options: what is accepted from now on has them
 * What has no value that says "the kernel's own" stays as it was: a congestion control that is not asked for any more, and
 * interval and count of keepalives that are not. Errors: ENOENT or EPERM (congestion control); the rest is set all the same.
 */
int nssock_listen_again(int fd, const struct endpoint *listener, const struct nssock_tcp_options *options,
                        struct err *err);

/*
 * nssock_refuse_handshakes - drop new SYNs at a listening TCP socket while what is queued or half-way can be accepted
 * A listener that is to be closed without resetting anybody is given up so. Errors: EPERM (CAP_NET_ADMIN, Linux 6.18),
 * ENOMEM.
 */
int nssock_refuse_handshakes(int fd);

/*
 * nssock_upstream_batch - unconnected TCP sockets, all made in one visit to the namespace
 * @family:    AF_INET or AF_INET6
 * @count:     how many
 * @fds:       room for @count; the first *@ret_count are filled, owned by the caller
 * @ret_count: how many came, set on failure too: those made before the first error are there
 *
 * Errors: as nssock_listen(), of which EMFILE, ENFILE and ENOBUFS are to be expected.
 */
int nssock_upstream_batch(int ns_fd, sa_family_t family, const struct nssock_tcp_options *options, uid_t uid,
                          uint32_t count, int *fds, uint32_t *ret_count, struct err *err);

/*
 * nssock_connect_unix - a stream socket that is connected to @path
 *
 * Returns a descriptor, owned by the caller, or -errno: ENOENT, ECONNREFUSED (nobody listens), EAGAIN (the
 * listener's queue is full), EPROTOTYPE (not a stream socket), EACCES, ENAMETOOLONG.
 */
int nssock_connect_unix(const char *path, struct err *err);

#endif
