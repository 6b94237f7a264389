/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/events.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"

const char *event_name(enum event_kind kind)
{
	static const char *const names[] = {
#define X(name, text, help) text,
	        EVENT_TABLE(X)
#undef X
	};
	return names[kind];
}

const char *event_help(enum event_kind kind)
{
	static const char *const helps[] = {
#define X(name, text, help) help,
	        EVENT_TABLE(X)
#undef X
	};
	return helps[kind];
}

/* ---- the ring ---- */

void events_init(struct events *events, int doorbell_fd)
{
	pthread_mutex_init(&events->lock, NULL);
	events->next = 1;
	events->readers = 0;
	events->doorbell_fd = doorbell_fd;
}

void events_fini(struct events *events)
{
	pthread_mutex_destroy(&events->lock);
}

static uint64_t time_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void ring(int doorbell_fd)
{
	uint64_t one = 1;
	ssize_t n = write(doorbell_fd, &one, sizeof(one));
	(void)n;
}

void events_add(struct events *events, const struct event *event)
{
	if (!events)
		return;
	pthread_mutex_lock(&events->lock);
	struct event *place = &events->kept[events->next++ % EVENTS_KEPT];
	*place = *event;
	place->time_ms = time_ms();
	bool watched = events->readers > 0;
	pthread_mutex_unlock(&events->lock);
	if (watched)
		ring(events->doorbell_fd);
}

uint64_t events_begin(struct events *events)
{
	pthread_mutex_lock(&events->lock);
	events->readers++;
	uint64_t next = events->next;
	pthread_mutex_unlock(&events->lock);
	return next;
}

void events_end(struct events *events)
{
	pthread_mutex_lock(&events->lock);
	CHECK(events->readers > 0);
	events->readers--;
	pthread_mutex_unlock(&events->lock);
}

uint32_t events_read(struct events *events, uint64_t *number, struct event *ret, uint32_t max,
                     uint64_t *ret_lost)
{
	uint32_t count = 0;
	pthread_mutex_lock(&events->lock);
	uint64_t oldest = events->next > EVENTS_KEPT ? events->next - EVENTS_KEPT : 1;
	*ret_lost = *number < oldest ? oldest - *number : 0;
	*number += *ret_lost;
	for (; count < max && *number < events->next; count++, ++*number)
		ret[count] = events->kept[*number % EVENTS_KEPT];
	pthread_mutex_unlock(&events->lock);
	return count;
}

/* ---- series ---- */

static bool is_of(const struct event *a, const struct event *b)
{
	return a->kind == b->kind && strcmp(a->relay, b->relay) == 0 && strcmp(a->reason, b->reason) == 0;
}

static void tell(struct event_series *series, struct events *events, size_t index, uint64_t now_ms)
{
	struct event *event = &series->all[index].event;
	if (event->count > 0)
		events_add(events, event);
	event->count = 0;
	series->all[index].told_ms = now_ms;
}

/* find - the series of @event, or the place where it is to begin: a free one, else that of the one told
 * longest ago */
static size_t find(const struct event_series *series, const struct event *event)
{
	size_t oldest = 0;
	for (size_t i = 0; i < EVENT_SERIES; i++) {
		if (series->all[i].told_ms && is_of(&series->all[i].event, event))
			return i;
		if (series->all[i].told_ms < series->all[oldest].told_ms)
			oldest = i;
	}
	return oldest;
}

void event_series_add(struct event_series *series, struct events *events, const struct event *event,
                      uint64_t now_ms)
{
	size_t i = find(series, event);
	struct event *kept = &series->all[i].event;
	bool goes_on = series->all[i].told_ms && is_of(kept, event);
	uint64_t count = event->count;
	if (goes_on)
		count += kept->count;
	else if (series->all[i].told_ms)
		tell(series, events, i, now_ms);
	bool due = !goes_on || now_ms >= series->all[i].told_ms + EVENT_SERIES_MS;
	*kept = *event;
	kept->count = count;
	if (due)
		tell(series, events, i, now_ms);
}

int event_series_tell(struct event_series *series, struct events *events, uint64_t now_ms)
{
	int next_ms = -1;
	for (size_t i = 0; i < EVENT_SERIES; i++) {
		uint64_t at_ms = series->all[i].told_ms + EVENT_SERIES_MS;
		if (series->all[i].told_ms == 0)
			continue;
		if (now_ms >= at_ms && series->all[i].event.count == 0)
			series->all[i].told_ms = 0; /* it is over */
		else if (now_ms >= at_ms)
			tell(series, events, i, now_ms);
		else if (series->all[i].event.count > 0 && (next_ms < 0 || (int)(at_ms - now_ms) < next_ms))
			next_ms = (int)(at_ms - now_ms);
	}
	return next_ms;
}
