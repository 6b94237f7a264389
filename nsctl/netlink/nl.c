/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/netlink/nl.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/endpoint.h"
#include "nsctl/netns.h"

enum {
	/* More than the kernel sends to whom offers as much: netlink_dump() of net/netlink/af_netlink.c. */
	DATAGRAM_MAX = 32768,
	/* Room for sending and for receiving that a socket has for sure: below net.core.{w,r}mem_default. */
	ROOM_DEFAULT = 131072,
	/* An acknowledgement counts there for 832 bytes, the news of a link for up to 4,352 (SO_MEMINFO,
	 * Linux 6.18); what is asked for the kernel doubles. */
	ROOM_ACKNOWLEDGEMENT = 1024,
	ROOM_MESSAGE = 4096,
};

struct nl {
	struct mnl_socket *socket;
	uint32_t sequence; /* of the last request */
	size_t send_room, receive_room;
	char where[NETNS_TEXT_MAX];
	unsigned char *buffer; /* DATAGRAM_MAX bytes; owned; NULL: it rests */
};

/* ---- handle ---- */

static int set_up_socket(struct mnl_socket *socket)
{
	int on = 1;

	/* CAP_ACK: an answer does not repeat the request, so that the explanation follows its header. */
	if (mnl_socket_setsockopt(socket, NETLINK_EXT_ACK, &on, sizeof(on)) < 0 ||
	    mnl_socket_setsockopt(socket, NETLINK_CAP_ACK, &on, sizeof(on)) < 0)
		return -1;
	/* A dump obeys the filters of its request, or is refused (Linux 4.20). */
	(void)mnl_socket_setsockopt(socket, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	return mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID);
}

static int open_socket(int protocol, struct mnl_socket **ret, struct err *err)
{
	struct mnl_socket *socket = mnl_socket_open2(protocol, SOCK_CLOEXEC);
	int rc;

	if (!socket)
		return err_set_errno(err, "open a netlink socket");
	if (set_up_socket(socket) < 0) {
		rc = err_set_errno(err, "set up a netlink socket");
		mnl_socket_close(socket);
		return rc;
	}
	*ret = socket;
	return 0;
}

static int open_socket_in(int ns_fd, int protocol, struct mnl_socket **ret, struct err *err)
{
	int home = -1;
	int rc = ns_fd < 0 ? 0 : netns_enter(ns_fd, &home, err);

	if (rc < 0)
		return rc;
	rc = open_socket(protocol, ret, err);
	netns_leave(home);
	return rc;
}

int nl_open(int ns_fd, int protocol, const char *where, struct nl **ret, struct err *err)
{
	struct nl *nl = malloc(sizeof(*nl));
	int rc;

	if (!nl)
		return err_set(err, ENOMEM, "namespace %s: out of memory", where);
	nl->sequence = 0;
	nl->buffer = NULL;
	nl->send_room = nl->receive_room = ROOM_DEFAULT;
	rc = open_socket_in(ns_fd, protocol, &nl->socket, err);
	if (rc < 0) {
		err_prefix(err, "namespace %s", where);
		free(nl);
		return rc;
	}
	snprintf(nl->where, sizeof(nl->where), "%s", where);
	*ret = nl;
	return 0;
}

void nl_close(struct nl *nl)
{
	if (!nl)
		return;
	mnl_socket_close(nl->socket);
	free(nl->buffer);
	free(nl);
}

void nl_rest(struct nl *nl)
{
	free(nl->buffer);
	nl->buffer = NULL;
}

const char *nl_where(const struct nl *nl)
{
	return nl->where;
}

/* ---- requests ---- */

int nl_batch_init(struct nl_batch *batch, size_t capacity, uint32_t count_max, struct err *err)
{
	batch->bytes = malloc(capacity);
	batch->codes = calloc(count_max, sizeof(*batch->codes));
	batch->capacity = capacity;
	batch->count_max = count_max;
	nl_batch_clear(batch);
	if (batch->bytes && batch->codes)
		return 0;
	nl_batch_fini(batch);
	return err_set(err, ENOMEM, "out of memory");
}

