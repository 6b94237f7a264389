/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/control.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/nsrelay/control_interface.h"
#include "app/varlink/server.h"
#include "base/thread.h"
#include "relay/limits.h"

/* The configuration does not change while somebody is answered. */
static void lock(void *ctx)
{
	inspect_lock(((struct control *)ctx)->inspect);
}

static void unlock(void *ctx)
{
	inspect_unlock(((struct control *)ctx)->inspect);
}

/*
 * yield_to_relay - who asks must not be felt by who is relayed: where there are not processors enough for all, this thread
 * has a tenth of a relay thread's weight. Best effort, and possible only before the sandbox is shut.
 */
static void yield_to_relay(void)
{
	enum { NICE = 10 };
	setpriority(PRIO_PROCESS, 0, NICE); /* of this thread alone: setpriority(2), "C library/kernel differences" */
}

static void *run(void *arg)
{
	struct control *control = arg;
	yield_to_relay();
	sem_post(&control->started);
	const struct varlink_server server = {
	        .service = &control->service,
	        .wake = lock,
	        .sleep = unlock,
	        .listen_fd = control->listen_fd,
	        .stop_fd = control->stop_fd,
	        .event_fd = control->inspect->doorbell_fd,
	        .clients_max = LIMIT_CONTROL_CLIENTS,
	        .message_max = LIMIT_CONTROL_MESSAGE,
	        .uids = {0, control->supervisor_uid, geteuid()},
	        .uid_count = 3,
	        .too_many = CONTROL_INTERFACE ".Busy",
	        .too_many_text = "others are being answered already; try again",
	};
	varlink_server_run(&server);
	return NULL;
}

int control_begin(void *ctx, struct inspect *inspect, struct err *err)
{
	struct control *control = ctx;
	json_object_seed(0); /* reads /dev/urandom: later it could not be opened */
	control->inspect = inspect;
	control->started_ms = sys_now_ns() / 1000000;
	control->service = (struct varlink_service){
	        .vendor = "nsrelay",
	        .product = "nsrelay",
	        .version = NSRELAY_VERSION,
	        .url = "",
	        .interface = &control_interface,
	        .ctx = control,
	};
	control->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (control->stop_fd < 0)
		return err_set_errno(err, "control socket");
	sem_init(&control->started, 0, 0);
	int rc = thread_start(&control->thread, LIMIT_CONTROL_STACK, run, control);
	if (rc < 0)
		close(control->stop_fd);
	while (rc == 0 && sem_wait(&control->started) < 0)
		; /* EINTR */
	return rc < 0 ? err_set(err, -rc, "control socket: start its thread: %s", strerror(-rc)) : 0;
}

void control_end(void *ctx)
{
	const struct control *control = ctx;
	uint64_t one = 1;
	ssize_t n = write(control->stop_fd, &one, sizeof(one));
	(void)n;
	pthread_join(control->thread, NULL);
	close(control->stop_fd);
}
