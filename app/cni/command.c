/* SPDX-License-Identifier: Apache-2.0 */
#include "app/cni/command.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "app/cni/daemon.h"
#include "app/cni/result.h"
#include "base/check.h"

enum { RETRY_MS = 50 };

struct cni_run {
	const struct cni_environment *environment;
	struct cni_request request;
	char uid[CNI_UID_MAX]; /* of commands about one attachment; "": it has none, as it is too long */
	json_t *result;        /* of the plugins before; owned; NULL where it is not needed */
	struct varlink_client daemon;
	bool is_connected;
	FILE *out, *log;
};

/* Returns 0 or a code of the specification, with @err. */
typedef int command_fn(struct cni_run *run, struct err *err);

/* ---- the daemon ---- */

static void leave(struct cni_run *run)
{
	if (run->is_connected)
		varlink_disconnect(&run->daemon);
	run->is_connected = false;
}

static int reach(struct cni_run *run, struct err *err)
{
	leave(run);
	int r = cni_daemon_connect(&run->daemon, &run->request, err);
	run->is_connected = r == 0;
	return r;
}

int64_t cni_now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* is_nobody_there - @error of reach(): no daemon runs, so that nothing is served */
static bool is_nobody_there(int error)
{
	return error == -ENOENT || error == -ECONNREFUSED;
}

/* code_of - what a runtime is told of a call of the daemon's that has failed */
static int code_of(const struct cni_run *run, int error)
{
	/* NamespaceRefused and EnrolmentFailed have a reason; the others, as Busy, pass. */
	return error == -EREMOTEIO && json_object_get(run->daemon.refusal, "reason") ? CNI_REFUSED
	                                                                             : CNI_TRY_LATER;
}

/* goes_on - it was no success, and shall be one all the same: for whoever reads the runtime's log */
static int goes_on(const struct cni_run *run, const char *what, const struct err *err)
{
	fprintf(run->log, "nsrelay-cni: %s: %s\n", what, err->text);
	return 0;
}

/* open_namespace - of the pod; not a path that would keep us waiting, or anything else */
static int open_namespace(const char *path, int *ret_fd, struct err *err)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return cni_fail(err, CNI_BAD_ENVIRONMENT, "CNI_NETNS: open %s: %s", path, strerror(errno));
	if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET) {
		close(fd);
		return cni_fail(err, CNI_BAD_ENVIRONMENT, "CNI_NETNS: %s is no network namespace", path);
	}
	*ret_fd = fd;
	return 0;
}

/* ---- ADD ---- */

/* enrol_once - what is pending is withdrawn, whether or not the runtime gets to call DEL after an ADD that failed */
static int enrol_once(struct cni_run *run, int namespace_fd, struct err *err)
{
	char name[CNI_NAME_MAX];
	bool has_name = cni_pod_name(run->environment->args, name);
	int r = reach(run, err);
	if (r == 0)
		r = cni_daemon_enrol(&run->daemon, &run->request, run->uid, has_name ? name : NULL,
		                     namespace_fd, err);
	if (r == -EAGAIN && !run->request.may_proceed)
		cni_daemon_withdraw(&run->daemon, run->uid, NULL);
	return r;
}

/* enrol - a daemon that is being started again will be there by the deadline, and may be asked twice */
static int enrol(struct cni_run *run, int namespace_fd, struct err *err)
{
	int64_t deadline_ms = cni_now_ms() + run->request.deadline_ms;
	for (;;) {
		int r = enrol_once(run, namespace_fd, err);
		int64_t left_ms = deadline_ms - cni_now_ms() - RETRY_MS;
		if ((!is_nobody_there(r) && r != -ECONNRESET) || left_ms <= 0)
			return r;
		poll(NULL, 0, RETRY_MS);
		run->request.deadline_ms = (int)left_ms;
	}
}

static int add(struct cni_run *run, struct err *err)
{
	int fd = -1, code = open_namespace(run->environment->netns, &fd, err);
	if (code)
		return code;
	int r = enrol(run, fd, err);
	close(fd);
	if (r < 0 && !run->request.may_proceed)
		return code_of(run, r);
	if (r < 0)
		goes_on(run, "starts unserved", err);
	cni_print_result(run->result, run->out);
	return 0;
}

/* ---- DEL ---- */

/*
 * del - where no daemon is, nothing is served any more, and a pod must be able to end. One that is there is asked also
 * where the pod has started without it: it may have come to serve it later.
 */
static int del(struct cni_run *run, struct err *err)
{
	if (!run->uid[0])
		return 0; /* it was never enrolled */
	int r = reach(run, err);
	if (is_nobody_there(r))
		return goes_on(run, "nothing to withdraw", err);
	if (r == 0)
		r = cni_daemon_withdraw(&run->daemon, run->uid, err);
	return r < 0 ? code_of(run, r) : 0;
}

