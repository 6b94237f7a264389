/* SPDX-License-Identifier: Apache-2.0 */
/* Many short connections, made and answered by processes of their own while a test does something to the
 * relay. */
#ifndef NSRELAY_TESTS_INTEGRATION_APP_LOAD_H
#define NSRELAY_TESTS_INTEGRATION_APP_LOAD_H

#include <stdatomic.h>
#include <stdint.h>

/* How its connections ended so far. */
struct load_counts {
	_Atomic uint64_t answered; /* a byte went there and back */
	_Atomic uint64_t cut;      /* established, then ended by the relay */
	_Atomic uint64_t refused;  /* connect(2) said ECONNREFUSED */
	_Atomic uint64_t failed;   /* anything else, a wait without end included */
};

/*
 * load_start - @clients processes that connect to @to inside @client_ns, and as many that answer at @at
 * inside @server_ns, until load_stop()
 */
const struct load_counts *load_start(int client_ns, int server_ns, const char *to, const char *at,
                                     unsigned int clients);

/* load_await - wait until @more connections have been answered */
void load_await(uint64_t more);

/* load_stop - end the processes; what they counted stays readable until the next load_start() */
void load_stop(void);

/* load_teardown - load_stop(), then relayproc_teardown(). For cmocka; returns 0. */
int load_teardown(void **state);

#define load_test(function) cmocka_unit_test_teardown(function, load_teardown)

#endif
