/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/clienthello.h"

#include <string.h>

#include "base/check.h"

size_t clienthello_make(const char *name, unsigned char buf[CLIENTHELLO_MAX])
{
	/* RFC 8446, 4.1.2: no session, one cipher suite, no compression; RFC 6066, 3. */
	enum { NAME = 5 + 4 + 34 + 1 + 4 + 2 + 2 + 9 };
	size_t length = strlen(name), size = NAME + length;
	CHECK(length < 256 && size <= CLIENTHELLO_MAX);
	memset(buf, 0, NAME);
	memcpy(buf + NAME, name, length);
	static const unsigned char head[] = {22, 3, 1}, suites[] = {0, 2, 0x13, 1, 1, 0};
	memcpy(buf, head, sizeof(head));
	memcpy(buf + 5 + 4 + 34 + 1, suites, sizeof(suites));
	buf[5] = 1;
	const struct {
		size_t at, size;
	} sizes[] = {{3, size - 5},           {7, size - 9}, {NAME - 11, size - NAME + 9},
		     {NAME - 7, length + 5}, {NAME - 5, length + 3}, {NAME - 2, length}};
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		buf[sizes[i].at] = (unsigned char)(sizes[i].size >> 8);
		buf[sizes[i].at + 1] = (unsigned char)sizes[i].size;
	}
	return size;
}
