/* SPDX-License-Identifier: Apache-2.0 */
/* Messages as the kernel would send them, well and ill formed. */
#include "nsctl/netlink/sockdiag.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

/* A message as it comes: the header, the body, and room for an attribute behind it. */
struct message {
	struct nlmsghdr header;
	struct inet_diag_msg body;
	uint8_t attributes[16];
};

static struct message make_message(void)
{
	struct message message = {
	        .header = {.nlmsg_len = sizeof(struct nlmsghdr) + sizeof(struct inet_diag_msg),
	                   .nlmsg_type = SOCK_DIAG_BY_FAMILY},
	        .body = {.idiag_family = AF_INET,
	                 .idiag_state = TCP_LISTEN,
	                 .id = {.idiag_sport = htons(8080), .idiag_if = 7, .idiag_cookie = {1, 2}},
	                 .idiag_rqueue = 3,
	                 .idiag_wqueue = 128,
	                 .idiag_uid = 1000,
	                 .idiag_inode = 4711},
	};
	message.body.id.idiag_src[0] = htonl(0x7f000001);
	return message;
}

/* take - from memory that ends where the message does. Returns how many sockets there are then. */
static size_t take(struct sockdiag *sockets, const struct message *message)
{
	size_t size = message->header.nlmsg_len;
	void *copy = malloc(size);
	size_t count;

	assert_non_null(copy);
	memcpy(copy, message, size);
	assert_int_equal(sockdiag_take(sockets, IPPROTO_TCP, copy), 0);
	free(copy);
	count = sockets->all.count;
	return count;
}

static void a_listener_is_taken_whole(void **state)
{
	struct message message = make_message();
	struct sockdiag sockets = {0};
	const struct sockdiag_socket *socket;

	(void)state;
	assert_int_equal(take(&sockets, &message), 1);
	socket = &sockets.all.items[0];
	assert_int_equal(socket->protocol, IPPROTO_TCP);
	assert_int_equal(socket->state, TCP_LISTEN);
	assert_true(sockdiag_is_listening(socket));
	assert_int_equal(socket->local.in4.sin_family, AF_INET);
	assert_int_equal(ntohs(socket->local.in4.sin_port), 8080);
	assert_int_equal(ntohl(socket->local.in4.sin_addr.s_addr), 0x7f000001);
	assert_int_equal(socket->remote.in4.sin_family, AF_INET);
	assert_int_equal(socket->remote.in4.sin_port, 0);
	assert_int_equal(socket->interface, 7);
	assert_int_equal(socket->receive_queue, 3);
	assert_int_equal(socket->send_queue, 128);
	assert_int_equal(socket->uid, 1000);
	assert_int_equal(socket->inode, 4711);
	assert_int_equal(socket->cookie, 1 | 2ULL << 32);
	vec_clear(&sockets.all);
}

static void an_ipv6_connection_has_both_ends(void **state)
{
	struct message message = make_message();
	struct sockdiag sockets = {0};
	const struct sockdiag_socket *socket;

	(void)state;
	message.body.idiag_family = AF_INET6;
	message.body.idiag_state = TCP_ESTABLISHED;
	message.body.id.idiag_dport = htons(443);
	inet_pton(AF_INET6, "fd00::1", message.body.id.idiag_src);
	inet_pton(AF_INET6, "fd00::2", message.body.id.idiag_dst);
	assert_int_equal(take(&sockets, &message), 1);
	socket = &sockets.all.items[0];
	assert_false(sockdiag_is_listening(socket));
	assert_int_equal(socket->local.in6.sin6_family, AF_INET6);
	assert_int_equal(ntohs(socket->remote.in6.sin6_port), 443);
	assert_memory_equal(&socket->remote.in6.sin6_addr, message.body.id.idiag_dst, 16);
	vec_clear(&sockets.all);
}

static void what_is_cut_short_or_of_another_kind_is_passed_over(void **state)
{
	struct message message = make_message();
	struct sockdiag sockets = {0};

	(void)state;
	for (uint32_t size = sizeof(message.header); size < sizeof(message.header) + sizeof(message.body);
	     size++) {
		message.header.nlmsg_len = size;
		assert_int_equal(take(&sockets, &message), 0);
	}
	message = make_message();
	message.header.nlmsg_type = NLMSG_DONE;
	assert_int_equal(take(&sockets, &message), 0);
	message = make_message();
	message.body.idiag_family = AF_UNIX;
	assert_int_equal(take(&sockets, &message), 0);
	message = make_message();
	message.header.nlmsg_len = sizeof(message); /* attributes nobody asked for */
	assert_int_equal(take(&sockets, &message), 1);
	vec_clear(&sockets.all);
}

static void any_number_of_a_state_has_a_name(void **state)
{
	struct sockdiag_socket socket = {0};

	(void)state;
	assert_string_equal(sockdiag_state_name(TCP_LISTEN), "LISTEN");
	assert_string_equal(sockdiag_state_name(TCP_CLOSE), "UNCONN");
	assert_string_equal(sockdiag_state_name(0), "?");
	for (unsigned number = 0; number <= UINT8_MAX; number++) {
		socket.state = (uint8_t)number;
		assert_non_null(sockdiag_state_name(socket.state));
		assert_int_equal(sockdiag_is_listening(&socket), number == TCP_LISTEN || number == TCP_CLOSE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_listener_is_taken_whole),
	        cmocka_unit_test(an_ipv6_connection_has_both_ends),
	        cmocka_unit_test(what_is_cut_short_or_of_another_kind_is_passed_over),
	        cmocka_unit_test(any_number_of_a_state_has_a_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
