/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A varlink service on a unix socket: one thread, and everything bounded. A client has one message and one
 * reply in memory at the most: what it sends next is read when it has read the reply. Who sends half a
 * message, or does not read, is let go.
 */
#ifndef NSRELAY_APP_VARLINK_SERVER_H
#define NSRELAY_APP_VARLINK_SERVER_H

#include <sys/types.h>

#include "app/varlink/service.h"

enum { VARLINK_UIDS_MAX = 3 };

enum {
	VARLINK_PATIENCE_MS = 5000, /* for the rest of a message, and for a reply to be taken */
	VARLINK_IDLE_MS = 60000,    /* for a message to begin */
};

struct varlink_server {
	const struct varlink_service *service;
	void (*wake)(void *ctx);  /* called with the service's ctx after each wait, before anybody is answered; NULL: not */
	void (*sleep)(void *ctx); /* called before the next wait */
	int listen_fd; /* borrowed; not blocking */
	int stop_fd;   /* readable: end; borrowed */
	int event_fd;  /* an eventfd that rings when calls which wait should be asked again; borrowed */
	size_t clients_max;
	size_t message_max;           /* bytes of a message */
	uid_t uids[VARLINK_UIDS_MAX]; /* who may ask (SO_PEERCRED) */
	size_t uid_count;
	const char *too_many;      /* the error for a client too many, with the parameters ... */
	const char *too_many_text; /* ... "advice" */
};

/* varlink_server_run - until stop_fd is readable. 0, or -ENOMEM. Makes no descriptor but those of its
 * clients. */
int varlink_server_run(const struct varlink_server *server);

#endif
