#include "hub/inner.h"

#include "base/alloc.h"
#include "base/log.h"
#include "hub/sorry.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define RETRY_MS   100         /* between attempts to connect */
#define HEAD_BYTES (64 * 1024) /* of a reply */

static const struct http_limits REPLY_LIMITS = {
    .head_bytes = HEAD_BYTES, .line_bytes = HEAD_BYTES, .fields = 200, .body_bytes = SIZE_MAX};

enum link_state {
    LINK_DOWN, /* opened when there is a request for it: civetweb hangs up on one that says nothing
                */
    LINK_CLOSING, /* its descriptor is being closed, or it waits to be opened again */
    LINK_CONNECTING,
    LINK_IDLE,
    LINK_BUSY
};

/* One connection to the web threads. Its descriptor is closed before a new one is opened, so there
 * are never more than there are threads. */
struct inner_conn {
    struct inner *inner;
    struct stream stream;
    struct timer retry;
    enum link_state state;
    bool used; /* has brought a reply since it was opened */
    struct exchange *
        x; /* whose request it has, or gets once connected; NULL while BUSY: the reply is dropped */
    enum http_method method;
    struct buf in; /* not used yet */
    size_t seen;   /* bytes of the reply so far */
    /* the reply under way */
    bool in_body, keep_alive;
    unsigned status;
    int64_t head_length; /* Content-Length, -1 = none */
    struct buf fields;
    struct http_body body;
    struct buf body_bytes;
    size_t counted; /* of them in edge->page_bytes */
};

struct inner {
    struct edge *edge;
    char *path;
    char *secret;
    unsigned count;
    struct inner_conn *conns;
    struct list waiting; /* exchanges */
    size_t waiting_bytes;
    bool stopping;
};

/* ---- answering without the web threads ---- */

static size_t bytes_of(const struct exchange *x)
{
    return x->raw.len + x->body_bytes.len;
}

/* False: x has been replied to. */
static bool may_wait(const struct inner *in, struct exchange *x)
{
    const struct limits *l = in->edge->config.limits;
    bool many = in->edge->stats.inner_waiting >= l->inner_waiting;
    if (!many && in->waiting_bytes + bytes_of(x) <= l->inner_waiting_bytes)
        return true;
    sorry_reply(x, SORRY_TOO_MANY, many ? l->inner_waiting : 0);
    return false;
}

static void unwait(struct inner *in, struct exchange *x)
{
    if (!list_linked(&x->waiting))
        return;
    list_remove(&x->waiting);
    in->edge->stats.inner_waiting--;
    in->waiting_bytes -= bytes_of(x);
}

static void on_timeout(struct timer *t)
{
    struct exchange *x = CONTAINER_OF(t, struct exchange, inner_timer);
    sorry_reply(x, SORRY_TOO_LATE, 0);
}

void inner_forget(struct exchange *x)
{
    struct edge *e = x->conn->edge;
    timers_stop(&e->timers, &x->inner_timer);
    if (e->inner)
        unwait(e->inner, x);
    if (x->inner)
        x->inner->x = NULL;
    x->inner = NULL;
}

/* ---- connecting ---- */

static void set_state(struct inner_conn *ic, enum link_state state)
{
    size_t *busy = &ic->inner->edge->stats.inner_busy;
    *busy += (state == LINK_BUSY ? 1U : 0U);
    *busy -= (ic->state == LINK_BUSY ? 1U : 0U);
    ic->state = state;
}

static void clear_reply(struct inner_conn *ic)
{
    buf_release(&ic->in);
    buf_release(&ic->fields);
    buf_release(&ic->body_bytes);
    ic->seen = 0;
    ic->in_body = false;
    ic->inner->edge->page_bytes -= ic->counted;
    ic->counted = 0;
}

/* The link is of no more use. Its exchange is answered, or tried again when that is safe. */
static void lose(struct inner_conn *ic)
{
    struct exchange *x = ic->x;
    bool safe = ic->state == LINK_BUSY && ic->seen == 0 &&
                (ic->method == HTTP_GET || ic->method == HTTP_HEAD);
    set_state(ic, LINK_CLOSING);
    clear_reply(ic);
    stream_close(&ic->stream);
    if (!x || ic->inner->stopping)
        return;
    if (safe && !x->retried) {
        x->retried = true; /* stays ic->x: sent once the link is up again */
        return;
    }
    sorry_reply(x, SORRY_BROKEN, 0);
}

/* ---- requests ---- */

