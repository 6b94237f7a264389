/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions that compare what is in registers, change it, or look it up. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "nsctl/nft/nft_decode.h"

/* ---- immediate ---- */

static bool decode_immediate(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	struct nft_data data = nft_data_get(attrs[NFTA_IMMEDIATE_DATA]);
	struct nft_operand *operand;
	struct text verdict = {0};

	if (data.size) {
		operand = nft_load(decoder, attrs[NFTA_IMMEDIATE_DREG], data.size);
		if (!operand)
			return false;
		operand->kind = NFT_OPERAND_CONSTANT;
		operand->constant = data;
		return true;
	}
	if (!nft_verdict_format(&verdict, attrs[NFTA_IMMEDIATE_DATA]))
		return false;
	text_add(nft_part(decoder), "%s", text_get(&verdict));
	text_fini(&verdict);
	return true;
}

/* ---- cmp ---- */

static const char *const comparisons[] = {
        [NFT_CMP_EQ] = "",     [NFT_CMP_NEQ] = "!= ", [NFT_CMP_LT] = "< ",
        [NFT_CMP_LTE] = "<= ", [NFT_CMP_GT] = "> ",   [NFT_CMP_GTE] = ">= "};

struct comparison {
	uint32_t op;
	struct nft_data raw;
	struct nft_data value; /* in network order */
};

/* compare_flags - data & mask, of a type that has names for bits */
static void compare_flags(struct text *out, const struct nft_type *type, const struct comparison *comparison,
                          const struct nft_data *mask)
{
	if (nft_data_is_zero(&comparison->value)) {
		text_add(out, "%s", comparison->op == NFT_CMP_EQ ? "! " : "");
		nft_value_format(out, type, mask, ",");
		return;
	}
	text_add(out, "%s", comparisons[comparison->op]);
	nft_value_format(out, type, &comparison->value, ",");
	text_add(out, " / ");
	nft_value_format(out, type, mask, ",");
}

static void compare_masked(struct text *out, const struct nft_type *type, const struct comparison *comparison,
                           const struct nft_data *mask)
{
	if (type->is_flags && comparison->op <= NFT_CMP_NEQ) {
		text_add(out, " ");
		compare_flags(out, type, comparison, mask);
		return;
	}
	if (type->has_prefixes && nft_data_prefix(mask) >= 0 && comparison->op <= NFT_CMP_NEQ) {
		text_add(out, " %s", comparisons[comparison->op]);
		nft_value_format(out, type, &comparison->value, ",");
		text_add(out, "/%d", nft_data_prefix(mask));
		return;
	}
	text_add(out, " & ");
	nft_value_format(out, type, mask, " | ");
	text_add(out, " %s", comparison->op == NFT_CMP_EQ ? "== " : comparisons[comparison->op]);
	nft_value_format(out, type, &comparison->value, ",");
}

/* compare_name - of a link; fewer bytes than a name has, none of them NUL, are its beginning: "eth*" */
static void compare_name(struct text *out, const struct comparison *comparison)
{
	struct nft_data name = comparison->value;

	text_add(out, " %s", comparisons[comparison->op]);
	if (name.size < IFNAMSIZ && !memchr(name.bytes, '\0', name.size))
		name.bytes[name.size++] = '*';
	nft_quote(out, (const char *)name.bytes, name.size);
}

static void compare(struct text *out, const struct nft_subject *subject, const struct comparison *comparison)
{
	const struct nft_type *type = subject->slots.items[0].type;
	bool is_plain_flags = type->is_flags && comparison->op == NFT_CMP_EQ;

	text_add(out, "%s", text_get(&subject->text));
	if (subject->mask.size) {
		compare_masked(out, type, comparison, &subject->mask);
	} else if (type == nft_type(NFT_TYPE_IFNAME) || type == nft_type(NFT_TYPE_STRING)) {
		compare_name(out, comparison);
	} else {
		text_add(out, " %s", is_plain_flags ? "== " : comparisons[comparison->op]);
		nft_slots_format(out, &subject->slots, &comparison->raw, NULL);
	}
}

