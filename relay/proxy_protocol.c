/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/proxy_protocol.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

static const uint8_t signature_v1[] = {'P', 'R', 'O', 'X', 'Y', ' '};
static const uint8_t signature_v2[] = {'\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n'};

/* The bytes 13 and 14 of version 2: version and command, address family and transport. */
enum {
	V2_VERSION = 0x20,
	V2_LOCAL = 0,
	V2_PROXY = 1,
	V2_TCP4 = 0x11,
	V2_TCP6 = 0x21,
	V2_FAMILY_MAX = 3,    /* unix */
	V2_TRANSPORT_MAX = 2, /* datagrams */
	CHECKSUM_SIZE = 4,
};

static size_t address_size(int family)
{
	return family == AF_INET ? 4 : 16;
}

/* ---- decoding ---- */

/* A header while it is read. */
struct decoder {
	struct proxy_header *header;
	size_t size;     /* once it is complete */
	const char *why; /* it is malformed */
};

static enum proxy_result malformed(struct decoder *decoder, const char *why)
{
	decoder->why = why;
	return PROXY_MALFORMED;
}

static enum proxy_result complete(struct decoder *decoder, size_t size)
{
	decoder->size = size;
	return PROXY_COMPLETE;
}

/* begins - is @data the beginning of @signature, or the other way round? */
static bool begins(const uint8_t *data, size_t size, const uint8_t *signature, size_t signature_size)
{
	return memcmp(data, signature, size < signature_size ? size : signature_size) == 0;
}

/* next_word - cut the next word off a line whose words are parted by one space each; NULL: no more */
static const char *next_word(char **line)
{
	return strsep(line, " ");
}

/* read_port - a number as the protocol wants it: no sign, no leading zero */
static bool read_port(const char *word, uint16_t *ret)
{
	uint32_t number = 0;
	if (!word || !*word || (word[0] == '0' && word[1]))
		return false;
	for (; *word; word++) {
		if (*word < '0' || *word > '9')
			return false;
		number = number * 10 + (uint32_t)(*word - '0');
		if (number > UINT16_MAX)
			return false;
	}
	*ret = htons((uint16_t)number);
	return true;
}

static bool read_address(const char *word, int family, struct session_peer *ret)
{
	ret->family = (uint16_t)family;
	return word && inet_pton(family, word, ret->address) == 1;
}

/* decode_line - the words behind "PROXY " */
static enum proxy_result decode_line(struct decoder *decoder, char *line, size_t size)
{
	struct session_peer source = {0}, destination = {0};
	const char *word = next_word(&line);
	if (strcmp(word, "UNKNOWN") == 0) /* "the receiver must ignore anything presented before the CRLF" */
		return complete(decoder, size);
	int family = strcmp(word, "TCP4") == 0 ? AF_INET : strcmp(word, "TCP6") == 0 ? AF_INET6 : AF_UNSPEC;
	if (family == AF_UNSPEC)
		return malformed(decoder, "neither TCP4, TCP6 nor UNKNOWN");
	if (!read_address(next_word(&line), family, &source) || !read_address(next_word(&line), family, &destination))
		return malformed(decoder, "no address of its family");
	if (!read_port(next_word(&line), &source.port) || !read_port(next_word(&line), &destination.port))
		return malformed(decoder, "no port");
	if (line)
		return malformed(decoder, "more than two ports");
	decoder->header->source = source;
	decoder->header->destination = destination;
	return complete(decoder, size);
}

/* The line has to be printable: a word with a NUL in it would be taken for less than it is. */
static bool is_text(uint8_t byte)
{
	return byte >= ' ' && byte <= '~';
}

static enum proxy_result decode_v1(struct decoder *decoder, const uint8_t *data, size_t size)
{
	char line[PROXY_V1_MAX];
	size_t end = sizeof(signature_v1), limit = size < PROXY_V1_MAX ? size : PROXY_V1_MAX;
	while (end < limit && is_text(data[end]))
		end++;
	if (end + 1 >= PROXY_V1_MAX)
		return malformed(decoder, "a line of more than 107 bytes");
	if (end == limit)
		return PROXY_MORE;
	if (data[end] != '\r')
		return malformed(decoder, "a line with bytes that are no text");
	if (end + 1 == limit)
		return PROXY_MORE;
	if (data[end + 1] != '\n')
		return malformed(decoder, "a CR without LF");
	size_t length = end - sizeof(signature_v1);
	memcpy(line, data + sizeof(signature_v1), length);
	line[length] = '\0';
	return decode_line(decoder, line, end + 2);
}

