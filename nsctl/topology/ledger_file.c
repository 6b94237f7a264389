/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger's file: read, replaced as a whole, locked. */
#include "nsctl/topology/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

/* 64 MiB: a fact takes about 60 bytes, and the largest topology foreseen (10,000 namespaces) some ten facts
 * each. */
enum { LEDGER_SIZE_MAX = 64 << 20 };

/* Names of files in the directory that are no topology's: a topology's do not begin with a dot. */
#define LOCK_FILE ".lock"
#define NEW_FILE  ".new-" /* and the topology's name: its next ledger, until it is whole */

enum { FILE_NAME_MAX = TOPOLOGY_NAME_MAX + sizeof(NEW_FILE) };

static int check_name(const char *name, struct err *err)
{
	if (!name[0] || name[0] == '.' || strchr(name, '/') || strlen(name) >= TOPOLOGY_NAME_MAX)
		return err_set(err, EINVAL, "`%s` cannot name a topology", name);
	return 0;
}

/* ---- reading ---- */

static int read_all(int fd, char *text, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t got = read(fd, text + done, size - done);
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got == 0)
			return -EIO; /* nobody but us writes it, and we never in place */
		done += got > 0 ? (size_t)got : 0;
	}
	return 0;
}

/* file_size - of a file that can be a ledger */
static int file_size(int fd, size_t *ret)
{
	struct stat status;
	if (fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	if (status.st_size > LEDGER_SIZE_MAX)
		return -EFBIG;
	*ret = (size_t)status.st_size;
	return 0;
}

static int read_open(int fd, const char *path, struct ledger *ret, struct err *err)
{
	size_t size = 0;
	int rc = file_size(fd, &size);
	char *text = malloc(size + 1);
	if (rc == 0)
		rc = text ? read_all(fd, text, size) : -ENOMEM;
	if (rc < 0)
		rc = err_set(err, -rc, "read %s: %s", path, strerror(-rc));
	else if ((rc = ledger_parse(text, size, ret, err)) < 0)
		err_prefix(err, "read %s", path);
	free(text);
	return rc;
}

static int read_path(const char *path, const char *name, struct ledger *ret, struct err *err)
{
	struct ledger ledger = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno != ENOENT)
		return err_set_errno(err, "open %s", path);
	if (fd >= 0) {
		int rc = read_open(fd, path, &ledger, err);
		close(fd);
		if (rc < 0)
			return rc;
	}
	if (fd >= 0 && strcmp(ledger.name, name) != 0) {
		ledger_fini(&ledger);
		return err_set(err, EINVAL, "read %s: it is the ledger of another topology", path);
	}
	snprintf(ledger.name, sizeof(ledger.name), "%s", name);
	*ret = ledger;
	return 0;
}

int ledger_read(const char *dir, const char *name, struct ledger *ret, struct err *err)
{
	char *path;
	int rc = check_name(name, err);
	if (rc < 0)
		return rc;
	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return err_set(err, ENOMEM, "out of memory");
	rc = read_path(path, name, ret, err);
	free(path);
	return rc;
}

/* ---- writing ---- */

/* make_parents - the directories above @path, which others may use as well */
static int make_parents(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		int rc = mkdir(path, 0755);
		*slash = '/';
		if (rc < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

static int make_dir(const char *dir)
{
	char *path = strdup(dir);
	if (!path)
		return -ENOMEM;
	int rc = make_parents(path);
	if (rc == 0 && mkdir(path, 0700) < 0 && errno != EEXIST)
		rc = -errno;
	free(path);
	return rc;
}

/* open_dir - a descriptor of @dir, which is made when it is missing */
static int open_dir(const char *dir, struct err *err)
{
	int rc = make_dir(dir);
	if (rc < 0)
		return err_set(err, -rc, "make directory %s: %s", dir, strerror(-rc));
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_set_errno(err, "open %s", dir) : fd;
}

/* write_new - the file @name in @dir_fd, which is on the disk when this returns; what a killed nsctl left
 * there is lost */
static int write_new(int dir_fd, const char *name, const char *text)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	int rc = file_write_all(fd, text, strlen(text));
	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	return rc;
}

static int replace_file(int dir_fd, const char *new_name, const struct ledger *ledger)
{
	char *text = ledger_format(ledger);
	if (!text)
		return -ENOMEM;
	int rc = write_new(dir_fd, new_name, text);
	free(text);
	if (rc == 0 && renameat(dir_fd, new_name, dir_fd, ledger->name) < 0)
		rc = -errno;
	return rc;
}

static int remove_file(int dir_fd, const char *name)
{
	return unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

/* replace_or_remove - also takes away what a killed nsctl, or a failure, left half-written */
static int replace_or_remove(int dir_fd, const struct ledger *ledger)
{
	char new_name[FILE_NAME_MAX];
	snprintf(new_name, sizeof(new_name), NEW_FILE "%s", ledger->name);
	int rc = ledger->netns.count ? replace_file(dir_fd, new_name, ledger)
	                             : remove_file(dir_fd, ledger->name);
	unlinkat(dir_fd, new_name, 0);
	if (rc == 0 && fsync(dir_fd) < 0)
		rc = -errno;
	return rc;
}

int ledger_write(const char *dir, const struct ledger *ledger, struct err *err)
{
	int rc = check_name(ledger->name, err);
	if (rc < 0)
		return rc;
	int dir_fd = open_dir(dir, err);
	if (dir_fd < 0)
		return dir_fd;
	rc = replace_or_remove(dir_fd, ledger);
	close(dir_fd);
	return rc < 0 ? err_set(err, -rc, "write %s/%s: %s", dir, ledger->name, strerror(-rc)) : 0;
}

/* ---- locking ---- */

/*
 * lock_byte - which byte of the lock file is the topology's: FNV-1a
 * (http://www.isthe.com/chongo/tech/comp/fnv/), 63 bits of it, for off_t is signed. Two names with the same
 * one would only have to wait for each other.
 */
static off_t lock_byte(const char *name)
{
	uint64_t hash = 0xcbf29ce484222325;
	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 0x100000001b3;
	return (off_t)(hash >> 1);
}

static int lock_open(int fd, const char *dir, const char *name, struct err *err)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = lock_byte(name), .l_len = 1};
	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return err_set(err, EBUSY,
		               "another nsctl is at work on topology %s; try again when it is done", name);
	return err_set_errno(err, "lock topology %s in %s", name, dir);
}

int ledger_lock(const char *dir, const char *name, struct err *err)
{
	int rc = check_name(name, err);
	if (rc < 0)
		return rc;
	int dir_fd = open_dir(dir, err);
	if (dir_fd < 0)
		return dir_fd;
	int fd = openat(dir_fd, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	rc = fd < 0 ? err_set_errno(err, "open %s/" LOCK_FILE, dir) : lock_open(fd, dir, name, err);
	close(dir_fd);
	if (rc < 0 && fd >= 0)
		close(fd);
	return rc < 0 ? rc : fd;
}
