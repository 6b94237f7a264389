/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/look/icmp.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <linux/errqueue.h>
#include <linux/icmp.h>
#include <unistd.h>

#include "nsctl/netns.h"

/* Eight bytes of header, the same in both protocols, and what comes back unchanged. */
struct echo {
	uint8_t type, code;
	uint16_t checksum; /* ICMPv6: by the kernel */
	uint16_t id, sequence;
	unsigned char token[sizeof(uint64_t)];
};

/* ---- sockets ---- */

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

int icmp_watch_errors(int fd, sa_family_t family)
{
	return family == AF_INET ? set_int(fd, IPPROTO_IP, IP_RECVERR, 1)
	                         : set_int(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
}

/* hear_answers - echo replies alone, with their ttl: a raw socket gets all that its namespace gets */
static int hear_answers_v4(int fd)
{
	struct icmp_filter only = {.data = ~(1U << ICMP_ECHOREPLY)};

	if (setsockopt(fd, SOL_RAW, ICMP_FILTER, &only, sizeof(only)) < 0)
		return -errno;
	return set_int(fd, IPPROTO_IP, IP_RECVTTL, 1);
}

static int hear_answers_v6(int fd)
{
	struct icmp6_filter only;

	ICMP6_FILTER_SETBLOCKALL(&only);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &only);
	if (setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &only, sizeof(only)) < 0)
		return -errno;
	return set_int(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
}

static int connect_to(int fd, const struct prefix *to)
{
	struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_addr = to->address.in4};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = to->address.in6};
	int rc = to->family == AF_INET ? connect(fd, (const struct sockaddr *)&in4, sizeof(in4))
	                               : connect(fd, (const struct sockaddr *)&in6, sizeof(in6));

	return rc < 0 ? -errno : 0;
}

static int set_up(int fd, const struct prefix *to)
{
	int rc = icmp_watch_errors(fd, to->family);

	if (rc == 0)
		rc = to->family == AF_INET ? hear_answers_v4(fd) : hear_answers_v6(fd);
	return rc == 0 ? connect_to(fd, to) : rc;
}

static int make_socket(int ns_fd, sa_family_t family, struct err *err)
{
	int protocol = family == AF_INET ? (int)IPPROTO_ICMP : (int)IPPROTO_ICMPV6;
	int home = -1;
	int rc = netns_enter(ns_fd, &home, err);

	if (rc < 0)
		return rc;
	rc = socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
	if (rc < 0)
		rc = err_set_errno(err, "open a raw socket");
	netns_leave(home);
	return rc;
}

int icmp_open(int ns_fd, const struct prefix *to, struct err *err)
{
	char text[PREFIX_TEXT_MAX];
	int fd = make_socket(ns_fd, to->family, err);
	int rc = fd < 0 ? 0 : set_up(fd, to);

	if (rc == 0)
		return fd;
	close(fd);
	prefix_format_address(to, text, sizeof(text));
	return err_set(err, -rc, "prepare an echo to %s: %s", text, strerror(-rc));
}

/* ---- echo ---- */

/* checksum - RFC 1071: the sum of 16-bit words in ones' complement; @size is even */
static uint16_t checksum(const void *bytes, size_t size)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < size; i += 2) {
		uint16_t word;

		memcpy(&word, (const char *)bytes + i, sizeof(word));
		sum += word;
	}
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

int icmp_send(int fd, sa_family_t family, uint64_t token, uint16_t sequence)
{
	struct echo echo = {
	        .type = family == AF_INET ? ICMP_ECHO : ICMP6_ECHO_REQUEST,
	        .id = htons((uint16_t)token),
	        .sequence = htons(sequence),
	};

	memcpy(echo.token, &token, sizeof(token));
	if (family == AF_INET)
		echo.checksum = checksum(&echo, sizeof(echo));
	return send(fd, &echo, sizeof(echo), 0) < 0 ? -errno : 0;
}

/* read_ttl - from IP_RECVTTL or IPV6_RECVHOPLIMIT */
static uint8_t read_ttl(struct msghdr *message)
{
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(message); cmsg; cmsg = CMSG_NXTHDR(message, cmsg)) {
		bool is_v4 = cmsg->cmsg_level == IPPROTO_IP && cmsg->cmsg_type == IP_TTL;
		bool is_v6 = cmsg->cmsg_level == IPPROTO_IPV6 && cmsg->cmsg_type == IPV6_HOPLIMIT;
		int ttl;

		if (!is_v4 && !is_v6)
			continue;
		memcpy(&ttl, CMSG_DATA(cmsg), sizeof(ttl));
		return (uint8_t)ttl;
	}
	return 0;
}

