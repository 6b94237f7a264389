/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A change of the running configuration as a command: what nsctl asks for, the relay passes on (relay/request.h) and the
 * supervisor does.
 *
 *	add                                   what a fragment has (config_text_add()), which comes as a file
 *	remove relay NAME | pool NAME | backend POOL/ADDRESS:PORT | namespace NETNS
 *	weight N POOL/ADDRESS:PORT
 */
#ifndef NSRELAY_APP_NSRELAY_EDIT_H
#define NSRELAY_APP_NSRELAY_EDIT_H

#include <stdio.h>
#include <sys/types.h>

#include "relay/config.h"

/*
 * edit_config - do @command to a copy of @is
 * @fd:     the fragment, a sealed file of memory; -1: none came
 * @uid:    whose fragments are taken, beside root's
 * @report: what is wrong, in lines
 * Errors: EINVAL, EPERM (the fragment is not one that may be believed), those of config_edit.h, ENOMEM; reported all.
 */
int edit_config(const struct config *is, const char *command, int fd, uid_t uid, struct config *ret, FILE *report);

#endif
