/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/app/procfs.h"

#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"

enum { PATH_SIZE = 320, PATIENCE_MS = 10000 }; /* a file's name has up to 255 bytes */

/* each_entry - call @look for each entry of the directory @path but "." and ".."; returns how many there
 * are */
static size_t each_entry(const char *path, void (*look)(void *ctx, const char *path, const char *name),
                         void *ctx)
{
	size_t count = 0;
	DIR *dir = opendir(path);
	if (!dir)
		return 0;
	for (const struct dirent *entry; (entry = readdir(dir));) {
		if (entry->d_name[0] == '.')
			continue;
		count++;
		if (look)
			look(ctx, path, entry->d_name);
	}
	closedir(dir);
	return count;
}

size_t procfs_count_threads(pid_t pid)
{
	char path[PATH_SIZE];
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	return each_entry(path, NULL, NULL);
}

/* ---- stopping ---- */

/* is_stopped - does a thread's stat say T in field 3, behind the name in parentheses, proc(5)? */
static bool is_stopped(const char *path, const char *thread)
{
	char file_path[PATH_SIZE + 300], text[512] = "";
	snprintf(file_path, sizeof(file_path), "%s/%s/stat", path, thread);
	FILE *file = fopen(file_path, "re");
	if (!file)
		return true; /* it has ended */
	char *line = fgets(text, sizeof(text), file);
	fclose(file);
	const char *name_end = line ? strrchr(line, ')') : NULL;
	return name_end && strncmp(name_end, ") T", 3) == 0;
}

static void check_stopped(void *ctx, const char *path, const char *thread)
{
	bool *all_stopped = ctx;
	*all_stopped &= is_stopped(path, thread);
}

bool procfs_await_stopped(pid_t pid)
{
	char path[PATH_SIZE];
	bool all_stopped = false;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	for (int ms = 0; ms < PATIENCE_MS && !all_stopped; ms++) {
		poll(NULL, 0, 1);
		all_stopped = true;
		each_entry(path, check_stopped, &all_stopped);
	}
	return all_stopped;
}

/* ---- privilege ---- */

/* What the status file of a thread must say, proc(5). */
static const struct {
	const char *key, *value;
	bool of_seal;
} expected[] = {
        {"Uid", "65534 65534 65534 65534", false},
        {"Gid", "65534 65534 65534 65534", false},
        {"Groups", "", false},
        {"CapInh", "0000000000000000", false},
        {"CapPrm", "0000000000000000", false},
        {"CapEff", "0000000000000000", false},
        {"CapBnd", "0000000000000000", true},
        {"CapAmb", "0000000000000000", false},
        {"NoNewPrivs", "1", true},
        {"Seccomp", "2", true}, /* SECCOMP_MODE_FILTER */
};

static char complaint[640];

/* normalize - one space between words, none at the end */
static void normalize(char *text)
{
	char *out = text;
	for (char *word = strtok(text, " \t\n"); word; word = strtok(NULL, " \t\n")) {
		if (out != text)
			*out++ = ' ';
		size_t length = strlen(word);
		memmove(out, word, length);
		out += length;
	}
	*out = '\0';
}

static void check_line(const char *path, char *line, bool sealed)
{
	char *value = strchr(line, ':');
	if (!value)
		return;
	*value++ = '\0';
	for (size_t i = 0; i < ARRAY_COUNT(expected); i++) {
		if (strcmp(line, expected[i].key) != 0 || (expected[i].of_seal && !sealed))
			continue;
		normalize(value);
		if (strcmp(value, expected[i].value) != 0)
			snprintf(complaint, sizeof(complaint), "%.300s: %.32s is `%.200s`", path, line,
			         value);
	}
}

static void check_thread(void *ctx, const char *path, const char *name)
{
	const bool *sealed = ctx;
	char file_path[PATH_SIZE + 300], line[512];
	snprintf(file_path, sizeof(file_path), "%s/%s/status", path, name);
	FILE *file = fopen(file_path, "re");
	if (!file)
		return; /* it has ended meanwhile */
	while (fgets(line, sizeof(line), file))
		check_line(file_path, line, *sealed);
	fclose(file);
}

const char *procfs_find_privilege(pid_t pid, bool sealed)
{
	char path[PATH_SIZE];
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	complaint[0] = '\0';
	if (each_entry(path, check_thread, &sealed) == 0)
		return "there is no such process";
	return complaint[0] ? complaint : NULL;
}

/* ---- descriptors ---- */

struct look {
	void (*look)(void *ctx, int fd, const char *target);
	void *ctx;
};

static void look_at_fd(void *ctx, const char *path, const char *name)
{
	const struct look *look = ctx;
	char link[PATH_SIZE + 300], target[PATH_SIZE];
	snprintf(link, sizeof(link), "%s/%s", path, name);
	ssize_t size = readlink(link, target, sizeof(target) - 1);
	if (size < 0)
		return; /* closed meanwhile */
	target[size] = '\0';
	look->look(look->ctx, (int)strtol(name, NULL, 10), target);
}

size_t procfs_each_fd(pid_t pid, void (*look)(void *ctx, int fd, const char *target), void *ctx)
{
	struct look each = {look, ctx};
	char path[PATH_SIZE];
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	return each_entry(path, look ? look_at_fd : NULL, &each);
}
