/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An error that carries its story: an errno and one line of text that says which operation failed, on which object, in
 * which namespace, and what to do. Libraries fill it, only the outermost layer prints it.
 */
#ifndef NSRELAY_BASE_ERR_H
#define NSRELAY_BASE_ERR_H

enum { ERR_TEXT_MAX = 512 };

struct err {
	int code;                /* positive errno, 0 while there is no error */
	char text[ERR_TEXT_MAX]; /* one line, no newline at its end; cut with "..." when too long */
};

#define ERR_INIT {.code = 0, .text = ""}

/*
 * err_set - state an error
 * @err:  where to state it; NULL is allowed and states nothing
 * @code: positive errno
 *
 * Returns -@code, so that a function can end with `return err_set(err, EINVAL, "...")`. Keeps errno.
 */
int err_set(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* err_set_errno - as err_set() with the current errno, and ": " and its text appended */
int err_set_errno(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* err_prefix - put "prefix: " in front of the text on the way up; returns -err->code (or -EIO when @err is NULL) */
int err_prefix(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
