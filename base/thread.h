/* SPDX-License-Identifier: Apache-2.0 */
/* Threads as all of ours are: no signal interrupts them, and their stack is as small as they need. */
#ifndef NSRELAY_BASE_THREAD_H
#define NSRELAY_BASE_THREAD_H

#include <pthread.h>
#include <stddef.h>

/*
 * thread_start - run @main(@arg) in a thread of its own, all signals blocked, with a stack of @stack_size
 * bytes. Returns 0, or -errno of pthread_create(3). Who starts it joins it; its own signals are as before.
 */
int thread_start(pthread_t *ret_thread, size_t stack_size, void *(*main)(void *), void *arg);

#endif
