/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "app/nsrelay/enrolment_private.h"
#include "base/log.h"

enum { RETRY_FIRST_MS = 50 };

int enrolments_init(struct enrolments *enrolments, struct spaces *spaces, const char *path, enrolment_answer_fn *answer,
                    void *ctx, struct err *err)
{
	*enrolments = (struct enrolments){.spaces = spaces, .answer = answer, .ctx = ctx};
	list_init(&enrolments->all);
	snprintf(enrolments->path, sizeof(enrolments->path), "%s", path);
	enrolments->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return enrolments->epoll_fd < 0 ? err_set_errno(err, "enrolment") : 0;
}

static struct enrolment *enrolment_of(struct list *link)
{
	return LIST_ENTRY(link, struct enrolment, link);
}

/* ---- telling ---- */

/* Which waiters are told. */
struct told {
	bool (*fits)(const struct enrolment_waiter *waiter, const struct told *told);
	uint32_t serial;
	uint64_t now_ms;
};

static bool waits_for(const struct enrolment_waiter *waiter, const struct told *told)
{
	return waiter->serial == told->serial;
}

static bool is_overdue(const struct enrolment_waiter *waiter, const struct told *told)
{
	return waiter->deadline_ms <= told->now_ms;
}

static bool is_in_change(const struct enrolment_waiter *waiter, const struct told *told)
{
	(void)told;
	return waiter->in_change;
}

/* tell_all - and forget them */
static void tell_all(struct enrolments *enrolments, const struct told *told, int error, const char *text)
{
	size_t kept = 0;
	for (size_t i = 0; i < enrolments->waiters.count; i++) {
		const struct enrolment_waiter *waiter = &enrolments->waiters.items[i];
		if (told->fits(waiter, told))
			enrolments->answer(enrolments->ctx, waiter->ticket, error, text);
		else
			enrolments->waiters.items[kept++] = *waiter;
	}
	enrolments->waiters.count = kept;
}

/* tell - those that wait for the enrolment @serial */
static void tell(struct enrolments *enrolments, uint32_t serial, int error, const char *text)
{
	tell_all(enrolments, &(struct told){.fits = waits_for, .serial = serial}, error, text);
}

/* wait_for - without memory the answer is that */
static void wait_for(struct enrolments *enrolments, uint32_t serial, uint64_t ticket, uint64_t deadline_ms)
{
	struct enrolment_waiter *waiter = ticket ? vec_push(&enrolments->waiters) : NULL;
	if (waiter)
		*waiter = (struct enrolment_waiter){.ticket = ticket, .deadline_ms = deadline_ms, .serial = serial};
	else if (ticket)
		enrolments->answer(enrolments->ctx, ticket, ENOMEM, "out of memory");
}

void enrolments_forget_waiters(struct enrolments *enrolments)
{
	vec_clear(&enrolments->waiters);
}

static void log_enrolment(enum log_level level, const char *event, const struct enrolment *enrolment, const char *reason)
{
	struct log_record log;
	log_event_begin(&log, level, event);
	log_record_add_text(&log, "uid", enrolment->is.uid);
	log_record_add_text(&log, "policy", enrolment->is.policy);
	log_record_add_u64(&log, "netns_inode", enrolment->inode);
	if (reason)
		log_record_add_text(&log, "reason", reason);
	log_record_end(&log);
}

/* ---- one goes ---- */

/* close_enrolment - what it holds, and itself */
static void close_enrolment(const struct enrolments *enrolments, struct enrolment *enrolment)
{
	space_release(enrolment->space);
	if (enrolment->pid_fd >= 0) {
		/* Closing is not enough: whoever sent it has the same file open. */
		epoll_ctl(enrolments->epoll_fd, EPOLL_CTL_DEL, enrolment->pid_fd, NULL);
		close(enrolment->pid_fd);
	}
	free(enrolment);
}

static void free_enrolment(const struct enrolments *enrolments, struct enrolment *enrolment)
{
	list_remove(&enrolment->link);
	close_enrolment(enrolments, enrolment);
}

/* note_leaving - without memory a listener may come to stand beside one that closes, which costs connections of that moment */
static void note_leaving(struct enrolments *enrolments, uint64_t cookie)
{
	struct enrolment_leaving *leaving = vec_push(&enrolments->leaving);
	if (leaving)
		leaving->cookie = cookie;
}

