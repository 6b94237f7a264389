/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file's text: a first line with version and name, then one fact a line, fields parted by tabs. Facts
 * refer to namespaces by the number of their line, from 0. Bytes that could be taken for a part of the form
 * are written %XX.
 */
#include "nsctl/topology/ledger.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/units.h"

#define LEDGER_MAGIC "nsctl-ledger-1"

enum { FIELDS_MAX = 6 };

void ledger_fini(struct ledger *ledger)
{
	vec_clear(&ledger->netns);
	vec_clear(&ledger->sysctls);
	vec_clear(&ledger->addresses);
	vec_clear(&ledger->routes);
	vec_clear(&ledger->ports);
	vec_clear(&ledger->numbers);
}

/* ---- writing ---- */

static void put_text(FILE *file, const char *text)
{
	fputc('\t', file);
	for (; *text; text++) {
		unsigned char byte = (unsigned char)*text;
		if (byte < ' ' || byte == '%' || byte == 0x7f)
			fprintf(file, "%%%02X", byte);
		else
			fputc(byte, file);
	}
}

/* put_prefix - an empty field for none */
static void put_prefix(FILE *file, const struct prefix *prefix)
{
	char buf[PREFIX_TEXT_MAX];
	put_text(file, prefix->family == AF_UNSPEC ? "" : prefix_format(prefix, buf, sizeof(buf)));
}

static const char *const tenures[] = {[NETNS_MADE] = "made", [NETNS_EXISTING] = "existing"};

static void put_netns(FILE *file, const struct ledger_netns *netns)
{
	char ref[NETNS_TEXT_MAX + sizeof("path:")];
	fprintf(file, "netns");
	put_text(file, netns->name);
	put_text(file, tenures[netns->tenure]);
	fprintf(file, "\t%llu", (unsigned long long)netns->cookie);
	put_text(file, netns_ref_format(&netns->ref, ref, sizeof(ref)));
	fputc('\n', file);
}

static void put_sysctl(FILE *file, const struct ledger_sysctl *fact)
{
	fprintf(file, "sysctl\t%u\t%s", fact->netns, sysctls[fact->key].name);
	put_text(file, fact->before);
	put_text(file, fact->after);
	fputc('\n', file);
}

static void put_address(FILE *file, const struct ledger_address *fact)
{
	fprintf(file, "address\t%u", fact->netns);
	put_text(file, fact->link);
	put_prefix(file, &fact->prefix);
	fputc('\n', file);
}

static void put_route(FILE *file, const struct ledger_route *fact)
{
	fprintf(file, "route\t%u", fact->netns);
	put_prefix(file, &fact->route.to);
	put_prefix(file, &fact->route.via);
	put_text(file, fact->route.link);
	fputc('\n', file);
}

static void put_port(FILE *file, const struct ledger_port *fact)
{
	fprintf(file, "port\t%u", fact->netns);
	put_text(file, fact->link);
	fputc('\n', file);
}

static void put_number(FILE *file, const struct ledger_number *fact)
{
	fprintf(file, "number\t%u", fact->netns);
	put_text(file, fact->link);
	fprintf(file, "\t%s\t%u\t%u\n", link_numbers[fact->number].name, fact->before, fact->after);
}

static void put_ledger(FILE *file, const struct ledger *ledger)
{
	fprintf(file, LEDGER_MAGIC);
	put_text(file, ledger->name);
	fputc('\n', file);
	vec_each (netns, &ledger->netns)
		put_netns(file, netns);
	vec_each (fact, &ledger->sysctls)
		put_sysctl(file, fact);
	vec_each (fact, &ledger->addresses)
		put_address(file, fact);
	vec_each (fact, &ledger->routes)
		put_route(file, fact);
	vec_each (fact, &ledger->ports)
		put_port(file, fact);
	vec_each (fact, &ledger->numbers)
		put_number(file, fact);
}

char *ledger_format(const struct ledger *ledger)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);
	if (!file)
		return NULL;
	put_ledger(file, ledger);
	bool failed = ferror(file);
	if (fclose(file) != 0 || failed) {
		free(text);
		return NULL;
	}
	return text;
}

/* ---- reading ---- */

/* The functions below return 0, -EINVAL (the line says something else than it should) or -ENOMEM. */

static int hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

