#include "bench/pages.h"

#include "bench/text.h"
#include "base/list.h"

#include <stdio.h>
#include <string.h>

#define PAGE_BYTES (16u * 1024 * 1024)

static void fail(struct pages *p, struct str why)
{
    if (p->errors++ == 0)
        snprintf(p->why, sizeof p->why, "%.*s", (int)(why.n < 119 ? why.n : 119), why.p);
}

static void on_open(struct wire *w)
{
    (void)w;
}

/* A whole reply lies in b->in. */
static void take_reply(struct browser *b)
{
    struct pages *p = b->pages;
    struct str reply = buf_str(&b->in);
    if (!str_starts(reply, STR("HTTP/1.1 200 ")))
        fail(p, str_slice(reply.p, str_find(reply, '\r')));
    if (p->measuring)
        histogram_add(&p->times[b->kind], p->loop->now_ns - b->due_ns);
    buf_clear(&b->in);
    b->busy = false;
}

static void on_bytes(struct wire *w, struct str bytes)
{
    struct browser *b = CONTAINER_OF(w, struct browser, wire);
    uint64_t length;
    buf_str_append(&b->in, bytes);
    struct str in = buf_str(&b->in);
    const char *end = memmem(in.p, in.n, "\r\n\r\n", 4);
    if (!end)
        return;
    struct str head = str_slice(in.p, (size_t)(end - in.p));
    if (!text_number_after(head, STR("Content-Length: "), &length))
        fail(b->pages, STR("a page without Content-Length"));
    else if (in.n - head.n - 4 >= length)
        take_reply(b);
}

static void on_gone(struct wire *w, const char *why)
{
    struct browser *b = CONTAINER_OF(w, struct browser, wire);
    fail(b->pages, str_of(why));
}

static const struct wire_ops ops = {.open = on_open, .bytes = on_bytes, .gone = on_gone};

static void ask(struct pages *p, struct browser *b)
{
    b->busy = true;
    b->due_ns = p->next_due_ns;
    b->kind = (unsigned)(p->started++ % PAGES_KINDS);
    buf_printf(&b->wire.out, "GET %s HTTP/1.1\r\nHost: %s\r\n", p->paths[b->kind],
               p->target->authority);
    if (b->kind == 0)
        buf_printf(&b->wire.out, "Cookie: %s\r\n", p->cookie);
    buf_puts(&b->wire.out, "\r\n");
    wire_send_soon(&b->wire);
    p->next_due_ns += p->interval_ns;
}

static struct browser *free_browser(struct pages *p)
{
    for (size_t i = 0; i < PAGES_CONNECTIONS; i++)
        if (!p->browsers[i].busy && p->browsers[i].wire.fd >= 0)
            return &p->browsers[i];
    return NULL;
}

uint64_t pages_tick(void *ctx)
{
    struct pages *p = ctx;
    struct browser *b;
    while (p->next_due_ns <= p->loop->now_ns && (b = free_browser(p)))
        ask(p, b);
    return p->next_due_ns > p->loop->now_ns ? p->next_due_ns : UINT64_MAX;
}

void pages_rate(struct pages *p, double per_second)
{
    p->interval_ns = (uint64_t)((double)NS_PER_S / per_second);
    p->next_due_ns = bench_now_ns();
}

enum err pages_start(struct pages *p, struct loop *loop, const struct target *target,
                     const char *cookie, const char *space)
{
    struct buf path = BUF_INIT(sizeof p->paths[0] - 1);
    *p =
        (struct pages){.loop = loop, .target = target, .cookie = cookie, .next_due_ns = UINT64_MAX};
    buf_puts(&path, "/spaces/");
    buf_uri(&path, str_of(space));
    snprintf(p->paths[0], sizeof p->paths[0], "%s", buf_cstr(&path));
    snprintf(p->paths[1], sizeof p->paths[1], "/login");
    buf_release(&path);
    enum err e = OK;
    for (size_t i = 0; i < PAGES_CONNECTIONS; i++) {
        struct browser *b = &p->browsers[i];
        if (e || (e = wire_connect(&b->wire, loop, &ops, &target->address, 0)))
            b->wire.fd = -1;
        b->pages = p;
        b->in = BUF_INIT(PAGE_BYTES);
    }
    return e;
}

void pages_release(struct pages *p)
{
    for (size_t i = 0; i < PAGES_CONNECTIONS; i++) {
        if (p->browsers[i].pages)
            wire_close(&p->browsers[i].wire);
        buf_release(&p->browsers[i].in);
    }
}
