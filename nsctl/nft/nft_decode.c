/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/nft/nft_decode.h"

#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

/* ---- parts ---- */

struct text *nft_part(struct nft_decoder *decoder)
{
	struct text *part = vec_push(&decoder->parts);

	if (part)
		return part;
	decoder->failed = true;
	text_fini(&decoder->nowhere);
	return &decoder->nowhere;
}

static char *join_parts(struct nft_decoder *decoder)
{
	struct text whole = {.failed = decoder->failed};

	vec_each (part, &decoder->parts) {
		whole.failed = whole.failed || part->failed;
		if (part->size)
			text_add(&whole, "%s%s", whole.size ? " " : "", part->bytes);
		text_fini(part);
	}
	vec_clear(&decoder->parts);
	text_fini(&decoder->nowhere);
	return text_take(&whole);
}

/* ---- registers ---- */

/* find_word - the word at which a register begins, or -1. NFT_REG_1 ... 4 are 4 words each. */
static int find_word(const struct nlattr *attr)
{
	uint32_t number = nl_get_be32(attr);

	if (number >= NFT_REG_1 && number <= NFT_REG_4)
		return (int)(number - NFT_REG_1) * (NFT_REG_SIZE / NFT_REG32_SIZE);
	if (number >= NFT_REG32_00 && number <= NFT_REG32_15)
		return (int)(number - NFT_REG32_00);
	return -1;
}

static int count_words(uint32_t size)
{
	return size ? (int)((size + NFT_REG32_SIZE - 1) / NFT_REG32_SIZE) : 1;
}

static void add_place(struct text *out, const struct nft_place *place)
{
	static const char *const bases[] = {[NFT_PAYLOAD_LL_HEADER] = "ll",
	                                    [NFT_PAYLOAD_NETWORK_HEADER] = "nh",
	                                    [NFT_PAYLOAD_TRANSPORT_HEADER] = "th",
	                                    [NFT_PAYLOAD_INNER_HEADER] = "ih"};

	text_add(out, "@%s,%u,%u", place->base < ARRAY_COUNT(bases) ? bases[place->base] : "?", place->bit,
	         place->bit_count);
}

/* forget - empty a word; what was loaded for nothing is shown, so that nothing is left out */
static void forget(struct nft_decoder *decoder, struct nft_operand *operand)
{
	if (!operand->is_used && operand->kind == NFT_OPERAND_TEXT)
		text_add(nft_part(decoder), "[load %s]", text_get(&operand->text));
	else if (!operand->is_used && operand->kind == NFT_OPERAND_PLACE)
		text_add(nft_part(decoder), "[load payload]");
	else if (!operand->is_used && operand->kind == NFT_OPERAND_CONSTANT)
		text_add(nft_part(decoder), "[load immediate]");
	text_fini(&operand->text);
	*operand = (struct nft_operand){.kind = NFT_OPERAND_NONE};
}

static void forget_all(struct nft_decoder *decoder)
{
	for (size_t i = 0; i < ARRAY_COUNT(decoder->words); i++)
		forget(decoder, &decoder->words[i]);
}

struct nft_operand *nft_load(struct nft_decoder *decoder, const struct nlattr *attr, uint32_t size)
{
	int word = find_word(attr), count = count_words(size);

	if (word < 0 || count > NFT_REG32_COUNT - word)
		return NULL;
	for (int i = 0; i < count; i++)
		forget(decoder, &decoder->words[word + i]);
	decoder->words[word].size = size;
	return &decoder->words[word];
}

struct nft_operand *nft_load_typed(struct nft_decoder *decoder, const struct nlattr *attr,
                                   enum nft_type_id id, const char *text)
{
	const struct nft_type *type = nft_type(id);
	uint32_t size = type->size ? type->size : id == NFT_TYPE_STRING ? NFT_REG_SIZE : NFT_REG32_SIZE;
	struct nft_operand *operand = nft_load(decoder, attr, size);

	if (!operand)
		return NULL;
	operand->kind = NFT_OPERAND_TEXT;
	operand->slots = nft_slots_of_type(id);
	text_add(&operand->text, "%s", text);
	return operand;
}

