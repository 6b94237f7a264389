/* SPDX-License-Identifier: Apache-2.0 */
#include "base/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/hash_index.h"
#include "base/units.h"

enum {
	NETNS_NAME_LEN_MAX = 63,
	PID_LIMIT = 1 << 22, /* PID_MAX_LIMIT of the kernel's include/linux/threads.h, 64 bits */
	PORT_MAX = 65535,
};

#define EXAMPLE "NETNS/ADDRESS:PORT, such as web/127.0.0.1:80 or web/[::1]:80"

/* after - what follows @prefix in @text, or NULL when it does not begin so */
static const char *after(const char *prefix, const char *text)
{
	size_t length = strlen(prefix);
	return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

static bool has_blank_or_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text <= ' ' || *text == 0x7f)
			return true;
	return false;
}

static int parse_pid(const char *text, struct netns_ref *ret, struct err *err)
{
	uint64_t pid;
	if (units_parse_count(text, &pid, NULL) < 0 || pid == 0 || pid > PID_LIMIT)
		return err_set(err, EINVAL, "'pid:%s' is not a process; expected a pid from 1 to %d", text,
			       PID_LIMIT);
	*ret = (struct netns_ref){.kind = NETNS_PID, .pid = (pid_t)pid};
	return 0;
}

static int parse_path(const char *path, struct netns_ref *ret, struct err *err)
{
	if (path[0] != '/' || path[1] == '\0')
		return err_set(err, EINVAL,
			       "namespace 'path:%s' is not an absolute path; expected path:/run/netns/NAME",
			       path);
	if (strlen(path) >= NETNS_TEXT_MAX)
		return err_set(err, EINVAL,
			       "namespace 'path:%s' is too long; expected at most %d bytes of path", path,
			       NETNS_TEXT_MAX - 1);
	*ret = (struct netns_ref){.kind = NETNS_PATH};
	memcpy(ret->text, path, strlen(path) + 1);
	return 0;
}

/* parse_enrolled - a uid may hold slashes: the last one of an endpoint is behind it */
static int parse_enrolled(const char *uid, struct netns_ref *ret, struct err *err)
{
	if (uid[0] == '\0' || has_blank_or_control(uid))
		return err_set(err, EINVAL, "'@%s' names no enrolment; expected @ and a name without blanks", uid);
	if (strlen(uid) >= NETNS_TEXT_MAX)
		return err_set(err, EINVAL, "'@%.40s...' is too long; expected at most %d bytes behind the @", uid,
			       NETNS_TEXT_MAX - 1);
	*ret = (struct netns_ref){.kind = NETNS_ENROLLED};
	memcpy(ret->text, uid, strlen(uid) + 1);
	return 0;
}

static int parse_name(const char *name, struct netns_ref *ret, struct err *err)
{
	if (strchr(name, '/') || has_blank_or_control(name) || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0)
		return err_set(err, EINVAL,
			       "'%s' is not the name of a namespace; expected a name below /run/netns, "
			       "path:/FILE, pid:N, "
			       "host or nothing",
			       name);
	if (strlen(name) > NETNS_NAME_LEN_MAX)
		return err_set(err, EINVAL,
			       "the name of the namespace '%s' is too long; expected at most %d bytes", name,
			       NETNS_NAME_LEN_MAX);
	*ret = (struct netns_ref){.kind = NETNS_NAME};
	memcpy(ret->text, name, strlen(name) + 1);
	return 0;
}

int netns_ref_parse(const char *text, struct netns_ref *ret, struct err *err)
{
	const char *rest;
	if (strlen(text) >= ENDPOINT_TEXT_MAX)
		return err_set(err, EINVAL, "'%.40s...' is too long; expected the name of a namespace", text);
	if (text[0] == '\0' || strcmp(text, "host") == 0) {
		*ret = (struct netns_ref){.kind = NETNS_SELF};
		return 0;
	}
	if ((rest = after("pid:", text)))
		return parse_pid(rest, ret, err);
	if ((rest = after("path:", text)))
		return parse_path(rest, ret, err);
	if ((rest = after("@", text)))
		return parse_enrolled(rest, ret, err);
	return parse_name(text, ret, err);
}

const char *netns_ref_format(const struct netns_ref *ref, char *buf, size_t size)
{
	switch (ref->kind) {
	case NETNS_SELF:
		snprintf(buf, size, "host");
		break;
	case NETNS_NAME:
		snprintf(buf, size, "%s", ref->text);
		break;
	case NETNS_PATH:
		snprintf(buf, size, "path:%s", ref->text);
		break;
	case NETNS_PID:
		snprintf(buf, size, "pid:%d", (int)ref->pid);
		break;
	case NETNS_ENROLLED:
		snprintf(buf, size, "@%s", ref->text);
		break;
	}
	return buf;
}

