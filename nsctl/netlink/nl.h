/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Netlink: many requests in one system call, each with its own answer; and dumps that are whole. netlink(7),
 * RFC 3549, Documentation/userspace-api/netlink/intro.rst of Linux.
 *
 * The kernel carries a request out inside sendmsg(2), so that answers wait by then and nothing sleeps on the
 * network. Messages are built with libmnl; nl_begin() promises NL_MESSAGE_MAX bytes to each, which the nl_put
 * functions check.
 *
 * A handle belongs to one thread at a time, and keeps its namespace alive.
 */
#ifndef NSRELAY_NSCTL_NETLINK_NL_H
#define NSRELAY_NSCTL_NETLINK_NL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <libmnl/libmnl.h>

#include "base/err.h"

enum {
	NL_MESSAGE_MAX = 8192,
	/* Fit into the buffers that a socket has by default: net.core.wmem_default, rmem_default. */
	NL_BATCH_SIZE = 65536,
	NL_BATCH_COUNT = 128,
	NL_TEXT_MAX = 128,
};

struct nl;

/*
 * nl_open - a netlink socket in namespace @ns_fd
 * @ns_fd:    borrowed; -1: that of the calling thread, which otherwise visits it; see netns_enter()
 * @protocol: NETLINK_ROUTE, NETLINK_NETFILTER, NETLINK_SOCK_DIAG
 * @where:    how errors name the namespace; copied
 *
 * Errors: those of netns_enter() and socket(2); EPROTONOSUPPORT when the kernel lacks the protocol.
 */
int nl_open(int ns_fd, int protocol, const char *where, struct nl **ret, struct err *err);
void nl_close(struct nl *nl);

/* nl_rest - give memory back of a handle that is not used for a while; the socket stays */
void nl_rest(struct nl *nl);
const char *nl_where(const struct nl *nl);

/* ---- requests ---- */

/* Requests that are sent together, in order. One that fails does not keep the kernel from the next. */
struct nl_batch {
	unsigned char *bytes;
	size_t capacity;
	size_t last; /* where the last request begins, which is as long as it has become */
	uint32_t count, count_max;
	/* Once it is sent: */
	uint32_t acknowledged;         /* the request that asked for an acknowledgement; @count: none did */
	int *codes;                    /* 0 or the positive errno of each; ENOMSG: its end was not told */
	uint32_t failed;               /* the first that failed; @count: none did */
	char explanation[NL_TEXT_MAX]; /* of that one, by the kernel (extended ack); "" when it gave none */
};

/*
 * nl_batch_init - room for @capacity bytes and @count_max requests: NL_BATCH_SIZE and NL_BATCH_COUNT, unless
 * they have to go in one piece (nf_tables). Errors: ENOMEM.
 */
int nl_batch_init(struct nl_batch *batch, size_t capacity, uint32_t count_max, struct err *err);
void nl_batch_fini(struct nl_batch *batch);

/* nl_batch_clear - empty it for new requests */
void nl_batch_clear(struct nl_batch *batch);

/* nl_batch_full - is there no room for another? */
bool nl_batch_full(const struct nl_batch *batch);

/*
 * nl_begin - begin the next request; it ends with the next call, or when the batch is sent
 * @flags: NLM_F_REQUEST is added, and NLM_F_ACK where it is needed; nl_begin_quiet() never adds NLM_F_ACK
 *         (a dump, the ends of an nf_tables batch)
 *
 * The batch must not be full. The pointer is good until the next call.
 */
struct nlmsghdr *nl_begin(struct nl_batch *batch, uint16_t type, uint16_t flags);
struct nlmsghdr *nl_begin_quiet(struct nl_batch *batch, uint16_t type, uint16_t flags);

/* nl_put_header - the zeroed header of the message's family: struct ifinfomsg, nfgenmsg... */
void *nl_put_header(struct nlmsghdr *message, size_t size);

/* Attributes in the machine's byte order; be: in network order. A text goes with its NUL. */
void nl_put(struct nlmsghdr *message, uint16_t type, const void *data, size_t size);
void nl_put_u8(struct nlmsghdr *message, uint16_t type, uint8_t value);
void nl_put_u16(struct nlmsghdr *message, uint16_t type, uint16_t value);
void nl_put_u32(struct nlmsghdr *message, uint16_t type, uint32_t value);
void nl_put_be16(struct nlmsghdr *message, uint16_t type, uint16_t value);
void nl_put_be32(struct nlmsghdr *message, uint16_t type, uint32_t value);
void nl_put_be64(struct nlmsghdr *message, uint16_t type, uint64_t value);
void nl_put_text(struct nlmsghdr *message, uint16_t type, const char *text);
struct nlattr *nl_nest(struct nlmsghdr *message, uint16_t type);
void nl_nest_end(struct nlmsghdr *message, struct nlattr *nest);

