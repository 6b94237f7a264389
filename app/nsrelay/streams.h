/* SPDX-License-Identifier: Apache-2.0 */
/* The three standard streams of a daemon. */
#ifndef NSRELAY_APP_NSRELAY_STREAMS_H
#define NSRELAY_APP_NSRELAY_STREAMS_H

#include "base/err.h"

/*
 * streams_open - see that all three are open, and that standard error never waits for who reads it
 *
 * One that is closed becomes /dev/null: the next file opened would be taken for it. A full pipe, terminal or journal
 * loses records from then on; it would stop the broker, and with it every new connection. Others who have the same pipe
 * or terminal open notice nothing.
 *
 * Errors: those of open(2) on /dev/null.
 */
int streams_open(struct err *err);

/* streams_forsake_input_and_output - make these two /dev/null; best effort */
void streams_forsake_input_and_output(void);

#endif