/* note_span - `>= a` right before `<= b` of the same is `a-b`; true: done */
static bool note_span(struct nft_decoder *decoder, const struct nft_subject *subject,
                      const struct comparison *comparison)
{
	struct text *before, span = {0};
	size_t at = decoder->span, size = subject->text.size;

	decoder->span = comparison->op == NFT_CMP_GTE && !subject->mask.size ? decoder->parts.count + 1 : 0;
	if (comparison->op != NFT_CMP_LTE || at == 0 || at != decoder->parts.count || subject->mask.size)
		return false;
	before = &decoder->parts.items[at - 1];
	if (strncmp(text_get(before), text_get(&subject->text), size) != 0 ||
	    strncmp(text_get(before) + size, " >= ", 4) != 0)
		return false;
	text_add(&span, "%s %s-", text_get(&subject->text), text_get(before) + size + 4);
	nft_slots_format(&span, &subject->slots, &comparison->raw, NULL);
	text_fini(before);
	*before = span;
	return true;
}

/* widen - fewer bytes than an address has are those of a prefix */
static void widen(struct nft_subject *subject, struct nft_data *raw)
{
	const struct nft_type *type = subject->slots.items[0].type;

	if (subject->slots.count != 1 || subject->mask.size || !type->has_prefixes || raw->size >= type->size)
		return;
	subject->mask.size = type->size;
	memset(subject->mask.bytes, UINT8_MAX, raw->size);
	raw->size = type->size; /* the rest is 0 */
}

/* compare_subject - add the part of one comparison, and learn from it */
static void compare_subject(struct nft_decoder *decoder, struct nft_subject *subject, uint32_t op,
                            const struct nft_data *raw)
{
	struct comparison comparison = {.op = op, .raw = *raw};
	struct text part = {0};

	widen(subject, &comparison.raw);
	comparison.value = nft_data_network(&subject->slots.items[0], &comparison.raw);
	if (note_span(decoder, subject, &comparison))
		return;
	compare(&part, subject, &comparison);
	*nft_part(decoder) = part;
	if (op == NFT_CMP_EQ && !subject->mask.size)
		nft_learn(decoder, subject, nft_data_number(&comparison.value), decoder->parts.count - 1);
}

/* ---- cmp of several fields at once ---- */

/*
 * next_piece - the field that @place begins with; of an address that goes on behind @place, all of it
 * False: there is no such field.
 */
static bool next_piece(enum nft_header header, const struct nft_place *place, struct nft_place *ret)
{
	const struct nft_field *field = nft_field_at(header, place->bit, place->bit_count);

	if (!field) {
		field = nft_field_around(header, place->bit, place->bit_count);
		if (!field || !nft_type(field->type)->has_prefixes)
			return false;
	}
	*ret = *place;
	ret->bit_count = field->bit_count;
	return true;
}

static void skip_piece(struct nft_place *place, const struct nft_place *piece)
{
	uint32_t skipped = piece->bit_count < place->bit_count ? piece->bit_count : place->bit_count;

	place->bit += skipped;
	place->bit_count -= skipped;
}

/* count_pieces - 0: it is not made of fields alone */
static size_t count_pieces(enum nft_header header, struct nft_place place)
{
	struct nft_place piece;
	size_t count = 0;

	for (; place.bit_count > 0; count++) {
		if (!next_piece(header, &place, &piece))
			return 0;
		skip_piece(&place, &piece);
	}
	return count;
}

/* compare_piece - of which @size bytes are compared: for an address that is longer, a prefix */
static void compare_piece(struct nft_decoder *decoder, const struct nft_place *piece, uint32_t op,
                          const uint8_t *bytes, size_t size)
{
	struct nft_operand operand = {
	        .kind = NFT_OPERAND_PLACE, .place = *piece, .size = piece->bit_count / 8};
	struct nft_data value = {.size = (uint8_t)operand.size};
	struct nft_subject subject;

	memcpy(value.bytes, bytes, size);
	if (size < operand.size) {
		operand.mask.size = value.size;
		memset(operand.mask.bytes, UINT8_MAX, size);
	}
	if (!nft_subject_of_operand(decoder, &operand, &subject))
		return;
	compare_subject(decoder, &subject, op, &value);
	nft_subject_fini(&subject);
}

