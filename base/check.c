/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Noreturn void check_failed(const char *file, int line, const char *what)
{
	char text[512];
	/* One write(2): two threads that fail together stay readable. Whether it succeeds changes nothing. */
	snprintf(text, sizeof(text) - 1, "%s:%d: broken invariant: %s", file, line, what);
	strcat(text, "\n");
	ssize_t written = write(STDERR_FILENO, text, strlen(text));
	(void)written;
	abort();
}
