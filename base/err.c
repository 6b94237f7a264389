/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* seal - keep the promise of one line: no control character, and "..." where @length did not fit */
static void seal(struct err *err, int length)
{
	for (char *c = err->text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	if (length < ERR_TEXT_MAX)
		return;
	size_t cut = ERR_TEXT_MAX - sizeof("...");
	while (cut > 0 && (err->text[cut] & 0xc0) == 0x80) /* not inside a UTF-8 character */
		cut--;
	memcpy(err->text + cut, "...", sizeof("..."));
}

int err_set(struct err *err, int code, const char *fmt, ...)
{
	int saved = errno;
	if (err) {
		va_list args;
		va_start(args, fmt);
		err->code = code;
		seal(err, vsnprintf(err->text, sizeof(err->text), fmt, args));
		va_end(args);
	}
	errno = saved;
	return -code;
}

int err_set_errno(struct err *err, const char *fmt, ...)
{
	int saved = errno;
	int code = saved ? saved : EIO; /* a caller without an errno still reports a failure */
	if (err) {
		char what[ERR_TEXT_MAX];
		va_list args;
		va_start(args, fmt);
		vsnprintf(what, sizeof(what), fmt, args);
		va_end(args);
		errno = code;
		err_set(err, code, "%s: %m", what);
	}
	errno = saved;
	return -code;
}

int err_prefix(struct err *err, const char *fmt, ...)
{
	if (!err)
		return -EIO;
	char rest[ERR_TEXT_MAX], prefix[ERR_TEXT_MAX];
	memcpy(rest, err->text, sizeof(rest));
	va_list args;
	va_start(args, fmt);
	vsnprintf(prefix, sizeof(prefix), fmt, args);
	va_end(args);
	return err_set(err, err->code, "%s: %s", prefix, rest);
}