/*
 * compare_pieces - nft compares fields that are side by side at once, and of an address only the bytes of its
 * prefix False: that is not the case here.
 */
static bool compare_pieces(struct nft_decoder *decoder, struct nft_operand *operand, uint32_t op,
                           const struct nft_data *data)
{
	enum nft_header header = nft_header_of_place(decoder, &operand->place);
	struct nft_place place = operand->place, piece;
	const uint8_t *bytes = data->bytes;
	size_t count = count_pieces(header, place);

	if (place.header != NFT_HEADER_NONE || data->size * 8u != place.bit_count || operand->mask.size ||
	    op > NFT_CMP_NEQ || count == 0 || (count > 1 && op != NFT_CMP_EQ))
		return false;
	operand->is_used = true;
	while (place.bit_count > 0 && next_piece(header, &place, &piece)) {
		uint32_t size = (piece.bit_count < place.bit_count ? piece.bit_count : place.bit_count) / 8;

		compare_piece(decoder, &piece, op, bytes, size);
		bytes += size;
		skip_piece(&place, &piece);
	}
	return true;
}

static bool decode_cmp(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	struct nft_operand *operand = nft_operand(decoder, attrs[NFTA_CMP_SREG]);
	struct nft_data data = nft_data_get(attrs[NFTA_CMP_DATA]);
	uint32_t op = nl_get_be32(attrs[NFTA_CMP_OP]);
	struct nft_subject subject;

	if (!operand || data.size == 0 || op >= ARRAY_COUNT(comparisons))
		return false;
	if (operand->kind == NFT_OPERAND_PLACE && compare_pieces(decoder, operand, op, &data))
		return true;
	if (!nft_subject_init(decoder, attrs[NFTA_CMP_SREG], data.size, &subject))
		return false;
	compare_subject(decoder, &subject, op, &data);
	nft_subject_fini(&subject);
	return true;
}

/* ---- range ---- */

static bool decode_range(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	struct nft_data from = nft_data_get(attrs[NFTA_RANGE_FROM_DATA]),
	                to = nft_data_get(attrs[NFTA_RANGE_TO_DATA]);
	bool is_inverted = nl_get_be32(attrs[NFTA_RANGE_OP]) == NFT_RANGE_NEQ;
	struct nft_subject subject;
	struct text *part;

	if (from.size == 0 || from.size != to.size ||
	    !nft_subject_init(decoder, attrs[NFTA_RANGE_SREG], from.size, &subject))
		return false;
	part = nft_part(decoder);
	text_add(part, "%s %s", text_get(&subject.text), is_inverted ? "!= " : "");
	nft_slots_format(part, &subject.slots, &from, &to);
	nft_subject_fini(&subject);
	return true;
}

/* ---- lookup ---- */

/* key_slots - the set says the type, unless that is a mere number; the register says the bytes' order */
static struct nft_slots key_slots(const struct nft_set *set, const struct nft_subject *subject)
{
	struct nft_slots slots = nft_slots_of_type(set->key_type);

	if (slots.count != subject->slots.count)
		return slots;
	for (size_t i = 0; i < slots.count; i++) {
		const struct nft_slot *own = &subject->slots.items[i];
		struct nft_slot *slot = &slots.items[i];

		if (slot->type == nft_type(NFT_TYPE_INTEGER) || slot->type == nft_type(NFT_TYPE_HEX))
			*slot = *own;
		slot->big_endian = own->big_endian;
		slot->shift = own->shift;
		slot->size = slot->size ? slot->size : own->size;
	}
	return slots;
}

/* add_set - "@name", or the elements of one without a name */
static void add_set(struct text *out, const struct nft_set *set, const char *name,
                    const struct nft_subject *subject)
{
	struct nft_slots slots;

	if (!set || !(set->flags & NFT_SET_ANONYMOUS)) {
		text_add(out, "@%s", name);
		return;
	}
	slots = key_slots(set, subject);
	nft_elements_format(out, set, &slots);
}

