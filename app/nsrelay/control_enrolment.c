/* SPDX-License-Identifier: Apache-2.0 */
/* Enrol, Keep, SnapshotSent, Withdraw, Enrolled: the supervisor does it (app/nsrelay/supervisor_enrol.c). */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/nsrelay/control_change.h"
#include "app/nsrelay/control_interface.h"
#include "relay/request.h"

enum { DEADLINE_MS = 10000, ROWS_A_REPLY = 64 };

/* or_none - as it is said when it was left out */
static const char *or_none(const struct varlink_call *call, const char *name)
{
	const char *text = varlink_text(call, name);
	return text && *text ? text : "-";
}

/* refuse - @answer says no */
static enum varlink_outcome refuse(struct varlink_call *call, const struct answer *answer)
{
	const char *error = answer->error == EINVAL ? CONTROL_INTERFACE ".NamespaceRefused"
	                                            : CONTROL_INTERFACE ".EnrolmentFailed";
	if (answer->error == ENOENT)
		return control_not_found(call, "enrolment", varlink_text(call, "uid"), control_reason(answer));
	return varlink_fail(call, error, "reason", control_reason(answer), NULL, NULL);
}

/* ---- Enrol ---- */

static const struct varlink_field enrol_takes[] = {
        {.name = "uid", .kind = VARLINK_STRING, .help = "what it is known by, in any way that is never used for two: at most 107 bytes, no blanks"},
        {.name = "name", .kind = VARLINK_STRING, .optional = true, .help = "for people"},
        {.name = "policy", .kind = VARLINK_STRING, .optional = true,
         .help = "relays with a listener @POLICY/ADDRESS:PORT are to listen in there; may be left out where there is one policy"},
        {.name = "deadline_ms", .kind = VARLINK_INT, .optional = true, .help = "how long the reply may take; without it 10 s"},
        {.name = "snapshot", .kind = VARLINK_STRING, .optional = true, .help = "that it is part of: SnapshotSent"},
};
static const struct varlink_field enrol_returns[] = {
        {.name = "state", .kind = VARLINK_STRING, .help = "served; pending: not by the deadline, and it is tried further"},
};

static enum varlink_outcome enrol(const struct varlink_service *service, struct varlink_call *call, struct json *out)
{
	struct answer answer = {.fd = -1};
	int64_t deadline_ms = varlink_number(call, "deadline_ms", DEADLINE_MS);
	enum varlink_outcome outcome = control_request(
	        service, call, call->has_file ? call->file : -1, &answer, "enrol %s %s %" PRId64 " %s %s",
	        varlink_text(call, "uid"), or_none(call, "policy"), deadline_ms < 0 ? 0 : deadline_ms, or_none(call, "name"),
	        or_none(call, "snapshot"));
	if (outcome != VARLINK_LAST)
		return outcome;
	if (answer.error)
		outcome = refuse(call, &answer);
	else
		json_text(out, "state", control_reason(&answer));
	answer_fini(&answer);
	return outcome;
}

const struct varlink_method control_method_enrol = {
        .name = "Enrol",
        .help = "Listen in a namespace, and steer its connections there, as the relays of a policy say. The namespace comes with "
                "the call\n"
                "(SCM_RIGHTS): a descriptor of it, or of a process in it (pidfd_open(2)), with whose end it is withdrawn. The reply "
                "comes when it is\n"
                "served. A call for what is served already changes nothing; one with another namespace takes its place.",
        .takes = VARLINK_FIELDS(enrol_takes),
        .returns = VARLINK_FIELDS(enrol_returns),
        .fn = enrol,
        .dropped = control_drop_change,
};

/* ---- Keep, SnapshotSent, Withdraw ---- */

/* finish - what returns nothing */
static enum varlink_outcome finish(struct varlink_call *call, enum varlink_outcome outcome, struct answer *answer)
{
	if (outcome != VARLINK_LAST)
		return outcome;
	if (answer->error)
		outcome = refuse(call, answer);
	answer_fini(answer);
	return outcome;
}

static const struct varlink_field keep_takes[] = {
        {.name = "uid", .kind = VARLINK_STRING},
        {.name = "snapshot", .kind = VARLINK_STRING},
};

static enum varlink_outcome keep(const struct varlink_service *service, struct varlink_call *call, struct json *out)
{
	struct answer answer = {.fd = -1};
	(void)out;
	return finish(call,
	              control_request(service, call, -1, &answer, "keep %s %s", varlink_text(call, "uid"), varlink_text(call, "snapshot")),
	              &answer);
}

const struct varlink_method control_method_keep = {
        .name = "Keep",
        .help = "It is enrolled, and part of this snapshot too: for an agent that has no descriptor of it at hand. NotFound: it is "
                "to be enrolled.",
        .takes = VARLINK_FIELDS(keep_takes),
        .fn = keep,
        .dropped = control_drop_change,
};

static const struct varlink_field sweep_takes[] = {
        {.name = "snapshot", .kind = VARLINK_STRING, .help = "a name that the agent has used for no other one"},
        {.name = "prefix", .kind = VARLINK_STRING, .optional = true, .help = "of the uids that are the agent's; without it all"},
};

static enum varlink_outcome sweep(const struct varlink_service *service, struct varlink_call *call, struct json *out)
{
	struct answer answer = {.fd = -1};
	(void)out;
	return finish(call,
	              control_request(service, call, -1, &answer, "sweep %s %s", varlink_text(call, "snapshot"), or_none(call, "prefix")),
	              &answer);
}

const struct varlink_method control_method_snapshot_sent = {
        .name = "SnapshotSent",
        .help = "All that there is was enrolled or kept with this snapshot: withdraw the rest.",
        .takes = VARLINK_FIELDS(sweep_takes),
        .fn = sweep,
        .dropped = control_drop_change,
};

