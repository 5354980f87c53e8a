#include "main/client.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "codec/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LOCK_WAIT_MS  5000
#define LOCK_EVERY_MS 50
#define ANSWER_S      60
#define PING_S        10    /* of who wants to know whether it answers */
#define LONG_ANSWER_S 86400 /* of what reads the whole database */
#define REPLY_BYTES   (64u * 1024 * 1024)
#define PATH_BYTES    8192

struct client {
    char *data_dir;
    int fd;          /* of the running server; -1: none runs */
    int answer_s;    /* for how long its answer is waited for */
    struct app *app; /* NULL when one runs */
    struct buf in;   /* what has come */
};

/* sun_path is short: a longer path goes through a descriptor of its folder. */
static bool fill_address(struct sockaddr_un *a, const char *data_dir, int dir_fd)
{
    struct buf path = BUF_INIT(PATH_BYTES);
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    buf_printf(&path, "%s/" CONTROL_SOCKET, data_dir);
    bool fits = str_copy(a->sun_path, sizeof a->sun_path, buf_str(&path));
    if (!fits) {
        buf_clear(&path);
        buf_printf(&path, "/proc/self/fd/%d/" CONTROL_SOCKET, dir_fd);
        fits = str_copy(a->sun_path, sizeof a->sun_path, buf_str(&path));
    }
    buf_release(&path);
    return fits;
}

int control_dial(const char *data_dir)
{
    struct sockaddr_un a;
    int dir_fd = open(data_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool done = fd >= 0 && fill_address(&a, data_dir, dir_fd) &&
                connect(fd, (struct sockaddr *)&a, sizeof a) == 0;
    int error = errno;
    close(dir_fd);
    if (!done && fd >= 0)
        close(fd);
    errno = error;
    return done ? fd : -1;
}

/* One try each way. ERR_LOCKED: another process has the folder, and does not listen (yet, or any
 * more). */
static enum err try_open(struct client *c, struct buf *why)
{
    struct limits limits;
    c->fd = control_dial(c->data_dir);
    if (c->fd >= 0)
        return OK;
    if (errno == EACCES || errno == EPERM) {
        buf_printf(why, "the data folder %s belongs to another user", c->data_dir);
        return ERR_FORBIDDEN;
    }
    limits_default(&limits);
    return app_open(&c->app, c->data_dir, &limits, why);
}

static struct client *client_new(const char *data_dir)
{
    struct client *c = xcalloc(1, sizeof *c);
    *c = (struct client){.data_dir = str_dup(str_of(data_dir)),
                         .fd = -1,
                         .answer_s = ANSWER_S,
                         .in = BUF_INIT(REPLY_BYTES)};
    return c;
}

struct client *client_dial(const char *data_dir)
{
    struct client *c = client_new(data_dir);
    c->fd = control_dial(data_dir);
    c->answer_s = PING_S;
    if (c->fd >= 0)
        return c;
    client_close(c);
    return NULL;
}

enum err client_open(struct client **out, const char *data_dir, bool make, struct buf *why)
{
    struct stat st;
    if (!make && (stat(data_dir, &st) || !S_ISDIR(st.st_mode))) {
        buf_printf(why, "there is no data folder %s; --data DIR names it", data_dir);
        return ERR_NOT_FOUND;
    }
    struct client *c = client_new(data_dir);
    uint64_t until_ms = clock_now().mono_ms + LOCK_WAIT_MS;
    enum err e = try_open(c, why);
    while (e == ERR_LOCKED && clock_now().mono_ms < until_ms) {
        (void)poll(NULL, 0, LOCK_EVERY_MS);
        buf_clear(why);
        e = try_open(c, why);
    }
    if (e)
        client_close(c);
    else
        *out = c;
    return e;
}

void client_close(struct client *c)
{
    if (!c)
        return;
    if (c->fd >= 0)
        close(c->fd);
    app_close(c->app);
    buf_release(&c->in);
    free(c->data_dir);
    free(c);
}

/* ---- a running server ---- */

static enum err fail(struct reply *reply, enum err e, const char *message)
{
    *reply = (struct reply){.err = e};
    (void)str_copy(reply->message, sizeof reply->message, str_of(message));
    return e;
}

static enum err send_all(int fd, struct str s)
{
    while (s.n) {
        ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? ERR_TIMEOUT : ERR_CLOSED;
        s = str_slice(s.p + n, s.n - (size_t)n);
    }
    return OK;
}

/* Until the buffer holds a whole line. */
static enum err receive_line(struct client *c)
{
    size_t seen = 0;
    for (;;) {
        struct str have = buf_str(&c->in);
        if (memchr(have.p + seen, '\n', have.n - seen))
            return OK;
        seen = have.n;
        char *space;
        enum err e = buf_reserve(&c->in, 65536, &space);
        if (e)
            return e;
        ssize_t n = recv(c->fd, space, 65536, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return ERR_TIMEOUT;
        if (n <= 0)
            return ERR_CLOSED;
        buf_commit(&c->in, (size_t)n);
    }
}

static void be_patient(const struct client *c, const struct command *cmd)
{
    bool reads_all = cmd->kind == CMD_BACKUP || cmd->kind == CMD_CHECK;
    struct timeval patience = {.tv_sec = reads_all ? LONG_ANSWER_S : c->answer_s};
    (void)setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

static enum err exchange(struct client *c, const struct command *cmd, struct reply *reply)
{
    be_patient(c, cmd);
    struct buf line = BUF_INIT(CONTROL_LINE_BYTES), why = BUF_INIT(sizeof reply->message - 1);
    enum err e = control_encode_command(&line, cmd);
    if (!e)
        e = send_all(c->fd, buf_str(&line));
    if (!e)
        e = receive_line(c);
    buf_release(&line);
    if (e == ERR_TIMEOUT)
        fail(reply, e, "the server did not answer in time");
    else if (e == ERR_CLOSED)
        fail(reply, e, "the server went away before it answered");
    else if (e)
        fail(reply, e, err_message(e));
    else if (control_decode_reply(buf_str(&c->in), reply, &why))
        fail(reply, ERR_BAD_MESSAGE, "the server's answer cannot be read; is it of this version?");
    buf_clear(&c->in);
    buf_release(&why);
    return reply->err;
}

enum err client_call(struct client *c, struct command *cmd, struct reply *reply)
{
    *reply = (struct reply){0};
    cmd->actor = (struct actor){.role = ROLE_ADMIN, .name = "(cli)"};
    enum err e = c->app ? app_call_alone(c->app, cmd, reply) : exchange(c, cmd, reply);
    if (e && !reply->message[0])
        (void)str_copy(reply->message, sizeof reply->message, str_of(err_message(e)));
    return e;
}

enum err client_sign_key(struct client *c, struct sign_key *out)
{
    if (c->app) {
        *out = *app_sign_key(c->app);
        return OK;
    }
    struct buf path = BUF_INIT(PATH_BYTES);
    buf_printf(&path, "%s/sign.key", c->data_dir);
    enum err e = path.failed;
    /* Never one of our own making: the server would not know it. */
    if (!e && access(buf_cstr(&path), R_OK))
        e = ERR_IO;
    if (!e)
        e = sign_key_load(out, buf_cstr(&path));
    buf_release(&path);
    return e;
}
