/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's numbers as ip(8) calls them; a number without a name stays one. */
#ifndef NSRELAY_APP_TEXT_WORDS_H
#define NSRELAY_APP_TEXT_WORDS_H

#include <stddef.h>
#include <stdint.h>

enum words {
	WORDS_ROUTE_TYPE,       /* RTN_... */
	WORDS_PROTOCOL,         /* RTPROT_..., TOPOLOGY_PROTOCOL */
	WORDS_SCOPE,            /* RT_SCOPE_... */
	WORDS_TABLE,            /* RT_TABLE_... */
	WORDS_RULE,             /* FR_ACT_... */
	WORDS_LINK_FLAG,        /* IFF_..., bits */
	WORDS_ADDRESS_FLAG,     /* IFA_F_..., bits; none for the usual IFA_F_PERMANENT */
	WORDS_ADDRESS_PROTOCOL, /* IFAPROT_..., TOPOLOGY_PROTOCOL */
	WORDS_COUNT,
};

enum { WORDS_TEXT_MAX = 256 };

/* words_name - of one number. Returns @buf, or a constant. */
const char *words_name(enum words kind, uint32_t value, char *buf, size_t size);

/* words_each - call @tell for each of the bits that has a name */
void words_each(enum words kind, uint32_t bits, void (*tell)(void *ctx, const char *word), void *ctx);

/* words_list - the same, with commas between them. Returns @buf. */
const char *words_list(enum words kind, uint32_t bits, char *buf, size_t size);

#endif
