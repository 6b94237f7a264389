/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/look/mounts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nsctl/look/proc.h"

/* unescape - mountinfo has blanks, tabs, newlines and backslashes as octal: proc_pid_mountinfo(5) */
static void unescape(char *text)
{
	char *out = text;

	while (*text) {
		unsigned code;

		if (*text == '\\' && sscanf(text + 1, "%3o", &code) == 1) {
			*out++ = (char)code;
			text += 4;
		} else {
			*out++ = *text++;
		}
	}
	*out = '\0';
}

/* split - one line of mountinfo: "36 35 0:4 net:[4026532175] /run/netns/web rw ..."; NULL: another kind of mount */
static char *split(char *line, uint64_t *ret_inode)
{
	char *rest = line, *field[5];

	for (size_t i = 0; i < 5; i++) {
		field[i] = strsep(&rest, " ");
		if (!rest)
			return NULL;
	}
	if (!proc_inode(field[3], "net", ret_inode))
		return NULL;
	unescape(field[4]);
	return field[4];
}

int mounts_each_netns(pid_t pid, int (*look)(void *ctx, uint64_t inode, const char *point), void *ctx)
{
	char path[32] = "/proc/self/mountinfo", *line = NULL;
	size_t size = 0;
	FILE *file;
	int rc = 0;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/mountinfo", (int)pid);
	file = fopen(path, "re");
	while (file && rc == 0 && getline(&line, &size, file) >= 0) {
		uint64_t inode;
		const char *point = split(line, &inode);

		if (point)
			rc = look(ctx, inode, point);
	}
	free(line);
	if (file)
		fclose(file);
	return rc;
}
