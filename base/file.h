/* SPDX-License-Identifier: Apache-2.0 */
/* What read(2) and write(2) leave to the caller. */
#ifndef NSRELAY_BASE_FILE_H
#define NSRELAY_BASE_FILE_H

#include <stddef.h>

/* file_write_all - all of it, however often that takes, to a descriptor that blocks; 0 or -errno of write(2) */
int file_write_all(int fd, const void *data, size_t size);

#endif