struct nft_operand *nft_operand(struct nft_decoder *decoder, const struct nlattr *attr)
{
	int word = find_word(attr);

	return word >= 0 && decoder->words[word].kind != NFT_OPERAND_NONE ? &decoder->words[word] : NULL;
}

/* ---- what is known of the packet ---- */

static const enum nft_layer layer_of_base[] = {[NFT_PAYLOAD_LL_HEADER] = NFT_LAYER_LINK,
                                               [NFT_PAYLOAD_NETWORK_HEADER] = NFT_LAYER_NETWORK,
                                               [NFT_PAYLOAD_TRANSPORT_HEADER] = NFT_LAYER_TRANSPORT};

static void start_knowledge(struct nft_decoder *decoder)
{
	uint8_t family = decoder->table->family;

	decoder->headers[NFT_LAYER_NETWORK] = nft_header_of_family(family);
	decoder->headers[NFT_LAYER_TRANSPORT] = NFT_HEADER_TRANSPORT;
	if (family == NFPROTO_BRIDGE || family == NFPROTO_NETDEV)
		decoder->headers[NFT_LAYER_LINK] = NFT_HEADER_ETHER;
}

static void learn_header(struct nft_decoder *decoder, enum nft_layer layer, enum nft_header header,
                         size_t implied)
{
	if (header == NFT_HEADER_NONE)
		return;
	decoder->headers[layer] = header;
	decoder->implied[layer] = implied;
}

static void learn_ethertype(struct nft_decoder *decoder, uint64_t value, size_t implied)
{
	if (nft_header_of_ethertype(value) != NFT_HEADER_VLAN) {
		learn_header(decoder, NFT_LAYER_NETWORK, nft_header_of_ethertype(value), implied);
		return;
	}
	decoder->has_vlan = true;
	decoder->implied[NFT_LAYER_LINK] = implied;
}

/* learn_protocol - "ip protocol tcp" tells more than "tcp dport" does where it may be IPv6 as well */
static void learn_protocol(struct nft_decoder *decoder, enum nft_header from, uint64_t value, size_t implied)
{
	bool is_one_family = decoder->table->family == NFPROTO_IPV4 || decoder->table->family == NFPROTO_IPV6;

	learn_header(decoder, NFT_LAYER_TRANSPORT, nft_header_of_protocol(value),
	             from == NFT_HEADER_NONE || is_one_family ? implied : 0);
}

void nft_learn(struct nft_decoder *decoder, const struct nft_subject *subject, uint64_t value, size_t part)
{
	if (subject->tells == NFT_TELLS_LINK && value == ARPHRD_ETHER)
		learn_header(decoder, NFT_LAYER_LINK, NFT_HEADER_ETHER, part + 1);
	else if (subject->tells == NFT_TELLS_FAMILY)
		learn_header(decoder, NFT_LAYER_NETWORK, nft_header_of_family(value), part + 1);
	else if (subject->tells == NFT_TELLS_ETHERTYPE)
		learn_ethertype(decoder, value, part + 1);
	else if (subject->tells == NFT_TELLS_TRANSPORT)
		learn_protocol(decoder, subject->header, value, part + 1);
}

/* take_implied - a field of @layer's header is named: what told which header it is need not be said as
 * well */
static void take_implied(struct nft_decoder *decoder, enum nft_layer layer)
{
	size_t part = decoder->implied[layer];

	decoder->implied[layer] = 0;
	if (part > 0 && part <= decoder->parts.count)
		text_fini(&decoder->parts.items[part - 1]);
}

void nft_imply(struct nft_decoder *decoder, enum nft_header header)
{
	if (header == NFT_HEADER_ETHER || header == NFT_HEADER_VLAN)
		take_implied(decoder, NFT_LAYER_LINK);
	else if (header == NFT_HEADER_ARP || header == NFT_HEADER_IP || header == NFT_HEADER_IP6)
		take_implied(decoder, NFT_LAYER_NETWORK);
	else if (header > NFT_HEADER_TRANSPORT && header <= NFT_HEADER_IGMP)
		take_implied(decoder, NFT_LAYER_TRANSPORT);
	if (header == NFT_HEADER_ICMP || header == NFT_HEADER_ICMP6)
		take_implied(decoder, NFT_LAYER_NETWORK);
}

