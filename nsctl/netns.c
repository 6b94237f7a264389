/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"

/* The calling thread's own namespace; /proc/self would be that of the main thread. */
#define NETNS_OWN_PATH "/proc/thread-self/ns/net"

/* Longer than any path made here: NETNS_RUN_DIR, a slash and a name, or /proc/PID/ns/net. */
enum { NETNS_FILE_MAX = sizeof(NETNS_RUN_DIR) + 1 + NETNS_TEXT_MAX };

/* O_NONBLOCK: a user's path may turn out to be a FIFO, which would wait for a writer. */
static int open_file(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

static int explain_open(const struct netns_ref *ref, const char *path, struct err *err)
{
	if (errno == ENOENT && ref->kind == NETNS_NAME)
		return err_set(err, ENOENT, "%s does not exist; `ip netns add %s` makes it", path, ref->text);
	if (errno == ENOENT)
		return err_set(err, ENOENT, "%s does not exist", path);
	if (errno == EACCES && ref->kind == NETNS_PID)
		return err_set(err, EACCES, "open %s: not permitted; CAP_SYS_PTRACE is needed", path);
	return err_set_errno(err, "open %s", path);
}

static int open_path(const struct netns_ref *ref, const char *path, struct err *err)
{
	int fd = open_file(path);

	if (fd < 0)
		return explain_open(ref, path, err);
	if (ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET)
		return fd;
	close(fd);
	return err_set(err, EINVAL, "%s is not a network namespace", path);
}

/* A pidfd becomes readable when its process ends, pidfd_open(2). */
static bool pidfd_is_alive(int pidfd)
{
	struct pollfd pollfd = {.fd = pidfd, .events = POLLIN};

	return poll(&pollfd, 1, 0) == 0;
}

static int open_process_file(const struct netns_ref *ref, int pidfd, struct err *err)
{
	char path[NETNS_FILE_MAX];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)ref->pid);
	fd = open_path(ref, path, err);
	/* Alive now means that the pid belonged to this process when its file was opened. */
	if (pidfd_is_alive(pidfd))
		return fd;
	if (fd >= 0)
		close(fd);
	return err_set(err, ESRCH, "process %d has ended", (int)ref->pid);
}

static int open_process(const struct netns_ref *ref, struct err *err)
{
	int pidfd = pidfd_open(ref->pid, 0);
	int fd;

	if (pidfd < 0 && errno == ESRCH)
		return err_set(err, ESRCH, "there is no process %d", (int)ref->pid);
	if (pidfd < 0)
		return err_set_errno(err, "pidfd_open %d", (int)ref->pid);
	fd = open_process_file(ref, pidfd, err);
	close(pidfd);
	return fd;
}

/* A name comes from a user: it must not lead out of NETNS_RUN_DIR. */
static int name_to_path(const char *name, char path[NETNS_FILE_MAX], struct err *err)
{
	bool bad = !*name || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, "..");

	if (bad || strlen(name) >= NETNS_TEXT_MAX)
		return err_set(err, EINVAL, "`%s` cannot name a namespace", name);
	snprintf(path, NETNS_FILE_MAX, "%s/%s", NETNS_RUN_DIR, name);
	return 0;
}

static int open_name(const struct netns_ref *ref, struct err *err)
{
	char path[NETNS_FILE_MAX];
	int rc = name_to_path(ref->text, path, err);

	return rc < 0 ? rc : open_path(ref, path, err);
}

static int open_ref(const struct netns_ref *ref, struct err *err)
{
	switch (ref->kind) {
	case NETNS_SELF:
		return open_path(ref, NETNS_OWN_PATH, err);
	case NETNS_NAME:
		return open_name(ref, err);
	case NETNS_PATH:
		return open_path(ref, ref->text, err);
	case NETNS_PID:
		return open_process(ref, err);
	case NETNS_ENROLLED:
		return err_set(err, EINVAL, "the daemon alone knows what is enrolled; expected a name, path:/FILE, pid:N or host");
	}
	return err_set(err, EINVAL, "unknown kind of reference");
}

int netns_open(const struct netns_ref *ref, struct err *err)
{
	char text[NETNS_TEXT_MAX + sizeof("path:")];
	int fd = open_ref(ref, err);

	if (fd < 0)
		err_prefix(err, "namespace %s", netns_ref_format(ref, text, sizeof(text)));
	return fd;
}

