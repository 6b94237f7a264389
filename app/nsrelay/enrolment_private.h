/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of app/nsrelay/enrolment*.c share. */
#ifndef NSRELAY_APP_NSRELAY_ENROLMENT_PRIVATE_H
#define NSRELAY_APP_NSRELAY_ENROLMENT_PRIVATE_H

#include "app/nsrelay/enrolment.h"

/* enrolments_insert - a copy of @draft, pending, in the namespace @fd; that and the pid_fd of @draft are taken, also on
 * failure. Its serial is last_serial then. */
int enrolments_insert(struct enrolments *enrolments, const struct enrolment *draft, int fd, struct err *err);

/* enrolments_note - write the file anew; what cannot be written is logged */
void enrolments_note(const struct enrolments *enrolments);

#endif
