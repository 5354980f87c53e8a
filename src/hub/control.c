#include "hub/control.h"

#include "base/alloc.h"
#include "base/list.h"
#include "base/log.h"
#include "codec/control.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define REPLY_BYTES (64u * 1024 * 1024)
#define WHY_BYTES   500
#define IDLE_S      60

struct control {
    struct app *app;
    struct event_base *base;
    struct evconnlistener *listener;
    char *path;
    struct list peers;
    size_t count, busy;
};

/* One connection: a command at a time; while it is under way nothing more is read. */
struct peer {
    struct list link;
    struct control *control;
    struct bufferevent *io;
    struct question *question; /* NULL: no command is under way */
    bool ended;                /* the other side sends no more: goes once its replies are sent */
};

/* A command under way. Outlives its peer when the answer comes late. */
struct question {
    struct peer *peer; /* NULL when it has gone */
};

/* ---- peers ---- */

static void peer_free(struct peer *p)
{
    if (p->question) {
        p->question->peer = NULL;
        p->control->busy--;
    }
    list_remove(&p->link);
    p->control->count--;
    bufferevent_free(p->io);
    free(p);
}

static void send_reply(struct peer *p, const struct reply *r)
{
    struct buf b = BUF_INIT(REPLY_BYTES);
    if (control_encode_reply(&b, r)) {
        struct reply failed = {.err = ERR_INTERNAL};
        buf_clear(&b);
        control_encode_reply(&b, &failed);
    }
    struct str line = buf_str(&b);
    bufferevent_write(p->io, line.p, line.n);
    buf_release(&b);
}

static void refuse(struct peer *p, enum err e, const char *why)
{
    struct reply r = {.err = e};
    str_copy(r.message, sizeof r.message, str_of(why));
    send_reply(p, &r);
}

static void on_answered(void *ctx, struct reply *reply)
{
    struct question *q = ctx;
    struct peer *p = q->peer;
    free(q);
    if (p) {
        p->question = NULL;
        p->control->busy--;
        send_reply(p, reply);
    }
    reply_release(reply);
    if (!p)
        return;
    bufferevent_enable(p->io, EV_READ);
    bufferevent_trigger(p->io, EV_READ, BEV_TRIG_DEFER_CALLBACKS); /* lines that are here already */
}

static void take_line(struct peer *p, struct str line)
{
    struct buf why = BUF_INIT(WHY_BYTES);
    struct command c = {0};
    enum err e = control_decode_command(line, &c, &why);
    if (e) {
        refuse(p, e, buf_cstr(&why));
        buf_release(&why);
        return;
    }
    buf_release(&why);
    struct question *q = xcalloc(1, sizeof *q);
    q->peer = p;
    p->question = q;
    p->control->busy++;
    bufferevent_disable(p->io, EV_READ);
    app_command(p->control->app, &c, on_answered, q);
}

/* Takes lines until one is under way or none is whole. */
static void take_lines(struct peer *p)
{
    struct evbuffer *in = bufferevent_get_input(p->io);
    while (!p->question) {
        size_t n = 0;
        char *line = evbuffer_readln(in, &n, EVBUFFER_EOL_LF);
        if (!line)
            break;
        take_line(p, str_slice(line, n));
        secret_wipe(line, n);
        free(line);
    }
    if (!p->question && evbuffer_get_length(in) > CONTROL_LINE_BYTES) {
        refuse(p, ERR_TOO_LARGE, "A command has at most 1 MiB");
        bufferevent_disable(p->io, EV_READ);
        p->ended = true;
    }
}

static void on_readable(struct bufferevent *io, void *ctx)
{
    (void)io;
    take_lines(ctx);
}

/* All output is sent. */
static void on_written(struct bufferevent *io, void *ctx)
{
    (void)io;
    struct peer *p = ctx;
    if (p->ended && !p->question)
        peer_free(p);
}