/* ---- CHECK ---- */

static const json_t *find_uid(const json_t *list, const char *uid)
{
	size_t i;
	const json_t *row;
	json_array_foreach(list, i, row)
	{
		const char *other = json_string_value(json_object_get(row, "uid"));
		if (other && strcmp(other, uid) == 0)
			return row;
	}
	return NULL;
}

/* compare - what the daemon has of this attachment with what there is */
static int compare(const json_t *row, json_int_t inode, struct err *err)
{
	const char *state = json_string_value(json_object_get(row, "state"));
	const char *reason = json_string_value(json_object_get(row, "reason"));
	if (!row)
		return cni_fail(err, CNI_NOT_SERVED, "the daemon does not know this attachment");
	if (json_integer_value(json_object_get(row, "netns_inode")) != inode)
		return cni_fail(err, CNI_NOT_SERVED,
		                "the daemon serves another namespace for this attachment");
	if (!state || strcmp(state, "served") != 0)
		return cni_fail(err, CNI_NOT_SERVED, "the namespace is not served: %s",
		                reason ? reason : (state ? state : "no state"));
	return 0;
}

static int check(struct cni_run *run, struct err *err)
{
	struct stat there;
	json_t *list = NULL;
	int fd = -1, code = open_namespace(run->environment->netns, &fd, err);
	if (code)
		return code;
	int r = fstat(fd, &there);
	close(fd);
	if (r < 0)
		return cni_fail(err, CNI_IO, "fstat of %s", run->environment->netns);
	r = reach(run, err);
	if (r == 0)
		r = cni_daemon_list(&run->daemon, run->uid, &list, err);
	code = r < 0 ? code_of(run, r) : compare(find_uid(list, run->uid), (json_int_t)there.st_ino, err);
	json_decref(list);
	/* A pod that may be unserved is as it should be. */
	return code && run->request.may_proceed ? goes_on(run, "unserved", err) : code;
}

/* ---- STATUS, GC ---- */

/* list_network - what the daemon has of this network */
static int list_network(struct cni_run *run, json_t **ret, struct err *err)
{
	char prefix[CNI_UID_MAX];
	int r = cni_uid(run->request.network, NULL, NULL, prefix);
	return r < 0 ? err_set(err, -r, "name: too long") : cni_daemon_list(&run->daemon, prefix, ret, err);
}

/* status - could ADD succeed? */
static int status(struct cni_run *run, struct err *err)
{
	json_t *list = NULL;
	int r = reach(run, err);
	bool is_gone = is_nobody_there(r);
	if (r == 0)
		r = list_network(run, &list, err);
	json_decref(list);
	if (r < 0 && run->request.may_proceed)
		return goes_on(run, "pods start unserved", err);
	if (r < 0)
		return is_gone ? CNI_LIMITED : CNI_NOT_AVAILABLE;
	return 0;
}

/* collect_valid - the uids of the attachments that the runtime knows, as the keys of @uids */
static int collect_valid(const struct cni_request *request, json_t *uids, struct err *err)
{
	const json_t *valid = json_object_get(request->json, "cni.dev/valid-attachments"), *one;
	char uid[CNI_UID_MAX];
	size_t i;
	/* Go's empty list. One that is missing is not taken for empty: everything would be withdrawn. */
	if (json_is_null(valid))
		return 0;
	if (!json_is_array(valid))
		return cni_fail(err, CNI_BAD_CONFIG, "cni.dev/valid-attachments: expected a list");
	json_array_foreach(valid, i, one)
	{
		const char *container = json_string_value(json_object_get(one, "containerID"));
		const char *ifname = json_string_value(json_object_get(one, "ifname"));
		if (!container || !ifname)
			return cni_fail(
			        err, CNI_BAD_CONFIG,
			        "cni.dev/valid-attachments, %zu: expected a containerID and an ifname", i);
		/* One that has none was never enrolled. */
		if (cni_uid(request->network, container, ifname, uid) == 0 &&
		    json_object_set_new(uids, uid, json_true()) < 0)
			return cni_fail(err, CNI_IO, "out of memory");
	}
	return 0;
}

/* withdraw_others - each of @list that is not in @valid; goes on where the daemon refuses one. The first error. */
static int withdraw_others(struct cni_run *run, const json_t *list, const json_t *valid, struct err *err)
{
	size_t i;
	const json_t *row;
	int first = 0;
	json_array_foreach(list, i, row)
	{
		const char *uid = json_string_value(json_object_get(row, "uid"));
		if (!uid || json_object_get(valid, uid))
			continue;
		int r = cni_daemon_withdraw(&run->daemon, uid, first ? NULL : err);
		first = first ? first : r;
		if (r < 0 && r != -EREMOTEIO)
			break;
	}
	return first;
}