bool netns_ref_equal(const struct netns_ref *a, const struct netns_ref *b)
{
	return a->kind == b->kind && a->pid == b->pid && a->serial == b->serial && strcmp(a->text, b->text) == 0;
}

uint32_t netns_ref_hash(const struct netns_ref *ref)
{
	const uint32_t numbers[] = {(uint32_t)ref->kind, (uint32_t)ref->pid, ref->serial};
	return hash_index_bytes(ref->text, strlen(ref->text), hash_index_bytes(numbers, sizeof(numbers), 0));
}

bool netns_ref_fits(const struct netns_ref *wanted, const struct netns_ref *ref)
{
	struct netns_ref any = *ref;
	any.serial = wanted->serial ? ref->serial : 0;
	return netns_ref_equal(wanted, &any);
}

static int parse_unix(const char *path, struct endpoint *ret, struct err *err)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	size_t length = strlen(path);
	if (path[0] != '/')
		return err_set(err, EINVAL,
			       "'unix:%.40s' is not an absolute path; expected unix:/run/NAME.sock", path);
	if (length >= sizeof(un.sun_path))
		return err_set(err, EINVAL, "'unix:%.40s...' is too long; expected at most %zu bytes of path",
			       path, sizeof(un.sun_path) - 1);
	memcpy(un.sun_path, path, length);
	*ret = (struct endpoint){
		.netns.kind = NETNS_SELF,
		.addr_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1),
		.addr.un = un,
	};
	return 0;
}

static int parse_port(const char *text, in_port_t *ret, struct err *err)
{
	uint64_t port;
	if (units_parse_count(text, &port, NULL) < 0 || port == 0 || port > PORT_MAX)
		return err_set(err, EINVAL, "'%s' is not a port; expected a number from 1 to %d", text,
			       PORT_MAX);
	*ret = htons((in_port_t)port);
	return 0;
}

static int parse_ipv4(const char *text, in_port_t port, struct endpoint *ret, struct err *err)
{
	struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = port};
	if (inet_pton(AF_INET, text, &in4.sin_addr) != 1)
		return err_set(err, EINVAL,
			       "'%s' is not an address; expected IPv4 such as 127.0.0.1, or IPv6 in brackets "
			       "such as "
			       "[::1] (host names are not resolved)",
			       text);
	ret->addr_len = sizeof(in4);
	ret->addr.in4 = in4;
	return 0;
}

static int parse_ipv6(const char *text, in_port_t port, struct endpoint *ret, struct err *err)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = port};
	if (inet_pton(AF_INET6, text, &in6.sin6_addr) != 1)
		return err_set(err, EINVAL,
			       "'[%s]' is not an IPv6 address; expected one such as [::1] or [2001:db8::7]",
			       text);
	ret->addr_len = sizeof(in6);
	ret->addr.in6 = in6;
	return 0;
}

/* split_ipv6 - cut [ADDRESS]:PORT in place, at the closing bracket; returns PORT, or NULL */
static char *split_ipv6(char *text, struct err *err)
{
	char *bracket = strchr(text, ']');
	if (!bracket) {
		err_set(err, EINVAL, "'%s' has no closing bracket; expected [ADDRESS]:PORT", text);
		return NULL;
	}
	if (bracket[1] != ':') {
		err_set(err, EINVAL, "'%s' has no port; expected " EXAMPLE, text);
		return NULL;
	}
	*bracket = '\0';
	return bracket + 2;
}

/* split_ipv4 - cut ADDRESS:PORT in place; returns PORT, or NULL */
static char *split_ipv4(char *text, struct err *err)
{
	char *colon = strchr(text, ':');
	if (!colon) {
		err_set(err, EINVAL, "'%s' has no port; expected " EXAMPLE, text);
		return NULL;
	}
	if (strchr(colon + 1, ':')) {
		err_set(err, EINVAL, "'%s' looks like IPv6 without brackets; expected [ADDRESS]:PORT", text);
		return NULL;
	}
	*colon = '\0';
	return colon + 1;
}

static int parse_ip(char *text, struct endpoint *ret, struct err *err)
{
	bool ipv6 = text[0] == '[';
	char *host = ipv6 ? text + 1 : text;
	char *port_text = ipv6 ? split_ipv6(text, err) : split_ipv4(text, err);
	in_port_t port = 0;
	if (!port_text)
		return -EINVAL;
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): err_set() returns no success */
	if (*host == '\0')
		return err_set(err, EINVAL, "there is no address before ':%s'; expected " EXAMPLE, port_text);
	int r = parse_port(port_text, &port, err);
	if (r < 0)
		return r;
	return ipv6 ? parse_ipv6(host, port, ret, err) : parse_ipv4(host, port, ret, err);
}

