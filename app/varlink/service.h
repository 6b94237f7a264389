/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A varlink service without its socket: what a message asks for, and the replies. org.varlink.service is part
 * of every one.
 */
#ifndef NSRELAY_APP_VARLINK_SERVICE_H
#define NSRELAY_APP_VARLINK_SERVICE_H

#include <stdint.h>

#include "app/varlink/interface.h"

/* Deeper than any message of any interface; a reader that calls itself needs a limit. */
enum { VARLINK_DEPTH_MAX = 16 };

struct varlink_service {
	const char *vendor, *product, *version, *url;
	const struct varlink_interface *interface; /* beside org.varlink.service */
	void *ctx;                                 /* the interface's own */
};

/* A call under way. Zeroed there is none. */
struct varlink_call {
	uint64_t serial;                     /* of one call only; set by the server */
	const struct varlink_method *method; /* NULL: none is under way, or it has failed already */
	json_t *arguments;                   /* owned; checked */
	bool more, oneway;
	bool has_file;
	int file;                            /* that came with the message; owned; set by the server */
	uint64_t place[4]; /* the method's own: where it goes on; zero at first */

	/* Why it has failed: the error's full name, and its parameters, at most two texts. */
	const char *error;
	struct {
		const char *name;
		char text[2048];
	} details[2];
};

/*
 * varlink_call_begin - read a message
 * Returns 0, also for a call that has failed by now, of which varlink_call_step() tells; or -EPROTO: this is
 * no call, and who sent it is not to be talked to.
 */
int varlink_call_begin(const struct varlink_service *service, struct varlink_call *call, const char *text,
                       size_t length);

/*
 * varlink_call_step - write the next reply, without the NUL at its end, or nothing (VARLINK_WAITS, and all
 * replies to a call that wants none); VARLINK_LAST ends the call, errors included
 */
enum varlink_outcome varlink_call_step(const struct varlink_service *service, struct varlink_call *call,
                                       FILE *out);

/* varlink_call_end - free what it owns */
void varlink_call_end(const struct varlink_service *service, struct varlink_call *call);

/*
 * varlink_fail - the call fails with @error, which has parameters @name, and @other unless NULL
 * Returns VARLINK_FAILED, for methods to end with.
 */
enum varlink_outcome varlink_fail(struct varlink_call *call, const char *error, const char *name,
                                  const char *text, const char *other, const char *other_text);

/* varlink_text - an argument, or NULL when it was left out; varlink_number - or @otherwise; varlink_flag - or false */
const char *varlink_text(const struct varlink_call *call, const char *name);
int64_t varlink_number(const struct varlink_call *call, const char *name, int64_t otherwise);
bool varlink_flag(const struct varlink_call *call, const char *name);

/* varlink_too_deep - does the JSON text nest deeper than VARLINK_DEPTH_MAX? Also for text that is no JSON. */
bool varlink_too_deep(const char *text, size_t length);

#endif