/* drop - what it has in its namespace goes with the next change, and then it is noted, once for all */
static void drop(struct enrolments *enrolments, struct enrolment *enrolment, const char *why)
{
	bool was_pending = enrolment->state == ENROLMENT_PENDING;
	log_enrolment(LOG_LEVEL_INFO, "withdrawn", enrolment, why);
	if (!was_pending) {
		note_leaving(enrolments, enrolment->cookie);
		enrolments->withdrawn = true;
	}
	tell(enrolments, enrolment->is.serial, ECANCELED, "it was withdrawn meanwhile");
	free_enrolment(enrolments, enrolment);
	if (was_pending)
		enrolments_note(enrolments);
}

static void end_all(struct enrolments *enrolments)
{
	enrolments_forget_waiters(enrolments);
	for (struct list *link = enrolments->all.next, *next; link != &enrolments->all; link = next) {
		next = link->next;
		close_enrolment(enrolments, enrolment_of(link));
	}
	list_init(&enrolments->all);
	vec_clear(&enrolments->leaving);
}

void enrolments_close(struct enrolments *enrolments)
{
	for (struct list *link = enrolments->all.next; link != &enrolments->all; link = link->next)
		if (enrolment_of(link)->pid_fd >= 0)
			close(enrolment_of(link)->pid_fd);
	close(enrolments->epoll_fd);
}

void enrolments_fini(struct enrolments *enrolments)
{
	if (!enrolments->spaces)
		return;
	end_all(enrolments);
	if (enrolments->epoll_fd >= 0)
		close(enrolments->epoll_fd);
}

/* ---- one comes ---- */

static struct enrolment *find_uid(struct enrolments *enrolments, const char *uid)
{
	for (struct list *link = enrolments->all.next; link != &enrolments->all; link = link->next)
		if (strcmp(enrolment_of(link)->is.uid, uid) == 0)
			return enrolment_of(link);
	return NULL;
}

static struct enrolment *find_cookie(struct enrolments *enrolments, uint64_t cookie)
{
	for (struct list *link = enrolments->all.next; link != &enrolments->all; link = link->next)
		if (enrolment_of(link)->cookie == cookie)
			return enrolment_of(link);
	return NULL;
}

/* is_own - is it the daemon's namespace? */
static bool is_own(const struct netns_id *id)
{
	const struct netns_ref own = {.kind = NETNS_SELF};
	struct netns_id own_id;
	int fd = netns_open(&own, NULL);
	bool same = fd >= 0 && netns_identify(fd, &own_id, NULL) == 0 && netns_id_equal(id, &own_id);
	if (fd >= 0)
		close(fd);
	return same;
}

/* examine - what is known of the namespace @fd into @ret */
static int examine(int fd, struct enrolment *ret, struct err *err)
{
	struct netns_id id;
	int rc = netns_identify(fd, &id, err);
	if (rc < 0)
		return rc;
	if (is_own(&id))
		return err_set(err, EINVAL, "this is the daemon's own namespace; expected another one");
	ret->inode = id.ino;
	return netns_cookie(fd, &ret->cookie, err);
}

static int watch_process(struct enrolments *enrolments, struct enrolment *enrolment, struct err *err)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = enrolment};
	if (enrolment->pid_fd < 0)
		return 0;
	return epoll_ctl(enrolments->epoll_fd, EPOLL_CTL_ADD, enrolment->pid_fd, &event) < 0
	               ? err_set_errno(err, "watch process %d", (int)enrolment->pid)
	               : 0;
}

/* insert - @fd is taken, also on failure; the rest of @draft as well */
int enrolments_insert(struct enrolments *enrolments, const struct enrolment *draft, int fd, struct err *err)
{
	struct enrolment *enrolment = calloc(1, sizeof(*enrolment));
	if (!enrolment) {
		close(fd);
		if (draft->pid_fd >= 0)
			close(draft->pid_fd);
		return err_set(err, ENOMEM, "enrolment: out of memory");
	}
	*enrolment = *draft;
	enrolment->is.serial = ++enrolments->last_serial;
	list_append(&enrolments->all, &enrolment->link);
	struct netns_ref ref = {.kind = NETNS_ENROLLED, .serial = enrolment->is.serial};
	memcpy(ref.text, enrolment->is.uid, sizeof(ref.text));
	int rc = spaces_adopt(enrolments->spaces, &ref, fd, &enrolment->space, err);
	if (rc == 0)
		rc = watch_process(enrolments, enrolment, err);
	if (rc < 0) {
		free_enrolment(enrolments, enrolment);
		return rc;
	}
	log_enrolment(LOG_LEVEL_INFO, "enrolled", enrolment, NULL);
	return 0;
}

