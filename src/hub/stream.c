#include "hub/stream.h"

#include "base/alloc.h"

#include <assert.h>
#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define SCRATCH_BYTES (64 * 1024)   /* most input a stream gets in one turn */
#define TURN_BYTES    (1024 * 1024) /* most TLS output in one turn */
#define VECTOR_MAX    64
/* Writing to one takes about 10 us: nobody else waits for more than a millisecond or so. */
#define CROWD_PER_TURN 128

static void run_turn(evutil_socket_t fd, short what, void *arg);
static void run_later(evutil_socket_t fd, short what, void *arg);

void stream_loop_init(struct stream_loop *loop, struct event_base *base)
{
    *loop = (struct stream_loop){.base = base};
    list_init(&loop->dirty);
    list_init(&loop->crowd);
    list_init(&loop->again);
    list_init(&loop->dead);
    loop->scratch = xcalloc(1, SCRATCH_BYTES);
    event_assign(&loop->turn, base, -1, 0, run_turn, loop);
    event_assign(&loop->later, base, -1, 0, run_later, loop);
}

static void mark_dirty(struct stream *s)
{
    if (s->closed || (list_linked(&s->node) && !s->crowded))
        return;
    if (list_empty(&s->loop->dirty))
        event_active(&s->loop->turn, 0, 0);
    s->crowded = false;
    list_remove(&s->node);
    list_push_back(&s->loop->dirty, &s->node);
}

static void mark_crowd(struct stream *s)
{
    if (s->closed || list_linked(&s->node))
        return;
    if (list_empty(&s->loop->crowd))
        event_active(&s->loop->turn, 0, 0);
    s->crowded = true;
    list_push_back(&s->loop->crowd, &s->node);
}

static void want_events(struct stream *s)
{
    bool open = !s->closed && !s->broken;
    bool want_read = open && !s->ended && s->state != STREAM_CONNECTING && !s->read_blocked &&
                     (s->state == STREAM_HANDSHAKE || !s->paused);
    bool want_write = open && (s->blocked || s->read_blocked || s->state == STREAM_CONNECTING);
    if (want_read != s->reading) {
        s->reading = want_read;
        want_read ? event_add(&s->read_event, NULL) : event_del(&s->read_event);
    }
    if (want_write != s->writing) {
        s->writing = want_write;
        want_write ? event_add(&s->write_event, NULL) : event_del(&s->write_event);
    }
}

/* Reported at the turn's end, so that no caller meets its own callback. */
static void fail(struct stream *s)
{
    if (s->broken || s->closed)
        return;
    s->broken = true;
    want_events(s);
    mark_dirty(s);
}

/* ---- writing ---- */

static void sent(struct stream *s, size_t n)
{
    s->sent += n;
    s->loop->unsent -= n;
    stream_queue_advance(&s->queue, n);
}

static bool writable(const struct stream *s)
{
    return !s->closed && !s->broken && !s->finish;
}

static void queued(struct stream *s, enum err e, size_t n, void (*mark)(struct stream *))
{
    if (e) {
        fail(s);
        return;
    }
    s->loop->unsent += n;
    if (!s->blocked)
        mark(s);
}

void stream_write(struct stream *s, struct str bytes)
{
    if (writable(s) && bytes.n)
        queued(s, stream_queue_write(&s->queue, bytes), bytes.n, mark_dirty);
}

static void give(struct stream *s, struct bytes *bytes, void (*mark)(struct stream *))
{
    size_t n = bytes->n;
    if (writable(s) && n)
        queued(s, stream_queue_give(&s->queue, bytes), n, mark);
    else
        bytes_unref(bytes);
}

void stream_give(struct stream *s, struct bytes *bytes)
{
    give(s, bytes, mark_dirty);
}

void stream_give_crowd(struct stream *s, struct bytes *bytes)
{
    give(s, bytes, mark_crowd);
}

void stream_drop_unsent(struct stream *s)
{
    if (!s->closed)
        s->loop->unsent -= stream_queue_drop(&s->queue, s->retry);
}

static void write_plain(struct stream *s)
{
    struct iovec vector[VECTOR_MAX];
    struct msghdr message = {.msg_iov = vector,
                             .msg_iovlen = stream_queue_vector(&s->queue, vector, VECTOR_MAX)};
    ssize_t n = sendmsg(s->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0)
        sent(s, (size_t)n);
    else if (n < 0 && errno != EAGAIN && errno != EINTR && errno != ENOBUFS)
        fail(s);
    s->blocked = s->queue.bytes > 0;
}

