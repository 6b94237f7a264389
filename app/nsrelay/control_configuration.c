/* SPDX-License-Identifier: Apache-2.0 */
/* GetConfiguration: what the daemon works by, as a file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/nsrelay/config_text.h"
#include "app/nsrelay/control.h"
#include "app/nsrelay/control_interface.h"
#include "base/log.h"
#include "relay/balance/hash.h"
#include "relay/balance/standing.h"

/* Bytes of text in a reply. Quotes, backslashes and ends of lines take two in JSON, and nothing in it takes more. */
enum { TEXT_A_REPLY = 48 * 1024 };
_Static_assert(2 * TEXT_A_REPLY < LIMIT_CONTROL_REPLY, "a reply has room for it");

static const struct varlink_field configuration_takes[] = {
        {.name = "all", .kind = VARLINK_BOOL, .optional = true, .help = "settings that have their default as well"},
        {.name = "as_read",
         .kind = VARLINK_BOOL,
         .optional = true,
         .help = "without what SetBackendState and SetLogLevel have changed, which a reload leaves as it is"},
};
static const struct varlink_field configuration_fields[] = {
        {.name = "text", .kind = VARLINK_STRING, .help = "YAML; that of all replies, one behind the other, is a file"},
};

static const struct inspect *inspect_of(const struct varlink_service *service)
{
	const struct control *control = service->ctx;
	return control->inspect;
}

/* level_now - what SetLogLevel may have changed */
static enum config_log_level level_now(void)
{
	unsigned level = LOG_LEVEL_DEBUG;
	while (level > LOG_LEVEL_ERROR && !log_enabled((enum log_level)level))
		level--;
	return (enum config_log_level)level;
}

/* How it is asked for. */
struct wish {
	bool all, as_read;
};

static int write_daemon(const struct config *config, struct wish wish, FILE *out)
{
	struct config now = *config; /* and nothing of what it points to is touched */
	if (!wish.as_read)
		now.log_level = level_now();
	return config_text_daemon(&now, wish.all, out);
}

/* state_now - what SetBackendState may have changed */
static enum config_state state_now(const struct inspect *inspect, size_t pool, uint32_t backend)
{
	unsigned reasons = inspect_backend_reasons(inspect, pool, backend);
	if (reasons & STANDING_MAINTENANCE)
		return CONFIG_STATE_MAINTENANCE;
	return reasons & STANDING_DRAIN ? CONFIG_STATE_DRAIN : CONFIG_STATE_READY;
}

static int write_pool(const struct inspect *inspect, size_t index, struct wish wish, FILE *out)
{
	struct config_pool now = inspect->plan->config->pools[index];
	const struct config_backend *backends = now.backends;
	now.backends = calloc(now.backend_count + 1, sizeof(*backends));
	if (!now.backends)
		return -ENOMEM;
	for (uint32_t i = 0; i < now.backend_count; i++) {
		now.backends[i] = backends[i];
		if (!wish.as_read)
			now.backends[i].state = state_now(inspect, index, i);
	}
	int r = config_text_pool(&now, index == 0, wish.all, out);
	free(now.backends);
	return r;
}

/* write_part - 0: what is daemon-wide; then the pools; then the relays */
static int write_part(const struct inspect *inspect, size_t part, struct wish wish, FILE *out)
{
	const struct config *config = inspect->plan->config;
	if (part == 0)
		return write_daemon(config, wish, out);
	if (part <= config->pool_count)
		return write_pool(inspect, part - 1, wish, out);
	part -= 1 + config->pool_count;
	return config_text_relay(config, &config->relays[part], part == 0, wish.all, out);
}

static size_t part_count(const struct config *config)
{
	return 1 + config->pool_count + config->relay_count;
}

/* A reply while it is made. */
struct piece {
	char *text;
	size_t size;
	size_t skip, end; /* what is told of the text */
	FILE *stream;
};

/* cut - a part that fits into no reply: what follows its first place[1] bytes, whose hash is place[2] */
static int cut(struct varlink_call *call, struct piece *piece)
{
	piece->end = piece->skip + TEXT_A_REPLY;
	call->place[1] = piece->end;
	call->place[2] = hash_bytes(piece->text, piece->end);
	return 0;
}

/* add_parts - from place[0] on, as many as fit; -ESTALE: what has been told of the first is not so any more */
static int add_parts(const struct inspect *inspect, struct varlink_call *call, struct piece *piece)
{
	const struct wish wish = {varlink_flag(call, "all"), varlink_flag(call, "as_read")};
	const size_t count = part_count(inspect->plan->config), first = (size_t)call->place[0];
	if (first == 0 && call->place[1] == 0)
		call->place[3] = inspect->changes;
	if (call->place[3] != inspect->changes)
		return -ESTALE;
	piece->skip = (size_t)call->place[1];
	for (size_t i = first; i < count; i++) {
		if (write_part(inspect, i, wish, piece->stream) < 0 || fflush(piece->stream) != 0)
			return -ENOMEM;
		if (piece->size < piece->skip ||
		    (i == first && piece->skip && hash_bytes(piece->text, piece->skip) != call->place[2]))
			return -ESTALE;
		if (piece->size - piece->skip > TEXT_A_REPLY)
			return i == first ? cut(call, piece) : 0;
		piece->end = piece->size;
		call->place[0] = i + 1;
		call->place[1] = 0;
	}
	return 0;
}

static int make_piece(const struct inspect *inspect, struct varlink_call *call, struct piece *piece)
{
	*piece = (struct piece){0};
	piece->stream = open_memstream(&piece->text, &piece->size);
	if (!piece->stream)
		return -ENOMEM;
	int r = add_parts(inspect, call, piece);
	return fclose(piece->stream) != 0 ? -ENOMEM : r;
}

static enum varlink_outcome get_configuration(const struct varlink_service *service, struct varlink_call *call,
                                              struct json *out)
{
	const struct inspect *inspect = inspect_of(service);
	struct piece piece;
	int r = make_piece(inspect, call, &piece);
	if (r == 0) {
		piece.text[piece.end] = '\0';
		json_text(out, "text", piece.text + piece.skip);
	}
	free(piece.text);
	if (r < 0)
		return varlink_fail(call, CONTROL_INTERFACE ".Busy", "advice",
		                    r == -ESTALE ? "the configuration has changed meanwhile; try again"
		                                 : "memory is out; try again",
		                    NULL, NULL);
	return call->place[0] < part_count(inspect->plan->config) ? VARLINK_CONTINUES : VARLINK_LAST;
}

const struct varlink_method control_method_get_configuration = {
        .name = "GetConfiguration",
        .help = "What the daemon works by, changes while it runs included, as a file that it would take. Call it with "
                "'more'.",
        .takes = VARLINK_FIELDS(configuration_takes),
        .returns = VARLINK_FIELDS(configuration_fields),
        .streams = true,
        .fn = get_configuration,
};