static void take_words(struct enrolment *enrolment, const struct enrolment_wish *wish)
{
	snprintf(enrolment->is.uid, sizeof(enrolment->is.uid), "%s", wish->uid);
	snprintf(enrolment->is.policy, sizeof(enrolment->is.policy), "%s", wish->policy);
	snprintf(enrolment->name, sizeof(enrolment->name), "%s", wish->name);
	snprintf(enrolment->snapshot, sizeof(enrolment->snapshot), "%s", wish->snapshot);
}

/* again - it is there already */
static void again(struct enrolments *enrolments, struct enrolment *enrolment, const struct enrolment_wish *wish)
{
	take_words(enrolment, wish);
	if (enrolment->state == ENROLMENT_SERVED && wish->ticket)
		enrolments->answer(enrolments->ctx, wish->ticket, 0, "served");
	else
		wait_for(enrolments, enrolment->is.serial, wish->ticket, wish->deadline_ms);
}

/* is_known - is @draft, whose namespace is @fd, what is enrolled by its uid? That is held, so its inode is no other one's. */
static bool is_known(struct enrolments *enrolments, const struct enrolment *draft, int fd)
{
	struct netns_id id, its;
	const struct enrolment *same = find_uid(enrolments, draft->is.uid);
	return same && same->pid == draft->pid && strcmp(same->is.policy, draft->is.policy) == 0 &&
	       netns_identify(fd, &id, NULL) == 0 && netns_identify(same->space->fd, &its, NULL) == 0 &&
	       netns_id_equal(&id, &its);
}

/* enrol - @draft, whose namespace is @fd; both are taken */
static int enrol(struct enrolments *enrolments, const struct enrolment *draft, int fd, const struct enrolment_wish *wish,
                 struct err *err)
{
	struct enrolment *same = find_uid(enrolments, wish->uid), *other = find_cookie(enrolments, draft->cookie);
	if (other && other != same) {
		close(fd);
		if (draft->pid_fd >= 0)
			close(draft->pid_fd);
		return err_set(err, EEXIST, "this namespace is enrolled as '%s' already; expected one uid for it",
		               other->is.uid);
	}
	if (same)
		drop(enrolments, same, "its uid means another namespace, process or policy");
	int rc = enrolments_insert(enrolments, draft, fd, err);
	if (rc == 0)
		wait_for(enrolments, enrolments->last_serial, wish->ticket, wish->deadline_ms);
	return rc;
}

int enrolments_add(struct enrolments *enrolments, const struct enrolment_wish *wish, int fd, struct err *err)
{
	struct enrolment draft = {.pid_fd = -1};
	take_words(&draft, wish);
	int ns_fd = netns_open_fd(fd, &draft.pid, err);
	if (ns_fd < 0)
		return ns_fd;
	if (is_known(enrolments, &draft, ns_fd)) {
		close(ns_fd);
		again(enrolments, find_uid(enrolments, wish->uid), wish);
		return 0;
	}
	int rc = examine(ns_fd, &draft, err);
	if (rc == 0 && draft.pid && (draft.pid_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3)) < 0)
		rc = err_set_errno(err, "hold process %d", (int)draft.pid);
	if (rc < 0) {
		close(ns_fd);
		return rc;
	}
	return enrol(enrolments, &draft, ns_fd, wish, err);
}

/* ---- by uid ---- */

int enrolments_keep(struct enrolments *enrolments, const char *uid, const char *snapshot, struct err *err)
{
	struct enrolment *enrolment = find_uid(enrolments, uid);
	if (!enrolment)
		return err_set(err, ENOENT, "'%.64s' is not enrolled; expected it to be enrolled, with its namespace", uid);
	snprintf(enrolment->snapshot, sizeof(enrolment->snapshot), "%s", snapshot);
	return 0;
}

/* answer_withdrawn - now, or when the next change has taken away what was withdrawn */
static void answer_withdrawn(struct enrolments *enrolments, uint64_t ticket)
{
	if (enrolments->withdrawn)
		wait_for(enrolments, 0, ticket, UINT64_MAX);
	else if (ticket)
		enrolments->answer(enrolments->ctx, ticket, 0, "");
}

void enrolments_withdraw(struct enrolments *enrolments, const char *uid, uint64_t ticket)
{
	struct enrolment *enrolment = find_uid(enrolments, uid);
	if (enrolment)
		drop(enrolments, enrolment, "it was asked for");
	answer_withdrawn(enrolments, ticket);
}

/* find_stray - one whose uid begins with @prefix and that is not in @snapshot; NULL: there is none */
static struct enrolment *find_stray(const struct enrolments *enrolments, const char *prefix, const char *snapshot)
{
	for (struct list *link = enrolments->all.next; link != &enrolments->all; link = link->next) {
		struct enrolment *enrolment = enrolment_of(link);
		if (strncmp(enrolment->is.uid, prefix, strlen(prefix)) == 0 && strcmp(enrolment->snapshot, snapshot) != 0)
			return enrolment;
	}
	return NULL;
}