/* ---- subjects ---- */

void nft_boolean_add(struct text *out, const struct nft_type *type, const struct nft_data *mask,
                     const struct nft_data *turned)
{
	struct nft_data and_bits = *mask, or_bits = *mask, xor_bits = *mask, cleared = *mask;

	for (size_t i = 0; i < mask->size; i++) {
		or_bits.bytes[i] = (uint8_t)(turned->bytes[i] & ~mask->bytes[i]);
		xor_bits.bytes[i] = turned->bytes[i] & mask->bytes[i];
		and_bits.bytes[i] = mask->bytes[i] | or_bits.bytes[i];
		cleared.bytes[i] = (uint8_t)~and_bits.bytes[i];
	}
	if (!nft_data_is_zero(&cleared)) {
		text_add(out, " & ");
		nft_value_format(out, type, &and_bits, " | ");
	}
	if (!nft_data_is_zero(&xor_bits)) {
		text_add(out, " ^ ");
		nft_value_format(out, type, &xor_bits, " | ");
	}
	if (!nft_data_is_zero(&or_bits)) {
		text_add(out, " | ");
		nft_value_format(out, type, &or_bits, " | ");
	}
}

enum nft_header nft_header_of_place(const struct nft_decoder *decoder, const struct nft_place *place)
{
	if (place->header != NFT_HEADER_NONE)
		return place->header;
	if (place->base == NFT_PAYLOAD_LL_HEADER && decoder->has_vlan && place->bit >= 112)
		return NFT_HEADER_VLAN;
	return place->base < ARRAY_COUNT(layer_of_base) ? decoder->headers[layer_of_base[place->base]]
	                                                : NFT_HEADER_NONE;
}

static void name_field(struct nft_subject *subject, const struct nft_operand *operand,
                       const struct nft_field *field)
{
	const char *header = nft_header_name(field->header);
	const struct nft_type *type = nft_type(field->type);

	text_add(&subject->text, "%s%s%s%s", text_get(&operand->text), header, *header ? " " : "",
	         field->name);
	subject->tells = field->tells;
	subject->slots.items[0].type = type;
}

/* subject_of_place - name the header's field, or the bare place */
static void subject_of_place(struct nft_decoder *decoder, const struct nft_operand *operand,
                             struct nft_subject *subject)
{
	const struct nft_place *place = &operand->place;
	enum nft_header header = nft_header_of_place(decoder, place);
	const struct nft_field *field = NULL;
	uint8_t shift = 0;

	subject->slots.count = 1;
	subject->slots.items[0] = (struct nft_slot){.type = nft_type(NFT_TYPE_HEX), .big_endian = true};
	subject->slots.items[0].size = (uint8_t)operand->size;
	subject->header = header;
	if (operand->mask.size && !operand->turned.size)
		field = nft_field_masked(header, place->bit, &operand->mask, &shift);
	if (field) {
		subject->mask.size = 0;
		subject->slots.items[0].shift =
		        (uint8_t)(shift > operand->shift_right ? shift - operand->shift_right : 0);
	} else {
		field = nft_field_find(header, place->bit, place->bit_count);
	}
	if (field) {
		name_field(subject, operand, field);
		nft_imply(decoder, header);
	} else if (place->header == NFT_HEADER_NONE) {
		add_place(&subject->text, place);
	} else {
		text_add(&subject->text, "%s@%u,%u", text_get(&operand->text), place->bit, place->bit_count);
	}
	if (operand->turned.size) {
		nft_boolean_add(&subject->text, subject->slots.items[0].type, &operand->mask,
		                &operand->turned);
		subject->mask.size = 0;
	}
}

/* add_operand - what one word holds, behind what the subject has already; false: nothing that can be
 * compared */
