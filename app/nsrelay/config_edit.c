/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/config_edit.h"

#include <errno.h>
#include <string.h>

#include "app/text/suggest.h"
#include "relay/session_filter.h"

/* ---- who is meant ---- */

static int find_relay(const struct config *config, const char *name, size_t *ret, struct err *err)
{
	struct suggest suggest;
	suggest_init(&suggest, name);
	for (size_t i = 0; i < config->relay_count; i++) {
		if (strcmp(config->relays[i].name, name) == 0) {
			*ret = i;
			return 0;
		}
		suggest_add(&suggest, config->relays[i].name);
	}
	return err_set(err, ENOENT, "there is no relay '%.64s'; %s", name, suggest_text(&suggest));
}

static int find_pool(const struct config *config, const char *name, size_t *ret, struct err *err)
{
	struct suggest suggest;
	suggest_init(&suggest, name);
	for (size_t i = 0; i < config->pool_count; i++) {
		if (strcmp(config->pools[i].name, name) == 0) {
			*ret = i;
			return 0;
		}
		suggest_add(&suggest, config->pools[i].name);
	}
	return err_set(err, ENOENT, "there is no pool '%.64s'; %s", name, suggest_text(&suggest));
}

/* find_in_pool - the one backend of @pool that @address means */
static int find_in_pool(const struct config_pool *pool, const char *address, size_t *ret, struct err *err)
{
	struct session_filter filter = {0};
	size_t count = 0;
	int r = session_filter_set_backend(&filter, address, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < pool->backend_count; i++) {
		if (!session_filter_fits_backend(&filter, &pool->backends[i].endpoint))
			continue;
		*ret = i;
		count++;
	}
	if (count > 1)
		return err_set(err, ENOTUNIQ, "the pool '%s' has %zu backends %.64s; expected NETNS/ADDRESS:PORT", pool->name,
			       count, address);
	return count ? 0
		     : err_set(err, ENOENT, "the pool '%s' has no backend %.64s; expected one of its backends", pool->name,
			       address);
}

/* find_backend - POOL/ADDRESS: no name of a pool has a slash */
static int find_backend(const struct config *config, const char *which, size_t *ret_pool, size_t *ret, struct err *err)
{
	char name[CONFIG_NAME_MAX];
	size_t length = strcspn(which, "/"), pool = 0;
	if (which[length] == '\0' || length >= sizeof(name))
		return err_set(err, EINVAL, "'%.64s' does not begin with a pool's name; expected POOL/ADDRESS:PORT", which);
	memcpy(name, which, length);
	name[length] = '\0';
	int r = find_pool(config, name, &pool, err);
	if (r == 0)
		r = find_in_pool(&config->pools[pool], which + length + 1, ret, err);
	if (r == 0)
		*ret_pool = pool;
	return r;
}

/* leads_to - does a relay send connections to the pool at @pool? */
static bool leads_to(const struct config_relay *relay, size_t pool)
{
	for (size_t i = 0; i < config_way_count(relay); i++)
		if (config_way(relay, i) == pool)
			return true;
	return false;
}

/* find_user - the first relay that leads to the pool at @pool; NULL: none does */
static const struct config_relay *find_user(const struct config *config, size_t pool)
{
	for (size_t i = 0; i < config->relay_count; i++)
		if (leads_to(&config->relays[i], pool))
			return &config->relays[i];
	return NULL;
}

/* ---- one thing ---- */

/* drop_relay - and the pool that was made for it */
static void drop_relay(struct config *config, size_t index)
{
	char name[CONFIG_NAME_MAX];
	size_t pool = 0;
	memcpy(name, config->relays[index].name, sizeof(name));
	config_drop_relay(config, index);
	if (find_pool(config, name, &pool, NULL) == 0 && !find_user(config, pool))
		config_drop_pool(config, pool);
}

int config_remove_relay(struct config *config, const char *name, struct err *err)
{
	size_t index = 0;
	int r = find_relay(config, name, &index, err);
	if (r < 0)
		return r;
	if (config->relay_count == 1)
		return err_set(err, EBUSY, "'%s' is the last relay; expected another one to be added before, or the daemon to be "
			       "stopped", name);
	drop_relay(config, index);
	return 0;
}

int config_remove_pool(struct config *config, const char *name, struct err *err)
{
	size_t index = 0;
	int r = find_pool(config, name, &index, err);
	if (r < 0)
		return r;
	const struct config_relay *user = find_user(config, index);
	if (user)
		return err_set(err, EBUSY, "the relay '%s' leads to the pool '%s'; expected the relay to be removed before",
			       user->name, name);
	config_drop_pool(config, index);
	return 0;
}

