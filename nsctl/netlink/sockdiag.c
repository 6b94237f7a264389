/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/netlink/sockdiag.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <string.h>

#include "base/check.h"

enum {
	/* include/net/tcp_states.h: a connection that is being made, listed since Linux 4.4; netinet/tcp.h
	   ends before it. */
	STATE_NEW_SYN_RECEIVED = 12,
	STATES_LISTENING = 1 << TCP_LISTEN | 1 << TCP_CLOSE,
	STATES_ALL = (1 << (STATE_NEW_SYN_RECEIVED + 1)) - 2,
};

static const char *const state_names[] = {
        [TCP_ESTABLISHED] = "ESTAB",    [TCP_SYN_SENT] = "SYN-SENT",
        [TCP_SYN_RECV] = "SYN-RECV",    [TCP_FIN_WAIT1] = "FIN-WAIT-1",
        [TCP_FIN_WAIT2] = "FIN-WAIT-2", [TCP_TIME_WAIT] = "TIME-WAIT",
        [TCP_CLOSE] = "UNCONN",         [TCP_CLOSE_WAIT] = "CLOSE-WAIT",
        [TCP_LAST_ACK] = "LAST-ACK",    [TCP_LISTEN] = "LISTEN",
        [TCP_CLOSING] = "CLOSING",      [STATE_NEW_SYN_RECEIVED] = "SYN-RECV",
};

const char *sockdiag_state_name(uint8_t state)
{
	const char *name = state < ARRAY_COUNT(state_names) ? state_names[state] : NULL;

	return name ? name : "?";
}

bool sockdiag_is_listening(const struct sockdiag_socket *socket)
{
	return socket->state < 32 && STATES_LISTENING >> socket->state & 1;
}

/* ---- taking ---- */

static union sockdiag_address make_address(uint8_t family, const __be32 address[4], __be16 port)
{
	union sockdiag_address ret = {0};

	if (family == AF_INET) {
		ret.in4.sin_family = AF_INET;
		ret.in4.sin_port = port;
		memcpy(&ret.in4.sin_addr, address, sizeof(ret.in4.sin_addr));
	} else {
		ret.in6.sin6_family = AF_INET6;
		ret.in6.sin6_port = port;
		memcpy(&ret.in6.sin6_addr, address, sizeof(ret.in6.sin6_addr));
	}
	return ret;
}

static void fill(struct sockdiag_socket *socket, uint8_t protocol, const struct inet_diag_msg *message)
{
	const struct inet_diag_sockid *id = &message->id;

	socket->protocol = protocol;
	socket->state = message->idiag_state;
	socket->local = make_address(message->idiag_family, id->idiag_src, id->idiag_sport);
	socket->remote = make_address(message->idiag_family, id->idiag_dst, id->idiag_dport);
	socket->interface = id->idiag_if;
	socket->receive_queue = message->idiag_rqueue;
	socket->send_queue = message->idiag_wqueue;
	socket->uid = message->idiag_uid;
	socket->inode = message->idiag_inode;
	socket->cookie = (uint64_t)id->idiag_cookie[1] << 32 |
	                 id->idiag_cookie[0]; /* sock_diag_save_cookie() */
}

int sockdiag_take(struct sockdiag *sockets, uint8_t protocol, const struct nlmsghdr *message)
{
	const struct inet_diag_msg *body = nl_get_header(message, sizeof(*body));
	struct sockdiag_socket *socket;

	if (message->nlmsg_type != SOCK_DIAG_BY_FAMILY || !body ||
	    (body->idiag_family != AF_INET && body->idiag_family != AF_INET6))
		return 0;
	socket = vec_push(&sockets->all);
	if (!socket)
		return -ENOMEM;
	fill(socket, protocol, body);
	return 0;
}

/* ---- asking ---- */

static const struct question {
	uint8_t family, protocol;
	const char *what, *module;
} questions[] = {
        {AF_INET, IPPROTO_TCP, "list TCP sockets over IPv4", "tcp_diag"},
        {AF_INET6, IPPROTO_TCP, "list TCP sockets over IPv6", "tcp_diag"},
        {AF_INET, IPPROTO_UDP, "list UDP sockets over IPv4", "udp_diag"},
        {AF_INET6, IPPROTO_UDP, "list UDP sockets over IPv6", "udp_diag"},
};

struct reader {
	struct sockdiag *sockets;
	const struct question *question;
	size_t before; /* how many there were before this question */
};

static int on_message(void *ctx, const struct nlmsghdr *message, struct err *err)
{
	const struct reader *reader = ctx;
	int rc = sockdiag_take(reader->sockets, reader->question->protocol, message);

	return rc < 0 ? err_set(err, ENOMEM, "out of memory") : 0;
}

static void on_restart(void *ctx)
{
	const struct reader *reader = ctx;

	reader->sockets->all.count = reader->before;
}

static uint32_t states_of(unsigned parts)
{
	return (parts & SOCKDIAG_LISTENING ? (uint32_t)STATES_LISTENING : 0) |
	       (parts & SOCKDIAG_CONNECTED ? (uint32_t)(STATES_ALL & ~STATES_LISTENING) : 0);
}

static void build_question(struct nl_batch *batch, const struct question *question, unsigned parts)
{
	struct inet_diag_req_v2 *request;

	nl_batch_clear(batch);
	request = nl_put_header(nl_begin_quiet(batch, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP), sizeof(*request));
	request->sdiag_family = question->family;
	request->sdiag_protocol = question->protocol;
	request->idiag_states = states_of(parts);
}

static int ask(struct nl *nl, struct nl_batch *batch, const struct question *question,
               struct sockdiag *sockets, struct err *err)
{
	struct reader reader = {.sockets = sockets, .question = question, .before = sockets->all.count};
	int rc = nl_dump(nl, batch, on_message, on_restart, &reader, question->what, err);

	if (rc == -ENOENT)
		return err_set(err, EPROTONOSUPPORT, "namespace %s: %s: this kernel has no %s", nl_where(nl),
		               question->what, question->module);
	return rc;
}

int sockdiag_read(struct nl *nl, unsigned parts, struct sockdiag *sockets, struct err *err)
{
	struct nl_batch batch;
	int rc = nl_batch_init(&batch, NL_MESSAGE_MAX, 1, err);

	sockets->all.count = 0;
	for (size_t i = 0; rc == 0 && i < ARRAY_COUNT(questions); i++) {
		build_question(&batch, &questions[i], parts);
		rc = ask(nl, &batch, &questions[i], sockets, err);
	}
	nl_batch_fini(&batch);
	return rc;
}
