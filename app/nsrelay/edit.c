/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/edit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/nsrelay/config_check.h"
#include "app/nsrelay/config_edit.h"
#include "app/nsrelay/config_file.h"
#include "base/check.h"
#include "base/units.h"

enum { FRAGMENT_MAX = 4 * 1024 * 1024, WORDS_MAX = 3, COMMAND_MAX = 1024 };

/* ---- the fragment ---- */

/*
 * may_believe - nobody but @uid or root has written it
 *
 * The relay passes it on, and may have been taken over by those it talks with: what it wrote itself would let it reach
 * any namespace. It makes no files (sandbox.c), and a sealed one it cannot write to: memfd_create(2), F_SEAL_WRITE.
 */
static bool may_believe(int fd, const struct stat *status, uid_t uid)
{
	const int sealed = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK;
	int seals = fcntl(fd, F_GET_SEALS);
	return seals >= 0 && (seals & sealed) == sealed && (status->st_uid == 0 || status->st_uid == uid);
}

/* read_fragment - *@ret is to be given to free(3) */
static int read_fragment(int fd, uid_t uid, char **ret, size_t *ret_size, struct err *err)
{
	struct stat status;
	if (fd < 0 || fstat(fd, &status) < 0)
		return err_set(err, EINVAL, "there is no fragment; expected a file with the call");
	if (!may_believe(fd, &status, uid))
		return err_set(err, EPERM, "the fragment is no sealed memory file of root's or the daemon's user; expected one as "
			       "`nsctl add` makes it");
	if (status.st_size > FRAGMENT_MAX)
		return err_set(err, EFBIG, "the fragment has more than %d bytes; expected less", FRAGMENT_MAX);
	char *text = malloc((size_t)status.st_size + 1);
	if (!text)
		return err_set(err, ENOMEM, "out of memory");
	if (pread(fd, text, (size_t)status.st_size, 0) != status.st_size) {
		free(text);
		return err_set(err, EIO, "the fragment cannot be read");
	}
	*ret = text;
	*ret_size = (size_t)status.st_size;
	return 0;
}

/* ---- commands ---- */

/* What a command is done with. */
struct edit {
	struct config *config; /* a copy */
	int fd;
	uid_t uid;
	FILE *report;
};

static int add(struct edit *edit, char *const words[WORDS_MAX], struct err *err)
{
	struct config next;
	char *text = NULL;
	size_t size = 0;
	(void)words;
	int r = read_fragment(edit->fd, edit->uid, &text, &size, err);
	if (r < 0)
		return r;
	r = config_text_add(edit->config, text, size, "fragment", &next, edit->report);
	free(text);
	if (r < 0)
		return r;
	config_fini(edit->config);
	*edit->config = next;
	return 0;
}

static int remove_relay(struct edit *edit, char *const words[WORDS_MAX], struct err *err)
{
	return config_remove_relay(edit->config, words[2], err);
}

static int remove_pool(struct edit *edit, char *const words[WORDS_MAX], struct err *err)
{
	return config_remove_pool(edit->config, words[2], err);
}

static int remove_backend(struct edit *edit, char *const words[WORDS_MAX], struct err *err)
{
	return config_remove_backend(edit->config, words[2], err);
}

static int remove_namespace(struct edit *edit, char *const words[WORDS_MAX], struct err *err)
{
	return config_remove_namespace(edit->config, words[2], err);
}

static int set_weight(struct edit *edit, char *const words[WORDS_MAX], struct err *err)
{
	uint64_t weight;
	int r = units_parse_count(words[1], &weight, err);
	if (r < 0)
		return r;
	return config_set_weight(edit->config, words[2], weight > UINT32_MAX ? UINT32_MAX : (uint32_t)weight, err);
}

static const struct command {
	const char *words[WORDS_MAX]; /* NULL: any */
	size_t count;
	int (*run)(struct edit *edit, char *const words[WORDS_MAX], struct err *err);
} commands[] = {
	{{"add"}, 1, add},
	{{"remove", "relay", NULL}, 3, remove_relay},
	{{"remove", "pool", NULL}, 3, remove_pool},
	{{"remove", "backend", NULL}, 3, remove_backend},
	{{"remove", "namespace", NULL}, 3, remove_namespace},
	{{"weight", NULL, NULL}, 3, set_weight},
};

static bool fits(const struct command *command, char *const words[WORDS_MAX], size_t count)
{
	if (count != command->count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (command->words[i] && strcmp(command->words[i], words[i]) != 0)
			return false;
	return true;
}

/* split - into words at blanks, the last one with all that is left, as a path may hold some; returns how many */
static size_t split(char *text, char *words[WORDS_MAX])
{
	size_t count = 0;
	while (text && count < WORDS_MAX - 1)
		words[count++] = strsep(&text, " ");
	if (text)
		words[count++] = text;
	return count;
}

static int run(struct edit *edit, const char *command, struct err *err)
{
	char text[COMMAND_MAX], *words[WORDS_MAX];
	if (strlen(command) >= sizeof(text))
		return err_set(err, EINVAL, "the command is too long; expected less than %d bytes", COMMAND_MAX);
	strcpy(text, command);
	size_t count = split(text, words);
	for (size_t i = 0; i < ARRAY_COUNT(commands); i++)
		if (fits(&commands[i], words, count))
			return commands[i].run(edit, words, err);
	return err_set(err, EINVAL, "'%.64s' is no command; expected add, remove or weight", command);
}

/* complain - about what config_check() finds, as about the rest */
static void complain(void *context, enum config_part part, size_t index, const char *text)
{
	struct err *err = context;
	(void)part;
	(void)index;
	if (!err->code)
		err_set(err, EINVAL, "%s", text);
}

int edit_config(const struct config *is, const char *command, int fd, uid_t uid, struct config *ret, FILE *report)
{
	struct err err = ERR_INIT;
	struct config next;
	if (config_copy(is, &next) < 0) {
		fprintf(report, "out of memory\n");
		return -ENOMEM;
	}
	struct edit edit = {&next, fd, uid, report};
	int r = run(&edit, command, &err);
	if (r == 0)
		config_check(&next, complain, &err);
	if (r == 0 && err.code)
		r = -err.code;
	if (err.code)
		fprintf(report, "%s\n", err.text);
	if (r < 0)
		config_fini(&next);
	else
		*ret = next;
	return r;
}