static void on_event(struct bufferevent *io, short what, void *ctx)
{
    struct peer *p = ctx;
    bool unsent = evbuffer_get_length(bufferevent_get_output(io)) > 0;
    if ((what & BEV_EVENT_EOF) && (what & BEV_EVENT_READING) && (unsent || p->question)) {
        p->ended = true;
        return;
    }
    peer_free(p);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from,
                      int from_bytes, void *ctx)
{
    (void)listener;
    (void)from;
    (void)from_bytes;
    struct control *c = ctx;
    struct bufferevent *io = NULL;
    if (c->count < CONTROL_CONNECTIONS)
        io = bufferevent_socket_new(c->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (!io) {
        evutil_closesocket(fd);
        return;
    }
    struct peer *p = xcalloc(1, sizeof *p);
    *p = (struct peer){.control = c, .io = io};
    list_push_back(&c->peers, &p->link);
    c->count++;
    struct timeval idle = {.tv_sec = IDLE_S};
    bufferevent_setcb(io, on_readable, on_written, on_event, p);
    bufferevent_setwatermark(io, EV_READ, 0, CONTROL_LINE_BYTES + 1);
    bufferevent_set_timeouts(io, &idle, &idle);
    bufferevent_enable(io, EV_READ | EV_WRITE);
}

/* ---- the listener ---- */

/* sun_path is short: a longer path goes through a descriptor of its folder, which stays open
 * meanwhile. */
static enum err fill_address(struct sockaddr_un *a, const char *dir, const char *path, int *dir_fd)
{
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    *dir_fd = -1;
    if (str_copy(a->sun_path, sizeof a->sun_path, str_of(path)))
        return OK;
    *dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*dir_fd < 0)
        return ERR_IO;
    struct buf b = BUF_INIT(sizeof a->sun_path - 1);
    buf_printf(&b, "/proc/self/fd/%d/" CONTROL_SOCKET, *dir_fd);
    bool fits = str_copy(a->sun_path, sizeof a->sun_path, buf_str(&b));
    buf_release(&b);
    return fits ? OK : ERR_IO;
}

/* A bound, listening socket of mode 0600; -1 and errno. */
static int listen_at(const char *dir, const char *path)
{
    struct sockaddr_un a;
    int dir_fd = -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool done = fd >= 0 && !fill_address(&a, dir, path, &dir_fd) &&
                (unlink(path) == 0 || errno == ENOENT) &&
                fchmod(fd, S_IRUSR | S_IWUSR) == 0 && /* before bind: never open to others */
                bind(fd, (struct sockaddr *)&a, sizeof a) == 0 &&
                listen(fd, CONTROL_CONNECTIONS) == 0;
    int error = errno;
    if (dir_fd >= 0)
        close(dir_fd);
    if (!done && fd >= 0)
        close(fd);
    errno = error;
    return done ? fd : -1;
}

static char *path_in(const char *dir)
{
    struct buf b = BUF_INIT(65536);
    buf_printf(&b, "%s/%s", dir, CONTROL_SOCKET);
    char *path = str_dup(buf_str(&b));
    buf_release(&b);
    return path;
}

enum err control_new(struct control **out, struct event_base *base, struct app *app,
                     struct buf *why)
{
    struct control *c = xcalloc(1, sizeof *c);
    *c = (struct control){.app = app, .base = base, .path = path_in(app_data_dir(app))};
    list_init(&c->peers);
    int fd = listen_at(app_data_dir(app), c->path);
    if (fd >= 0)
        c->listener = evconnlistener_new(base, on_accept, c,
                                         LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    if (!c->listener) {
        buf_printf(why, "cannot listen on %s: %s", c->path, strerror(errno));
        if (fd >= 0)
            close(fd);
        free(c->path);
        free(c);
        return ERR_IO;
    }
    *out = c;
    return OK;
}

void control_free(struct control *c)
{
    if (!c)
        return;
    LIST_EACH (&c->peers, it)
        peer_free(CONTAINER_OF(it, struct peer, link));
    evconnlistener_free(c->listener);
    if (unlink(c->path) < 0)
        log_debug("hub", "cannot remove %s: %s", c->path, strerror(errno));
    free(c->path);
    free(c);
}

bool control_busy(const struct control *c)
{
    if (c->busy)
        return true;
    LIST_EACH ((struct list *)&c->peers, it) {
        struct peer *p = CONTAINER_OF(it, struct peer, link);
        if (evbuffer_get_length(bufferevent_get_output(p->io)) > 0)
            return true;
    }
    return false;
}
