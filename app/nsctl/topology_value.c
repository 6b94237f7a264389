/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsctl/topology_value.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define ADDRESS_EXPECTED   "an address such as 10.0.0.1 or fd00::1"
#define INTERFACE_EXPECTED "an address with its network's length, such as 10.0.0.1/24 or fd00::1/64"
#define NETWORK_EXPECTED   "a network such as 10.0.0.0/24 or fd00::/64"
#define SOCKET_EXPECTED    "ADDRESS:PORT, such as 10.0.0.1:80 or [fd00::1]:80"

enum { PORT_MAX = 65535 };

const struct value_type topology_value_port = {VALUE_COUNT, .min = 1, .max = PORT_MAX};

static bool refuse(struct schema_reader *reader, const struct yaml_node *node, const char *what,
                   const char *expected)
{
	report_add(&reader->report, node->at, "'%.64s' %s; expected %s", node->text, what, expected);
	return false;
}

bool topology_value_is_any(const struct prefix *address)
{
	return IN6_IS_ADDR_UNSPECIFIED(&address->address.in6); /* bytes that IPv4 does not use are 0 */
}

bool topology_value_is_multicast(const struct prefix *address)
{
	return address->family == AF_INET6 ? IN6_IS_ADDR_MULTICAST(&address->address.in6)
	                                   : IN_MULTICAST(ntohl(address->address.in4.s_addr));
}

static bool is_broadcast(const struct prefix *address)
{
	return address->family == AF_INET && address->address.in4.s_addr == htonl(INADDR_BROADCAST);
}

/* parse_bare - an address without a length */
static bool parse_bare(const char *text, struct prefix *ret)
{
	return !strchr(text, '/') && prefix_parse(text, ret, NULL) == 0;
}

static const char *no_host(const struct prefix *address)
{
	return topology_value_is_any(address)         ? "is no host's address"
	       : topology_value_is_multicast(address) ? "is a multicast address"
	       : is_broadcast(address)                ? "is the broadcast address"
	                                              : NULL;
}

bool topology_value_group(struct schema_reader *reader, const struct yaml_node *node, struct prefix *ret)
{
	struct prefix address;
	if (!schema_check_kind(reader, node, YAML_SCALAR, ADDRESS_EXPECTED))
		return false;
	if (!parse_bare(node->text, &address))
		return refuse(reader, node, "is not an address", ADDRESS_EXPECTED);
	if (no_host(&address) && !topology_value_is_multicast(&address))
		return refuse(reader, node, no_host(&address), ADDRESS_EXPECTED);
	*ret = address;
	return true;
}

bool topology_value_address(struct schema_reader *reader, const struct yaml_node *node, struct prefix *ret)
{
	struct prefix address;
	if (!topology_value_group(reader, node, &address))
		return false;
	if (topology_value_is_multicast(&address))
		return refuse(reader, node, no_host(&address), ADDRESS_EXPECTED);
	*ret = address;
	return true;
}

/* last_of - the broadcast address of an IPv4 network */
static struct in_addr last_of(const struct prefix *prefix)
{
	uint32_t hosts = UINT32_MAX >> prefix->length; /* its length is 30 at most */
	return (struct in_addr){prefix->address.in4.s_addr | htonl(hosts)};
}

/* no_interface - why a link cannot have the address; a network of one or two IPv4 addresses has no special
 * ones, RFC 3021 */
static const char *no_interface(const struct prefix *prefix)
{
	struct prefix network = prefix_network(prefix);
	bool special = prefix->family == AF_INET && prefix->length > 0 && prefix->length < 31;
	if (no_host(prefix))
		return no_host(prefix);
	if (prefix->length == 0)
		return "stands for all addresses";
	if (special && prefix_equal(prefix, &network))
		return "is the network, not an address in it";
	if (special && last_of(prefix).s_addr == prefix->address.in4.s_addr)
		return "is its network's broadcast address";
	return NULL;
}

