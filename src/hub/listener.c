#include "hub/listener.h"

#include "base/alloc.h"
#include "base/list.h"
#include "base/log.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS_A_TURN      64
#define REST_MS             100   /* when descriptors have run out */
#define SAY_MS              60000 /* which is said at most so often */
#define BACKLOG             4096
#define PORT_TRIES          20
#define KERNEL_UNSENT_BYTES (64 * 1024)

struct listener {
    struct list node;
    struct listeners *all;
    struct event event;
    int fd;
};

struct listeners {
    struct event_base *base;
    struct timers *timers;
    struct timer rest;
    uint64_t say_ms; /* not before */
    struct list list;
    struct listener_calls calls;
    size_t spare;
};

/* ---- accepting ---- */

static void on_rested(struct timer *t)
{
    struct listeners *all = CONTAINER_OF(t, struct listeners, rest);
    LIST_EACH (&all->list, it)
        event_add(&CONTAINER_OF(it, struct listener, node)->event, NULL);
}

static void rest(struct listeners *all, const char *why)
{
    uint64_t now = timers_now(all->timers);
    if (now >= all->say_ms) {
        log_warn("edge", "cannot accept connections: %s", why);
        all->say_ms = now + SAY_MS;
    }
    LIST_EACH (&all->list, it)
        event_del(&CONTAINER_OF(it, struct listener, node)->event);
    timers_set(all->timers, &all->rest, now + REST_MS);
}

/* How many connections may be open. The limit may be changed from outside (prlimit). */
static size_t most_open(const struct listeners *all)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r))
        return SIZE_MAX;
    size_t files = (size_t)r.rlim_cur;
    return files - (all->spare < files / 2 ? all->spare : files / 2);
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct listener *l = arg;
    const struct listener_calls *calls = &l->all->calls;
    size_t most = most_open(l->all);
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        if (calls->open(calls->ctx) >= most) {
            rest(l->all, "too many are open for the limit of open files");
            return;
        }
        struct sockaddr_storage peer = {0};
        socklen_t size = sizeof peer;
        struct sockaddr *sa = (struct sockaddr *)(void *)&peer;
        int accepted = accept4(fd, sa, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (accepted >= 0) {
            calls->accepted(calls->ctx, accepted, address_of(sa));
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            rest(l->all, strerror(errno));
        if (errno != EINTR && errno != ECONNABORTED)
            return;
    }
}

/* ---- binding ---- */

/* Accepted sockets inherit both. Streams coalesce by themselves; and what a peer does not take
 * shall wait in our queue, where it is counted, not in a kernel buffer of up to 4 MiB. */
static void set_inherited(int fd)
{
    int one = 1, unsent = KERNEL_UNSENT_BYTES;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
}

static int open_socket(const struct addrinfo *ai)
{
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int one = 1;
    set_inherited(fd);
    int e = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (ai->ai_family == AF_INET6)
        e |= setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    if (!e && bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage ss = {0};
    socklen_t size = sizeof ss;
    if (getsockname(fd, (struct sockaddr *)(void *)&ss, &size))
        return 0;
    return ntohs(ss.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)(void *)&ss)->sin6_port
                                          : ((struct sockaddr_in *)(void *)&ss)->sin_port);
}

static void set_port(struct addrinfo *ai, uint16_t port)
{
    if (ai->ai_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)ai->ai_addr)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)(void *)ai->ai_addr)->sin_port = htons(port);
}

/* Binds every address of the list to one port; addresses of a family that this machine lacks are
 * skipped. fds gets at most max. */
static size_t bind_all(struct addrinfo *list, uint16_t port, int *fds, size_t max)
{
    size_t n = 0;
    int error = EADDRNOTAVAIL;
    for (struct addrinfo *ai = list; ai && n < max; ai = ai->ai_next) {
        set_port(ai, n ? port_of(fds[0]) : port);
        int fd = open_socket(ai);
        if (fd >= 0) {
            fds[n++] = fd;
            continue;
        }
        error = errno;
        if (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)
            continue;
        while (n)
            close(fds[--n]);
        break;
    }
    errno = error;
    return n;
}

