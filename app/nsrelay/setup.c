/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/setup.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "relay/admission/admission.h"
#include "relay/balance/balance.h"
#include "relay/bandwidth.h"
#include "relay/health/ejection.h"
#include "relay/health/health.h"
#include "relay/hello.h"
#include "relay/mirror/mirror.h"
#include "app/nsrelay/metrics.h"
#include "relay/preread.h"
#include "relay/tally.h"
#include "relay/worker.h"

/* processors - those this program may run on; more than fit into a cpu_set_t (EINVAL) are more than there are
 * threads */
static uint32_t processors(void)
{
	cpu_set_t cpus;
	return sched_getaffinity(0, sizeof(cpus), &cpus) < 0 ? LIMIT_THREADS : (uint32_t)CPU_COUNT(&cpus);
}

/* raise_memlock - rings of an unprivileged user count against it, some 108 KiB a thread (Linux 6.18) */
static void raise_memlock(void)
{
	struct rlimit memlock;
	if (getrlimit(RLIMIT_MEMLOCK, &memlock) < 0)
		return;
	memlock.rlim_cur = memlock.rlim_max;
	setrlimit(RLIMIT_MEMLOCK, &memlock);
}

static int compute_limits(struct setup *setup, bool sandbox, struct err *err)
{
	struct rlimit nofile = {0};
	getrlimit(RLIMIT_NOFILE, &nofile);
	/* The soft limit is a default for programs that use select(2); the hard one is what the administrator
	 * allows. */
	nofile.rlim_cur = nofile.rlim_max;
	setrlimit(RLIMIT_NOFILE, &nofile);
	raise_memlock();
	const struct config *config = &setup->config;
	uint32_t threads = config->threads ? config->threads : processors();
	struct limits_input input = {
	        .nofile = nofile.rlim_cur,
	        .threads = config->threads,
	        .processors = processors(),
	        /* Without a sandbox the broker's copies count in the same process. */
	        .listeners = setup->plan.listener_count * (sandbox ? 1 : 2),
	        .balance_memory = balance_memory(config),
	        .tables_memory = worker_memory(&setup->plan),
	        .mirror_sockets = config_mirror_sockets(config),
	        .mirror_memory = mirrors_memory(config),
	        .checks = health_count(&setup->plan),
	        .health_memory = health_memory(&setup->plan) + ejection_memory(config, threads),
	        .admission_memory = admission_memory(&setup->plan),
	        .bandwidth_memory = bandwidth_memory(config->relay_count, setup->plan.listener_count),
	        .metrics_memory = metrics_memory(&setup->plan),
	        .tally_memory = tally_memory(&setup->plan, threads),
	        .original_memory = original_memory(config),
	        .hello_memory = hello_memory(config),
	        .destination_memory = destination_memory(config),
	        .preread_memory = preread_memory(config),
	        .max_connections = config->max_connections,
	        .control = config->control_path[0],
	};
	return limits_compute(&input, &setup->limits, err);
}

struct setup *setup_new(struct config *config, const struct setup *before, bool sandbox,
                        struct targets *targets, struct err *err)
{
	struct setup *setup = calloc(1, sizeof(*setup));
	if (!setup) {
		config_fini(config);
		err_set(err, ENOMEM, "configuration: out of memory");
		return NULL;
	}
	setup->config = *config;
	int rc = plan_init(&setup->plan, &setup->config);
	if (rc < 0)
		err_set(err, -rc, "plan: out of memory");
	if (rc == 0)
		rc = compute_limits(setup, sandbox, err);
	if (rc == 0)
		rc = opened_init(&setup->opened, before ? &before->opened : NULL, &setup->plan,
		                 setup->limits.threads, targets, err);
	if (rc == 0) {
		for (uint32_t i = 0; i < setup->plan.target_count; i++)
			setup->plan.targets[i].number = setup->opened.numbers[i];
		return setup;
	}
	setup_free(setup, 0);
	return NULL;
}

void setup_free(struct setup *setup, uint64_t now_ms)
{
	if (!setup)
		return;
	opened_fini(&setup->opened, now_ms);
	plan_fini(&setup->plan);
	config_fini(&setup->config);
	free(setup);
}
