/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread.h"

#include <signal.h>

/* What sanitizers want on top, whatever a thread does itself. */
#ifdef NSRELAY_SANITIZED
static const size_t extra_stack = 2 * 1024 * 1024;
#else
static const size_t extra_stack = 0;
#endif

int thread_start(pthread_t *ret_thread, size_t stack_size, void *(*main)(void *), void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, before;
	int rc = pthread_attr_init(&attr);
	if (rc != 0)
		return -rc;
	rc = pthread_attr_setstacksize(&attr, stack_size + extra_stack);
	if (rc == 0) {
		/* It inherits the mask, so that not even its first instruction is interrupted. */
		sigfillset(&all);
		pthread_sigmask(SIG_BLOCK, &all, &before);
		rc = pthread_create(&thread, &attr, main, arg);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	pthread_attr_destroy(&attr);
	if (rc == 0)
		*ret_thread = thread;
	return -rc;
}