static const struct varlink_field withdraw_takes[] = {{.name = "uid", .kind = VARLINK_STRING}};

static enum varlink_outcome withdraw(const struct varlink_service *service, struct varlink_call *call, struct json *out)
{
	struct answer answer = {.fd = -1};
	(void)out;
	return finish(call, control_request(service, call, -1, &answer, "withdraw %s", varlink_text(call, "uid")), &answer);
}

const struct varlink_method control_method_withdraw = {
        .name = "Withdraw",
        .help = "Close its listeners, and end its connections in the time that `enrolment: { drain }` has. What is not enrolled is "
                "no error.",
        .takes = VARLINK_FIELDS(withdraw_takes),
        .fn = withdraw,
        .dropped = control_drop_change,
};

/* ---- Enrolled ---- */

static const struct varlink_field enrolment_fields[] = {
        {.name = "uid", .kind = VARLINK_STRING},
        {.name = "name", .kind = VARLINK_STRING, .optional = true},
        {.name = "policy", .kind = VARLINK_STRING},
        {.name = "netns_inode", .kind = VARLINK_INT, .help = "as in `ls -l /proc/PID/ns/net`"},
        {.name = "pid", .kind = VARLINK_INT, .optional = true, .help = "the process with whose end it is withdrawn"},
        {.name = "state", .kind = VARLINK_STRING, .help = "served, pending"},
        {.name = "reason", .kind = VARLINK_STRING, .optional = true, .help = "why the last try has failed"},
};
const struct varlink_type control_enrolment_type = {"Enrolment", "A namespace that was enrolled.",
                                                    VARLINK_FIELDS(enrolment_fields)};

static const struct varlink_field enrolled_takes[] = {{.name = "prefix", .kind = VARLINK_STRING, .optional = true}};
static const struct varlink_field enrolled_returns[] = {
        {.name = "enrolments", .kind = VARLINK_OBJECT, .array = true, .type = &control_enrolment_type}};

/* Where in the call it is kept how far the file has been read; PLACE_FILE: its descriptor and 1. */
enum { PLACE_FILE = 1, PLACE_OFFSET = 2 };

enum { COLUMN_UID, COLUMN_POLICY, COLUMN_NAME, COLUMN_INODE, COLUMN_PID, COLUMN_STATE, COLUMN_REASON, COLUMN_COUNT };

/* write_row - a line of the file, as enrolments_list() has written it */
static void write_row(struct json *out, char *line)
{
	char *columns[COLUMN_COUNT];
	for (size_t i = 0; i < COLUMN_COUNT; i++)
		if (!(columns[i] = strsep(&line, i + 1 < COLUMN_COUNT ? "\t" : "\n")))
			return;
	json_begin_object(out, NULL);
	json_text(out, "uid", columns[COLUMN_UID]);
	if (*columns[COLUMN_NAME])
		json_text(out, "name", columns[COLUMN_NAME]);
	json_text(out, "policy", columns[COLUMN_POLICY]);
	json_number(out, "netns_inode", strtoull(columns[COLUMN_INODE], NULL, 10));
	if (strcmp(columns[COLUMN_PID], "0") != 0)
		json_number(out, "pid", strtoull(columns[COLUMN_PID], NULL, 10));
	json_text(out, "state", columns[COLUMN_STATE]);
	if (*columns[COLUMN_REASON])
		json_text(out, "reason", columns[COLUMN_REASON]);
	json_end(out);
}

/* write_rows - the next ones; true when there are more */
static bool write_rows(struct varlink_call *call, struct json *out)
{
	char bytes[16 * 1024];
	int fd = (int)call->place[PLACE_FILE] - 1;
	ssize_t size = pread(fd, bytes, sizeof(bytes) - 1, (off_t)call->place[PLACE_OFFSET]);
	char *at = bytes;
	bytes[size > 0 ? size : 0] = '\0';
	for (int i = 0; i < ROWS_A_REPLY; i++) {
		char *end = strchr(at, '\n');
		if (!end)
			break;
		*end = '\0';
		write_row(out, at);
		at = end + 1;
	}
	call->place[PLACE_OFFSET] += (uint64_t)(at - bytes);
	return at > bytes && (*at || size == (ssize_t)sizeof(bytes) - 1);
}

static enum varlink_outcome list(const struct varlink_service *service, struct varlink_call *call, struct json *out)
{
	struct answer answer = {.fd = -1};
	if (call->place[PLACE_FILE] == 0) {
		enum varlink_outcome outcome = control_request(service, call, -1, &answer, "enrolled %s", or_none(call, "prefix"));
		if (outcome != VARLINK_LAST)
			return outcome;
		if (answer.error || answer.fd < 0) {
			outcome = refuse(call, &answer);
			answer_fini(&answer);
			return outcome;
		}
		call->place[PLACE_FILE] = (uint64_t)answer.fd + 1;
		answer.fd = -1;
		answer_fini(&answer);
	}
	json_begin_array(out, "enrolments");
	bool more = write_rows(call, out);
	json_end(out);
	return more ? VARLINK_CONTINUES : VARLINK_LAST;
}

static void end_list(const struct varlink_service *service, const struct varlink_call *call)
{
	control_drop_change(service, call);
	if (call->place[PLACE_FILE])
		close((int)call->place[PLACE_FILE] - 1);
}

const struct varlink_method control_method_enrolled = {
        .name = "Enrolled",
        .help = "Who is enrolled, of those whose uid begins so, in the order in which they came. Call it with 'more'.",
        .takes = VARLINK_FIELDS(enrolled_takes),
        .returns = VARLINK_FIELDS(enrolled_returns),
        .streams = true,
        .fn = list,
        .dropped = end_list,
};
