/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsctl/nsctl_filter.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "app/text/suggest.h"
#include "base/check.h"
#include "base/units.h"
#include "relay/session_filter.h"
#include "relay/state_names.h"

/* Members of the filter under the names of the parameters that say the same. */
static const struct {
	const char *name;
	size_t place;
} texts[] =
        {
                {"relay", offsetof(struct nsctl_filter, relay)},
                {"pool", offsetof(struct nsctl_filter, pool)},
                {"client", offsetof(struct nsctl_filter, client)},
                {"backend", offsetof(struct nsctl_filter, backend)},
                {"netns", offsetof(struct nsctl_filter, netns)},
                {"state", offsetof(struct nsctl_filter, state)},
                {"lane", offsetof(struct nsctl_filter, lane)},
},
  numbers[] = {
          {"age_over_ms", offsetof(struct nsctl_filter, age_over_ms)},
          {"idle_over_ms", offsetof(struct nsctl_filter, idle_over_ms)},
          {"bytes_over", offsetof(struct nsctl_filter, bytes_over)},
};

static const char *text_at(const struct nsctl_filter *filter, size_t place)
{
	return *(const char *const *)(const void *)((const char *)filter + place);
}

static uint64_t number_at(const struct nsctl_filter *filter, size_t place)
{
	return *(const uint64_t *)(const void *)((const char *)filter + place);
}

bool nsctl_filter_is_empty(const struct nsctl_filter *filter)
{
	for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
		if (text_at(filter, texts[i].place))
			return false;
	for (size_t i = 0; i < ARRAY_COUNT(numbers); i++)
		if (number_at(filter, numbers[i].place))
			return false;
	return true;
}

bool nsctl_filter_parameters(const struct nsctl_filter *filter, json_t *parameters)
{
	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		const char *text = text_at(filter, texts[i].place);
		if (text && json_object_set_new(parameters, texts[i].name, json_string(text)) < 0)
			return false;
	}
	for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
		uint64_t number = number_at(filter, numbers[i].place);
		if (number &&
		    json_object_set_new(parameters, numbers[i].name, json_integer((json_int_t)number)) < 0)
			return false;
	}
	return true;
}

int nsctl_filter_set_client(struct nsctl_filter *filter, const char *text, struct err *err)
{
	struct cidr cidr;
	filter->client = text;
	return cidr_parse(text, &cidr, err);
}

int nsctl_filter_set_backend(struct nsctl_filter *filter, const char *text, struct err *err)
{
	struct session_filter read = {0};
	filter->backend = text;
	return session_filter_set_backend(&read, text, err);
}

int nsctl_filter_set_netns(struct nsctl_filter *filter, const char *text, struct err *err)
{
	struct netns_ref netns;
	filter->netns = text;
	return netns_ref_parse(text, &netns, err);
}

int nsctl_filter_set_state(struct nsctl_filter *filter, const char *text, struct err *err)
{
	struct suggest suggest;
	suggest_init(&suggest, text);
	filter->state = text;
	for (int i = 0; i < SESSION_STATE_COUNT; i++) {
		suggest_add(&suggest, session_state_name((enum session_state)i));
		if (strcmp(text, session_state_name((enum session_state)i)) == 0)
			return 0;
	}
	return err_set(err, EINVAL, "unknown state '%.64s'; %s", text, suggest_text(&suggest));
}

int nsctl_filter_set_lane(struct nsctl_filter *filter, const char *text, struct err *err)
{
	struct suggest suggest;
	suggest_init(&suggest, text);
	filter->lane = text;
	for (int i = 0; i < FLOW_STATE_COUNT; i++) {
		suggest_add(&suggest, flow_state_name((enum flow_state)i));
		if (strcmp(text, flow_state_name((enum flow_state)i)) == 0)
			return 0;
	}
	return err_set(err, EINVAL, "unknown lane '%.64s'; %s", text, suggest_text(&suggest));
}

int nsctl_filter_set_bytes(struct nsctl_filter *filter, const char *text, struct err *err)
{
	bool has_unit = text[strspn(text, "0123456789")] != '\0';
	int r = has_unit ? units_parse_size(text, &filter->bytes_over, err)
	                 : units_parse_count(text, &filter->bytes_over, err);
	if (r == 0 && filter->bytes_over > INT64_MAX)
		r = err_set(err, ERANGE, "'%.64s' is out of range; expected less than 8 EiB", text);
	return r;
}
