#include "hub/notify.h"

#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void notify_send(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t n = path ? strlen(path) : 0;
    if (n < 2 || n >= sizeof to.sun_path)
        return;
    memcpy(to.sun_path, path, n);
    if (path[0] == '@')
        to.sun_path[0] = '\0'; /* the abstract namespace */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    socklen_t to_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to, to_bytes) < 0)
        log_warn("hub", "cannot tell systemd %s: %s", state, strerror(errno));
    close(fd);
}

uint64_t notify_watchdog_ms(void)
{
    uint64_t us = 0, pid = 0;
    const char *for_pid = getenv("WATCHDOG_PID");
    if (str_to_u64(str_of(getenv("WATCHDOG_USEC")), INT64_MAX, &us))
        return 0;
    if (for_pid && (str_to_u64(str_of(for_pid), INT32_MAX, &pid) || pid != (uint64_t)getpid()))
        return 0; /* meant for another process */
    return us / 2000;
}