int config_remove_backend(struct config *config, const char *which, struct err *err)
{
	size_t pool = 0, backend = 0;
	int r = find_backend(config, which, &pool, &backend, err);
	if (r < 0)
		return r;
	if (config->pools[pool].backend_count == 1)
		return err_set(err, EBUSY, "%.64s is the last backend of its pool; expected the pool to be removed, or the backend "
			       "to be put into maintenance", which);
	config_pool_drop_backend(&config->pools[pool], backend);
	return 0;
}

int config_set_weight(struct config *config, const char *which, uint32_t weight, struct err *err)
{
	size_t pool = 0, backend = 0;
	if (weight < 1 || weight > CONFIG_WEIGHT_MAX)
		return err_set(err, EINVAL, "a weight of %u is out of range; expected 1 to %d", weight, CONFIG_WEIGHT_MAX);
	int r = find_backend(config, which, &pool, &backend, err);
	if (r == 0)
		config->pools[pool].backends[backend].weight = weight;
	return r;
}

int config_set_state(struct config *config, const char *which, enum config_state state, struct err *err)
{
	size_t pool = 0, backend = 0;
	int r = find_backend(config, which, &pool, &backend, err);
	if (r == 0)
		config->pools[pool].backends[backend].state = state;
	return r;
}

/* ---- a namespace ---- */

static size_t drop_listeners(struct config_relay *relay, const struct netns_ref *netns)
{
	size_t before = relay->listener_count;
	for (size_t i = relay->listener_count; i-- > 0;)
		if (netns_ref_equal(&relay->listeners[i].netns, netns))
			config_relay_drop_listener(relay, i);
	return before - relay->listener_count;
}

static size_t drop_backends(struct config_pool *pool, const struct netns_ref *netns)
{
	size_t before = pool->backend_count;
	for (size_t i = pool->backend_count; i-- > 0;)
		if (netns_ref_equal(&pool->backends[i].endpoint.netns, netns))
			config_pool_drop_backend(pool, i);
	return before - pool->backend_count;
}

static void drop_listed(struct config_namespaces *listed, const struct netns_ref *netns)
{
	size_t kept = 0;
	for (size_t i = 0; i < listed->count; i++)
		if (!netns_ref_equal(&listed->items[i], netns))
			listed->items[kept++] = listed->items[i];
	listed->count = kept;
}

static size_t drop_mirror(struct config_relay *relay, const struct netns_ref *netns)
{
	if (!config_relay_mirrors(relay) || !netns_ref_equal(&relay->mirror.to.netns, netns))
		return 0;
	relay->mirror.to = (struct endpoint){0};
	return 1;
}

/* drop_from_relays - how many listeners and mirrors were there */
static size_t drop_from_relays(struct config *config, const struct netns_ref *netns)
{
	size_t count = 0;
	for (size_t i = config->relay_count; i-- > 0;) {
		struct config_relay *relay = &config->relays[i];
		count += drop_listeners(relay, netns) + drop_mirror(relay, netns);
		drop_listed(&relay->access.allow_namespaces, netns);
		drop_listed(&relay->access.deny_namespaces, netns);
		if (relay->listener_count == 0)
			drop_relay(config, i);
	}
	return count;
}

/* drop_from_pools - how many backends were there, or -EBUSY: a relay that is left needs a pool that is not */
static int drop_from_pools(struct config *config, const struct netns_ref *netns, size_t *count, struct err *err)
{
	for (size_t i = config->pool_count; i-- > 0;) {
		struct config_pool *pool = &config->pools[i];
		*count += drop_backends(pool, netns);
		const struct config_relay *user = pool->backend_count ? NULL : find_user(config, i);
		if (user)
			return err_set(err, EBUSY, "the pool '%s' would be empty, and the relay '%s' leads there; expected the relay "
				       "to be removed before", pool->name, user->name);
		if (pool->backend_count == 0)
			config_drop_pool(config, i);
	}
	return 0;
}

/* remove_namespace - from @config, which is half done on failure */
static int remove_namespace(struct config *config, const char *text, const struct netns_ref *netns, struct err *err)
{
	size_t count = drop_from_relays(config, netns);
	if (config->relay_count == 0)
		return err_set(err, EBUSY, "no relay would be left without '%.64s'; expected another one to be added before, or "
			       "the daemon to be stopped", text);
	int r = drop_from_pools(config, netns, &count, err);
	if (r == 0 && count == 0)
		r = err_set(err, ENOENT, "nothing is in the namespace '%.64s'; expected one that listeners or backends are in",
			    text);
	return r;
}

int config_remove_namespace(struct config *config, const char *text, struct err *err)
{
	struct netns_ref netns;
	struct config next;
	int r = netns_ref_parse(text, &netns, err);
	if (r < 0)
		return r;
	if (config_copy(config, &next) < 0)
		return err_set(err, ENOMEM, "out of memory");
	r = remove_namespace(&next, text, &netns, err);
	if (r < 0) {
		config_fini(&next);
		return r;
	}
	config_fini(config);
	*config = next;
	return 0;
}