static void add_socket(struct listeners *all, int fd)
{
    struct listener *l = xcalloc(1, sizeof *l);
    l->all = all;
    l->fd = fd;
    event_assign(&l->event, all->base, fd, EV_READ | EV_PERSIST, on_acceptable, l);
    event_add(&l->event, NULL);
    list_push_back(&all->list, &l->node);
}

struct place {
    char host[256]; /* "" = all addresses */
    uint16_t port;
};

static enum err parse_place(const char *address, struct place *out, struct buf *why)
{
    struct str s = str_of(address), host, port;
    size_t colon = s.n;
    while (colon > 0 && s.p[colon - 1] != ':')
        colon--;
    uint64_t n = 0;
    port = str_slice(s.p + colon, s.n - colon);
    host = str_slice(s.p, colon ? colon - 1 : 0);
    bool bracketed = host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
    if (bracketed)
        host = str_slice(host.p + 1, host.n - 2);
    bool bare_six = !bracketed && str_find(host, ':') < host.n;
    if (!colon || bare_six || str_to_u64(port, 65535, &n) ||
        !str_copy(out->host, sizeof out->host, host)) {
        buf_printf(why, "%s is no HOST:PORT, [ADDRESS]:PORT or :PORT to listen on", address);
        return ERR_SYNTAX;
    }
    out->port = (uint16_t)n;
    return OK;
}

static void explain(struct buf *why, const struct place *place, int error)
{
    const char *host = place->host[0] ? place->host : "";
    buf_printf(why, "cannot listen on %s:%u: %s", host, place->port, strerror(error));
    if (error == EADDRINUSE)
        buf_puts(why, "; stop the program that has this port or choose another "
                      "(port 0 takes a free one)");
    else if (error == EACCES)
        buf_puts(why, "; ports below 1024 need privileges, choose a higher one");
    else if (error == EADDRNOTAVAIL)
        buf_puts(why, "; this machine does not have that address");
}

enum err listeners_add(struct listeners *l, const char *scheme, const char *address,
                       struct buf *url, struct buf *why)
{
    struct place place;
    enum err e = parse_place(address, &place, why);
    if (e)
        return e;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list = NULL;
    int gai = getaddrinfo(place.host[0] ? place.host : NULL, "0", &hints, &list);
    if (gai) {
        buf_printf(why, "cannot listen on %s: %s", address, gai_strerror(gai));
        return ERR_IO;
    }
    int fds[8], error = 0;
    size_t n = 0;
    /* A free port of the first address may be taken on the second. */
    for (int i = 0; i < PORT_TRIES && !n; i++) {
        n = bind_all(list, place.port, fds, sizeof fds / sizeof fds[0]);
        error = errno;
        if (place.port || error != EADDRINUSE)
            break;
    }
    freeaddrinfo(list);
    if (!n) {
        explain(why, &place, error);
        return ERR_IO;
    }
    bool six = strchr(place.host, ':');
    buf_printf(url, "%s://%s%s%s:%u", scheme, six ? "[" : "",
               place.host[0] ? place.host : "0.0.0.0", six ? "]" : "", port_of(fds[0]));
    for (size_t i = 0; i < n; i++)
        add_socket(l, fds[i]);
    return OK;
}

/* ---- life ---- */

struct listeners *listeners_new(struct event_base *base, struct timers *timers,
                                const struct listener_calls *calls, size_t spare)
{
    struct listeners *l = xcalloc(1, sizeof *l);
    *l = (struct listeners){.base = base, .timers = timers, .calls = *calls, .spare = spare};
    l->rest.due = on_rested;
    list_init(&l->list);
    return l;
}

void listeners_stop(struct listeners *l)
{
    timers_stop(l->timers, &l->rest);
    LIST_EACH (&l->list, it) {
        struct listener *one = CONTAINER_OF(it, struct listener, node);
        list_remove(it);
        event_del(&one->event);
        close(one->fd);
        free(one);
    }
}

void listeners_free(struct listeners *l)
{
    if (!l)
        return;
    listeners_stop(l);
    free(l);
}
