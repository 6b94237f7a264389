/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/socket_file.h"

#include <sys/stat.h>
#include <unistd.h>

void socket_file_note(struct socket_file *file, const char *path)
{
	struct stat stat;
	if (lstat(path, &stat) == 0)
		*file = (struct socket_file){stat.st_dev, stat.st_ino};
}

void socket_file_remove(struct socket_file *file, const char *path)
{
	struct stat stat;
	if (file->ino && lstat(path, &stat) == 0 && stat.st_dev == file->dev && stat.st_ino == file->ino)
		unlink(path);
	file->ino = 0;
}
