/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/config_lists.h"

#include <stdlib.h>

#include "relay/config.h"

void config_read_cidr(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct err err = ERR_INIT;
	struct cidr cidr;
	if (!schema_check_kind(reader, node, YAML_SCALAR, "an address, or a block such as 10.0.0.0/8"))
		return;
	if (cidr_parse(node->text, &cidr, &err) < 0)
		report_add(&reader->report, node->at, "%s", err.text);
	else
		reader->out_of_memory |= config_cidrs_add(target, &cidr) < 0;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool config_parse_ports(const char *text, struct config_port_range *ret)
{
	char *end;
	unsigned long first = strtoul(text, &end, 10), last = first;
	bool well = is_digit(*text);
	if (well && *end == '-') {
		const char *second = end + 1;
		last = strtoul(second, &end, 10);
		well = is_digit(*second);
	}
	if (!well || *end || first < 1 || first > last || last > UINT16_MAX)
		return false;
	*ret = (struct config_port_range){(uint16_t)first, (uint16_t)last};
	return true;
}

void config_read_port(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct config_port_range range;
	if (!schema_check_kind(reader, node, YAML_SCALAR, "a port, or a range such as 8000-8010"))
		return;
	if (!config_parse_ports(node->text, &range)) {
		report_add(&reader->report, node->at,
		           "'%.64s' is no port; expected 1 to 65535, or a range such as 8000-8010", node->text);
		return;
	}
	reader->out_of_memory |= config_ports_add(target, &range) < 0;
}
