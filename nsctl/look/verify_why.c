/* SPDX-License-Identifier: Apache-2.0 */
/* From what became of a probe that did not reach its goal, the reason and the words for it. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "nsctl/look/path.h"
#include "nsctl/look/verify_private.h"

void verify_endpoint(const struct prefix *address, uint16_t port, struct endpoint *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->addr.family = address->family;
	if (address->family == AF_INET) {
		ret->addr_len = sizeof(ret->addr.in4);
		ret->addr.in4.sin_addr = address->address.in4;
		ret->addr.in4.sin_port = htons(port);
		return;
	}
	ret->addr_len = sizeof(ret->addr.in6);
	ret->addr.in6.sin6_addr = address->address.in6;
	ret->addr.in6.sin6_port = htons(port);
}

__attribute__((format(printf, 3, 4))) static void conclude(struct verify_result *result,
                                                           enum unreachable reason, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	result->reason = reason;
	vsnprintf(result->text, sizeof(result->text), fmt, args);
	va_end(args);
}

static const char *name_server(const struct view *view, const struct topology_expect *expect, char *buf,
                               size_t size)
{
	struct endpoint endpoint;
	char text[ENDPOINT_TEXT_MAX];

	verify_endpoint(&expect->server_to, expect->server_port, &endpoint);
	snprintf(buf, size, "%s/%s", view_name(view, expect->server_netns),
	         endpoint_format_address(&endpoint.addr.any, text, sizeof(text)));
	return buf;
}

/* explain_other - somebody took the connection, but it was not the server of this expectation */
static void explain_other(struct view *view, struct probe *probe)
{
	char server[ENDPOINT_TEXT_MAX + TOPOLOGY_NETNS_NAME_MAX];

	name_server(view, probe->expect, server, sizeof(server));
	if (probe->errnum == ECONNRESET || probe->errnum == EPIPE)
		conclude(&probe->result, UNREACHABLE_REFUSED,
		         "refused: connected, then reset before it came to %s", server);
	else
		conclude(&probe->result, UNREACHABLE_NO_ANSWER,
		         "no answer from %s: another one took the connection", server);
}

static void explain_refusal(struct view *view, struct probe *probe)
{
	const struct topology_expect *expect = probe->expect;
	struct path_owner owner = path_find_owner(view, &expect->to, expect->from);
	char text[ENDPOINT_TEXT_MAX];
	struct endpoint to;
	bool is_known = owner.netns != TOPOLOGY_NONE;

	verify_endpoint(&expect->to, expect->port, &to);
	conclude(&probe->result, UNREACHABLE_REFUSED, "refused: nobody listens on %s%s%s",
	         endpoint_format_address(&to.addr.any, text, sizeof(text)), is_known ? " in " : "",
	         is_known ? view_name(view, owner.netns) : "");
}

/* explain_told - the walk found nothing, since it knows this topology alone: what a router said is all there
 * is */
static void explain_told(struct view *view, struct probe *probe)
{
	bool is_route = probe->told.errnum == ENETUNREACH;
	char by[PATH_ADDRESS_TEXT_MAX], to[PREFIX_TEXT_MAX];

	path_name_address(view, &probe->told.by, by, sizeof(by));
	conclude(&probe->result, is_route ? UNREACHABLE_NO_ROUTE : UNREACHABLE_NO_ANSWER,
	         "%s answers for %s: %s", by, prefix_format_address(&probe->expect->to, to, sizeof(to)),
	         strerror(probe->told.errnum));
}

static void explain_path(struct view *view, struct probe *probe)
{
	const struct topology_expect *expect = probe->expect;
	struct path_finding finding;

	path_explain(view, expect->from, &expect->to, expect->port, &finding);
	conclude(&probe->result, finding.reason, "%s", finding.text);
	if (finding.reason != UNREACHABLE_NO_ANSWER)
		return;
	/* "Host unreachable" is a neighbour's silence, which the walk has words for. */
	if (probe->was_told && probe->told.by.family != AF_UNSPEC && probe->told.errnum != EHOSTUNREACH)
		explain_told(view, probe);
	else if (probe->errnum == EPERM)
		conclude(&probe->result, UNREACHABLE_NO_ANSWER,
		         "no answer: a firewall in %s does not let it out", view_name(view, expect->from));
}

void verify_explain(struct view *view, struct probe *probe)
{
	if (probe->was_connected)
		explain_other(view, probe);
	else if (probe->errnum == ECONNREFUSED)
		explain_refusal(view, probe);
	else
		explain_path(view, probe);
}
