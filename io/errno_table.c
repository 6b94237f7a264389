/* SPDX-License-Identifier: Apache-2.0 */
#include "io/errno_table.h"

#include <errno.h>
#include <stddef.h>

#include "base/check.h"

struct row {
	int code; /* positive errno */
	enum io_outcome outcome;
};

/* accept(2), accept4(2): errors already pending on the new connection are to be treated like EAGAIN */
static const struct row accept_rows[] = {
	{EAGAIN, IO_RETRY},	 {EINTR, IO_RETRY},	  {ECONNABORTED, IO_RETRY}, {EPERM, IO_RETRY},
	{EPROTO, IO_RETRY},	 {ENETDOWN, IO_RETRY},	  {ENETUNREACH, IO_RETRY},  {EHOSTUNREACH, IO_RETRY},
	{EMFILE, IO_EXHAUSTED},	 {ENFILE, IO_EXHAUSTED},  {ENOBUFS, IO_EXHAUSTED},  {ENOMEM, IO_EXHAUSTED},
	{ECANCELED, IO_CANCELLED}, {EINVAL, IO_FAILED},	  {EBADF, IO_BUG},	    {ENOTSOCK, IO_BUG},
	{EFAULT, IO_BUG},	 {EOPNOTSUPP, IO_BUG},
};

/* recv(2), splice(2), tcp(7); ENOBUFS: the ring of receive buffers was empty (io_uring_register_buf_ring(3)) */
static const struct row recv_rows[] = {
	{EAGAIN, IO_RETRY},	   {EINTR, IO_RETRY},	    {ENOBUFS, IO_EXHAUSTED}, {ENOMEM, IO_EXHAUSTED},
	{ECONNRESET, IO_RESET},	   {EPIPE, IO_RESET},	    {ENOTCONN, IO_RESET},    {ECONNREFUSED, IO_RESET},
	{ETIMEDOUT, IO_TIMED_OUT}, {EHOSTUNREACH, IO_TIMED_OUT}, {ENETUNREACH, IO_TIMED_OUT},
	{ECANCELED, IO_CANCELLED}, {EBADF, IO_BUG},	    {EFAULT, IO_BUG},	     {ENOTSOCK, IO_BUG},
};

/* send(2), splice(2), tcp(7) */
static const struct row send_rows[] = {
	{EAGAIN, IO_RETRY},	   {EINTR, IO_RETRY},	    {ENOBUFS, IO_RETRY},     {ENOMEM, IO_RETRY},
	{ECONNRESET, IO_RESET},	   {EPIPE, IO_RESET},	    {ENOTCONN, IO_RESET},
	{ETIMEDOUT, IO_TIMED_OUT}, {EHOSTUNREACH, IO_TIMED_OUT}, {ENETUNREACH, IO_TIMED_OUT},
	{ECANCELED, IO_CANCELLED}, {EBADF, IO_BUG},	    {EFAULT, IO_BUG},	     {ENOTSOCK, IO_BUG},
};

/*
 * connect(2), and socket(2) before it; EAGAIN is a unix socket's full backlog, EADDRNOTAVAIL means that no local port is
 * left
 */
static const struct row connect_rows[] = {
	{EINPROGRESS, IO_RETRY},   {EINTR, IO_RETRY},	    {EADDRNOTAVAIL, IO_EXHAUSTED}, {ENOBUFS, IO_EXHAUSTED},
	{EMFILE, IO_EXHAUSTED},	   {ENFILE, IO_EXHAUSTED},
	{ENOMEM, IO_EXHAUSTED},	   {ETIMEDOUT, IO_TIMED_OUT}, {EBADF, IO_BUG},	     {EFAULT, IO_BUG},
	{ENOTSOCK, IO_BUG},	   {EISCONN, IO_BUG},	    {EALREADY, IO_RETRY},
};

static const struct {
	const struct row *rows;
	size_t count;
} tables[IO_OP_COUNT] = {
	[IO_OP_ACCEPT] = {accept_rows, ARRAY_COUNT(accept_rows)},
	[IO_OP_RECV] = {recv_rows, ARRAY_COUNT(recv_rows)},
	[IO_OP_SEND] = {send_rows, ARRAY_COUNT(send_rows)},
	[IO_OP_CONNECT] = {connect_rows, ARRAY_COUNT(connect_rows)},
};

enum io_outcome io_outcome(enum io_op op, int result)
{
	CHECK(op < IO_OP_COUNT && result < 0);
	for (size_t i = 0; i < tables[op].count; i++) {
		if (tables[op].rows[i].code == -result)
			return tables[op].rows[i].outcome;
	}
	return IO_FAILED;
}

const char *io_outcome_name(enum io_outcome outcome)
{
	static const char *const names[] = {"retry",	 "reset",     "failed", "exhausted",
					    "cancelled", "timed out", "bug"};
	CHECK(outcome < ARRAY_COUNT(names));
	return names[outcome];
}
