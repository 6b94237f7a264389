/* SPDX-License-Identifier: Apache-2.0 */
/* A file of text that somebody wrote by hand, read whole. */
#ifndef NSRELAY_APP_TEXT_TEXT_FILE_H
#define NSRELAY_APP_TEXT_TEXT_FILE_H

#include <stddef.h>
#include <stdio.h>

/* Nothing written by hand comes near; a wrong path (a disk image, a log) is told at once. */
enum { TEXT_FILE_SIZE_MAX = 4 << 20 };

/*
 * text_file_read - read the file at @path
 * @what:   what it should be: "a configuration"
 * @report: where a failure is printed; NULL: nowhere
 *
 * The text at @ret is the caller's to free(); no NUL ends it. Errors: EFBIG, ENOMEM, those of open(2) and
 * read(2).
 */
int text_file_read(const char *path, const char *what, char **ret, size_t *ret_size, FILE *report);

#endif