void nl_batch_fini(struct nl_batch *batch)
{
	free(batch->bytes);
	free(batch->codes);
	batch->bytes = NULL;
	batch->codes = NULL;
}

void nl_batch_clear(struct nl_batch *batch)
{
	batch->last = 0;
	batch->count = batch->failed = 0;
	batch->explanation[0] = '\0';
}

/* size_of - of all requests, the one that is being built included */
static size_t size_of(const struct nl_batch *batch)
{
	const struct nlmsghdr *last = (const void *)(batch->bytes + batch->last);

	return batch->count ? batch->last + MNL_ALIGN(last->nlmsg_len) : 0;
}

bool nl_batch_full(const struct nl_batch *batch)
{
	return batch->count == batch->count_max || size_of(batch) + NL_MESSAGE_MAX > batch->capacity;
}

struct nlmsghdr *nl_begin_quiet(struct nl_batch *batch, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *message;

	CHECK(!nl_batch_full(batch));
	batch->last = size_of(batch);
	message = mnl_nlmsg_put_header(batch->bytes + batch->last);
	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	batch->count++;
	return message;
}

struct nlmsghdr *nl_begin(struct nl_batch *batch, uint16_t type, uint16_t flags)
{
	return nl_begin_quiet(batch, type, NLM_F_ACK | flags);
}

void *nl_put_header(struct nlmsghdr *message, size_t size)
{
	CHECK(message->nlmsg_len + MNL_ALIGN(size) <= NL_MESSAGE_MAX);
	return mnl_nlmsg_put_extra_header(message, size);
}

void nl_put(struct nlmsghdr *message, uint16_t type, const void *data, size_t size)
{
	CHECK(mnl_attr_put_check(message, NL_MESSAGE_MAX, type, size, data));
}

void nl_put_u8(struct nlmsghdr *message, uint16_t type, uint8_t value)
{
	nl_put(message, type, &value, sizeof(value));
}

void nl_put_u16(struct nlmsghdr *message, uint16_t type, uint16_t value)
{
	nl_put(message, type, &value, sizeof(value));
}

void nl_put_u32(struct nlmsghdr *message, uint16_t type, uint32_t value)
{
	nl_put(message, type, &value, sizeof(value));
}

void nl_put_be16(struct nlmsghdr *message, uint16_t type, uint16_t value)
{
	nl_put_u16(message, type, htons(value));
}

void nl_put_be32(struct nlmsghdr *message, uint16_t type, uint32_t value)
{
	nl_put_u32(message, type, htonl(value));
}

void nl_put_be64(struct nlmsghdr *message, uint16_t type, uint64_t value)
{
	uint64_t swapped = htobe64(value);

	nl_put(message, type, &swapped, sizeof(swapped));
}

void nl_put_text(struct nlmsghdr *message, uint16_t type, const char *text)
{
	nl_put(message, type, text, strlen(text) + 1);
}

struct nlattr *nl_nest(struct nlmsghdr *message, uint16_t type)
{
	struct nlattr *nest = mnl_attr_nest_start_check(message, NL_MESSAGE_MAX, type);

	CHECK(nest);
	return nest;
}

void nl_nest_end(struct nlmsghdr *message, struct nlattr *nest)
{
	mnl_attr_nest_end(message, nest);
}

/* ---- answers ---- */

/* receive - the next datagram into nl->buffer: its size, or -errno */
static ssize_t receive(struct nl *nl, int flags)
{
	ssize_t size;

	if (!nl->buffer && !(nl->buffer = malloc(DATAGRAM_MAX)))
		return -ENOMEM;
	do
		size = recv(mnl_socket_get_fd(nl->socket), nl->buffer, DATAGRAM_MAX, MSG_TRUNC | flags);
	while (size < 0 && errno == EINTR);
	if (size < 0)
		return -errno;
	return size > DATAGRAM_MAX ? -EMSGSIZE : size;
}