void enrolments_sweep(struct enrolments *enrolments, const char *prefix, const char *snapshot, uint64_t ticket)
{
	struct enrolment *stray;
	while ((stray = find_stray(enrolments, prefix, snapshot)))
		drop(enrolments, stray, "it is not in the snapshot");
	answer_withdrawn(enrolments, ticket);
}

void enrolments_look(struct enrolments *enrolments)
{
	struct epoll_event event;
	/* One at a time: what is dropped may be in the next event as well. */
	while (epoll_wait(enrolments->epoll_fd, &event, 1, 0) == 1)
		drop(enrolments, event.data.ptr, "its process has ended");
}

/* ---- changes ---- */

/* leaving_until - when listeners in there are closed; UINT64_MAX: not before a change; 0: nothing is closing */
static uint64_t leaving_until(const struct enrolments *enrolments, uint64_t cookie)
{
	uint64_t until_ms = 0;
	vec_each(leaving, &enrolments->leaving) {
		uint64_t its_ms = leaving->until_ms ? leaving->until_ms : UINT64_MAX;
		if (leaving->cookie == cookie && its_ms > until_ms)
			until_ms = its_ms;
	}
	return until_ms;
}

/* ready_at - when it may be tried; UINT64_MAX: not before something else happens */
static uint64_t ready_at(const struct enrolments *enrolments, const struct enrolment *enrolment)
{
	uint64_t left_ms = leaving_until(enrolments, enrolment->cookie);
	if (enrolment->state != ENROLMENT_PENDING)
		return UINT64_MAX;
	return left_ms > enrolment->retry_ms ? left_ms : enrolment->retry_ms;
}

bool enrolments_due(const struct enrolments *enrolments, uint64_t now_ms, uint64_t *ret_next_ms)
{
	uint64_t next_ms = enrolments->withdrawn ? enrolments->withdraw_ms : UINT64_MAX;
	for (struct list *link = enrolments->all.next; link != &enrolments->all; link = link->next) {
		uint64_t at_ms = ready_at(enrolments, enrolment_of(link));
		next_ms = at_ms < next_ms ? at_ms : next_ms;
	}
	*ret_next_ms = next_ms == UINT64_MAX ? 0 : next_ms;
	return next_ms <= now_ms;
}

/* may_start - with @started others in the same change */
static bool may_start(const struct enrolments *enrolments, const struct enrolment *enrolment, uint64_t now_ms,
                      uint32_t started)
{
	return ready_at(enrolments, enrolment) <= now_ms && (!enrolment->is_alone || started == 0);
}

static void expire_leaving(struct enrolments *enrolments, uint64_t now_ms)
{
	size_t kept = 0;
	for (size_t i = 0; i < enrolments->leaving.count; i++) {
		const struct enrolment_leaving *leaving = &enrolments->leaving.items[i];
		if (!leaving->until_ms || leaving->until_ms > now_ms)
			enrolments->leaving.items[kept++] = *leaving;
	}
	enrolments->leaving.count = kept;
}

/* begin_withdrawals - this change takes them away */
static void begin_withdrawals(struct enrolments *enrolments)
{
	vec_each(leaving, &enrolments->leaving)
		leaving->in_change = !leaving->until_ms;
	vec_each(waiter, &enrolments->waiters)
		waiter->in_change = waiter->serial == 0;
	enrolments->withdrawn_in_change = enrolments->withdrawn;
	enrolments->withdrawn = false;
}

int enrolments_begin(struct enrolments *enrolments, struct config *config, bool adds, uint64_t now_ms)
{
	uint32_t started = 0;
	bool alone = false;
	int rc = 0;
	config->enrolled_count = 0;
	expire_leaving(enrolments, now_ms);
	for (struct list *link = enrolments->all.next; rc == 0 && link != &enrolments->all; link = link->next) {
		struct enrolment *enrolment = enrolment_of(link);
		if (adds && !alone && may_start(enrolments, enrolment, now_ms, started)) {
			enrolment->state = ENROLMENT_STARTING;
			alone = enrolment->is_alone;
			started++;
		}
		if (enrolment->state != ENROLMENT_PENDING)
			rc = config_add_enrolled(config, &enrolment->is);
	}
	enrolments->started = started;
	begin_withdrawals(enrolments);
	return rc;
}

