/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes the place of malloc(3) and its kin in the program that it is linked to, for its libraries too, and
 * counts. The memory comes from glibc, under the names by which it exports its own functions, so free(3) is
 * left as it is.
 */
#include "tests/cost/allocations.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): glibc's names */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

static struct allocations unseen; /* before main() */
static struct allocations *allocations = &unseen;
static pid_t supervisor;

__attribute__((constructor)) static void share(void)
{
	const char *path = getenv(ALLOCATIONS_FILE);
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *memory = MAP_FAILED;

	supervisor = getpid();
	if (fd >= 0)
		memory = mmap(NULL, sizeof(*allocations), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	if (memory != MAP_FAILED)
		allocations = memory;
}

static void count(void)
{
	pid_t pid = getpid();
	enum allocations_role role = pid == supervisor ? ALLOCATIONS_BROKER
	                             : gettid() == pid ? ALLOCATIONS_CONTROL
	                                               : ALLOCATIONS_RELAY;

	atomic_fetch_add(&allocations->counts[role], 1);
}

void *malloc(size_t size)
{
	count();
	return __libc_malloc(size);
}

void *calloc(size_t nmemb, size_t size)
{
	count();
	return __libc_calloc(nmemb, size);
}

void *realloc(void *ptr, size_t size)
{
	count();
	return __libc_realloc(ptr, size);
}

void *memalign(size_t alignment, size_t size)
{
	count();
	return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

int posix_memalign(void **memptr, size_t alignment, size_t size)
{
	void *memory = memalign(alignment, size);

	if (!memory)
		return ENOMEM;
	*memptr = memory;
	return 0;
}