/* find_echo - behind the IPv4 header, which a raw socket of that family gets too: its length is in words of 4
 * bytes */
static bool find_echo(sa_family_t family, const unsigned char *bytes, size_t size, struct echo *ret)
{
	size_t header = family == AF_INET && size > 0 ? (size_t)(bytes[0] & 0x0f) * 4 : 0;

	if (size < header + sizeof(*ret))
		return false;
	memcpy(ret, bytes + header, sizeof(*ret));
	return true;
}

int icmp_receive(int fd, sa_family_t family, uint64_t token, struct icmp_answer *ret)
{
	enum { IP_HEADER_MAX = 60 };
	unsigned char bytes[IP_HEADER_MAX + sizeof(struct echo)];
	_Alignas(struct cmsghdr) char control[128];
	struct iovec iov = {.iov_base = bytes, .iov_len = sizeof(bytes)};
	struct msghdr message = {
	        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	ssize_t size = recvmsg(fd, &message, 0);
	struct echo echo;

	if (size < 0)
		return -errno;
	if (!find_echo(family, bytes, (size_t)size, &echo) || memcmp(echo.token, &token, sizeof(token)) != 0)
		return 0;
	*ret = (struct icmp_answer){.sequence = ntohs(echo.sequence), .ttl = read_ttl(&message)};
	return 1;
}

/* ---- errors ---- */

static struct prefix read_address(const struct sockaddr_storage *from)
{
	struct prefix address = {.family = from->ss_family};

	if (from->ss_family == AF_INET)
		address.address.in4 = ((const struct sockaddr_in *)from)->sin_addr;
	else if (from->ss_family == AF_INET6)
		address.address.in6 = ((const struct sockaddr_in6 *)from)->sin6_addr;
	else
		return (struct prefix){.family = AF_UNSPEC};
	address.length = prefix_full_length(from->ss_family);
	return address;
}

/* What IP_RECVERR hands over, ip(7): the error, and the address of who told it behind it (SO_EE_OFFENDER). */
struct told {
	struct sock_extended_err error;
	struct sockaddr_storage by;
};

static bool find_told(struct msghdr *message, struct told *ret)
{
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(message); cmsg; cmsg = CMSG_NXTHDR(message, cmsg)) {
		bool is_v4 = cmsg->cmsg_level == IPPROTO_IP && cmsg->cmsg_type == IP_RECVERR;
		bool is_v6 = cmsg->cmsg_level == IPPROTO_IPV6 && cmsg->cmsg_type == IPV6_RECVERR;
		size_t size = cmsg->cmsg_len - CMSG_LEN(0);

		if (!is_v4 && !is_v6)
			continue;
		memset(ret, 0, sizeof(*ret));
		memcpy(&ret->error, CMSG_DATA(cmsg), sizeof(ret->error));
		size -= sizeof(ret->error);
		memcpy(&ret->by, CMSG_DATA(cmsg) + sizeof(ret->error),
		       size < sizeof(ret->by) ? size : sizeof(ret->by));
		return ret->error.ee_origin == SO_EE_ORIGIN_ICMP ||
		       ret->error.ee_origin == SO_EE_ORIGIN_ICMP6;
	}
	return false;
}

bool icmp_read_error(int fd, struct icmp_error *ret)
{
	_Alignas(struct cmsghdr) char control[512];
	struct echo echo = {.type = 0}; /* the packet that the error is about */
	struct iovec iov = {.iov_base = &echo, .iov_len = sizeof(echo)};
	struct msghdr message;
	struct told told;

	do {
		message = (struct msghdr){.msg_iov = &iov,
		                          .msg_iovlen = 1,
		                          .msg_control = control,
		                          .msg_controllen = sizeof(control)};
		if (recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			return false;
	} while (!find_told(&message, &told));
	*ret = (struct icmp_error){
	        .by = read_address(&told.by),
	        .type = told.error.ee_type,
	        .code = told.error.ee_code,
	        .errnum = (int)told.error.ee_errno,
	        .id = ntohs(echo.id),
	};
	return true;
}
