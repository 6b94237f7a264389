/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the relay's control socket asks for about enrolments (app/nsrelay/enrolment.h), a word for each thing, "-" for none:
 *
 *	enrol UID POLICY DEADLINE_MS NAME SNAPSHOT     with the namespace, or a process
 *	keep UID SNAPSHOT
 *	sweep SNAPSHOT PREFIX
 *	withdraw UID
 *	enrolled PREFIX                                answered with a file: enrolments_list()
 *
 * The relay may have been taken over. It can pass on what it was given, and has no other namespace or process to give.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "app/nsrelay/supervisor_private.h"
#include "app/text/suggest.h"
#include "base/check.h"
#include "base/units.h"

enum { WORDS_MAX = 6 };

struct asked {
	struct supervisor *s;
	uint64_t ticket;
	char *words[WORDS_MAX];
	int fd; /* borrowed; -1: none */
};

static void reply(const struct asked *asked, int error, const char *text)
{
	supervisor_answer(asked->s, CONTROL_ENROLMENT, asked->ticket, error, text, -1);
}

/* optional - "" for "-" */
static const char *optional(const char *word)
{
	return strcmp(word, "-") == 0 ? "" : word;
}

/* ---- policies ---- */

/* Called for each policy that a listener of @config names, again for each of several listeners. */
static void each_policy(const struct config *config, void (*look)(void *ctx, const char *policy), void *ctx)
{
	for (size_t i = 0; i < config->relay_count; i++)
		for (size_t j = 0; j < config->relays[i].listener_count; j++)
			if (config_is_everywhere(&config->relays[i].listeners[j]))
				look(ctx, config->relays[i].listeners[j].netns.text);
}

/* The only policy that there is, if there is only one. */
struct only {
	const char *policy;
	bool several;
};

static void look_for_only(void *ctx, const char *policy)
{
	struct only *only = ctx;
	only->several |= only->policy && strcmp(only->policy, policy) != 0;
	only->policy = policy;
}

static void look_for_alike(void *ctx, const char *policy)
{
	suggest_add(ctx, policy);
}

/* find_policy - @word, or the only one when that is "-"; NULL: @err says why not */
static const char *find_policy(const struct config *config, const char *word, struct err *err)
{
	struct only only = {0};
	struct suggest suggest;
	if (strcmp(word, "-") != 0 && config_has_policy(config, word))
		return word;
	each_policy(config, look_for_only, &only);
	suggest_init(&suggest, word);
	each_policy(config, look_for_alike, &suggest);
	if (!only.policy)
		err_set(err, ENOENT, "no relay listens in enrolled namespaces; expected one with a listener @POLICY/ADDRESS:PORT");
	else if (strcmp(word, "-") != 0)
		err_set(err, ENOENT, "there is no policy '%.64s'; %s", word, suggest_text(&suggest));
	else if (only.several)
		err_set(err, EINVAL, "there are several policies; expected the name of one");
	else
		return only.policy;
	return NULL;
}

/* ---- commands ---- */

static int read_deadline(const char *word, uint64_t *ret_ms, struct err *err)
{
	uint64_t ms;
	int rc = units_parse_count(word, &ms, err);
	if (rc == 0)
		*ret_ms = supervisor_now() + (ms > UINT32_MAX ? UINT32_MAX : ms);
	return rc;
}

/* check_word - that it is of bytes that a log and a file can hold; and no longer than what it goes into */
static int check_word(const char *what, const char *word, size_t size, struct err *err)
{
	for (const char *at = word; *at; at++)
		if ((unsigned char)*at <= ' ' || *at == 0x7f)
			return err_set(err, EINVAL, "the %s has blanks or control characters; expected none", what);
	return strlen(word) < size ? 0
	                           : err_set(err, EINVAL, "the %s '%.40s...' is too long; expected at most %zu bytes", what, word,
	                                     size - 1);
}

