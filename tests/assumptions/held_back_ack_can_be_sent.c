/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel holds back the ACK of what arrives in a conversation, to send it with an answer; TCP_QUICKACK sends it at
 * once. What the sender has in flight tells: on loopback an ACK has arrived when the call that sent it returns.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "rig.h"

static int in_flight(int fd)
{
	int bytes = -1;

	assert_return_code(ioctl(fd, SIOCOUTQ, &bytes), errno);
	return bytes;
}

static void set_quickack(int fd, int value)
{
	assert_return_code(setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &value, sizeof(value)), errno);
}

/* converse - one answered request: from here on the kernel of @tcp->near delays its ACKs */
static void converse(const struct rig_tcp *tcp)
{
	rig_send(tcp->far, "question");
	rig_drain(tcp->near, 8);
	rig_send(tcp->near, "answer");
	rig_drain(tcp->far, 6);
}

static void ack_is_sent_when_asked_for(void **state)
{
	struct rig_tcp tcp;

	(void)state;
	rig_need_netns();
	rig_tcp_open(&tcp);
	for (int i = 0; i < 10; i++) {
		converse(&tcp);
		rig_send(tcp.far, "half");
		rig_drain(tcp.near, 4);
		assert_int_equal(in_flight(tcp.far), 4);
		set_quickack(tcp.near, 1);
		assert_int_equal(in_flight(tcp.far), 0);
	}
	rig_tcp_close(&tcp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ack_is_sent_when_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