static bool add_operand(struct nft_decoder *decoder, struct nft_operand *operand, struct nft_subject *subject)
{
	struct nft_subject own = {.mask = operand->mask, .tells = operand->tells, .operand = operand};

	if (operand->kind == NFT_OPERAND_PLACE) {
		subject_of_place(decoder, operand, &own);
	} else if (operand->kind == NFT_OPERAND_TEXT) {
		own.slots = operand->slots;
		text_add(&own.text, "%s", text_get(&operand->text));
	} else {
		return false;
	}
	operand->is_used = true;
	own.slots.items[0].big_endian = own.slots.items[0].big_endian || operand->is_network_order;
	if (!subject->slots.count) {
		*subject = own;
		return true;
	}
	text_add(&subject->text, " . %s", text_get(&own.text));
	for (size_t i = 0; i < own.slots.count && subject->slots.count < NFT_SLOTS_MAX; i++)
		subject->slots.items[subject->slots.count++] = own.slots.items[i];
	subject->operand = NULL;
	subject->tells = NFT_TELLS_NOTHING;
	text_fini(&own.text);
	return own.mask.size == 0;
}

bool nft_subject_of_operand(struct nft_decoder *decoder, struct nft_operand *operand, struct nft_subject *ret)
{
	struct nft_subject subject = {0};

	if (!add_operand(decoder, operand, &subject))
		return false;
	*ret = subject;
	return true;
}

bool nft_subject_init(struct nft_decoder *decoder, const struct nlattr *attr, uint32_t size,
                      struct nft_subject *ret)
{
	int word = find_word(attr), count;
	struct nft_subject subject = {0};

	if (word < 0)
		return false;
	count = count_words(size ? size : decoder->words[word].size);
	for (int end = word + count; word < end; word += count_words(decoder->words[word].size)) {
		if (word >= NFT_REG32_COUNT || !add_operand(decoder, &decoder->words[word], &subject)) {
			nft_subject_fini(&subject);
			return false;
		}
	}
	decoder->failed = decoder->failed || subject.text.failed;
	*ret = subject;
	return true;
}

void nft_subject_fini(struct nft_subject *subject)
{
	text_fini(&subject->text);
}

/* format_constant - flags as a list, which elements of sets do not have */
static void format_constant(struct text *out, const struct nft_slots *slots, const struct nft_data *data)
{
	struct nft_data value = nft_data_network(&slots->items[0], data);

	if (slots->count == 1 && slots->items[0].type->is_flags)
		nft_value_format(out, slots->items[0].type, &value, ",");
	else
		nft_slots_format(out, slots, data, NULL);
}

bool nft_source_format(struct nft_decoder *decoder, const struct nlattr *attr, enum nft_type_id id,
                       struct text *out)
{
	struct nft_operand *operand = nft_operand(decoder, attr);
	struct nft_slots slots = nft_slots_of_type(id);
	struct nft_subject subject;

	if (!operand)
		return false;
	if (operand->kind == NFT_OPERAND_CONSTANT) {
		format_constant(out, &slots, &operand->constant);
		operand->is_used = true;
		return true;
	}
	if (!nft_subject_init(decoder, attr, 0, &subject))
		return false;
	text_add(out, "%s", text_get(&subject.text));
	if (subject.mask.size) {
		text_add(out, " & ");
		nft_value_format(out, subject.slots.items[0].type, &subject.mask, " | ");
	}
	nft_subject_fini(&subject);
	return true;
}

/* ---- expressions ---- */

static const struct nft_expression *find_expression(const char *name)
{
	static const struct nft_expression *const lists[] = {nft_loads, nft_matches, nft_statements,
	                                                     nft_nats};

	for (size_t i = 0; i < ARRAY_COUNT(lists); i++)
		for (const struct nft_expression *expression = lists[i]; expression->name; expression++)
			if (strcmp(expression->name, name) == 0)
				return expression;
	return NULL;
}

static void decode_named(struct nft_decoder *decoder, const char *name, const struct nlattr *data)
{
	const struct nft_expression *expression = find_expression(name);
	const struct nlattr *attrs[NFT_EXPR_ATTRS];
	struct text *part;

	nl_parse_nested(data, attrs, NFT_EXPR_ATTRS);
	if (expression && expression->decode(decoder, attrs))
		return;
	forget_all(decoder);
	part = nft_part(decoder);
	text_add(part, "[%s ...]", *name ? name : "?");
}

