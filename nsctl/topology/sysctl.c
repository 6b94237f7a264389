/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/topology/sysctl.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "nsctl/netns.h"

enum {
	FILE_NAME_MAX = 96, /* the longest of those below is half of it */
	LIST_MAX = 256,     /* of congestion controls, in an error; cut */
};

#define PROC_SYS       "/proc/sys/"
#define AVAILABLE_PATH "net/ipv4/tcp_available_congestion_control"
#define ALLOWED_PATH   "net/ipv4/tcp_allowed_congestion_control"

const struct sysctl_info sysctls[SYSCTL_COUNT] = {
        [SYSCTL_IP_FORWARD] = {"ip_forward", "net/ipv4/ip_forward", "true or false"},
        [SYSCTL_IPV6_FORWARDING] = {"ipv6_forwarding", "net/ipv6/conf/all/forwarding", "true or false"},
        [SYSCTL_RP_FILTER] = {"rp_filter", "net/ipv4/conf/all/rp_filter", "0 (off), 1 (strict) or 2 (loose)"},
        [SYSCTL_TCP_CONGESTION_CONTROL] = {"tcp_congestion_control", "net/ipv4/tcp_congestion_control",
                                           "the name of a congestion control, such as cubic"},
        [SYSCTL_TCP_MIGRATE_REQ] = {"tcp_migrate_req", "net/ipv4/tcp_migrate_req", "true or false"},
};

/* ---- values ---- */

/* Each gives what the kernel is told for a value of a file, or NULL. */

static const char *normalize_bool(const char *text)
{
	if (strcmp(text, "true") == 0)
		return "1";
	return strcmp(text, "false") == 0 ? "0" : NULL;
}

static const char *normalize_rp_filter(const char *text)
{
	return strlen(text) == 1 && text[0] >= '0' && text[0] <= '2' ? text : NULL;
}

/* TCP_CA_NAME_MAX of net/tcp.h is 16, the NUL included. */
static const char *normalize_congestion_control(const char *text)
{
	size_t length = strlen(text);

	for (const char *c = text; *c; c++) {
		if (!isalnum((unsigned char)*c) && *c != '_' && *c != '-')
			return NULL;
	}
	return length >= 1 && length < 16 ? text : NULL;
}

static const char *(*const normalizers[SYSCTL_COUNT])(const char *text) = {
        [SYSCTL_IP_FORWARD] = normalize_bool,
        [SYSCTL_IPV6_FORWARDING] = normalize_bool,
        [SYSCTL_RP_FILTER] = normalize_rp_filter,
        [SYSCTL_TCP_CONGESTION_CONTROL] = normalize_congestion_control,
        [SYSCTL_TCP_MIGRATE_REQ] = normalize_bool,
};

bool sysctl_normalize(enum sysctl key, const char *text, char *ret, size_t size)
{
	const char *value = normalizers[key](text);

	if (!value || strlen(value) >= size)
		return false;
	memcpy(ret, value, strlen(value) + 1);
	return true;
}

/* ---- files of the namespace that the thread is in ---- */

static int open_setting(const char *path, int flags)
{
	char full[FILE_NAME_MAX];

	snprintf(full, sizeof(full), PROC_SYS "%s", path);
	return open(full, flags | O_CLOEXEC);
}

static bool is_there(const char *path)
{
	char full[FILE_NAME_MAX];

	snprintf(full, sizeof(full), PROC_SYS "%s", path);
	return access(full, F_OK) == 0;
}

/* read_setting - the text without its newline. 0, or -1 with errno. */
static int read_setting(const char *path, char *ret, size_t size)
{
	int fd = open_setting(path, O_RDONLY);
	ssize_t length;
	int saved;

	if (fd < 0)
		return -1;
	length = read(fd, ret, size - 1);
	saved = errno;
	close(fd);
	errno = saved;
	if (length < 0)
		return -1;
	ret[length] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	return 0;
}

static int write_setting(const char *path, const char *value)
{
	int fd = open_setting(path, O_WRONLY);
	ssize_t length;
	int saved;

	if (fd < 0)
		return -1;
	length = write(fd, value, strlen(value)); /* a setting is taken whole or not at all */
	saved = errno;
	close(fd);
	errno = saved;
	return length < 0 ? -1 : 0;
}

/* ---- errors, told by the thread while it is still in the namespace ---- */

static int explain(const char *where, enum sysctl key, const char *operation, struct err *err)
{
	const char *path = sysctls[key].path;

	if (errno == ENOENT && !is_there(path))
		return err_set(err, ENOENT, "namespace %s: %s " PROC_SYS "%s: it is not there; %s", where,
		               operation, path,
		               "this kernel lacks it, or has it in the initial namespace only");
	return err_set_errno(err, "namespace %s: %s " PROC_SYS "%s", where, operation, path);
}

/*
 * The kernel says ENOENT for a congestion control that it has not and cannot load, and EPERM for one that
 * only the initial namespace may choose: tcp_set_default_congestion_control() of net/ipv4/tcp_cong.c.
 */
static int explain_congestion_control(const char *where, const char *name, struct err *err)
{
	bool is_refused = errno == EPERM;
	char list[LIST_MAX];
	int code = errno;

	if (read_setting(is_refused ? ALLOWED_PATH : AVAILABLE_PATH, list, sizeof(list)) < 0)
		snprintf(list, sizeof(list), "not told");
	return err_set(err, code, "namespace %s: congestion control %s is not %s; %s: %s", where, name,
	               is_refused ? "allowed there" : "known to the kernel",
	               is_refused ? "allowed" : "available", list);
}

static int explain_write(const char *where, enum sysctl key, const char *value, struct err *err)
{
	if (key == SYSCTL_TCP_CONGESTION_CONTROL && (errno == ENOENT || errno == EPERM) &&
	    is_there(sysctls[key].path))
		return explain_congestion_control(where, value, err);
	return explain(where, key, "write", err);
}

/* ---- visits ---- */

/* visit - @ret_home: -1 when the thread stays where it is, as netns_leave() takes it */
static int visit(int ns_fd, const char *where, int *ret_home, struct err *err)
{
	int rc;

	*ret_home = -1;
	if (ns_fd < 0)
		return 0;
	rc = netns_enter(ns_fd, ret_home, err);
	if (rc < 0)
		err_prefix(err, "namespace %s", where);
	return rc;
}

int sysctl_read(int ns_fd, const char *where, enum sysctl key, char *ret, size_t size, struct err *err)
{
	char value[SYSCTL_VALUE_MAX];
	int home, rc = visit(ns_fd, where, &home, err);

	if (rc < 0)
		return rc;
	rc = read_setting(sysctls[key].path, value, sizeof(value));
	if (rc < 0)
		rc = explain(where, key, "read", err);
	else
		snprintf(ret, size, "%s", value);
	netns_leave(home);
	return rc;
}

int sysctl_write(int ns_fd, const char *where, enum sysctl key, const char *value, struct err *err)
{
	int home, rc = visit(ns_fd, where, &home, err);

	if (rc < 0)
		return rc;
	rc = write_setting(sysctls[key].path, value);
	if (rc < 0)
		rc = explain_write(where, key, value, err);
	netns_leave(home);
	return rc;
}
