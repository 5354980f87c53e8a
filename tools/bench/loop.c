#include "bench/loop.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define OUT_BYTES (256u * 1024 * 1024)

uint64_t bench_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static void read_clock(struct loop *l)
{
    l->now_ns = l->stopped ? UINT64_MAX : bench_now_ns();
}

enum err loop_init(struct loop *l)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    l->dirty = NULL;
    l->stopped = false;
    read_clock(l);
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    l->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    struct epoll_event e = {.events = EPOLLIN}; /* no wire: a signal */
    return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->signal_fd, &e) ? ERR_IO : OK;
}

void loop_release(struct loop *l)
{
    close(l->signal_fd);
    close(l->epoll_fd);
}

/* ---- a wire ---- */

static void watch(struct wire *w, int op, bool write)
{
    struct epoll_event e = {.events = EPOLLIN | (write ? EPOLLOUT : 0u), .data.ptr = w};
    w->wants_write = write;
    (void)epoll_ctl(w->loop->epoll_fd, op, w->fd, &e);
}

static bool bind_source(int fd, unsigned source)
{
    if (source == 0)
        return true;
    int on = 1; /* the port is chosen by connect, so that it need only differ towards the peer */
    struct sockaddr_in from = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK + source)};
    return !setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) &&
           !bind(fd, (const struct sockaddr *)&from, sizeof from);
}

enum err wire_connect(struct wire *w, struct loop *l, const struct wire_ops *ops,
                      const struct sockaddr_in *to, unsigned source)
{
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return ERR_IO;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (!bind_source(fd, source) ||
        (connect(fd, (const struct sockaddr *)to, sizeof *to) && errno != EINPROGRESS)) {
        close(fd);
        return ERR_IO;
    }
    *w = (struct wire){.loop = l, .ops = ops, .fd = fd, .out = BUF_INIT(OUT_BYTES)};
    watch(w, EPOLL_CTL_ADD, true);
    return OK;
}

void wire_close(struct wire *w)
{
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
    buf_release(&w->out);
}

static void lose(struct wire *w, const char *why)
{
    wire_close(w);
    w->ops->gone(w, why);
}

void wire_send_soon(struct wire *w)
{
    if (w->dirty)
        return;
    w->dirty = true;
    w->next_dirty = w->loop->dirty;
    w->loop->dirty = w;
}

static void flush(struct wire *w)
{
    w->dirty = false;
    if (w->fd < 0 || !w->connected || w->out.len == 0)
        return;
    struct str s = buf_str(&w->out);
    ssize_t n = send(w->fd, s.p, s.n, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) {
        lose(w, strerror(errno));
        return;
    }
    if (n > 0)
        buf_consume(&w->out, (size_t)n);
    if (w->wants_write != (w->out.len > 0))
        watch(w, EPOLL_CTL_MOD, w->out.len > 0);
}

static void on_connected(struct wire *w)
{
    int error = 0;
    socklen_t n = sizeof error;
    (void)getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &n);
    if (error) {
        lose(w, strerror(error));
        return;
    }
    w->connected = true;
    watch(w, EPOLL_CTL_MOD, false);
    w->ops->open(w);
}

static void on_readable(struct wire *w)
{
    struct loop *l = w->loop;
    ssize_t n = recv(w->fd, l->input, sizeof l->input, 0);
    read_clock(l);
    if (n > 0)
        w->ops->bytes(w, str_slice(l->input, (size_t)n));
    else if (n == 0)
        lose(w, "the server closed the connection");
    else if (errno != EAGAIN && errno != EINTR)
        lose(w, strerror(errno));
}

static void on_event(struct wire *w, uint32_t events)
{
    if (w->fd < 0)
        return; /* closed earlier in this turn */
    if (!w->connected) {
        on_connected(w);
        return;
    }
    if (events & EPOLLOUT)
        wire_send_soon(w);
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        on_readable(w);
}

/* ---- the loop ---- */

static void send_all(struct loop *l)
{
    while (l->dirty) {
        struct wire *w = l->dirty;
        l->dirty = w->next_dirty;
        flush(w);
    }
}

static int wait_until(struct loop *l, struct epoll_event *events, uint64_t until_ns)
{
    uint64_t left = until_ns > l->now_ns ? until_ns - l->now_ns : 0;
    struct timespec t = {.tv_sec = (time_t)(left / NS_PER_S), .tv_nsec = (long)(left % NS_PER_S)};
    int n = epoll_pwait2(l->epoll_fd, events, LOOP_EVENTS, &t, NULL);
    read_clock(l);
    return n;
}

void loop_turn(struct loop *l, uint64_t until_ns)
{
    struct epoll_event events[LOOP_EVENTS];
    send_all(l);
    int n = wait_until(l, events, until_ns);
    for (int i = 0; i < n; i++)
        if (events[i].data.ptr)
            on_event(events[i].data.ptr, events[i].events);
        else
            l->stopped = true;
    if (l->stopped)
        read_clock(l);
    send_all(l);
}
