/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nsrelay-cni without its process: one command of a container runtime, carried out.
 *
 *	ADD      have the daemon serve the pod's namespace, and pass on what the plugins before have made
 *	CHECK    does it serve it, and not another one?   DEL     it need not any more
 *	STATUS   could it?                                GC      withdraw what the runtime does not know
 */
#ifndef NSRELAY_APP_CNI_COMMAND_H
#define NSRELAY_APP_CNI_COMMAND_H

#include <stdint.h>
#include <stdio.h>

#include "app/cni/request.h"

/*
 * cni_command_run - @text: what came on standard input; @out: standard output; @log: standard error
 * Returns the exit status; when that is not 0, the error is on @out as the specification wants it.
 */
int cni_command_run(const struct cni_environment *environment, const char *text, size_t size, FILE *out,
                    FILE *log);

/* cni_now_ms - CLOCK_MONOTONIC */
int64_t cni_now_ms(void);

#endif