/* ---- answers ---- */

/* What nl_send() and nl_dump() hand the data messages to. Returns 0, or -errno which ends the call. */
typedef int nl_message_fn(void *ctx, const struct nlmsghdr *message, struct err *err);

/*
 * nl_send - carry out the requests of @batch
 * @on_message: gets what the kernel tells beside its acknowledgements; NULL: nobody
 *
 * Returns 0 when answers could be had, whatever they say: see @batch. Errors: those of sendmsg(2) and
 * recvmsg(2), of which ENOBUFS means that answers were lost; what @on_message returned.
 */
int nl_send(struct nl *nl, struct nl_batch *batch, nl_message_fn *on_message, void *ctx, struct err *err);

/*
 * nl_explain - state how request number @index of a sent batch failed
 * As "namespace WHERE: WHAT: errno's text (explanation)". Returns -errno.
 */
int nl_explain(const struct nl *nl, const struct nl_batch *batch, uint32_t index, const char *what,
               struct err *err);

/*
 * nl_dump - send the one request of @batch, which lists things (NLM_F_DUMP is added), until the list is whole
 * @on_restart: forget what came so far: the list changed meanwhile (NLM_F_DUMP_INTR, EINTR) and comes again
 * @what:       for errors: "list links"
 *
 * Errors: the kernel's refusal; EAGAIN when the list changed NL_DUMP_TRIES times; what @on_message returned.
 */
int nl_dump(struct nl *nl, struct nl_batch *batch, nl_message_fn *on_message, void (*on_restart)(void *ctx),
            void *ctx, const char *what, struct err *err);

enum { NL_DUMP_TRIES = 16 };

/* What nl_send() and nl_dump() make of the answers. Public, as nl_read() is, for tests and fuzzer. */
struct nl_reading {
	struct nl_batch *batch;    /* sent, of at least one request; takes the acknowledgements */
	nl_message_fn *on_message; /* NULL: nobody */
	void *ctx;
	struct err *err;
	bool done;        /* the end of a dump came */
	bool interrupted; /* the list changed while it was told */
	int rc;           /* of the @on_message that failed: what follows is passed over */
};

/* nl_read - read one datagram. What belongs to no request of the batch or is malformed is passed over. */
void nl_read(struct nl_reading *reading, const void *bytes, size_t size);

/* ---- reading ---- */

/* nl_get_header - the header of the message's family, or NULL when the message is too short for it */
const void *nl_get_header(const struct nlmsghdr *message, size_t size);

/*
 * nl_parse - note by type the attributes behind the @header_size bytes of the family's header
 * nl_parse_nested - those inside @nest, which may be NULL
 * nl_parse_bytes - those in @bytes
 * @ret: of @count elements, NULL where there is none; the types above are left out
 *
 * An attribute whose length is wrong ends the reading: those before it are noted.
 */
void nl_parse(const struct nlmsghdr *message, size_t header_size, const struct nlattr **ret, size_t count);
void nl_parse_nested(const struct nlattr *nest, const struct nlattr **ret, size_t count);
void nl_parse_bytes(const void *bytes, size_t size, const struct nlattr **ret, size_t count);

/* nl_get_... - the value of an attribute of at least that size, or 0 / "" / NULL; @attr may be NULL */
uint8_t nl_get_u8(const struct nlattr *attr);
uint16_t nl_get_u16(const struct nlattr *attr);
uint32_t nl_get_u32(const struct nlattr *attr);
uint64_t nl_get_u64(const struct nlattr *attr);
uint16_t nl_get_be16(const struct nlattr *attr);
uint32_t nl_get_be32(const struct nlattr *attr);
uint64_t nl_get_be64(const struct nlattr *attr);
const char *nl_get_text(const struct nlattr *attr);              /* "" also when it does not end with a NUL */
const void *nl_get_data(const struct nlattr *attr, size_t size); /* NULL unless it has exactly @size bytes */

/*
 * nl_copy - the first @size bytes of the value of @attr, or zeros when it is shorter or NULL
 * For a struct that younger kernels have made longer.
 */
void nl_copy(const struct nlattr *attr, void *ret, size_t size);

#endif