/* keep_explanation - @header_size: of what comes before the attributes */
static void keep_explanation(struct nl_batch *batch, const struct nlmsghdr *message, size_t header_size)
{
	const struct nlattr *attrs[NLMSGERR_ATTR_MSG + 1];

	batch->explanation[0] = '\0';
	if (!(message->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	nl_parse(message, header_size, attrs, ARRAY_COUNT(attrs));
	snprintf(batch->explanation, sizeof(batch->explanation), "%s", nl_get_text(attrs[NLMSGERR_ATTR_MSG]));
}

/* keep_status - that of request @index: 0 or -errno, which is at most MAX_ERRNO of linux/err.h */
static void keep_status(struct nl_batch *batch, uint32_t index, int status, const struct nlmsghdr *message,
                        size_t header_size)
{
	enum { MAX_ERRNO = 4095 };

	if (status > 0 || status < -MAX_ERRNO)
		status = -EPROTO;
	batch->codes[index] = -status;
	if (status == 0 || index >= batch->failed)
		return;
	batch->failed = index;
	keep_explanation(batch, message, header_size);
}

static void read_acknowledgement(struct nl_batch *batch, uint32_t index, const struct nlmsghdr *message)
{
	const struct nlmsgerr *answer = nl_get_header(message, sizeof(*answer));

	if (answer)
		keep_status(batch, index, answer->error, message, sizeof(*answer));
}

/* read_end - the end of a dump carries an error when the kernel refused it, or gave up half-way */
static void read_end(struct nl_batch *batch, uint32_t index, const struct nlmsghdr *message)
{
	const int *status = nl_get_header(message, sizeof(*status));

	keep_status(batch, index, status && *status < 0 ? *status : 0, message, sizeof(*status));
}

static uint32_t first_sequence(const struct nl_batch *batch)
{
	return ((const struct nlmsghdr *)(const void *)batch->bytes)->nlmsg_seq;
}

static void read_message(struct nl_reading *reading, const struct nlmsghdr *message)
{
	struct nl_batch *batch = reading->batch;
	uint32_t index = message->nlmsg_seq - first_sequence(batch);

	if (index >= batch->count)
		return; /* of an earlier call, which gave up */
	if (message->nlmsg_flags & NLM_F_DUMP_INTR)
		reading->interrupted = true;
	if (message->nlmsg_type == NLMSG_ERROR) {
		read_acknowledgement(batch, index, message);
	} else if (message->nlmsg_type == NLMSG_DONE) {
		read_end(batch, index, message);
		reading->done = true;
	} else if (message->nlmsg_type >= NLMSG_MIN_TYPE && reading->on_message && reading->rc == 0) {
		reading->rc = reading->on_message(reading->ctx, message, reading->err);
	}
}

/* Not mnl_nlmsg_ok() of libmnl 1.0.5, which takes a length above INT_MAX for a small one. */
void nl_read(struct nl_reading *reading, const void *bytes, size_t size)
{
	while (size >= sizeof(struct nlmsghdr)) {
		const struct nlmsghdr *message = bytes;
		size_t step = MNL_ALIGN((size_t)message->nlmsg_len);

		if (message->nlmsg_len < sizeof(*message) || message->nlmsg_len > size)
			return;
		read_message(reading, message);
		bytes = (const char *)bytes + step;
		size -= step < size ? step : size;
	}
}

static int receive_failed(const struct nl *nl, ssize_t size, struct err *err)
{
	return err_set(err, (int)-size, "namespace %s: read netlink answers: %s", nl->where,
	               strerror((int)-size));
}

static void want_room(const struct nl *nl, int option, size_t *room, size_t wanted)
{
	int size = (int)wanted;

	if (wanted <= *room)
		return;
	/* Without CAP_NET_ADMIN it stays as it is; what is too little then, sendmsg(2) and recvmsg(2)
	 * tell. */
	if (setsockopt(mnl_socket_get_fd(nl->socket), SOL_SOCKET, option, &size, sizeof(size)) == 0)
		*room = wanted;
}

/*
 * number_requests - give them their sequence numbers, and leave but the last that wants an acknowledgement to
 * ask for it. The kernel tells of every failure, and in order, so that this one stands for all that went well
 * before it. An acknowledgement takes three times as long as a small request.
 */
static void number_requests(struct nl *nl, struct nl_batch *batch)
{
	struct nlmsghdr *message = (void *)batch->bytes, *last = NULL;

	batch->acknowledged = batch->count;
	for (uint32_t i = 0; i < batch->count; i++) {
		message->nlmsg_seq = ++nl->sequence;
		batch->codes[i] = ENOMSG;
		if (message->nlmsg_flags & NLM_F_ACK) {
			if (last)
				last->nlmsg_flags &= (uint16_t)~NLM_F_ACK;
			last = message;
			batch->acknowledged = i;
		}
		message = (void *)((unsigned char *)message + MNL_ALIGN(message->nlmsg_len));
	}
}

static int submit(struct nl *nl, struct nl_batch *batch, size_t answer_room, struct err *err)
{
	size_t size = size_of(batch);

	number_requests(nl, batch);
	batch->failed = batch->count;
	batch->explanation[0] = '\0';
	want_room(nl, SO_SNDBUFFORCE, &nl->send_room, size);
	want_room(nl, SO_RCVBUFFORCE, &nl->receive_room, batch->count * answer_room);
	if (mnl_socket_sendto(nl->socket, batch->bytes, size) < 0)
		return err_set_errno(err, "namespace %s: send %u netlink requests", nl->where, batch->count);
	return 0;
}

/* settle - what was not told of went well, if the acknowledgement came; else nobody knows */
static void settle(struct nl_batch *batch)
{
	bool is_acknowledged = batch->acknowledged == batch->count ||
	                       batch->codes[batch->acknowledged] != ENOMSG;

	for (uint32_t i = 0; i < batch->count; i++) {
		if (batch->codes[i] != ENOMSG)
			continue;
		if (is_acknowledged) {
			batch->codes[i] = 0;
		} else if (i < batch->failed) {
			batch->failed = i;
			batch->explanation[0] = '\0';
		}
	}
}

int nl_send(struct nl *nl, struct nl_batch *batch, nl_message_fn *on_message, void *ctx, struct err *err)
{
	struct nl_reading reading = {.batch = batch, .on_message = on_message, .ctx = ctx, .err = err};
	ssize_t size;
	int rc;

	if (batch->count == 0)
		return 0;
	rc = submit(nl, batch, on_message ? ROOM_MESSAGE : ROOM_ACKNOWLEDGEMENT, err);
	if (rc < 0)
		return rc;
	while ((size = receive(nl, MSG_DONTWAIT)) >= 0)
		nl_read(&reading, nl->buffer, (size_t)size);
	if (size != -EAGAIN)
		return receive_failed(nl, size, err);
	settle(batch);
	return reading.rc;
}

int nl_explain(const struct nl *nl, const struct nl_batch *batch, uint32_t index, const char *what,
               struct err *err)
{
	bool explained = index == batch->failed && *batch->explanation;

	return err_set(err, batch->codes[index], "namespace %s: %s: %s%s%s%s", nl->where, what,
	               strerror(batch->codes[index]), explained ? " (" : "",
	               explained ? batch->explanation : "", explained ? ")" : "");
}

/* dump_once - 1 when the list changed while it was told */
static int dump_once(struct nl *nl, struct nl_reading *reading, struct err *err)
{
	struct nl_batch *batch = reading->batch;
	int rc;

	reading->done = reading->interrupted = false;
	rc = submit(nl, batch, ROOM_MESSAGE, err);
	if (rc < 0)
		return rc;
	while (!reading->done && batch->failed == batch->count) {
		ssize_t size = receive(nl, 0);

		if (size < 0)
			return receive_failed(nl, size, err);
		nl_read(reading, nl->buffer, (size_t)size);
	}
	return reading->rc == 0 && (reading->interrupted || batch->codes[0] == EINTR) ? 1 : reading->rc;
}

int nl_dump(struct nl *nl, struct nl_batch *batch, nl_message_fn *on_message, void (*on_restart)(void *ctx),
            void *ctx, const char *what, struct err *err)
{
	struct nl_reading reading = {.batch = batch, .on_message = on_message, .ctx = ctx, .err = err};
	struct nlmsghdr *request = (void *)batch->bytes;
	int rc = 1;

	CHECK(batch->count == 1);
	request->nlmsg_flags = (request->nlmsg_flags & (uint16_t)~NLM_F_ACK) | NLM_F_DUMP;
	for (int try = 0; rc == 1 && try < NL_DUMP_TRIES; try++) {
		if (try > 0)
			on_restart(ctx);
		rc = dump_once(nl, &reading, err);
	}
	if (rc == 1)
		return err_set(err, EAGAIN, "namespace %s: %s: it changed %d times while it was read",
		               nl->where, what, NL_DUMP_TRIES);
	return rc == 0 && batch->codes[0] ? nl_explain(nl, batch, 0, what, err) : rc;
}

/* ---- reading ---- */

const void *nl_get_header(const struct nlmsghdr *message, size_t size)
{
	return mnl_nlmsg_get_payload_len(message) >= size ? mnl_nlmsg_get_payload(message) : NULL;
}

void nl_parse_bytes(const void *bytes, size_t size, const struct nlattr **ret, size_t count)
{
	const struct nlattr *attr = bytes;

	for (size_t i = 0; i < count; i++)
		ret[i] = NULL;
	for (int left = (int)size; mnl_attr_ok(attr, left); attr = mnl_attr_next(attr)) {
		left -= (int)MNL_ALIGN(attr->nla_len);
		if (mnl_attr_get_type(attr) < count)
			ret[mnl_attr_get_type(attr)] = attr;
	}
}

void nl_parse(const struct nlmsghdr *message, size_t header_size, const struct nlattr **ret, size_t count)
{
	size_t size = mnl_nlmsg_get_payload_len(message), skipped = MNL_ALIGN(header_size);

	nl_parse_bytes(mnl_nlmsg_get_payload_offset(message, header_size),
	               size > skipped ? size - skipped : 0, ret, count);
}

void nl_parse_nested(const struct nlattr *nest, const struct nlattr **ret, size_t count)
{
	static const struct nlattr empty = {.nla_len = sizeof(empty)};

	if (!nest)
		nest = &empty;
	nl_parse_bytes(mnl_attr_get_payload(nest), mnl_attr_get_payload_len(nest), ret, count);
}

void nl_copy(const struct nlattr *attr, void *ret, size_t size)
{
	if (attr && mnl_attr_get_payload_len(attr) >= size)
		memcpy(ret, mnl_attr_get_payload(attr), size);
	else
		memset(ret, 0, size);
}

uint8_t nl_get_u8(const struct nlattr *attr)
{
	uint8_t value;

	nl_copy(attr, &value, sizeof(value));
	return value;
}

uint16_t nl_get_u16(const struct nlattr *attr)
{
	uint16_t value;

	nl_copy(attr, &value, sizeof(value));
	return value;
}

uint32_t nl_get_u32(const struct nlattr *attr)
{
	uint32_t value;

	nl_copy(attr, &value, sizeof(value));
	return value;
}

uint64_t nl_get_u64(const struct nlattr *attr)
{
	uint64_t value;

	nl_copy(attr, &value, sizeof(value));
	return value;
}

uint16_t nl_get_be16(const struct nlattr *attr)
{
	return ntohs(nl_get_u16(attr));
}

uint32_t nl_get_be32(const struct nlattr *attr)
{
	return ntohl(nl_get_u32(attr));
}

uint64_t nl_get_be64(const struct nlattr *attr)
{
	return be64toh(nl_get_u64(attr));
}

const char *nl_get_text(const struct nlattr *attr)
{
	const char *text = attr ? mnl_attr_get_payload(attr) : NULL;
	size_t size = attr ? mnl_attr_get_payload_len(attr) : 0;

	return size > 0 && memchr(text, '\0', size) ? text : "";
}

const void *nl_get_data(const struct nlattr *attr, size_t size)
{
	return attr && mnl_attr_get_payload_len(attr) == size ? mnl_attr_get_payload(attr) : NULL;
}