static size_t get16(const uint8_t *data)
{
	return (size_t)data[0] << 8 | data[1];
}

static bool tlvs_are_whole(const uint8_t *tlvs, size_t size)
{
	while (size >= PROXY_TLV_FIXED) {
		size_t length = PROXY_TLV_FIXED + get16(tlvs + 1);
		if (length > size)
			return false;
		tlvs += length;
		size -= length;
	}
	return size == 0;
}

/* crc32c - RFC 3720, appendix B.4, of one more byte */
static uint32_t crc32c(uint32_t crc, uint8_t byte)
{
	crc ^= byte;
	for (int bit = 0; bit < 8; bit++)
		crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0); /* the Castagnoli polynomial, reflected */
	return crc;
}

/* checksum - of a whole header, in which the checksum itself, at @own, counts as zero */
static uint32_t checksum(const uint8_t *header, size_t size, size_t own)
{
	uint32_t crc = UINT32_MAX;
	for (size_t i = 0; i < size; i++)
		crc = crc32c(crc, i >= own && i < own + CHECKSUM_SIZE ? 0 : header[i]);
	return ~crc;
}

/* checksum_is_right - is it, in the @size bytes of @header, whose entries begin at @at and are whole? Without one it is. */
static bool checksum_is_right(const uint8_t *header, size_t size, size_t at)
{
	while (at < size && header[at] != PROXY_TLV_CRC32C)
		at += PROXY_TLV_FIXED + get16(header + at + 1);
	if (at == size)
		return true;
	if (get16(header + at + 1) != CHECKSUM_SIZE)
		return false;
	const uint8_t *value = header + at + PROXY_TLV_FIXED;
	uint32_t told = (uint32_t)get16(value) << 16 | (uint32_t)get16(value + 2);
	return checksum(header, size, at + PROXY_TLV_FIXED) == told;
}

/* decode_block - addresses of @family and what follows them */
static enum proxy_result decode_block(struct decoder *decoder, int family, const uint8_t *block, size_t size)
{
	size_t address = address_size(family), addresses = 2 * address + 4;
	struct proxy_header header = {.source.family = (uint16_t)family, .destination.family = (uint16_t)family};
	if (size < addresses)
		return malformed(decoder, "no room for its addresses");
	memcpy(header.source.address, block, address);
	memcpy(header.destination.address, block + address, address);
	memcpy(&header.source.port, block + 2 * address, 2);
	memcpy(&header.destination.port, block + 2 * address + 2, 2);
	header.tlvs = block + addresses;
	header.tlv_size = size - addresses;
	if (!tlvs_are_whole(header.tlvs, header.tlv_size))
		return malformed(decoder, "an entry that is longer than the header");
	if (!checksum_is_right(block - PROXY_V2_FIXED, PROXY_V2_FIXED + size, PROXY_V2_FIXED + addresses))
		return malformed(decoder, "a checksum that is wrong");
	*decoder->header = header;
	return complete(decoder, PROXY_V2_FIXED + size);
}

static enum proxy_result decode_v2(struct decoder *decoder, const uint8_t *data, size_t size)
{
	if (size < PROXY_V2_FIXED)
		return PROXY_MORE;
	uint8_t command = data[12] & 0x0f, kind = data[13];
	size_t block = get16(data + 14);
	if ((data[12] & 0xf0) != V2_VERSION || command > V2_PROXY)
		return malformed(decoder, "an unknown version or command");
	if (kind >> 4 > V2_FAMILY_MAX || (kind & 0x0f) > V2_TRANSPORT_MAX)
		return malformed(decoder, "an unknown address family or transport");
	if (PROXY_V2_FIXED + block > PROXY_V2_MAX)
		return malformed(decoder, "more than 4096 bytes");
	if (size < PROXY_V2_FIXED + block)
		return PROXY_MORE;
	if (command == V2_PROXY && (kind == V2_TCP4 || kind == V2_TCP6))
		return decode_block(decoder, kind == V2_TCP4 ? AF_INET : AF_INET6, data + PROXY_V2_FIXED, block);
	return complete(decoder, PROXY_V2_FIXED + block);
}

static enum proxy_result decode(struct decoder *decoder, const uint8_t *data, size_t size)
{
	if (size == 0)
		return PROXY_MORE;
	if (begins(data, size, signature_v2, sizeof(signature_v2)))
		return decode_v2(decoder, data, size);
	if (!begins(data, size, signature_v1, sizeof(signature_v1)))
		return PROXY_NO_HEADER;
	return size < sizeof(signature_v1) ? PROXY_MORE : decode_v1(decoder, data, size);
}

