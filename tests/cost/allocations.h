/* SPDX-License-Identifier: Apache-2.0 */
/* How often the program nsrelay_counted, which is nsrelay with allocations.c linked to it, has asked for
 * memory. */
#ifndef NSRELAY_TESTS_COST_ALLOCATIONS_H
#define NSRELAY_TESTS_COST_ALLOCATIONS_H

#include <stdatomic.h>
#include <stdint.h>

/* Whose calls of malloc(3) and its kin these were. */
enum allocations_role {
	ALLOCATIONS_RELAY,   /* the threads that relay */
	ALLOCATIONS_CONTROL, /* the relay process's first thread, which takes commands and writes the log */
	ALLOCATIONS_BROKER,  /* the supervisor */
	ALLOCATIONS_ROLES,
};

/* In a file that this variable of the environment names: in memory that the program and the test have
 * both. */
#define ALLOCATIONS_FILE "NSRELAY_COST_ALLOCATIONS"

struct allocations {
	_Atomic uint64_t counts[ALLOCATIONS_ROLES];
};

#endif