static void serve(struct enrolments *enrolments, struct enrolment *enrolment)
{
	enrolment->state = ENROLMENT_SERVED;
	enrolment->is_alone = enrolment->is_restored = false;
	enrolment->failures = 0;
	enrolment->reason[0] = '\0';
	tell(enrolments, enrolment->is.serial, 0, "served");
}

/* fail - @why is told if it was alone, and so the only one it can be about */
static void fail(struct enrolment *enrolment, bool was_alone, const char *why, uint64_t now_ms)
{
	enrolment->state = ENROLMENT_PENDING;
	enrolment->is_alone = true;
	if (!was_alone)
		return;
	snprintf(enrolment->reason, sizeof(enrolment->reason), "%s", why);
	enrolment->retry_ms = now_ms + ((uint64_t)RETRY_FIRST_MS << enrolment->failures);
	enrolment->failures++;
}

/* find_hopeless - one that has been tried often enough; NULL: there is none */
static struct enrolment *find_hopeless(const struct enrolments *enrolments)
{
	for (struct list *link = enrolments->all.next; link != &enrolments->all; link = link->next)
		if (enrolment_of(link)->failures >= ENROLMENT_TRIES_MAX)
			return enrolment_of(link);
	return NULL;
}

static void give_up(struct enrolments *enrolments, struct enrolment *enrolment)
{
	log_enrolment(LOG_LEVEL_ERROR, "enrolment_failed", enrolment, enrolment->reason);
	tell(enrolments, enrolment->is.serial, EIO, enrolment->reason);
	free_enrolment(enrolments, enrolment);
	enrolments_note(enrolments);
}

/* settle_withdrawals - they are gone, or another change is to take them away */
static void settle_withdrawals(struct enrolments *enrolments, bool well, uint64_t now_ms, uint64_t settled_ms)
{
	vec_each(leaving, &enrolments->leaving) {
		if (leaving->in_change && well)
			leaving->until_ms = settled_ms;
		leaving->in_change = false;
	}
	if (well)
		tell_all(enrolments, &(struct told){.fits = is_in_change}, 0, "");
	if (!well && enrolments->withdrawn_in_change) {
		enrolments->withdrawn = true;
		enrolments->withdraw_ms = now_ms + RETRY_FIRST_MS;
	}
	enrolments->withdrawn_in_change = false;
}

void enrolments_settle(struct enrolments *enrolments, const char *why, uint64_t now_ms, uint64_t settled_ms)
{
	uint32_t started = enrolments->started;
	struct enrolment *hopeless;
	/* Before anybody is told: what was answered is found by another daemon. */
	if (!why && (started || enrolments->withdrawn_in_change))
		enrolments_note(enrolments);
	for (struct list *link = enrolments->all.next; link != &enrolments->all; link = link->next) {
		if (enrolment_of(link)->state != ENROLMENT_STARTING)
			continue;
		if (why)
			fail(enrolment_of(link), started == 1, why, now_ms);
		else
			serve(enrolments, enrolment_of(link));
	}
	while ((hopeless = find_hopeless(enrolments)))
		give_up(enrolments, hopeless);
	settle_withdrawals(enrolments, !why, now_ms, settled_ms);
}

uint64_t enrolments_act(struct enrolments *enrolments, uint64_t now_ms)
{
	uint64_t next_ms = UINT64_MAX;
	tell_all(enrolments, &(struct told){.fits = is_overdue, .now_ms = now_ms}, 0, "pending");
	vec_each(waiter, &enrolments->waiters)
		next_ms = waiter->deadline_ms < next_ms ? waiter->deadline_ms : next_ms;
	return next_ms == UINT64_MAX ? 0 : next_ms;
}

/* ---- looking on ---- */

bool enrolments_are_restored(const struct enrolments *enrolments)
{
	for (struct list *link = enrolments->all.next; link != &enrolments->all; link = link->next)
		if (enrolment_of(link)->is_restored)
			return false;
	return true;
}

void enrolments_list(const struct enrolments *enrolments, const char *prefix, FILE *out)
{
	for (struct list *link = enrolments->all.next; link != &enrolments->all; link = link->next) {
		const struct enrolment *enrolment = enrolment_of(link);
		if (strncmp(enrolment->is.uid, prefix, strlen(prefix)) == 0)
			fprintf(out, "%s\t%s\t%s\t%llu\t%d\t%s\t%s\n", enrolment->is.uid, enrolment->is.policy, enrolment->name,
			        (unsigned long long)enrolment->inode, (int)enrolment->pid,
			        enrolment->state == ENROLMENT_SERVED ? "served" : "pending", enrolment->reason);
	}
}