/* load_from_map - what a map gives goes on as an operand */
static bool load_from_map(struct nft_decoder *decoder, const struct nlattr *attr, const struct nft_set *set,
                          struct text *text)
{
	struct nft_operand *operand = nft_load(decoder, attr, set ? set->data_size : NFT_REG32_SIZE);

	if (!operand) {
		text_fini(text);
		return false;
	}
	operand->kind = NFT_OPERAND_TEXT;
	operand->text = *text;
	operand->slots = nft_slots_of_type(set ? set->data_type : NFT_TYPE_HEX);
	return true;
}

static bool decode_lookup(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	const char *name = nl_get_text(attrs[NFTA_LOOKUP_SET]);
	const struct nft_set *set = nft_find_set(decoder->table, name);
	bool is_inverted = nl_get_be32(attrs[NFTA_LOOKUP_FLAGS]) & NFT_LOOKUP_F_INV;
	bool is_map = attrs[NFTA_LOOKUP_DREG],
	     is_verdict = is_map && nl_get_be32(attrs[NFTA_LOOKUP_DREG]) == NFT_REG_VERDICT;
	struct nft_subject subject;
	struct text text = {0};

	if (!nft_subject_init(decoder, attrs[NFTA_LOOKUP_SREG], set ? set->key_size : 0, &subject))
		return false;
	text_add(&text, "%s %s", text_get(&subject.text),
	         is_verdict    ? "vmap "
	         : is_map      ? "map "
	         : is_inverted ? "!= "
	                       : "");
	if (subject.mask.size) {
		text_add(&text, "& ");
		nft_value_format(&text, subject.slots.items[0].type, &subject.mask, " | ");
		text_add(&text, " ");
	}
	add_set(&text, set, name, &subject);
	nft_subject_fini(&subject);
	if (is_map && !is_verdict)
		return load_from_map(decoder, attrs[NFTA_LOOKUP_DREG], set, &text);
	*nft_part(decoder) = text;
	return true;
}

/* ---- bitwise and byteorder ---- */

/* network_of - a mask as it is in the kernel, in network order */
static struct nft_data network_of(const struct nft_slots *slots, const struct nft_data *raw)
{
	struct nft_slot slot = slots->items[0];

	slot.shift = 0;
	return nft_data_network(&slot, raw);
}

/* move_operand - out of its register, which becomes empty, for another or the same one */
static struct nft_operand move_operand(struct nft_operand *operand)
{
	struct nft_operand moved = *operand;

	*operand = (struct nft_operand){.kind = NFT_OPERAND_NONE};
	return moved;
}

/* replace - put @operand into the register that @attr names; takes it */
static bool replace(struct nft_decoder *decoder, const struct nlattr *attr, struct nft_operand *operand)
{
	struct nft_operand *to = nft_load(decoder, attr, operand->size);

	if (to)
		*to = *operand;
	else
		text_fini(&operand->text);
	return to != NULL;
}

/* replace_text - the same, with what @subject says and @change; takes the subject */
static bool replace_text(struct nft_decoder *decoder, const struct nlattr *attr, struct nft_subject *subject,
                         struct text *change, uint32_t size)
{
	struct nft_operand operand = {
	        .kind = NFT_OPERAND_TEXT, .text = subject->text, .slots = subject->slots, .size = size};

	text_add(&operand.text, "%s", text_get(change));
	text_fini(change);
	return replace(decoder, attr, &operand);
}

/* Text of a subject whose mask was put off: it is applied before anything else. */
static void settle_mask(struct nft_subject *subject)
{
	if (!subject->mask.size)
		return;
	text_add(&subject->text, " & ");
	nft_value_format(&subject->text, subject->slots.items[0].type, &subject->mask, " | ");
	subject->mask.size = 0;
}

static bool decode_shift(struct nft_decoder *decoder, const struct nlattr *const attrs[],
                         struct nft_operand *operand)
{
	struct nft_data raw = nft_data_get(attrs[NFTA_BITWISE_DATA]);
	bool is_left = nl_get_be32(attrs[NFTA_BITWISE_OP]) == NFT_BITWISE_LSHIFT;
	uint32_t bit_count = 0, size = operand->size;
	struct nft_subject subject;
	struct text change = {0};

