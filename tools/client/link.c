#include "client/link_state.h"

#include "base/alloc.h"

#include <event2/event.h>

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPENING_MS    15000 /* from look-up to upgrade, for each address */
#define SILENCE_MS    25000 /* then a ping */
#define PONG_MS       20000
#define CLOSING_MS    2000
#define UNSENT_BYTES  (64u << 20)
#define MESSAGE_BYTES (32u << 20)
#define FRAGMENTS     100000
#define READ_BYTES    16384
#define READ_ROUNDS   16 /* then others have their turn */

/* Invariants: words is empty until the end has been decided; once it is set, the next turn of the
 * loop sends what can be sent at once and reports `closed`. PHASE_CLOSED: it has been reported, and
 * nothing is active. */

enum step link_end(struct link *l, const char *fmt, ...)
{
    va_list args;
    if (l->words[0])
        return STEP_END;
    va_start(args, fmt);
    vsnprintf(l->words, sizeof l->words, fmt, args);
    va_end(args);
    return STEP_END;
}

void link_set_timer(struct link *l, unsigned ms)
{
    struct timeval t = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
    event_add(l->timer, &t);
    l->heard = false;
}

static void close_socket(struct link *l)
{
    if (l->readable)
        event_free(l->readable);
    if (l->writable)
        event_free(l->writable);
    l->readable = l->writable = NULL;
    channel_release(&l->channel);
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
}

/* ---- steps ---- */

static void on_socket(evutil_socket_t fd, short what, void *arg);

static enum step open_socket(struct link *l, const struct addrinfo *a)
{
    const int yes = 1;
    l->fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->fd < 0)
        return link_end(l, "%s", strerror(errno));
    setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    l->readable = event_new(l->options.base, l->fd, EV_READ | EV_PERSIST, on_socket, l);
    l->writable = event_new(l->options.base, l->fd, EV_WRITE | EV_PERSIST, on_socket, l);
    if (!l->readable || !l->writable ||
        channel_init(&l->channel, l->fd, l->options.security, l->options.url->host))
        return link_end(l, "no connection can be prepared");
    if (connect(l->fd, a->ai_addr, a->ai_addrlen) && errno != EINPROGRESS)
        return link_end(l, "%s", strerror(errno));
    l->phase = PHASE_CONNECT;
    link_set_timer(l, OPENING_MS);
    return STEP_WAIT;
}

/* The next of the name's addresses; the last one's failure is the one that counts. */
static enum step try_next(struct link *l)
{
    while (l->next_address) {
        const struct addrinfo *a = l->next_address;
        l->next_address = a->ai_next;
        close_socket(l);
        l->words[0] = '\0';
        if (open_socket(l, a) == STEP_WAIT)
            return STEP_WAIT;
    }
    return STEP_END;
}

static enum step step_lookup(struct link *l)
{
    (void)l;
    return STEP_WAIT;
}

static enum step step_connect(struct link *l)
{
    struct sockaddr_storage peer;
    socklen_t n = sizeof peer;
    if (getpeername(l->fd, (struct sockaddr *)&peer, &n) == 0) {
        l->phase = PHASE_TLS;
        return STEP_NEXT;
    }
    int error = 0;
    n = sizeof error;
    getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &n);
    if (!error)
        return STEP_WAIT;
    link_end(l, "%s", strerror(error));
    return try_next(l);
}

/* Maps what a channel said when it could not do what was asked. */
static enum step blocked(struct link *l, enum channel_result r)
{
    if (r == CHANNEL_WANT_WRITE)
        l->want_write = true;
    if (r == CHANNEL_WANT_READ || r == CHANNEL_WANT_WRITE)
        return STEP_WAIT;
    if (r == CHANNEL_BROKEN)
        return link_end(l, "%s", l->channel.why);
    return link_end(l, "the relay hung up");
}

static enum step step_tls(struct link *l)
{
    enum channel_result r = channel_handshake(&l->channel);
    if (r != CHANNEL_DONE)
        return blocked(l, r);
    link_write_upgrade(l);
    l->phase = PHASE_UPGRADE;
    return STEP_NEXT;
}

static enum step write_out(struct link *l)
{
    while (l->out.len) {
        size_t put = 0;
        struct str s = buf_str(&l->out);
        enum channel_result r = channel_write(&l->channel, s.p, s.n, &put);
        if (r != CHANNEL_DONE)
            return blocked(l, r);
        buf_consume(&l->out, put);
    }
    return STEP_WAIT;
}

static enum step step_upgrade(struct link *l)
{
    char bytes[READ_BYTES];
    size_t got;
    struct str rest = STR("");
    if (write_out(l) == STEP_END)
        return STEP_END;
    enum channel_result r = channel_read(&l->channel, bytes, sizeof bytes, &got);
    if (r != CHANNEL_DONE)
        return blocked(l, r);
    if (buf_append(&l->head, bytes, got))
        return link_end(l, "the relay's answer is too long");
    enum err e = link_read_upgrade(l, &rest);
    if (e)
        return e == ERR_AGAIN ? STEP_NEXT : STEP_END;
    l->phase = PHASE_OPEN;
    link_set_timer(l, SILENCE_MS);
    l->options.events->opened(l->options.owner);
    enum step s = link_take(l, rest);
    buf_release(&l->head);
    return s == STEP_END ? s : STEP_NEXT;
}