/* take_text - a field that fits into @size bytes, its NUL included */
static int take_text(const char *field, char *ret, size_t size)
{
	size_t length = 0;
	for (; *field; field++, length++) {
		int byte = (unsigned char)*field;
		if (byte == '%') {
			int high = hex_value(field[1]), low = high < 0 ? -1 : hex_value(field[2]);
			byte = low < 0 ? 0 : high * 16 + low;
			field += 2;
		}
		if (byte == 0 || length + 1 >= size)
			return -EINVAL;
		ret[length] = (char)byte;
	}
	ret[length] = '\0';
	return 0;
}

static int take_name(const char *field, char *ret, size_t size)
{
	return field[0] ? take_text(field, ret, size) : -EINVAL;
}

static int take_prefix(const char *field, struct prefix *ret)
{
	return prefix_parse(field, ret, NULL) < 0 ? -EINVAL : 0;
}

static int take_prefix_or_none(const char *field, struct prefix *ret)
{
	return field[0] ? take_prefix(field, ret) : 0;
}

static int take_tenure(const char *field, enum netns_tenure *ret)
{
	for (size_t i = 0; i < ARRAY_COUNT(tenures); i++) {
		if (strcmp(tenures[i], field) == 0) {
			*ret = (enum netns_tenure)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int take_sysctl_key(const char *field, enum sysctl *ret)
{
	for (size_t i = 0; i < SYSCTL_COUNT; i++) {
		if (strcmp(sysctls[i].name, field) == 0) {
			*ret = (enum sysctl)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* take_netns_index - of a namespace on a line before */
static int take_netns_index(const struct ledger *ledger, const char *field, uint32_t *ret)
{
	uint64_t index;
	if (units_parse_count(field, &index, NULL) < 0 || index >= ledger->netns.count)
		return -EINVAL;
	*ret = (uint32_t)index;
	return 0;
}

static int take_netns_ref(const char *field, struct netns_ref *ret)
{
	char text[NETNS_TEXT_MAX + sizeof("path:")];
	if (take_name(field, text, sizeof(text)) < 0)
		return -EINVAL;
	return netns_ref_parse(text, ret, NULL) < 0 ? -EINVAL : 0;
}

static int take_netns(struct ledger *ledger, char **fields)
{
	struct ledger_netns *netns = vec_push(&ledger->netns);
	if (!netns)
		return -ENOMEM;
	if (take_name(fields[0], netns->name, sizeof(netns->name)) < 0 ||
	    take_tenure(fields[1], &netns->tenure) < 0 ||
	    units_parse_count(fields[2], &netns->cookie, NULL) < 0)
		return -EINVAL;
	return take_netns_ref(fields[3], &netns->ref);
}

static int take_sysctl(struct ledger *ledger, char **fields)
{
	struct ledger_sysctl *fact = vec_push(&ledger->sysctls);
	if (!fact)
		return -ENOMEM;
	if (take_netns_index(ledger, fields[0], &fact->netns) < 0 ||
	    take_sysctl_key(fields[1], &fact->key) < 0 ||
	    take_text(fields[2], fact->before, sizeof(fact->before)) < 0)
		return -EINVAL;
	return take_text(fields[3], fact->after, sizeof(fact->after));
}

static int take_address(struct ledger *ledger, char **fields)
{
	struct ledger_address *fact = vec_push(&ledger->addresses);
	if (!fact)
		return -ENOMEM;
	if (take_netns_index(ledger, fields[0], &fact->netns) < 0 ||
	    take_name(fields[1], fact->link, sizeof(fact->link)) < 0)
		return -EINVAL;
	return take_prefix(fields[2], &fact->prefix);
}

static int take_route(struct ledger *ledger, char **fields)
{
	struct ledger_route *fact = vec_push(&ledger->routes);
	if (!fact)
		return -ENOMEM;
	if (take_netns_index(ledger, fields[0], &fact->netns) < 0 ||
	    take_prefix(fields[1], &fact->route.to) < 0 ||
	    take_prefix_or_none(fields[2], &fact->route.via) < 0)
		return -EINVAL;
	return take_text(fields[3], fact->route.link, sizeof(fact->route.link));
}

static int take_port(struct ledger *ledger, char **fields)
{
	struct ledger_port *fact = vec_push(&ledger->ports);
	if (!fact)
		return -ENOMEM;
	if (take_netns_index(ledger, fields[0], &fact->netns) < 0)
		return -EINVAL;
	return take_name(fields[1], fact->link, sizeof(fact->link));
}

static int take_number_key(const char *field, enum link_number *ret)
{
	for (size_t i = 0; i < LINK_NUMBER_COUNT; i++) {
		if (strcmp(link_numbers[i].name, field) == 0) {
			*ret = (enum link_number)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int take_u32(const char *field, uint32_t *ret)
{
	uint64_t value;
	if (units_parse_count(field, &value, NULL) < 0 || value > UINT32_MAX)
		return -EINVAL;
	*ret = (uint32_t)value;
	return 0;
}

static int take_number(struct ledger *ledger, char **fields)
{
	struct ledger_number *fact = vec_push(&ledger->numbers);
	if (!fact)
		return -ENOMEM;
	if (take_netns_index(ledger, fields[0], &fact->netns) < 0 ||
	    take_name(fields[1], fact->link, sizeof(fact->link)) < 0 ||
	    take_number_key(fields[2], &fact->number) < 0 || take_u32(fields[3], &fact->before) < 0)
		return -EINVAL;
	return take_u32(fields[4], &fact->after);
}

static const struct fact_form {
	const char *word;
	size_t field_count; /* behind the word */
	int (*take)(struct ledger *ledger, char **fields);
} fact_forms[] = {
        {"netns", 4, take_netns}, {"sysctl", 4, take_sysctl}, {"address", 3, take_address},
        {"route", 4, take_route}, {"port", 2, take_port},     {"number", 5, take_number},
};

/* split - part @line at its tabs; how many fields, or FIELDS_MAX + 1 for more than that */
static size_t split(char *line, char *fields[FIELDS_MAX])
{
	size_t count = 0;
	for (char *field; (field = strsep(&line, "\t"));) {
		if (count == FIELDS_MAX)
			return FIELDS_MAX + 1;
		fields[count++] = field;
	}
	return count;
}

static int parse_first(struct ledger *ledger, char *line)
{
	char *fields[FIELDS_MAX];
	if (split(line, fields) != 2 || strcmp(fields[0], LEDGER_MAGIC) != 0)
		return -EINVAL;
	return take_name(fields[1], ledger->name, sizeof(ledger->name));
}

static int parse_fact(struct ledger *ledger, char *line)
{
	char *fields[FIELDS_MAX];
	size_t count = split(line, fields);
	for (size_t i = 0; i < ARRAY_COUNT(fact_forms); i++) {
		if (strcmp(fact_forms[i].word, fields[0]) == 0)
			return count == fact_forms[i].field_count + 1 ? fact_forms[i].take(ledger, fields + 1)
			                                              : -EINVAL;
	}
	return -EINVAL;
}

static int parse_line(struct ledger *ledger, size_t number, char *line)
{
	return number == 1 ? parse_first(ledger, line) : parse_fact(ledger, line);
}

/* parse_lines - @text is taken apart. On an error *@ret_number is the line's. */
static int parse_lines(struct ledger *ledger, char *text, size_t *ret_number)
{
	int rc = -EINVAL; /* of an empty text */
	*ret_number = 1;
	for (size_t number = 1; *text; number++) {
		char *end = strchr(text, '\n');
		*ret_number = number;
		if (!end)
			return -EINVAL;
		*end = '\0';
		rc = parse_line(ledger, number, text);
		if (rc < 0)
			return rc;
		text = end + 1;
	}
	return rc;
}

int ledger_parse(const char *text, size_t size, struct ledger *ret, struct err *err)
{
	struct ledger ledger = {0};
	size_t number = 1;
	char *copy = malloc(size + 1);
	if (!copy)
		return err_set(err, ENOMEM, "out of memory");
	memcpy(copy, text, size);
	copy[size] = '\0';
	int rc = strlen(copy) == size ? parse_lines(&ledger, copy, &number) : -EINVAL;
	free(copy);
	if (rc < 0) {
		ledger_fini(&ledger);
		return err_set(err, -rc,
		               rc == -ENOMEM ? "out of memory" : "line %zu is not that of an nsctl ledger",
		               number);
	}
	*ret = ledger;
	return 0;
}
