/* SPDX-License-Identifier: Apache-2.0 */
/* Documents of which a part is made from tables: the test says whether it is as they say, or writes it. */
#ifndef NSRELAY_TESTS_UNIT_APP_DOCUMENT_H
#define NSRELAY_TESTS_UNIT_APP_DOCUMENT_H

/*
 * document_check - fail unless what stands behind the last @heading of the file @path, "## ...\n\n", is @text
 * NSRELAY_WRITE_DOCS=1 in the environment writes it there instead.
 */
void document_check(const char *path, const char *heading, const char *text);

#endif
