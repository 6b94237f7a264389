/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a rule's expressions to its text.
 *
 * DOC: Theory of Operation
 *
 * A rule is a list of expressions (`nft --debug=netlink` shows them): some load a value into a register, some
 * change what is in one, some compare it or use it. To get back what was written, each register here holds an
 * operand: the text of what it was loaded with, or a place in the packet, and how the values that it is
 * compared with are to be read. An expression that uses a register takes the operand and adds a part to the
 * rule's text. So
 *
 *	[ meta load l4proto => reg 1 ]  [ cmp eq reg 1 0x00000006 ]
 *	[ payload load 2b @ transport header + 2 => reg 1 ]  [ cmp eq reg 1 0x00001600 ]
 *
 * is "meta l4proto tcp", which makes the transport header known, and "tcp dport 22", which implies the first
 * part and therefore takes it away. A part is taken away only when a later one says the same.
 *
 * Registers are 16 words of 4 bytes; an operand lies at its first word. Side by side they are a
 * concatenation.
 *
 * Caveats: an expression that is not known may have written any register, so that all are forgotten.
 */
#ifndef NSRELAY_NSCTL_NFT_NFT_DECODE_H
#define NSRELAY_NSCTL_NFT_NFT_DECODE_H

#include "nsctl/nft/nft.h"
#include "nsctl/nft/nft_field.h"

/* nft_decode_rule - the text of NFTA_RULE_EXPRESSIONS in @table; allocated. NULL: no memory. */
char *nft_decode_rule(const struct nft_table *table, const struct nlattr *expressions);

/*
 * nft_decode_statement - the text of one expression that needs no registers: of a set or its element. NULL:
 * no memory.
 * @is_declared: of what elements will get, which has counted nothing yet
 */
char *nft_decode_statement(const struct nft_table *table, const struct nlattr *expression, bool is_declared);

/* nft_decode_object - the text of an object's NFTA_OBJ_DATA; allocated. NULL: no memory. */
char *nft_decode_object(const struct nft_table *table, uint32_t type, const struct nlattr *data);

/* nft_verdict_format - "accept", "jump x"; false, and nothing written, when @data is no verdict
 * (NFTA_DATA_VERDICT) */
bool nft_verdict_format(struct text *out, const struct nlattr *data);

/* ---- between the files of the decoder ---- */

enum nft_operand_kind { NFT_OPERAND_NONE, NFT_OPERAND_TEXT, NFT_OPERAND_CONSTANT, NFT_OPERAND_PLACE };

/* Bits of a header. */
struct nft_place {
	enum nft_header header; /* of an exthdr expression; NFT_HEADER_NONE: as base says, and what is known
	                           of the packet */
	uint32_t base;          /* NFT_PAYLOAD_... */
	uint32_t bit, bit_count;
};

/* What is in a register. */
struct nft_operand {
	enum nft_operand_kind kind;
	bool is_used;
	struct text text; /* NFT_OPERAND_TEXT; and what comes before the field's name in a place of an exthdr
	                     expression */
	struct nft_slots slots; /* NFT_OPERAND_TEXT: how to read what it is compared with */
	enum nft_tells tells;
	struct nft_data constant;
	struct nft_place place;
	struct nft_data mask; /* size 0: none. In network order. */
	struct nft_data
	        turned; /* NFT_OPERAND_PLACE: bits turned over once masked; size 0: none. In network order. */
	uint8_t shift_right;
	bool is_network_order; /* a byteorder expression made it so */
	uint32_t size;         /* [bytes] */
};

/* What is compared, from one operand or several. */
struct nft_subject {
	struct text text;
	struct nft_slots slots;
	struct nft_data mask; /* still to be applied; size 0: none. In network order. */
	enum nft_tells tells;
	enum nft_header header;            /* the field is in, if it is one */
	const struct nft_operand *operand; /* the only one; NULL: several */
};

enum nft_layer { NFT_LAYER_LINK, NFT_LAYER_NETWORK, NFT_LAYER_TRANSPORT, NFT_LAYER_COUNT };

struct nft_decoder {
	const struct nft_table *table;
	struct nft_operand words[NFT_REG32_COUNT];
	VEC(struct text) parts;
	enum nft_header headers[NFT_LAYER_COUNT]; /* what is known of the packet */
	bool has_vlan;
	bool is_declaration;             /* nothing has been counted yet */
	bool is_object;                  /* what a rule has on one line, it has on several */
	size_t implied[NFT_LAYER_COUNT]; /* 1 + the part that told so; 0: none that may be taken away */
	size_t span;                     /* 1 + the part that says >= of what the next may say <= of */
	bool failed;                     /* no memory */
	struct text nowhere;             /* for what there is no memory to keep */
};

typedef bool nft_decode_fn(struct nft_decoder *decoder, const struct nlattr *const attrs[]);

/* NFTA_..._MAX + 1 of the expression that has most */
enum { NFT_EXPR_ATTRS = 16 };

struct nft_expression {
	const char *name;
	nft_decode_fn *decode; /* false: not understood, nothing done */
};

/* Each file's own; the last has no name. */
extern const struct nft_expression nft_loads[], nft_matches[], nft_statements[], nft_nats[];

/* nft_part - begin the next part of the rule. Never NULL: without memory it is one that is thrown away. */
struct text *nft_part(struct nft_decoder *decoder);

/* nft_load - put a new, empty operand of @size bytes into the register that @attr names; NULL: no such
 * register */
struct nft_operand *nft_load(struct nft_decoder *decoder, const struct nlattr *attr, uint32_t size);

/* nft_load_typed - the same, of one value of type @id with that text */
struct nft_operand *nft_load_typed(struct nft_decoder *decoder, const struct nlattr *attr,
                                   enum nft_type_id id, const char *text);

/* nft_operand - what is in the register that @attr names; NULL: nothing */
struct nft_operand *nft_operand(struct nft_decoder *decoder, const struct nlattr *attr);

/*
 * nft_subject_init - what is in a register, up to @size bytes (0: of the one operand); false: nothing is
 * Operands become used, and what their text implies is taken away.
 */
bool nft_subject_init(struct nft_decoder *decoder, const struct nlattr *attr, uint32_t size,
                      struct nft_subject *ret);
bool nft_subject_of_operand(struct nft_decoder *decoder, struct nft_operand *operand,
                            struct nft_subject *ret);
void nft_subject_fini(struct nft_subject *subject);

/* nft_source_format - write what a statement takes from a register, a constant of type @id or the operand's
 * text */
bool nft_source_format(struct nft_decoder *decoder, const struct nlattr *attr, enum nft_type_id id,
                       struct text *out);

/* nft_header_of_place - which header it is in, as far as is known */
enum nft_header nft_header_of_place(const struct nft_decoder *decoder, const struct nft_place *place);

/* nft_learn - that @subject has @value, as @part says, is the case from here on */
void nft_learn(struct nft_decoder *decoder, const struct nft_subject *subject, uint64_t value, size_t part);

/* nft_imply - what is being written says that the packet has @header: what said so before is taken away */
void nft_imply(struct nft_decoder *decoder, enum nft_header header);

/*
 * nft_boolean_add - (x & mask) ^ turned, taken apart as nft does: `|` sets bits that the mask clears
 * Both in network order.
 */
void nft_boolean_add(struct text *out, const struct nft_type *type, const struct nft_data *mask,
                     const struct nft_data *turned);

/* nft_statement_add - as nft_decode_statement() of a declaration, onto @out */
void nft_statement_add(struct nft_decoder *decoder, const struct nlattr *expression, struct text *out);

#endif
