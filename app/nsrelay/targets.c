/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/targets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/nsrelay/socket_options.h"
#include "base/check.h"

/* describe - what the broker has to know of @target */
static struct broker_target describe(const struct plan_target *target, const struct space *space)
{
	struct broker_target ret = {
	        .ns_fd = space ? space->fd : -1,
	        .family = target->family,
	        .options = socket_options_of(target->tcp),
	};
	ret.options.transparent = target->transparent;
	ret.options.mark = target->mark;
	ret.options.backlog = 0; /* of listeners only: no difference here */
	_Static_assert(sizeof(ret.unix_path) == sizeof(target->endpoint->addr.un.sun_path), "unix(7)");
	if (ret.family == AF_UNIX)
		memcpy(ret.unix_path, target->endpoint->addr.un.sun_path, sizeof(ret.unix_path));
	return ret;
}

static bool is_free(const struct target_row *row)
{
	return row->users == 0 && row->until_ms == 0;
}

static bool same(const struct targets *targets, uint32_t number, const struct broker_target *wanted,
                 const struct space *space, bool mirrors)
{
	const struct target_row *row = &targets->rows[number];
	const struct broker_target *made = &targets->made[number];
	if (is_free(row) || row->mirrors != mirrors || made->family != wanted->family)
		return false;
	if (wanted->family == AF_UNIX)
		return strcmp(made->unix_path, wanted->unix_path) == 0;
	return row->space == space && socket_options_equal(&made->options, &wanted->options);
}

/* find - the row of that kind; targets->count: there is none */
static uint32_t find(struct targets *targets, const struct broker_target *wanted, const struct space *space,
                     bool mirrors)
{
	for (uint32_t i = 0; i < targets->count; i++) {
		uint32_t number = (targets->last + i) % targets->count;
		if (same(targets, number, wanted, space, mirrors))
			return targets->last = number;
	}
	return targets->count;
}

/* take_free - a row that is free; targets->count - 1 after it has grown; -ENOMEM */
static int64_t take_free(struct targets *targets)
{
	for (uint32_t i = 0; i < targets->count; i++) {
		if (is_free(&targets->rows[i]))
			return i;
	}
	struct broker_target *made = realloc(targets->made, (targets->count + 1) * sizeof(*made));
	if (!made)
		return -ENOMEM;
	targets->made = made;
	struct target_row *rows = realloc(targets->rows, (targets->count + 1) * sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	targets->rows = rows;
	return targets->count++;
}

static int try_once(const struct broker_target *target, uid_t uid, struct err *err)
{
	uint32_t count;
	int fd;
	int rc = nssock_upstream_batch(target->ns_fd, target->family, &target->options, uid, 1, &fd, &count,
	                               err);
	if (rc == 0)
		close(fd);
	return rc;
}

static int64_t add(struct targets *targets, const struct broker_target *wanted, struct space *space,
                   bool mirrors, struct err *err)
{
	int rc = wanted->family == AF_UNIX ? 0 : try_once(wanted, targets->uid, err);
	if (rc < 0)
		return rc;
	int64_t number = take_free(targets);
	if (number < 0)
		return err_set(err, ENOMEM, "targets: out of memory");
	targets->made[number] = *wanted;
	targets->rows[number] = (struct target_row){.space = space, .users = 1, .mirrors = mirrors};
	return number;
}

int64_t targets_hold(struct targets *targets, const struct plan_target *target, struct err *err)
{
	struct space *space = NULL;
	if (target->family != AF_UNIX) {
		int rc = spaces_hold(targets->spaces, &target->endpoint->netns, &space, err);
		if (rc < 0)
			return rc;
	}
	struct broker_target wanted = describe(target, space);
	uint32_t found = find(targets, &wanted, space, target->mirrors);
	if (found < targets->count) {
		space_release(space); /* the row holds it */
		targets->rows[found].users++;
		targets->rows[found].until_ms = 0;
		return found;
	}
	int64_t number = add(targets, &wanted, space, target->mirrors, err);
	if (number < 0)
		space_release(space);
	return number;
}

/* linger_ms - who is withdrawn is to be gone soon */
static uint32_t linger_ms(const struct target_row *row)
{
	return row->space && row->space->ref.kind == NETNS_ENROLLED ? TARGETS_LINGER_ENROLLED_MS : TARGETS_LINGER_MS;
}

void targets_release(struct targets *targets, uint32_t number, uint64_t now_ms)
{
	struct target_row *row = &targets->rows[number];
	CHECK(number < targets->count && row->users > 0);
	if (--row->users == 0)
		row->until_ms = now_ms + linger_ms(row);
}

static void let_go(struct targets *targets, uint32_t number)
{
	space_release(targets->rows[number].space);
	targets->rows[number] = (struct target_row){0};
	targets->made[number] = (struct broker_target){.ns_fd = -1,
	                                               .family = AF_INET}; /* who asks gets ESTALE */
}

uint64_t targets_expire(struct targets *targets, uint64_t now_ms)
{
	uint64_t next_ms = 0;
	for (uint32_t i = 0; i < targets->count; i++) {
		uint64_t until_ms = targets->rows[i].until_ms;
		if (until_ms && until_ms <= now_ms)
			let_go(targets, i);
		else if (until_ms && (next_ms == 0 || until_ms < next_ms))
			next_ms = until_ms;
	}
	return next_ms;
}

void targets_fini(struct targets *targets)
{
	for (uint32_t i = 0; i < targets->count; i++)
		space_release(targets->rows[i].space);
	free(targets->made);
	free(targets->rows);
	targets->made = NULL;
	targets->rows = NULL;
	targets->count = 0;
}
