/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/nl.h"

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

/* A dump's messages are as large as the buffer that is offered, up to this (NLMSG_GOODSIZE ... 32 KiB, Linux). */
enum { RECEIVE_SIZE = 32768 };

struct nl {
	struct mnl_socket *socket;
	uint32_t sequence; /* of the last request */
	unsigned char *buffer;
	size_t buffer_size;
	char where[NETNS_TEXT_MAX];
};

/* ---- handle ---- */

static int set_up_socket(struct mnl_socket *socket)
{
	int on = 1;

	/* CAP_ACK: an answer does not repeat the request, so that the explanation follows its header at once. */
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
	struct nl *nl = calloc(1, sizeof(*nl));
	int rc;

	if (!nl)
		return err_set(err, ENOMEM, "namespace %s: out of memory", where);
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

/* grow - room for a message of @size bytes */
static int grow(struct nl *nl, size_t size)
{
	unsigned char *buffer;

	if (size < RECEIVE_SIZE)
		size = RECEIVE_SIZE;
	if (size <= nl->buffer_size)
		return 0;
	buffer = realloc(nl->buffer, size);
	if (!buffer)
		return -ENOMEM;
	nl->buffer = buffer;
	nl->buffer_size = size;
	return 0;
}

/*
 * receive - the next datagram, whole, into nl->buffer: its size, or -errno
 * Looked at before it is taken: what does not fit is cut off and gone.
 */
static ssize_t receive(struct nl *nl, int flags)
{
	int fd = mnl_socket_get_fd(nl->socket);
	ssize_t size;

	do
		size = recv(fd, NULL, 0, MSG_PEEK | MSG_TRUNC | flags);
	while (size < 0 && errno == EINTR);
	if (size < 0)
		return -errno;
	if (grow(nl, (size_t)size) < 0)
		return -ENOMEM;
	size = recv(fd, nl->buffer, nl->buffer_size, flags); /* it is there: this does not wait */
	return size < 0 ? -errno : size;
}

/* What the answers to one batch are sorted into. */
struct reading {
	struct nl_batch *batch;
	uint32_t first; /* sequence number of its first request */
	nl_message_fn *on_message;
	void *ctx;
	struct err *err;
	bool done;        /* NLMSG_DONE: the end of a dump */
	bool interrupted; /* the list changed while it was told */
	int rc;           /* of the @on_message that failed: what follows is read, and forgotten */
};

static void keep_explanation(struct nl_batch *batch, const struct nlmsghdr *message)
{
	const struct nlattr *attr;

	if (!(message->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	mnl_attr_for_each(attr, message, sizeof(struct nlmsgerr))
	{
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG)
			snprintf(batch->explanation, sizeof(batch->explanation), "%s", nl_get_text(attr));
	}
}

static void read_status(struct reading *reading, const struct nlmsghdr *message)
{
	const struct nlmsgerr *status = nl_get_header(message, sizeof(*status));
	struct nl_batch *batch = reading->batch;
	uint32_t index = message->nlmsg_seq - reading->first;

	if (!status || index >= batch->count)
		return;
	batch->codes[index] = -status->error;
	if (status->error == 0 || index >= batch->failed)
		return;
	batch->failed = index;
	batch->explanation[0] = '\0';
	keep_explanation(batch, message);
}

/* read_end - the end of a dump carries an error when the kernel gave up half-way */
static void read_end(struct reading *reading, const struct nlmsghdr *message)
{
	const int *status = nl_get_header(message, sizeof(*status));

	reading->done = true;
	reading->batch->codes[0] = status && *status < 0 ? -*status : 0;
}

static void read_message(struct reading *reading, const struct nlmsghdr *message)
{
	if (message->nlmsg_seq - reading->first >= reading->batch->count)
		return; /* of an earlier call, which gave up */
	if (message->nlmsg_flags & NLM_F_DUMP_INTR)
		reading->interrupted = true;
	if (message->nlmsg_type == NLMSG_ERROR)
		read_status(reading, message);
	else if (message->nlmsg_type == NLMSG_DONE)
		read_end(reading, message);
	else if (message->nlmsg_type >= NLMSG_MIN_TYPE && reading->on_message && reading->rc == 0)
		reading->rc = reading->on_message(reading->ctx, message, reading->err);
}

static void read_datagram(struct reading *reading, const void *bytes, size_t size)
{
	const struct nlmsghdr *message = bytes;

	for (int left = (int)size; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
		read_message(reading, message);
}

static int receive_failed(const struct nl *nl, ssize_t size, struct err *err)
{
	return err_set(err, (int)-size, "namespace %s: read netlink answers: %s", nl->where, strerror((int)-size));
}

/* want_buffers - for a batch above the usual size: room for the requests, and for an answer to each */
static void want_buffers(const struct nl *nl, const struct nl_batch *batch)
{
	enum { ANSWER_MEMORY = 1024 }; /* of an acknowledgement, as the kernel counts it */
	int fd = mnl_socket_get_fd(nl->socket);
	int send = (int)batch->capacity * 2, receive = (int)batch->count_max * ANSWER_MEMORY;

	if (batch->capacity <= NL_BATCH_SIZE && batch->count_max <= NL_BATCH_COUNT)
		return;
	/* Without CAP_NET_ADMIN it stays as it is; too little is told by sendmsg(2). */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &send, sizeof(send));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive, sizeof(receive));
}

static int submit(struct nl *nl, struct nl_batch *batch, struct err *err)
{
	struct nlmsghdr *message = (void *)batch->bytes;
	size_t size = size_of(batch);

	for (uint32_t i = 0; i < batch->count; i++) {
		message->nlmsg_seq = ++nl->sequence;
		batch->codes[i] = message->nlmsg_flags & NLM_F_ACK ? ENOMSG : 0;
		message = (void *)((unsigned char *)message + MNL_ALIGN(message->nlmsg_len));
	}
	batch->failed = batch->count;
	want_buffers(nl, batch);
	if (mnl_socket_sendto(nl->socket, batch->bytes, size) < 0)
		return err_set_errno(err, "namespace %s: send %u netlink requests", nl->where, batch->count);
	return 0;
}

int nl_send(struct nl *nl, struct nl_batch *batch, nl_message_fn *on_message, void *ctx, struct err *err)
{
	struct reading reading = {
		.batch = batch, .first = nl->sequence + 1, .on_message = on_message, .ctx = ctx, .err = err};
	ssize_t size;
	int rc = submit(nl, batch, err);

	if (rc < 0)
		return rc;
	while ((size = receive(nl, MSG_DONTWAIT)) >= 0)
		read_datagram(&reading, nl->buffer, (size_t)size);
	if (size != -EAGAIN)
		return receive_failed(nl, size, err);
	for (uint32_t i = 0; i < batch->failed; i++) {
		if (batch->codes[i] == ENOMSG)
			batch->failed = i;
	}
	return reading.rc;
}

int nl_explain(const struct nl *nl, const struct nl_batch *batch, uint32_t index, const char *what, struct err *err)
{
	bool explained = index == batch->failed && *batch->explanation;

	return err_set(err, batch->codes[index], "namespace %s: %s: %s%s%s%s", nl->where, what,
		       strerror(batch->codes[index]), explained ? " (" : "", explained ? batch->explanation : "",
		       explained ? ")" : "");
}

/* dump_once - 1 when the list changed while it was told */
static int dump_once(struct nl *nl, struct reading *reading, struct err *err)
{
	struct nl_batch *batch = reading->batch;
	int rc;

	reading->first = nl->sequence + 1;
	reading->done = reading->interrupted = false;
	rc = submit(nl, batch, err);
	if (rc < 0)
		return rc;
	while (!reading->done && batch->failed == batch->count) {
		ssize_t size = receive(nl, 0);

		if (size < 0)
			return receive_failed(nl, size, err);
		read_datagram(reading, nl->buffer, (size_t)size);
	}
	return reading->rc == 0 && (reading->interrupted || batch->codes[0] == EINTR) ? 1 : reading->rc;
}

int nl_dump(struct nl *nl, struct nl_batch *batch, nl_message_fn *on_message, void (*on_restart)(void *ctx), void *ctx,
	    const char *what, struct err *err)
{
	struct reading reading = {.batch = batch, .on_message = on_message, .ctx = ctx, .err = err};
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
		return err_set(err, EAGAIN, "namespace %s: %s: it changed %d times while it was read", nl->where, what,
			       NL_DUMP_TRIES);
	return rc == 0 && batch->codes[0] ? nl_explain(nl, batch, 0, what, err) : rc;
}

/* ---- reading ---- */

const void *nl_get_header(const struct nlmsghdr *message, size_t size)
{
	return mnl_nlmsg_get_payload_len(message) >= size ? mnl_nlmsg_get_payload(message) : NULL;
}

void nl_parse(const struct nlmsghdr *message, size_t header_size, const struct nlattr **ret, size_t count)
{
	const struct nlattr *attr;

	memset(ret, 0, count * sizeof(*ret));
	mnl_attr_for_each(attr, message, header_size)
	{
		if (mnl_attr_get_type(attr) < count)
			ret[mnl_attr_get_type(attr)] = attr;
	}
}

void nl_parse_nested(const struct nlattr *nest, const struct nlattr **ret, size_t count)
{
	const struct nlattr *attr;

	memset(ret, 0, count * sizeof(*ret));
	if (!nest)
		return;
	mnl_attr_for_each_nested(attr, nest)
	{
		if (mnl_attr_get_type(attr) < count)
			ret[mnl_attr_get_type(attr)] = attr;
	}
}

/* copy_value - the first @size bytes of a value, or zeros when it is shorter */
static void copy_value(const struct nlattr *attr, void *ret, size_t size)
{
	if (attr && mnl_attr_get_payload_len(attr) >= size)
		memcpy(ret, mnl_attr_get_payload(attr), size);
	else
		memset(ret, 0, size);
}

uint8_t nl_get_u8(const struct nlattr *attr)
{
	uint8_t value;

	copy_value(attr, &value, sizeof(value));
	return value;
}

uint16_t nl_get_u16(const struct nlattr *attr)
{
	uint16_t value;

	copy_value(attr, &value, sizeof(value));
	return value;
}

uint32_t nl_get_u32(const struct nlattr *attr)
{
	uint32_t value;

	copy_value(attr, &value, sizeof(value));
	return value;
}

uint64_t nl_get_u64(const struct nlattr *attr)
{
	uint64_t value;

	copy_value(attr, &value, sizeof(value));
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