static void send_request(struct inner_conn *ic)
{
    struct exchange *x = ic->x;
    struct buf request = BUF_INIT(SIZE_MAX / 2);
    enum err e = inner_write_request(x, ic->inner->secret, &request);
    set_state(ic, LINK_BUSY);
    ic->method = x->head.method;
    if (!e)
        stream_write(&ic->stream, buf_str(&request));
    buf_release(&request);
    if (e)
        lose(ic);
}

static void open_link(struct inner_conn *ic);

/* Gives x to the link, which is idle or down. One that was closed, or said something unasked, just
 * now is opened again first. */
static void assign(struct inner_conn *ic, struct exchange *x)
{
    ic->x = x;
    x->inner = ic;
    if (ic->state == LINK_DOWN) {
        open_link(ic);
    } else if (stream_quiet(&ic->stream)) {
        send_request(ic);
    } else {
        set_state(ic, LINK_CLOSING);
        stream_close(&ic->stream);
    }
}

static void take_next(struct inner_conn *ic)
{
    struct inner *in = ic->inner;
    struct list *first = list_first(&in->waiting);
    if (!first)
        return;
    struct exchange *x = CONTAINER_OF(first, struct exchange, waiting);
    unwait(in, x);
    assign(ic, x);
}

static struct inner_conn *link_in(struct inner *in, enum link_state state)
{
    for (unsigned i = 0; i < in->count; i++)
        if (in->conns[i].state == state)
            return &in->conns[i];
    return NULL;
}

static struct inner_conn *free_link(struct inner *in)
{
    struct inner_conn *idle = link_in(in, LINK_IDLE);
    return idle ? idle : link_in(in, LINK_DOWN);
}

void inner_submit(struct inner *in, struct exchange *x)
{
    struct edge *e = x->conn->edge;
    if (!in || in->stopping) {
        sorry_reply(x, SORRY_NOT_READY, 0);
        return;
    }
    struct inner_conn *ic = free_link(in);
    if (!ic && !may_wait(in, x))
        return;
    x->inner_timer.due = on_timeout;
    timers_set(&e->timers, &x->inner_timer,
               timers_now(&e->timers) + e->config.limits->inner_timeout_ms);
    if (ic) {
        assign(ic, x);
        return;
    }
    list_push_back(&in->waiting, &x->waiting);
    e->stats.inner_waiting++;
    in->waiting_bytes += bytes_of(x);
}

/* ---- replies ---- */

static void reply_complete(struct inner_conn *ic)
{
    struct exchange *x = ic->x;
    if (x) {
        inner_forget(x);
        exchange_forward(x, ic->status, buf_str(&ic->fields), buf_str(&ic->body_bytes),
                         ic->head_length);
    }
    bool reusable = ic->keep_alive && ic->body.framing != HTTP_UNTIL_CLOSE && !ic->in.len &&
                    !stream_unsent(&ic->stream);
    ic->used = true;
    clear_reply(ic);
    if (!reusable) {
        lose(ic);
        return;
    }
    set_state(ic, LINK_IDLE);
    take_next(ic);
}

static void count_page(struct inner_conn *ic)
{
    size_t now = ic->body_bytes.len;
    ic->inner->edge->page_bytes += now;
    ic->inner->edge->page_bytes -= ic->counted;
    ic->counted = now;
    edge_pages_shed(ic->inner->edge);
}

/* False when more bytes are needed, or the link is lost. */
static bool feed_body(struct inner_conn *ic)
{
    struct str in = buf_str(&ic->in);
    enum err e = http_body_feed(&ic->body, &in, &ic->body_bytes);
    buf_consume(&ic->in, ic->in.len - in.n);
    if (!ic->x)
        buf_clear(&ic->body_bytes);
    count_page(ic);
    if (e == OK) {
        reply_complete(ic);
        return false;
    }
    if (e != ERR_AGAIN) {
        log_warn("edge", "a page was dropped: it is too large, malformed or out of memory");
        lose(ic);
    }
    return false;
}

static int64_t head_length(const struct http_head *h)
{
    const struct str *field = http_field(h, STR("Content-Length"));
    uint64_t n;
    return field && !str_to_u64(*field, INT64_MAX, &n) ? (int64_t)n : -1;
}

/* Keeps of the head what is needed later. */
static enum err note_head(struct inner_conn *ic, const struct http_head *head)
{
    const struct limits *l = ic->inner->edge->config.limits;
    if (head->status >= 100 && head->status < 200)
        return head->status == 101 ? ERR_SYNTAX : OK; /* others announce the real one */
    ic->in_body = true;
    ic->status = head->status;
    ic->keep_alive = head->keep_alive;
    ic->head_length = head_length(head);
    http_body_init(&ic->body, head, l->inner_reply_bytes);
    buf_init(&ic->body_bytes, (size_t)l->inner_reply_bytes);
    buf_init(&ic->fields, 2 * HEAD_BYTES);
    return inner_write_fields(head, &ic->fields);
}