static int check_words(const struct enrolment_wish *wish, struct err *err)
{
	int rc = check_word("uid", wish->uid, NETNS_TEXT_MAX, err);
	if (rc == 0)
		rc = check_word("name", wish->name, ENROLMENT_NAME_MAX, err);
	return rc < 0 ? rc : check_word("snapshot", wish->snapshot, ENROLMENT_SNAPSHOT_MAX, err);
}

static void enrol(const struct asked *asked)
{
	struct err err = ERR_INIT;
	const char *policy = find_policy(&asked->s->setup->config, asked->words[2], &err);
	struct enrolment_wish wish = {.uid = asked->words[1],
	                              .policy = policy,
	                              .name = optional(asked->words[4]),
	                              .snapshot = optional(asked->words[5]),
	                              .ticket = asked->ticket};
	int rc = policy ? read_deadline(asked->words[3], &wish.deadline_ms, &err) : -err.code;
	if (rc == 0)
		rc = check_words(&wish, &err);
	if (rc == 0)
		rc = asked->fd < 0 ? err_set(&err, EINVAL, "no descriptor came with the call; expected a network namespace, or a pidfd")
		                   : enrolments_add(&asked->s->enrolments, &wish, asked->fd, &err);
	if (rc < 0)
		reply(asked, EINVAL, err.text);
}

static void keep(const struct asked *asked)
{
	struct err err = ERR_INIT;
	int rc = check_word("snapshot", asked->words[2], ENROLMENT_SNAPSHOT_MAX, &err);
	if (rc == 0)
		rc = enrolments_keep(&asked->s->enrolments, asked->words[1], asked->words[2], &err);
	reply(asked, -rc, rc < 0 ? err.text : "");
}

static void sweep(const struct asked *asked)
{
	enrolments_sweep(&asked->s->enrolments, optional(asked->words[2]), asked->words[1], asked->ticket);
}

static void withdraw(const struct asked *asked)
{
	enrolments_withdraw(&asked->s->enrolments, asked->words[1], asked->ticket);
}

static void list(const struct asked *asked)
{
	int fd = memfd_create("nsrelay enrolments", MFD_CLOEXEC);
	FILE *out = fd < 0 ? NULL : fdopen(dup(fd), "w");
	if (out)
		enrolments_list(&asked->s->enrolments, optional(asked->words[1]), out);
	if (out && fclose(out) == 0)
		supervisor_answer(asked->s, CONTROL_ENROLMENT, asked->ticket, 0, "", fd);
	else
		reply(asked, ENOMEM, "out of memory");
	if (fd >= 0)
		close(fd);
}

static const struct command {
	const char *name;
	size_t words; /* itself included */
	void (*run)(const struct asked *asked);
} commands[] = {
        {"enrol", 6, enrol}, {"keep", 3, keep}, {"sweep", 3, sweep}, {"withdraw", 2, withdraw}, {"enrolled", 2, list},
};

/* split - at blanks; returns how many words, WORDS_MAX + 1: more than there may be */
static size_t split(char *text, char *words[WORDS_MAX])
{
	size_t count = 0;
	for (char *word; (word = strsep(&text, " "));) {
		if (count == WORDS_MAX || !*word)
			return WORDS_MAX + 1;
		words[count++] = word;
	}
	return count;
}

bool enrol_requested(struct supervisor *s, uint64_t ticket, const char *text, int fd)
{
	char words[REQUEST_TEXT_MAX];
	struct asked asked = {.s = s, .ticket = ticket, .fd = fd};
	snprintf(words, sizeof(words), "%s", text);
	size_t count = split(words, asked.words), i = 0;
	while (i < ARRAY_COUNT(commands) && (!asked.words[0] || strcmp(commands[i].name, asked.words[0]) != 0))
		i++;
	if (i == ARRAY_COUNT(commands))
		return false;
	if (s->stopping)
		reply(&asked, ESHUTDOWN, "the daemon is stopping");
	else if (count != commands[i].words)
		reply(&asked, EINVAL, "a uid, name, policy or prefix is empty or has blanks; expected none that is or has");
	else
		commands[i].run(&asked);
	if (fd >= 0)
		close(fd);
	return true;
}