static enum step step_open(struct link *l)
{
    char bytes[READ_BYTES];
    size_t got;
    for (int round = 0; round < READ_ROUNDS; round++) {
        enum channel_result r = channel_read(&l->channel, bytes, sizeof bytes, &got);
        if (r != CHANNEL_DONE) {
            enum step s = blocked(l, r);
            return s == STEP_END ? s : write_out(l);
        }
        l->heard = true;
        if (link_take(l, str_slice(bytes, got)) == STEP_END)
            return STEP_END;
    }
    event_active(l->again, 0, 0); /* more may wait inside TLS, where no event tells of it */
    return write_out(l);
}

static enum step step_closed(struct link *l)
{
    (void)l;
    return STEP_WAIT;
}

typedef enum step step_fn(struct link *l);
static step_fn *const steps[] = {
    [PHASE_LOOKUP] = step_lookup,   [PHASE_CONNECT] = step_connect, [PHASE_TLS] = step_tls,
    [PHASE_UPGRADE] = step_upgrade, [PHASE_OPEN] = step_open,       [PHASE_CLOSING] = step_open,
    [PHASE_CLOSED] = step_closed,
};
_Static_assert(sizeof steps / sizeof *steps == PHASE__MAX, "one step for each phase");

/* ---- events ---- */

/* The last thing done with l: the owner may free it. */
static void report_end(struct link *l)
{
    if (l->phase == PHASE_OPEN || l->phase == PHASE_CLOSING)
        write_out(l); /* the close frame, so far as the socket takes it at once */
    l->phase = PHASE_CLOSED;
    close_socket(l);
    event_del(l->timer);
    event_del(l->again);
    lookup_cancel(l->lookup);
    l->lookup = NULL;
    l->options.events->closed(l->options.owner, l->close_code, l->words);
}

static void watch(struct link *l)
{
    if (l->fd < 0)
        return;
    bool write = l->phase == PHASE_CONNECT || l->want_write || l->out.len;
    event_add(l->readable, NULL);
    if (write)
        event_add(l->writable, NULL);
    else
        event_del(l->writable);
}

static void pump(struct link *l)
{
    enum step s = l->words[0] ? STEP_END : STEP_NEXT;
    l->want_write = false;
    while (s == STEP_NEXT)
        s = steps[l->phase](l);
    if (s == STEP_END || l->words[0])
        report_end(l);
    else
        watch(l);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    pump(arg);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    pump(arg);
}

static void on_silence(struct link *l)
{
    if (l->heard) {
        l->pinged = false;
        link_set_timer(l, SILENCE_MS);
    } else if (l->pinged) {
        link_end(l, "the relay is silent");
    } else {
        l->pinged = true;
        link_frame(l, WS_PING, STR(""));
        link_set_timer(l, PONG_MS);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct link *l = arg;
    if (l->phase == PHASE_OPEN)
        on_silence(l);
    else if (l->phase == PHASE_CLOSING)
        link_end(l, "the relay did not answer the closing");
    else if (link_end(l, "the relay does not answer") == STEP_END && l->phase == PHASE_CONNECT)
        try_next(l);
    pump(l);
}

static void on_addresses(void *ctx, int error, struct addrinfo *list)
{
    struct link *l = ctx;
    l->lookup = NULL;
    l->addresses = l->next_address = list;
    if (error)
        link_end(l, "%s: %s", l->options.url->host, gai_strerror(error));
    else
        try_next(l);
    pump(l);
}

/* ---- life ---- */

struct link *link_new(const struct link_options *options)
{
    struct link *l = xcalloc(1, sizeof *l);
    l->options = *options;
    l->fd = -1;
    l->out = BUF_INIT(UNSENT_BYTES);
    l->head = BUF_INIT(2 * READ_BYTES);
    ws_init(&l->decoder, WS_CLIENT,
            (struct ws_limits){.message_bytes = MESSAGE_BYTES, .message_fragments = FRAGMENTS});
    l->timer = evtimer_new(options->base, on_timer, l);
    l->again = event_new(options->base, -1, 0, on_again, l);
    if (!l->timer || !l->again) {
        link_free(l);
        return NULL;
    }
    link_set_timer(l, OPENING_MS);
    const struct url *u = options->url;
    if (lookup_start(options->base, u->host, u->port, on_addresses, l, &l->lookup)) {
        link_end(l, "the relay's name cannot be looked up: no thread or descriptor is left");
        event_active(l->again, 0, 0);
    }
    return l;
}

void link_free(struct link *l)
{
    if (!l)
        return;
    close_socket(l);
    lookup_cancel(l->lookup);
    if (l->addresses)
        freeaddrinfo(l->addresses);
    if (l->timer)
        event_free(l->timer);
    if (l->again)
        event_free(l->again);
    ws_release(&l->decoder);
    buf_release(&l->out);
    buf_release(&l->head);
    free(l);
}

void link_send(struct link *l, struct str text)
{
    if (l->phase == PHASE_OPEN)
        link_frame(l, WS_TEXT, text);
}

void link_close(struct link *l, uint16_t code, struct str reason)
{
    if (l->phase >= PHASE_CLOSING)
        return;
    if (l->phase != PHASE_OPEN) {
        link_end(l, "closed before it was open");
        event_active(l->again, 0, 0);
        return;
    }
    link_close_frame(l, code, reason);
    l->phase = PHASE_CLOSING;
    link_set_timer(l, CLOSING_MS);
}
