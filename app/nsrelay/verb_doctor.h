/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NSRELAY_APP_NSRELAY_VERB_DOCTOR_H
#define NSRELAY_APP_NSRELAY_VERB_DOCTOR_H

#include <stdio.h>

/*
 * verb_doctor - `nsrelay doctor`: look whether this machine, and the privileges the program was started with,
 * have what it needs; print a line for each thing to @out: its name, `ok`, `fallback` (works, but less well)
 * or `missing`, what was found, and what to do about it.
 *
 * Things are tried, on throw-away rings, sockets and processes; nothing of the machine is changed.
 * Returns the program's exit status: 0 when nothing is missing, else 1.
 */
int verb_doctor(FILE *out);

#endif