	if (raw.size != sizeof(bit_count) || operand->kind == NFT_OPERAND_CONSTANT)
		return false;
	memcpy(&bit_count, raw.bytes, sizeof(bit_count));
	if (operand->kind == NFT_OPERAND_PLACE && operand->mask.size && !operand->turned.size && !is_left &&
	    bit_count < 32) {
		struct nft_operand moved = move_operand(operand);

		moved.shift_right = (uint8_t)(moved.shift_right + bit_count);
		return replace(decoder, attrs[NFTA_BITWISE_DREG], &moved);
	}
	if (!nft_subject_of_operand(decoder, operand, &subject))
		return false;
	settle_mask(&subject);
	text_add(&change, " %s %u", is_left ? "<<" : ">>", bit_count);
	return replace_text(decoder, attrs[NFTA_BITWISE_DREG], &subject, &change, size);
}

/*
 * put_off - wait for what the result is used for
 * By what it is compared with, a mask may be a prefix, flags or a field; written back, the bits that change
 * may be a field.
 */
static bool put_off(struct nft_decoder *decoder, const struct nlattr *attr, struct nft_operand *operand,
                    const struct nft_data *mask, const struct nft_data *turned)
{
	struct nft_operand moved = move_operand(operand);

	moved.mask = *mask;
	if (!nft_data_is_zero(turned))
		moved.turned = *turned;
	return replace(decoder, attr, &moved);
}

static bool decode_bitwise(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	struct nft_operand *operand = nft_operand(decoder, attrs[NFTA_BITWISE_SREG]);
	struct nft_data raw_mask = nft_data_get(attrs[NFTA_BITWISE_MASK]),
	                raw_turned = nft_data_get(attrs[NFTA_BITWISE_XOR]);
	struct nft_slots slots = {.items[0].big_endian = true, .count = 1};
	struct nft_data mask, turned;
	struct nft_subject subject;
	struct text change = {0};
	uint32_t size = raw_mask.size;

	if (!operand || operand->kind == NFT_OPERAND_CONSTANT)
		return false;
	if (nl_get_be32(attrs[NFTA_BITWISE_OP]) != NFT_BITWISE_MASK_XOR)
		return decode_shift(decoder, attrs, operand);
	if (size == 0 || size != raw_turned.size)
		return false;
	if (operand->kind == NFT_OPERAND_TEXT)
		slots = operand->slots;
	slots.items[0].big_endian = slots.items[0].big_endian || operand->is_network_order;
	mask = network_of(&slots, &raw_mask);
	turned = network_of(&slots, &raw_turned);
	if (!operand->mask.size && operand->size == size &&
	    (nft_data_is_zero(&turned) || operand->kind == NFT_OPERAND_PLACE))
		return put_off(decoder, attrs[NFTA_BITWISE_DREG], operand, &mask, &turned);
	if (!nft_subject_init(decoder, attrs[NFTA_BITWISE_SREG], size, &subject))
		return false;
	settle_mask(&subject);
	nft_boolean_add(&change, subject.slots.items[0].type, &mask, &turned);
	return replace_text(decoder, attrs[NFTA_BITWISE_DREG], &subject, &change, size);
}

static bool decode_byteorder(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	struct nft_operand *operand = nft_operand(decoder, attrs[NFTA_BYTEORDER_SREG]);
	struct nft_operand moved;

	if (!operand || operand->kind == NFT_OPERAND_CONSTANT)
		return false;
	moved = move_operand(operand);
	moved.is_network_order = nl_get_be32(attrs[NFTA_BYTEORDER_OP]) == NFT_BYTEORDER_HTON;
	return replace(decoder, attrs[NFTA_BYTEORDER_DREG], &moved);
}

/* ---- dynset and objref ---- */

static void add_dynamic_expressions(struct nft_decoder *decoder, const struct nlattr *const attrs[],
                                    struct text *out)
{
	const struct nlattr *expression;

	if (attrs[NFTA_DYNSET_EXPRESSIONS])
		mnl_attr_for_each_nested(expression, attrs[NFTA_DYNSET_EXPRESSIONS])
		        nft_statement_add(decoder, expression, out);
	else if (attrs[NFTA_DYNSET_EXPR])
		nft_statement_add(decoder, attrs[NFTA_DYNSET_EXPR], out);
}