enum proxy_result proxy_decode(const uint8_t *data, size_t size, struct proxy_header *ret, size_t *ret_size,
			       const char **ret_why)
{
	struct decoder decoder = {.header = ret};
	*ret = (struct proxy_header){0};
	enum proxy_result result = decode(&decoder, data, size);
	if (result == PROXY_COMPLETE)
		*ret_size = decoder.size;
	else if (result == PROXY_MALFORMED)
		*ret_why = decoder.why;
	return result;
}

/* ---- encoding ---- */

/* told_family - the family in which both ends of the copy @header can be told; AF_UNSPEC: in none */
static int told_family(struct proxy_header *header)
{
	if (peer_is_mapped(&header->source) && peer_is_mapped(&header->destination)) {
		peer_unmap(&header->source);
		peer_unmap(&header->destination);
	}
	int family = header->source.family;
	bool told = family == header->destination.family && (family == AF_INET || family == AF_INET6);
	return told ? family : AF_UNSPEC;
}

size_t proxy_encode_v1(const struct proxy_header *header, uint8_t buf[PROXY_V1_MAX])
{
	char text[PROXY_V1_MAX + 1], source[INET6_ADDRSTRLEN] = "", destination[INET6_ADDRSTRLEN] = "";
	struct proxy_header told = *header;
	int family = told_family(&told), size;
	if (family == AF_UNSPEC) {
		size = snprintf(text, sizeof(text), "PROXY UNKNOWN\r\n");
	} else {
		inet_ntop(family, told.source.address, source, sizeof(source));
		inet_ntop(family, told.destination.address, destination, sizeof(destination));
		size = snprintf(text, sizeof(text), "PROXY %s %s %s %u %u\r\n", family == AF_INET ? "TCP4" : "TCP6", source,
				destination, ntohs(told.source.port), ntohs(told.destination.port));
	}
	CHECK(size > 0 && size <= PROXY_V1_MAX);
	memcpy(buf, text, (size_t)size);
	return (size_t)size;
}

/* put - append @size bytes at @buf; where the next go */
static uint8_t *put(uint8_t *buf, const void *data, size_t size)
{
	if (size > 0)
		memcpy(buf, data, size);
	return buf + size;
}

static uint8_t *put16(uint8_t *buf, size_t number)
{
	CHECK(number <= UINT16_MAX);
	*buf++ = (uint8_t)(number >> 8);
	*buf++ = (uint8_t)number;
	return buf;
}

static uint8_t *put_addresses(uint8_t *buf, const struct proxy_header *header, int family)
{
	buf = put(buf, header->source.address, address_size(family));
	buf = put(buf, header->destination.address, address_size(family));
	buf = put(buf, &header->source.port, sizeof(header->source.port));
	return put(buf, &header->destination.port, sizeof(header->destination.port));
}

static uint8_t *put_tlvs(uint8_t *buf, const struct proxy_header *header, const char *netns)
{
	for (size_t at = 0, length; at < header->tlv_size; at += length) {
		const uint8_t *tlv = header->tlvs + at;
		length = PROXY_TLV_FIXED + get16(tlv + 1);
		if (tlv[0] == PROXY_TLV_NETNS)
			netns = NULL;
		if (tlv[0] != PROXY_TLV_CRC32C)
			buf = put(buf, tlv, length);
	}
	if (!netns)
		return buf;
	size_t length = strlen(netns);
	CHECK(length <= PROXY_NETNS_MAX);
	*buf++ = PROXY_TLV_NETNS;
	return put(put16(buf, length), netns, length);
}

size_t proxy_encode_v2(const struct proxy_header *header, const char *netns, uint8_t buf[PROXY_ENCODED_MAX])
{
	struct proxy_header told = *header;
	int family = told_family(&told);
	uint8_t *at = put(buf, signature_v2, sizeof(signature_v2)), *end = buf + PROXY_V2_FIXED;
	*at++ = V2_VERSION | (family == AF_UNSPEC ? V2_LOCAL : V2_PROXY);
	*at++ = family == AF_INET ? V2_TCP4 : family == AF_INET6 ? V2_TCP6 : 0;
	if (family != AF_UNSPEC)
		end = put_tlvs(put_addresses(end, &told, family), &told, netns);
	CHECK(end <= buf + PROXY_ENCODED_MAX);
	put16(at, (size_t)(end - buf) - PROXY_V2_FIXED);
	return (size_t)(end - buf);
}