bool topology_value_interface(struct schema_reader *reader, const struct yaml_node *node, struct prefix *ret)
{
	struct prefix prefix;
	if (!schema_check_kind(reader, node, YAML_SCALAR, INTERFACE_EXPECTED))
		return false;
	if (parse_bare(node->text, &prefix))
		return refuse(reader, node, "has no length", INTERFACE_EXPECTED);
	if (prefix_parse(node->text, &prefix, NULL) < 0)
		return refuse(reader, node, "is not an address with a length", INTERFACE_EXPECTED);
	if (no_interface(&prefix))
		return refuse(reader, node, no_interface(&prefix), INTERFACE_EXPECTED);
	*ret = prefix;
	return true;
}

bool topology_value_network(struct schema_reader *reader, const struct yaml_node *node, struct prefix *ret)
{
	char text[PREFIX_TEXT_MAX];
	struct prefix prefix;
	if (!schema_check_kind(reader, node, YAML_SCALAR, NETWORK_EXPECTED))
		return false;
	if (prefix_parse(node->text, &prefix, NULL) < 0)
		return refuse(reader, node, "is not a network", NETWORK_EXPECTED);
	struct prefix network = prefix_network(&prefix);
	if (!prefix_equal(&prefix, &network))
		return refuse(reader, node, "has bits behind its length",
		              prefix_format(&network, text, sizeof(text)));
	if (strchr(node->text, '/') == NULL && topology_value_is_any(&prefix))
		return refuse(reader, node, "has no length", NETWORK_EXPECTED);
	*ret = prefix;
	return true;
}

/* parse_socket - split at the last colon; IPv6 stands in brackets */
static bool parse_socket(struct schema_reader *reader, const struct yaml_node *node, const char *text,
                         struct prefix *ret, uint32_t *ret_port)
{
	char address[INET6_ADDRSTRLEN + 1]; /* what is cut here is too long for an address */
	struct err err = ERR_INIT;
	const char *colon = strrchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : 0;
	bool bracketed = length >= 2 && text[0] == '[' && colon[-1] == ']';
	if (!colon)
		return refuse(reader, node, "has no port", SOCKET_EXPECTED);
	snprintf(address, sizeof(address), "%.*s", (int)(bracketed ? length - 2 : length), text + bracketed);
	if (!parse_bare(address, ret) || (ret->family == AF_INET6) != bracketed)
		return refuse(reader, node, "is not an address and a port", SOCKET_EXPECTED);
	if (value_parse(&topology_value_port, colon + 1, ret_port, &err) < 0) {
		report_add(&reader->report, node->at, "the port %s", err.text);
		return false;
	}
	return true;
}

bool topology_value_socket(struct schema_reader *reader, const struct yaml_node *node, const char *text,
                           bool any, struct prefix *ret, uint16_t *ret_port)
{
	struct prefix address = {0};
	uint32_t port;
	if (!parse_socket(reader, node, text, &address, &port))
		return false;
	if (no_host(&address) && !(any && topology_value_is_any(&address)))
		return refuse(reader, node, no_host(&address), SOCKET_EXPECTED);
	*ret = address;
	*ret_port = (uint16_t)port;
	return true;
}

/* number_type - a loopback takes any MTU, but no packet is longer than what it has by default */
static struct value_type number_type(enum link_kind kind, enum link_number number)
{
	struct value_type type = {VALUE_COUNT, .min = link_numbers[number].min,
	                          .max = link_numbers[number].max};
	if (number == LINK_MTU && (kind == LINK_LOOPBACK || kind == LINK_OTHER))
		type.min = LINK_IPV6_MTU_MIN;
	if (number == LINK_MTU && kind == LINK_LOOPBACK)
		type.max = LINK_LOOPBACK_MTU;
	return type;
}

bool topology_value_number(struct schema_reader *reader, const struct yaml_node *node, enum link_kind kind,
                           uint32_t numbers[LINK_NUMBER_COUNT])
{
	enum link_number number = 0;
	while (strcmp(link_numbers[number].name, node->key->text) != 0)
		number++;
	const struct value_type type = number_type(kind, number);
	return schema_read_value(reader, node, &type, &numbers[number]);
}