/* pid_of - the process that @fd is a pidfd of; -1: it has ended; 0: @fd is no pidfd, or of no process that we see */
static pid_t pid_of(int fd)
{
	char path[64], line[128];
	int pid = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Pid: %d", &pid) == 1)
			break;
	if (file)
		fclose(file);
	return pid;
}

int netns_open_fd(int fd, pid_t *ret_pid, struct err *err)
{
	struct netns_ref ref = {.kind = NETNS_PID};
	int ns_fd;

	if (ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET) {
		*ret_pid = 0;
		ns_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		return ns_fd < 0 ? err_set_errno(err, "hold a namespace") : ns_fd;
	}
	ref.pid = pid_of(fd);
	if (ref.pid < 0)
		return err_set(err, ESRCH, "the process of the descriptor has ended");
	if (ref.pid == 0)
		return err_set(err, EINVAL, "the descriptor is neither a network namespace nor a process; expected one of "
					    "/proc/PID/ns/net, a name in /run/netns, or pidfd_open(2)");
	ns_fd = open_process_file(&ref, fd, err);
	if (ns_fd >= 0)
		*ret_pid = ref.pid;
	return ns_fd;
}

int netns_identify(int fd, struct netns_id *ret, struct err *err)
{
	struct stat stat;

	if (fstat(fd, &stat) < 0)
		return err_set_errno(err, "identify namespace: fstat");
	*ret = (struct netns_id){.dev = stat.st_dev, .ino = stat.st_ino};
	return 0;
}

bool netns_id_equal(const struct netns_id *a, const struct netns_id *b)
{
	return a->dev == b->dev && a->ino == b->ino;
}

static bool is_same_namespace(int a, int b)
{
	struct netns_id id_a = {0}, id_b = {0};

	return netns_identify(a, &id_a, NULL) == 0 && netns_identify(b, &id_b, NULL) == 0 &&
	       netns_id_equal(&id_a, &id_b);
}

static int explain_refusal(const char *what, struct err *err)
{
	if (errno == EPERM)
		return err_set(err, EPERM, "%s: not permitted; CAP_SYS_ADMIN is needed", what);
	return err_set_errno(err, "%s", what);
}

static int open_home(struct err *err)
{
	int home = open_file(NETNS_OWN_PATH);

	return home < 0 ? err_set_errno(err, "open " NETNS_OWN_PATH) : home;
}

int netns_enter(int fd, int *ret_home, struct err *err)
{
	int home = open_home(err);
	int rc;

	if (home < 0)
		return home;
	if (is_same_namespace(fd, home)) {
		close(home);
		*ret_home = -1;
		return 0;
	}
	/* The type is always named: systemd's RestrictNamespaces= refuses setns(fd, 0). */
	if (setns(fd, CLONE_NEWNET) == 0) {
		*ret_home = home;
		return 0;
	}
	rc = explain_refusal("enter namespace", err);
	close(home);
	return rc;
}

void netns_leave(int home)
{
	int saved = errno;

	if (home < 0)
		return;
	CHECK(setns(home, CLONE_NEWNET) == 0);
	close(home);
	errno = saved;
}

static int read_cookie(uint64_t *ret, struct err *err)
{
	socklen_t size = sizeof(*ret);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc = 0;

	if (fd < 0)
		return err_set_errno(err, "socket");
	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, ret, &size) < 0)
		rc = err_set_errno(err, "SO_NETNS_COOKIE");
	close(fd);
	return rc;
}

int netns_cookie(int fd, uint64_t *ret, struct err *err)
{
	int home = -1;
	int rc = netns_enter(fd, &home, err);

	if (rc < 0)
		return rc;
	rc = read_cookie(ret, err);
	netns_leave(home);
	return rc;
}

int netns_create_anonymous(struct err *err)
{
	int home = open_home(err);
	int fd;

	if (home < 0)
		return home;
	if (unshare(CLONE_NEWNET) < 0) {
		fd = explain_refusal("create namespace", err);
		close(home);
		return fd;
	}
	fd = open_home(err);
	netns_leave(home);
	return fd;
}

static bool make_shared(const char *path)
{
	return mount("", path, "none", MS_SHARED | MS_REC, NULL) == 0;
}