int endpoint_parse(const char *text, struct endpoint *ret, struct err *err)
{
	struct endpoint endpoint = {0};
	char buf[ENDPOINT_TEXT_MAX];
	const char *unix_path = after("unix:", text);
	if (unix_path)
		return parse_unix(unix_path, ret, err);
	if (strlen(text) >= sizeof(buf))
		return err_set(err, EINVAL, "'%.40s...' is too long; expected " EXAMPLE, text);
	strcpy(buf, text);
	char *slash = strrchr(buf, '/');
	if (!slash)
		return err_set(err, EINVAL,
			       "'%s' has no slash; expected " EXAMPLE
			       " (/ADDRESS:PORT for the own namespace)",
			       text);
	*slash = '\0';
	int r = netns_ref_parse(buf, &endpoint.netns, err);
	if (r >= 0)
		r = parse_ip(slash + 1, &endpoint, err);
	if (r < 0)
		return r;
	*ret = endpoint;
	return 0;
}

static bool is_unix(const struct endpoint *endpoint)
{
	return endpoint->addr.family == AF_UNIX;
}

const char *endpoint_format_address(const struct sockaddr *addr, char *buf, size_t size)
{
	const struct sockaddr_in *in4 = (const void *)addr;
	const struct sockaddr_in6 *in6 = (const void *)addr;
	const struct sockaddr_un *un = (const void *)addr;
	char host[INET6_ADDRSTRLEN];

	switch (addr->sa_family) {
	case AF_INET:
		inet_ntop(AF_INET, &in4->sin_addr, host, sizeof(host));
		snprintf(buf, size, "%s:%d", host, ntohs(in4->sin_port));
		break;
	case AF_INET6:
		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		snprintf(buf, size, "[%s]:%d", host, ntohs(in6->sin6_port));
		break;
	case AF_UNIX:
		/* unix(7): sun_path of full length need not end in NUL */
		snprintf(buf, size, "unix:%.*s", (int)sizeof(un->sun_path), un->sun_path);
		break;
	default:
		snprintf(buf, size, "(address of family %d)", addr->sa_family);
		break;
	}
	return buf;
}

const char *endpoint_format(const struct endpoint *endpoint, char *buf, size_t size)
{
	char netns[NETNS_TEXT_MAX + sizeof("path:")];
	char address[128];
	endpoint_format_address(&endpoint->addr.any, address, sizeof(address));
	if (endpoint->addr.family == AF_UNSPEC)
		snprintf(buf, size, "%s", ENDPOINT_ORIGINAL);
	else if (is_unix(endpoint))
		snprintf(buf, size, "%s", address);
	else
		snprintf(buf, size, "%s/%s", netns_ref_format(&endpoint->netns, netns, sizeof(netns)),
			 address);
	return buf;
}

/* Address and port of either family; IPv4 is held as the IPv6 address that maps it (RFC 4291, 2.5.5.2). */
struct ip {
	struct in6_addr addr;
	bool ipv4;
	bool wildcard;
};

static struct ip ip_of(const struct endpoint *endpoint)
{
	struct ip ip = {.addr = endpoint->addr.in6.sin6_addr};
	if (endpoint->addr.family == AF_INET) {
		ip.addr = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
		memcpy(&ip.addr.s6_addr[12], &endpoint->addr.in4.sin_addr, sizeof(struct in_addr));
	}
	ip.ipv4 = IN6_IS_ADDR_V4MAPPED(&ip.addr);
	ip.wildcard = ip.ipv4 ? ip.addr.s6_addr32[3] == INADDR_ANY : IN6_IS_ADDR_UNSPECIFIED(&ip.addr);
	return ip;
}

/* same_port - of two that are not unix; told first, as it tells most apart where each is compared with each */
static bool same_port(const struct endpoint *a, const struct endpoint *b)
{
	_Static_assert(offsetof(struct sockaddr_in, sin_port) == offsetof(struct sockaddr_in6, sin6_port), "as on Linux");
	return a->addr.in4.sin_port == b->addr.in4.sin_port;
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	if (a->addr.family != b->addr.family)
		return false;
	if (is_unix(a))
		return strcmp(a->addr.un.sun_path, b->addr.un.sun_path) == 0;
	if (!same_port(a, b) || !netns_ref_equal(&a->netns, &b->netns))
		return false;
	struct ip x = ip_of(a), y = ip_of(b);
	return IN6_ARE_ADDR_EQUAL(&x.addr, &y.addr);
}

bool endpoint_would_reach(const struct endpoint *to, const struct endpoint *listener)
{
	if (is_unix(to) || is_unix(listener))
		return endpoint_equal(to, listener);
	if (!same_port(to, listener) || !netns_ref_equal(&to->netns, &listener->netns))
		return false;
	struct ip from = ip_of(to), at = ip_of(listener);
	if (at.wildcard && !at.ipv4) /* covers IPv4 too: ip-sysctl's bindv6only is 0 unless somebody set it */
		return true;
	if (from.ipv4 != at.ipv4)
		return false;
	return from.wildcard || at.wildcard || IN6_ARE_ADDR_EQUAL(&from.addr, &at.addr);
}
