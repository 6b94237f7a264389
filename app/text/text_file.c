/* SPDX-License-Identifier: Apache-2.0 */
#include "app/text/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

/* read_all - read to the end of @fd; @size bytes at most, and -EFBIG when there are more */
static ssize_t read_all(int fd, char *buf, size_t size)
{
	char beyond;
	size_t length = 0;
	for (;;) {
		bool full = length == size;
		ssize_t n = read(fd, full ? &beyond : buf + length, full ? 1 : size - length);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return (ssize_t)length;
		if (n > 0 && full)
			return -EFBIG;
		length += n > 0 ? (size_t)n : 0;
	}
}

static int refuse(const char *path, const char *failed, const char *what, int r, FILE *report)
{
	errno = -r;
	if (report && r == -EFBIG)
		fprintf(report, "%s: error: the file is too large; expected %s of at most %d MiB\n", path,
		        what, TEXT_FILE_SIZE_MAX >> 20);
	else if (report)
		fprintf(report, "%s: error: the file cannot be %s: %m; expected a readable file\n", path,
		        failed);
	return r;
}

int text_file_read(const char *path, const char *what, char **ret, size_t *ret_size, FILE *report)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return refuse(path, "opened", what, -errno, report);
	char *text = malloc(TEXT_FILE_SIZE_MAX);
	ssize_t size = text ? read_all(fd, text, TEXT_FILE_SIZE_MAX) : -ENOMEM;
	close(fd);
	if (size < 0) {
		free(text);
		return refuse(path, "read", what, (int)size, report);
	}
	*ret = text;
	*ret_size = (size_t)size;
	return 0;
}
