/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies are work that nobody asked the machine for when it has no time left. A relay thread that is short of
 * it notices in one of two ways: it never sleeps, or it waits for a processor when it wakes. The scheduler
 * tells both. While either is so the share of what is copied is halved from window to window, else it grows;
 * what that skips is counted as any other.
 */
#include "io/sys.h"
#include "relay/mirror/mirror.h"
#include "relay/worker.h"

enum {
	/* The scheduler brings its sums up to date every tick, of 1 to 10 ms. */
	WINDOW_MS = 20,
	/*
	 * Percent of a window: a thread that is awake for more has no time, nor one that waits for more. In a
	 * transfer that takes all of two processors it waits for 57 to 67, in one of half the rate for 20 to
	 * 28: docs/FIGURES.md, "Mirrors".
	 */
	AWAKE_MOST = 95,
	WAITS_MOST = 40,
	GROWTH = MIRROR_SHARE_ALL / 8,
	/* The share does not fall below this: it has to be tried again whether there is time. */
	SHARE_LEAST = MIRROR_SHARE_ALL / 64,
};

void share_open(struct mirror_share *share)
{
	share->share = MIRROR_SHARE_ALL;
	share->load_fd = sys_open_load();
}

void share_close(struct mirror_share *share)
{
	if (share->load_fd >= 0)
		sys_close(share->load_fd);
}

static bool saturated(const struct sys_load *before, const struct sys_load *now, uint64_t window_ns)
{
	uint64_t waited = now->waited_ns - before->waited_ns, ran = now->ran_ns - before->ran_ns;
	return waited * 100 > window_ns * WAITS_MOST || (ran + waited) * 100 > window_ns * AWAKE_MOST;
}

/* look - what the last window was like. One that was long ago says nothing: the flow was quiet. */
static void look(struct mirror_share *share, uint64_t now_ms)
{
	struct sys_load load;
	uint64_t window_ms = now_ms - share->looked_ms;
	if (share->load_fd < 0 || sys_load(share->load_fd, &load) < 0)
		return;
	if (window_ms <= 4 * WINDOW_MS && saturated(&share->load, &load, window_ms * 1000000)) {
		share->share = share->share / 2 > SHARE_LEAST ? share->share / 2 : SHARE_LEAST;
	} else {
		uint32_t grown = share->share + GROWTH;
		share->share = grown < MIRROR_SHARE_ALL ? grown : MIRROR_SHARE_ALL;
	}
	share->load = load;
	share->looked_ms = now_ms;
}

bool share_admits(struct worker *worker)
{
	struct mirror_share *share = &worker->mirrors.share;
	if (worker->now_ms - share->looked_ms >= WINDOW_MS)
		look(share, worker->now_ms);
	share->credit += share->share;
	if (share->credit < MIRROR_SHARE_ALL)
		return false;
	share->credit -= MIRROR_SHARE_ALL;
	return true;
}
