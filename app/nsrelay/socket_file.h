/* SPDX-License-Identifier: Apache-2.0 */
/* The file of a listening unix socket: at the end it is removed if it is still the one that was made. */
#ifndef NSRELAY_APP_NSRELAY_SOCKET_FILE_H
#define NSRELAY_APP_NSRELAY_SOCKET_FILE_H

#include <sys/types.h>

/* As it was made: what has its name later may be somebody else's. Zeroed: none. */
struct socket_file {
	dev_t dev;
	ino_t ino; /* 0: none */
};

/* socket_file_note - remember the file at @path, which was made just now */
void socket_file_note(struct socket_file *file, const char *path);

/* socket_file_remove - while its socket is open: until then the file's numbers are nobody else's. Once
 * only. */
void socket_file_remove(struct socket_file *file, const char *path);

#endif