/* Only a mount can be shared: a plain directory is first mounted onto itself. */
static int share_run_dir(struct err *err)
{
	if (make_shared(NETNS_RUN_DIR))
		return 0;
	if (errno != EINVAL)
		return explain_refusal("share " NETNS_RUN_DIR, err);
	if (mount(NETNS_RUN_DIR, NETNS_RUN_DIR, "none", MS_BIND | MS_REC, NULL) < 0)
		return explain_refusal("mount " NETNS_RUN_DIR, err);
	return make_shared(NETNS_RUN_DIR) ? 0 : explain_refusal("share " NETNS_RUN_DIR, err);
}

/* As `ip netns` does, under the same lock: two at once would mount it twice. */
int netns_prepare(struct err *err)
{
	bool is_new = mkdir(NETNS_RUN_DIR, 0755) == 0;
	int dir, rc;

	if (!is_new && errno != EEXIST)
		return err_set_errno(err, "mkdir " NETNS_RUN_DIR);
	/* A unit with a strict umask must not lock the others out. */
	if (is_new && chmod(NETNS_RUN_DIR, 0755) < 0)
		return err_set_errno(err, "chmod " NETNS_RUN_DIR);
	dir = open(NETNS_RUN_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || flock(dir, LOCK_EX) < 0)
		rc = err_set_errno(err, "lock " NETNS_RUN_DIR);
	else
		rc = share_run_dir(err);
	if (dir >= 0)
		close(dir);
	return rc;
}

/* A file of the folder's own file system; a namespace is one of nsfs. */
static bool is_leftover(const char *path)
{
	struct stat file, folder;

	return lstat(path, &file) == 0 && S_ISREG(file.st_mode) && file.st_size == 0 &&
	       stat(NETNS_RUN_DIR, &folder) == 0 && file.st_dev == folder.st_dev;
}

bool netns_is_leftover(const char *name)
{
	char path[NETNS_FILE_MAX];

	return name_to_path(name, path, NULL) == 0 && is_leftover(path);
}

static int create_mount_point(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0);

	if (fd < 0 && errno == EEXIST)
		return is_leftover(path) ? 0 : err_set(err, EEXIST, "%s exists already", path);
	if (fd < 0)
		return err_set_errno(err, "create %s", path);
	close(fd);
	return 0;
}

/* Bind the namespace @fd onto @path, which then keeps it alive. */
static int pin(int fd, const char *path, struct err *err)
{
	char source[sizeof("/proc/thread-self/fd/") + 3 * sizeof(int)];
	int rc = create_mount_point(path, err);

	if (rc < 0)
		return rc;
	snprintf(source, sizeof(source), "/proc/thread-self/fd/%d", fd);
	if (mount(source, path, "none", MS_BIND, NULL) == 0)
		return 0;
	rc = err_set_errno(err, "mount a namespace on %s", path);
	unlink(path);
	return rc;
}

int netns_pin(int fd, const char *name, struct err *err)
{
	char path[NETNS_FILE_MAX];
	int rc = name_to_path(name, path, err);

	if (rc == 0)
		rc = pin(fd, path, err);
	if (rc < 0)
		err_prefix(err, "namespace %s", name);
	return rc;
}

static int create_pinned(const char *path, struct err *err)
{
	int fd = netns_create_anonymous(err);
	int rc;

	if (fd < 0)
		return fd;
	rc = pin(fd, path, err);
	close(fd);
	return rc;
}

int netns_create(const char *name, struct err *err)
{
	char path[NETNS_FILE_MAX];
	int rc = name_to_path(name, path, err);

	if (rc == 0)
		rc = netns_prepare(err);
	if (rc == 0)
		rc = create_pinned(path, err);
	if (rc < 0)
		err_prefix(err, "namespace %s", name);
	return rc;
}

static int unpin(const char *path, struct err *err)
{
	/* EINVAL: nothing is mounted there (a symbolic link or a leftover), and there is still a name to
	 * remove. MNT_DETACH: somebody may be inside. */
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL)
		return err_set_errno(err, "unmount %s", path);
	return unlink(path) < 0 ? err_set_errno(err, "remove %s", path) : 0;
}

int netns_delete(const char *name, struct err *err)
{
	char path[NETNS_FILE_MAX];
	int rc = name_to_path(name, path, err);

	if (rc == 0)
		rc = unpin(path, err);
	if (rc < 0)
		err_prefix(err, "namespace %s", name);
	return rc;
}