static void write_tls(struct stream *s)
{
    for (size_t total = 0, put = 0; s->queue.bytes && total < TURN_BYTES; total += put) {
        struct str head = stream_queue_head(&s->queue);
        enum tls_result r = tls_write(s->tls, head.p, head.n, &put);
        s->retry = r == TLS_WANT_WRITE;
        if (s->retry)
            break;
        if (r != TLS_DONE) {
            fail(s);
            return;
        }
        sent(s, put);
    }
    s->blocked = s->queue.bytes > 0;
}

static void half_close(struct stream *s)
{
    s->finished = true;
    if (s->tls)
        tls_shutdown(s->tls);
    shutdown(s->fd, SHUT_WR);
}

void stream_push(struct stream *s)
{
    if (s->closed || s->broken || s->state != STREAM_OPEN)
        return;
    s->blocked = false;
    if (s->queue.bytes)
        s->tls ? write_tls(s) : write_plain(s);
    if (s->finish && !s->finished && !s->queue.bytes && !s->broken)
        half_close(s);
    want_events(s);
}

static void settle(struct stream *s)
{
    if (!s->blocked)
        stream_push(s);
    if (s->broken) {
        if (!s->broken_told) {
            s->broken_told = true;
            s->calls->broken(s->owner);
        }
        return;
    }
    if (s->notify && s->queue.bytes < s->notify) {
        s->notify = 0;
        s->calls->drained(s->owner);
    }
}

/* A peer that did not take its output is not owed what the kernel holds of it, and shall see that
 * something is missing: the connection is reset. */
static void reset_unsent(const struct stream *s)
{
    const struct linger reset = {.l_onoff = 1};
    if (s->queue.bytes)
        setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
}

static void reap(struct stream_loop *loop)
{
    struct list *node;
    while ((node = list_first(&loop->dead))) {
        struct stream *s = CONTAINER_OF(node, struct stream, node);
        list_remove(node);
        reset_unsent(s);
        stream_queue_release(&s->queue);
        tls_session_free(s->tls);
        close(s->fd);
        s->fd = -1;
        s->calls->released(s->owner);
    }
}

static void settle_dirty(struct stream_loop *loop)
{
    struct list *node;
    while ((node = list_first(&loop->dirty))) {
        list_remove(node);
        settle(CONTAINER_OF(node, struct stream, node));
    }
}

static void run_turn(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct stream_loop *loop = arg;
    struct list *node;
    settle_dirty(loop);
    for (int i = 0; i < CROWD_PER_TURN && (node = list_first(&loop->crowd)); i++) {
        struct stream *s = CONTAINER_OF(node, struct stream, node);
        list_remove(node);
        s->crowded = false;
        settle(s);
    }
    settle_dirty(loop); /* what those callbacks have caused */
    reap(loop);
    if (!list_empty(
            &loop->crowd)) /* active at once it would run before the sockets are looked at */
        event_add(&loop->later, &(struct timeval){0});
}

void stream_loop_release(struct stream_loop *loop)
{
    reap(loop);
    assert(list_empty(&loop->dirty) && list_empty(&loop->crowd) && list_empty(&loop->again));
    assert(loop->unsent == 0);
    event_del(&loop->turn);
    event_del(&loop->later);
    free(loop->scratch);
    loop->scratch = NULL;
}

/* ---- reading ---- */

static void read_again_later(struct stream *s)
{
    if (list_linked(&s->again))
        return;
    if (list_empty(&s->loop->again))
        event_add(&s->loop->later, &(struct timeval){0});
    list_push_back(&s->loop->again, &s->again);
}

static void read_plain(struct stream *s)
{
    ssize_t n = recv(s->fd, s->loop->scratch, SCRATCH_BYTES, MSG_DONTWAIT);
    if (n > 0) {
        s->calls->data(s->owner, (struct str){s->loop->scratch, (size_t)n});
    } else if (n == 0) {
        s->ended = true;
        want_events(s);
        s->calls->end(s->owner);
    } else if (errno != EAGAIN && errno != EINTR) {
        fail(s);
    }
}

