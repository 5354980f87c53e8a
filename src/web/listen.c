#include "web/listen.h"

#include "base/alloc.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define NAME       "pages.sock"
#define BACKLOG    512 /* more than there can be threads: a connect never has to wait */
#define FDS        65536
#define PATH_BYTES 65536

static char *join(const char *dir)
{
    struct buf b = BUF_INIT(PATH_BYTES);
    buf_printf(&b, "%s/" NAME, dir);
    char *path = str_dup(buf_str(&b));
    buf_release(&b);
    return path;
}

/* sun_path is short: a longer path goes through a descriptor of its folder. */
static enum err choose_path(struct listen_socket *s, const char *dir)
{
    struct sockaddr_un a;
    s->dir_fd = -1;
    s->file = join(dir);
    if (strlen(s->file) < sizeof a.sun_path) {
        s->path = str_dup(str_of(s->file));
        return OK;
    }
    s->dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    char folder[32];
    (void)snprintf(folder, sizeof folder, "/proc/self/fd/%d", s->dir_fd);
    s->path = join(folder);
    return s->dir_fd < 0 ? ERR_IO : OK;
}

static struct sockaddr_un address_of(const struct listen_socket *s)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    (void)str_copy(a.sun_path, sizeof a.sun_path, str_of(s->path));
    return a;
}

/* Non-blocking: the one who waits may be woken by a connection to the socket that was there before.
 */
static int listen_unix(const struct listen_socket *s)
{
    struct sockaddr_un a = address_of(s);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if ((unlink(s->file) == 0 || errno == ENOENT) &&
        fchmod(fd, S_IRUSR | S_IWUSR) == 0 && /* before bind: never open to others */
        bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static bool listens_on(int fd, uint16_t port)
{
    int listens = 0;
    struct sockaddr_in a = {0};
    socklen_t n = sizeof listens, size = sizeof a;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &n) == 0 && listens &&
           getsockname(fd, (struct sockaddr *)(void *)&a, &size) == 0 && a.sin_family == AF_INET &&
           a.sin_port == htons(port) && a.sin_addr.s_addr == htonl(INADDR_LOOPBACK);
}

static int find_listener(uint16_t port)
{
    for (int fd = 0; fd < FDS; fd++)
        if (listens_on(fd, port))
            return fd;
    errno = ENOENT;
    return -1;
}

/* A poll that is under way still waits on the old socket, which it keeps alive. When that wakes it,
 * it looks at what the descriptor means by then, and returns if somebody is waiting there. */
static void wake_old(uint16_t port)
{
    struct sockaddr_in a = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    (void)connect(fd, (struct sockaddr *)(void *)&a, sizeof a); /* refused: nobody waits there */
    close(fd);
}

enum err listen_move(struct listen_socket *s, uint16_t port, const char *dir, struct buf *why)
{
    int mine = -1, theirs = find_listener(port);
    if (theirs >= 0 && !choose_path(s, dir))
        mine = listen_unix(s);
    bool moved = mine >= 0 && dup3(mine, theirs, O_CLOEXEC) >= 0;
    if (!moved)
        buf_printf(why, "The web threads cannot listen on %s/" NAME ": %s", dir, strerror(errno));
    if (mine >= 0)
        close(mine);
    if (moved) {
        listen_knock(s);
        wake_old(port);
    }
    return moved ? OK : ERR_IO;
}

void listen_release(struct listen_socket *s)
{
    if (s->file) {
        (void)unlink(s->file);
        if (s->dir_fd >= 0)
            close(s->dir_fd);
    }
    free(s->file);
    free(s->path);
    *s = (struct listen_socket){0};
}

void listen_knock(const struct listen_socket *s)
{
    struct sockaddr_un a = address_of(s);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    (void)connect(fd, (struct sockaddr *)&a, sizeof a);
    close(fd);
}