static void decode_expression(struct nft_decoder *decoder, const struct nlattr *expression)
{
	const struct nlattr *attrs[NFTA_EXPR_MAX + 1];

	nl_parse_nested(expression, attrs, NFTA_EXPR_MAX + 1);
	decode_named(decoder, nl_get_text(attrs[NFTA_EXPR_NAME]), attrs[NFTA_EXPR_DATA]);
}

char *nft_decode_rule(const struct nft_table *table, const struct nlattr *expressions)
{
	struct nft_decoder *decoder = calloc(1, sizeof(*decoder));
	const struct nlattr *expression;
	char *text;

	if (!decoder)
		return NULL;
	decoder->table = table;
	start_knowledge(decoder);
	if (expressions)
		mnl_attr_for_each_nested(expression, expressions) decode_expression(decoder, expression);
	forget_all(decoder);
	text = join_parts(decoder);
	free(decoder);
	return text;
}

/* decode_alone - of something that is in no rule */
static char *decode_alone(const struct nft_decoder *like, const char *name, const struct nlattr *data)
{
	struct nft_decoder *decoder = calloc(1, sizeof(*decoder));
	char *text;

	if (!decoder)
		return NULL;
	*decoder = *like;
	decode_named(decoder, name, data);
	forget_all(decoder);
	text = join_parts(decoder);
	free(decoder);
	return text;
}

char *nft_decode_statement(const struct nft_table *table, const struct nlattr *expression, bool is_declared)
{
	const struct nft_decoder like = {.table = table, .is_declaration = is_declared};
	const struct nlattr *attrs[NFTA_EXPR_MAX + 1];

	nl_parse_nested(expression, attrs, NFTA_EXPR_MAX + 1);
	return decode_alone(&like, nl_get_text(attrs[NFTA_EXPR_NAME]), attrs[NFTA_EXPR_DATA]);
}

void nft_statement_add(struct nft_decoder *decoder, const struct nlattr *expression, struct text *out)
{
	char *text = nft_decode_statement(decoder->table, expression, true);

	text_add(out, " %s", text ? text : "");
	decoder->failed = decoder->failed || !text;
	free(text);
}

char *nft_decode_object(const struct nft_table *table, uint32_t type, const struct nlattr *data)
{
	const struct nft_decoder like = {.table = table, .is_object = true};
	const char *name = nft_object_name(type);
	char *text = decode_alone(&like, name, data);
	size_t size = strlen(name);

	/* "counter packets 0 bytes 0": the object's kind is said where it is declared */
	if (text && strncmp(text, name, size) == 0 && text[size] == ' ')
		memmove(text, text + size + 1, strlen(text + size + 1) + 1);
	return text;
}

bool nft_verdict_format(struct text *out, const struct nlattr *data)
{
	static const struct {
		int32_t code;
		const char *name;
	} verdicts[] = {{NF_ACCEPT, "accept"}, {NF_DROP, "drop"},      {NFT_CONTINUE, "continue"},
	                {NFT_BREAK, "break"},  {NFT_RETURN, "return"}, {NFT_JUMP, "jump"},
	                {NFT_GOTO, "goto"},    {NF_QUEUE, "queue"}};
	const struct nlattr *parts[NFTA_DATA_MAX + 1], *verdict[NFTA_VERDICT_MAX + 1];
	int32_t code;

	nl_parse_nested(data, parts, NFTA_DATA_MAX + 1);
	nl_parse_nested(parts[NFTA_DATA_VERDICT], verdict, NFTA_VERDICT_MAX + 1);
	if (!verdict[NFTA_VERDICT_CODE])
		return false;
	code = (int32_t)nl_get_be32(verdict[NFTA_VERDICT_CODE]);
	for (size_t i = 0; i < ARRAY_COUNT(verdicts); i++) {
		if (verdicts[i].code != code)
			continue;
		text_add(out, "%s", verdicts[i].name);
		if (code == NFT_JUMP || code == NFT_GOTO)
			text_add(out, " %s", nl_get_text(verdict[NFTA_VERDICT_CHAIN]));
		return true;
	}
	return false;
}