static void read_tls(struct stream *s)
{
    size_t n = 0;
    enum tls_result r = TLS_DONE;
    while (r == TLS_DONE && n < SCRATCH_BYTES) {
        size_t got = 0;
        r = tls_read(s->tls, s->loop->scratch + n, SCRATCH_BYTES - n, &got);
        n += r == TLS_DONE ? got : 0;
    }
    s->read_blocked = r == TLS_WANT_WRITE;
    if (r == TLS_DONE && tls_pending(s->tls))
        read_again_later(s);
    if (n)
        s->calls->data(s->owner, (struct str){s->loop->scratch, n});
    if (s->closed)
        return;
    if (r == TLS_BROKEN)
        fail(s);
    if (r == TLS_END) {
        s->ended = true;
        s->calls->end(s->owner);
    }
    want_events(s);
}

static void read_some(struct stream *s)
{
    if (s->closed || s->broken || s->ended || s->paused || s->state != STREAM_OPEN)
        return;
    s->tls ? read_tls(s) : read_plain(s);
}

static void opened(struct stream *s)
{
    s->state = STREAM_OPEN;
    s->blocked = false;
    mark_dirty(s);
    if (s->tls)
        read_again_later(s); /* bytes may have come with the handshake's last */
    want_events(s);
    if (s->calls->ready)
        s->calls->ready(s->owner);
}

static void go_on_with_handshake(struct stream *s)
{
    enum tls_result r = tls_handshake(s->tls);
    s->blocked = r == TLS_WANT_WRITE;
    if (r == TLS_DONE)
        opened(s);
    else if (r == TLS_WANT_READ || r == TLS_WANT_WRITE)
        want_events(s);
    else
        fail(s);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct stream *s = arg;
    if (s->state == STREAM_HANDSHAKE)
        go_on_with_handshake(s);
    else
        read_some(s);
}

static void on_connected(struct stream *s)
{
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size) || error)
        fail(s);
    else
        opened(s);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct stream *s = arg;
    if (s->state == STREAM_CONNECTING) {
        on_connected(s);
    } else if (s->state == STREAM_HANDSHAKE) {
        go_on_with_handshake(s);
    } else {
        s->blocked = false;
        mark_dirty(s);
        if (s->read_blocked) {
            s->read_blocked = false;
            read_some(s);
            want_events(s);
        }
    }
}

static void run_later(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct stream_loop *loop = arg;
    struct list work;
    list_init(&work);
    struct list *node;
    while ((node = list_first(&loop->again))) {
        list_remove(node);
        list_push_back(&work, node);
    }
    while ((node = list_first(&work))) {
        list_remove(node);
        read_some(CONTAINER_OF(node, struct stream, again));
    }
    if (!list_empty(&loop->crowd))
        event_active(&loop->turn, 0, 0);
}

/* ---- life ---- */

void stream_init(struct stream *s, struct stream_loop *loop, int fd, struct tls_session *tls,
                 bool connecting, const struct stream_calls *calls, void *owner)
{
    *s = (struct stream){.loop = loop, .fd = fd, .tls = tls, .calls = calls, .owner = owner};
    s->state = connecting ? STREAM_CONNECTING : tls ? STREAM_HANDSHAKE : STREAM_OPEN;
    event_assign(&s->read_event, loop->base, fd, EV_READ | EV_PERSIST, on_readable, s);
    event_assign(&s->write_event, loop->base, fd, EV_WRITE | EV_PERSIST, on_writable, s);
    want_events(s);
}

void stream_close(struct stream *s)
{
    if (s->closed)
        return;
    s->closed = true;
    want_events(s);
    s->loop->unsent -= s->queue.bytes;
    list_remove(&s->again);
    list_remove(&s->node);
    if (list_empty(&s->loop->dead))
        event_active(&s->loop->turn, 0, 0);
    list_push_back(&s->loop->dead, &s->node);
}

void stream_finish(struct stream *s)
{
    s->finish = true;
    if (!s->blocked)
        mark_dirty(s);
}

void stream_notify(struct stream *s, size_t mark)
{
    s->notify = mark + 1;
    mark_dirty(s);
}

uint64_t stream_acknowledged(const struct stream *s)
{
    int queued = 0;
    if (ioctl(s->fd, SIOCOUTQ, &queued) || queued < 0)
        return s->sent;
    return s->sent > (uint64_t)queued ? s->sent - (uint64_t)queued : 0;
}

void stream_pause(struct stream *s)
{
    s->paused = true;
    want_events(s);
}

void stream_resume(struct stream *s)
{
    if (!s->paused)
        return;
    s->paused = false;
    if (s->tls)
        read_again_later(s);
    want_events(s);
}

bool stream_quiet(const struct stream *s)
{
    char byte;
    return recv(s->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}