/* sweep - have withdrawn what is not in @valid */
static int sweep(struct cni_run *run, const json_t *valid, struct err *err)
{
	json_t *list = NULL;
	int r = reach(run, err);
	if (is_nobody_there(r))
		return goes_on(run, "nothing to withdraw", err);
	if (r == 0)
		r = list_network(run, &list, err);
	if (r == 0)
		r = withdraw_others(run, list, valid, err);
	json_decref(list);
	return r < 0 ? code_of(run, r) : 0;
}

static int collect_garbage(struct cni_run *run, struct err *err)
{
	json_t *valid = json_object();
	int code = collect_valid(&run->request, valid, err);
	if (!code)
		code = sweep(run, valid, err);
	json_decref(valid);
	return code;
}

/* ---- commands ---- */

static const struct command {
	const char *name;
	command_fn *fn;
	int since; /* version of the specification, as cni_version_index() has it */
	bool needs_attachment, needs_netns, needs_result;
} commands[] = {
        {"ADD", add, 0, true, true, true},
        {"DEL", del, 0, true, false, false},
        {"CHECK", check, CNI_VERSION_0_4_0, true, true, true},
        {"STATUS", status, CNI_VERSION_1_1_0, false, false, false},
        {"GC", collect_garbage, CNI_VERSION_1_1_0, false, false, false},
};

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_COUNT(commands); i++)
		if (strcmp(name, commands[i].name) == 0)
			return &commands[i];
	return NULL;
}

static int check_environment(const struct command *command, const struct cni_environment *environment,
                             struct err *err)
{
	const char *missing = NULL;
	if (command->needs_netns && !environment->netns)
		missing = "CNI_NETNS";
	if (command->needs_attachment && !environment->ifname)
		missing = "CNI_IFNAME";
	if (command->needs_attachment && !environment->container)
		missing = "CNI_CONTAINERID";
	return missing ? cni_fail(err, CNI_BAD_ENVIRONMENT, "%s is missing; %s needs it", missing,
	                          command->name)
	               : 0;
}

/* set_uid - none when it is too long */
static void set_uid(struct cni_run *run)
{
	const struct cni_environment *environment = run->environment;
	if (cni_uid(run->request.network, environment->container, environment->ifname, run->uid) < 0)
		run->uid[0] = '\0';
}

/* check_request - is it one that @command can be carried out for? */
static int check_request(const struct command *command, struct cni_run *run, struct err *err)
{
	const struct cni_request *request = &run->request;
	if (cni_version_index(request->version) < command->since)
		return cni_fail(err, CNI_BAD_VERSION, "cniVersion %s has no %s", request->version,
		                command->name);
	if (command->needs_attachment)
		set_uid(run);
	if (command->needs_netns && !run->uid[0])
		return cni_fail(
		        err, CNI_BAD_ENVIRONMENT,
		        "CNI_CONTAINERID: too long; the daemon takes at most %d bytes of cni/%s/CONTAINER/%s",
		        CNI_UID_MAX - 1, request->network, run->environment->ifname);
	return command->needs_result ? cni_request_result(request, &run->result, err) : 0;
}

static int carry_out(struct cni_run *run, const char *text, size_t size, struct err *err)
{
	const struct command *command = find_command(run->environment->command);
	if (!command)
		return cni_fail(err, CNI_BAD_ENVIRONMENT,
		                "CNI_COMMAND is '%s'; expected ADD, DEL, CHECK, STATUS, GC or VERSION",
		                run->environment->command ? run->environment->command : "");
	int code = check_environment(command, run->environment, err);
	if (!code)
		code = cni_request_read(text, size, &run->request, err);
	if (!code)
		code = check_request(command, run, err);
	return code ? code : command->fn(run, err);
}

static void finish(struct cni_run *run)
{
	leave(run);
	json_decref(run->result);
	cni_request_free(&run->request);
}

int cni_command_run(const struct cni_environment *environment, const char *text, size_t size, FILE *out,
                    FILE *log)
{
	struct cni_run run = {.environment = environment, .out = out, .log = log};
	struct err err = ERR_INIT;
	int code = 0;
	/* Asked before anything is known, so whatever else there is does not matter. */
	if (environment->command && strcmp(environment->command, "VERSION") == 0)
		cni_print_versions(text, size, out);
	else
		code = carry_out(&run, text, size, &err);
	if (code)
		cni_print_error(run.request.version, code, err.text, out);
	finish(&run);
	return code ? EXIT_FAILURE : EXIT_SUCCESS;
}
