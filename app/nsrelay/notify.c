/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { PATIENCE_S = 1 };

void notify_systemd(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(addr.sun_path))
		return;
	size_t length = strlen(path);
	memcpy(addr.sun_path, path, length);
	if (path[0] == '@') /* an abstract address starts with a NUL, unix(7) */
		addr.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	/* A supervisor that does not read must not stop ours. */
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
	sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&addr, size);
	close(fd);
}
