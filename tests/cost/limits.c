/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of limits. A cost that falls is a reason to lower its limit; one that must rise takes a commit
 * that says why.
 *
 * Margins: one more call each time is always too much. Below that there is room for what a busy kernel does:
 * packets that come late come in more portions, which counts where one call serves many. For what the log's
 * thread does, which sleeps through many records or few as time has it, it is the most that can be. For
 * instructions 10 %, and 5 % where there is least beside the messages themselves.
 */
#include "tests/cost/cost.h"

#include "base/check.h"

#define REQUEST  "request"
#define REQUESTS "request, 64 at once"
#define SHORT    "short connection"
#define SHORTS   "short connection, 32"
#define PIECES   "MiB, in 4 pieces"

const struct cost_limit cost_limits[] = {
        /* System calls, test_system_calls.c: 64 bytes there and back, over one connection and over 64 in
           step. */
        {REQUEST, "relay: io_uring_enter", 2, 2.2, "one each way: sends what came and waits for more"},
        {REQUESTS, "relay: io_uring_enter", .094, .25,
         "3 for 64 messages one way: the kernel hands them out in portions"},

        /* Connect, 64 bytes there and back, close; one at a time. */
        {SHORT, "relay: io_uring_enter", 4, 4.5, "accept, answer, the client's end, the server's end"},
        {SHORT, "relay: getpeername", 1, 1.1, "the client's address, for the log"},
        {SHORT, "relay: recvfrom", 1, 1.1, "the request, which leaves with the backend's handshake"},
        {SHORT, "relay: setsockopt", 1, 1.1, "TCP_QUICKACK off: the handshake's ACK goes with the request"},
        {SHORT, "relay: connect", 3, 3.2, "connect, its outcome, AF_UNSPEC to use the socket again"},
        {SHORT, "relay: sendto", 1, 1.1, "the request"},
        {SHORT, "relay: ioctl", 1, 1.1, "SIOCOUTQ"},
        {SHORT, "relay: shutdown", 1, 1.1, "the client's end is passed on"},
        {SHORT, "relay: close", 1, 1.1, "the client's socket"},
        {SHORT, "relay: write", 0, 1, "wakes the log's thread, if it sleeps"},
        {SHORT, "log: write", 1, 1.1, "a record"},
        {SHORT, "log: read", 0, 1, "was woken"},
        {SHORT, "log: poll", .1, 3, "sleeps, naps"},

        /* The same, 32 in step. */
        {SHORTS, "relay: io_uring_enter", .22, .5, "7 for 32"},
        {SHORTS, "relay: getpeername", 1, 1.1, "as for one"},
        {SHORTS, "relay: recvfrom", 1, 1.1, "as for one"},
        {SHORTS, "relay: setsockopt", 1, 1.1, "as for one"},
        {SHORTS, "relay: connect", 3, 3.2, "as for one"},
        {SHORTS, "relay: sendto", 1, 1.1, "as for one"},
        {SHORTS, "relay: ioctl", 1, 1.1, "as for one"},
        {SHORTS, "relay: shutdown", 1, 1.1, "as for one"},
        {SHORTS, "relay: close", 1, 1.1, "as for one"},
        {SHORTS, "relay: write", .02, 1, "as for one"},
        {SHORTS, "log: write", 1, 1.1, "as for one"},
        {SHORTS, "log: read", .02, 1, "as for one"},
        {SHORTS, "log: poll", .08, 3, "as for one"},

        /* A stream, by pieces of 256 KiB. */
        {PIECES, "relay: io_uring_enter", 4, 5, "waits for each piece"},
        {PIECES, "relay: splice", 12, 15, "into the pipe, out of it, and to see that nothing is left"},
        {PIECES, "relay: ioctl", 4, 5, "SIOCATMARK: nothing is left, or an urgent byte is in the way?"},

        /* Calls of malloc(3) and its kin from "ready" on, test_allocations.c. */
        {"connection", "relay: allocations", 0, 0, "all memory is there before the first connection"},
        {"connection", "log: allocations", 0, 0, "a record is put together on the stack"},
        {"connection", "broker: allocations", 0, 0, "replies with sockets are put together on the stack"},

        /* Instructions in user space of relay/, io/ and base/, over the fake kernel, test_instructions.c. */
        {"request", "relay: instructions", 2060, 2266, "a message each way, of a turn each"},
        {"request, 32 at once", "relay: instructions", 1301, 1366,
         "the same without the turns, which 32 share"},
        {"short connection", "relay: instructions", 9190, 9870,
         "accept, connect, a request, two ends, the record"},
        {"MiB", "relay: instructions", 17768, 19545,
         "of bulk: 64 KiB at a time, as the fake sockets are small"},

        /* The same with pools, health and limits configured, and nothing for them to do. */
        {"request, all on", "relay: instructions", 2060, 2266, "as without"},
        {"short, all on", "relay: instructions", 9974, 10600,
         "also: looked up in three lists, counted under six limits, remembered for the next time"},
        {"MiB, all on", "relay: instructions", 17768, 19545, "as without"},
};

const size_t cost_limit_count = ARRAY_COUNT(cost_limits);