static bool decode_dynset(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	static const char *const operations[] = {[NFT_DYNSET_OP_ADD] = "add",
	                                         [NFT_DYNSET_OP_UPDATE] = "update",
	                                         [NFT_DYNSET_OP_DELETE] = "delete"};
	const char *name = nl_get_text(attrs[NFTA_DYNSET_SET_NAME]);
	const struct nft_set *set = nft_find_set(decoder->table, name);
	uint32_t op = nl_get_be32(attrs[NFTA_DYNSET_OP]);
	struct nft_subject key;
	struct text text = {0}, data = {0};

	if (op >= ARRAY_COUNT(operations) ||
	    (attrs[NFTA_DYNSET_SREG_DATA] &&
	     !nft_source_format(decoder, attrs[NFTA_DYNSET_SREG_DATA], set ? set->data_type : NFT_TYPE_HEX,
	                        &data)) ||
	    !nft_subject_init(decoder, attrs[NFTA_DYNSET_SREG_KEY], set ? set->key_size : 0, &key)) {
		text_fini(&data);
		return false;
	}
	settle_mask(&key);
	text_add(&text, "%s @%s { %s", operations[op], name, text_get(&key.text));
	nft_subject_fini(&key);
	if (nl_get_be64(attrs[NFTA_DYNSET_TIMEOUT])) {
		text_add(&text, " timeout ");
		nft_duration_format(&text, nl_get_be64(attrs[NFTA_DYNSET_TIMEOUT]));
	}
	add_dynamic_expressions(decoder, attrs, &text);
	text_add(&text, "%s%s }", data.size ? " : " : "", text_get(&data));
	text_fini(&data);
	*nft_part(decoder) = text;
	return true;
}

/* objref_words - how a rule refers to an object of that kind */
static const char *objref_words(uint32_t type)
{
	static const char *const words[NFT_OBJECT_MAX + 1] = {
	        [NFT_OBJECT_COUNTER] = "counter name",         [NFT_OBJECT_QUOTA] = "quota name",
	        [NFT_OBJECT_CT_HELPER] = "ct helper set",      [NFT_OBJECT_LIMIT] = "limit name",
	        [NFT_OBJECT_CT_TIMEOUT] = "ct timeout set",    [NFT_OBJECT_SECMARK] = "meta secmark set",
	        [NFT_OBJECT_CT_EXPECT] = "ct expectation set", [NFT_OBJECT_SYNPROXY] = "synproxy name"};

	return type <= NFT_OBJECT_MAX ? words[type] : NULL;
}

static bool decode_objref(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	const char *map = nl_get_text(attrs[NFTA_OBJREF_SET_NAME]);
	const struct nft_set *set = nft_find_set(decoder->table, map);
	const char *words = objref_words(set ? set->object_type : nl_get_be32(attrs[NFTA_OBJREF_IMM_TYPE]));
	struct nft_subject subject;
	struct text text = {0};

	if (!words)
		return false;
	text_add(&text, "%s ", words);
	if (attrs[NFTA_OBJREF_IMM_NAME]) {
		const char *name = nl_get_text(attrs[NFTA_OBJREF_IMM_NAME]);

		nft_quote(&text, name, strlen(name));
	} else if (set && nft_subject_init(decoder, attrs[NFTA_OBJREF_SET_SREG], set->key_size, &subject)) {
		text_add(&text, "%s map ", text_get(&subject.text));
		add_set(&text, set, map, &subject);
		nft_subject_fini(&subject);
	} else {
		text_fini(&text);
		return false;
	}
	*nft_part(decoder) = text;
	return true;
}

const struct nft_expression nft_matches[] = {
        {"immediate", decode_immediate}, {"cmp", decode_cmp},         {"range", decode_range},
        {"lookup", decode_lookup},       {"bitwise", decode_bitwise}, {"byteorder", decode_byteorder},
        {"dynset", decode_dynset},       {"objref", decode_objref},   {NULL, NULL}};