/* True when the next part can be looked at. */
static bool feed_head(struct inner_conn *ic)
{
    size_t used = 0;
    const char *why = "it cannot be passed on";
    struct http_head head = {0};
    enum err e = http_parse_reply(buf_str(&ic->in), &REPLY_LIMITS, ic->method, &head, &used, &why);
    if (e == ERR_AGAIN)
        return false;
    if (!e) {
        e = note_head(ic, &head);
        http_head_release(&head);
        buf_consume(&ic->in, used);
    }
    if (e) {
        log_warn("edge", "a reply of the web threads was refused: %s", why);
        lose(ic);
    }
    return e == OK;
}

static void on_data(void *owner, struct str in)
{
    struct inner_conn *ic = owner;
    if (ic->state != LINK_BUSY || buf_str_append(&ic->in, in)) {
        lose(ic);
        return;
    }
    ic->seen += in.n;
    bool more = true;
    while (more && ic->state == LINK_BUSY)
        more = ic->in_body ? feed_body(ic) : feed_head(ic);
}

static void on_end(void *owner)
{
    struct inner_conn *ic = owner;
    if (ic->state == LINK_BUSY && ic->in_body && ic->body.framing == HTTP_UNTIL_CLOSE)
        reply_complete(ic);
    else
        lose(ic);
}

/* ---- the links ---- */

static void on_ready(void *owner)
{
    struct inner_conn *ic = owner;
    set_state(ic, LINK_IDLE);
    if (ic->x)
        send_request(ic);
    else
        take_next(ic);
}

static void on_broken(void *owner)
{
    lose(owner);
}

/* Opens the link again when there is a request for it. */
static void reopen(struct inner_conn *ic)
{
    set_state(ic, LINK_DOWN);
    if (ic->x)
        open_link(ic);
    else
        take_next(ic);
}

static void reopen_later(struct inner_conn *ic)
{
    set_state(ic, LINK_CLOSING);
    timers_set(&ic->inner->edge->timers, &ic->retry,
               timers_now(&ic->inner->edge->timers) + RETRY_MS);
}

/* One that was closed without having been of use is not opened again at once, lest this become a
 * busy loop. */
static void on_released(void *owner)
{
    struct inner_conn *ic = owner;
    if (ic->inner->stopping)
        return;
    if (ic->used)
        reopen(ic);
    else
        reopen_later(ic);
}

static void on_retry(struct timer *t)
{
    reopen(CONTAINER_OF(t, struct inner_conn, retry));
}

static const struct stream_calls CALLS = {.ready = on_ready,
                                          .data = on_data,
                                          .end = on_end,
                                          .broken = on_broken,
                                          .released = on_released};

static int connect_to(const char *path)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (fd < 0)
        return -1;
    if (str_copy(to.sun_path, sizeof to.sun_path, str_of(path)) &&
        connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    close(fd);
    return -1;
}

static void open_link(struct inner_conn *ic)
{
    struct inner *in = ic->inner;
    int fd = connect_to(in->path);
    ic->used = false;
    if (fd < 0) {
        reopen_later(ic);
        return;
    }
    buf_init(&ic->in, (size_t)in->edge->config.limits->inner_reply_bytes + HEAD_BYTES);
    set_state(ic, LINK_CONNECTING);
    stream_init(&ic->stream, &in->edge->streams, fd, NULL, true, &CALLS, ic);
}

struct inner *inner_new(struct edge *e, const char *path, unsigned connections, const char *secret)
{
    struct inner *in = xcalloc(1, sizeof *in);
    *in = (struct inner){.edge = e, .count = connections};
    in->path = str_dup(str_of(path));
    in->secret = str_dup(str_of(secret));
    in->conns = xcalloc(connections, sizeof *in->conns);
    list_init(&in->waiting);
    for (unsigned i = 0; i < connections; i++) {
        struct inner_conn *ic = &in->conns[i];
        ic->inner = in;
        ic->retry.due = on_retry;
    }
    return in;
}

void inner_stop(struct inner *in)
{
    in->stopping = true;
    for (unsigned i = 0; i < in->count; i++) {
        timers_stop(&in->edge->timers, &in->conns[i].retry);
        if (in->conns[i].state > LINK_CLOSING)
            lose(&in->conns[i]);
    }
}

void inner_free(struct inner *in)
{
    assert(in->stopping && list_empty(&in->waiting));
    free(in->path);
    free(in->secret);
    free(in->conns);
    free(in);
}
