/* Submits as scripts of the old Flask site do, POST /websockets/submit/{id}, over a kept-alive
 * connection for each request under way; apps and watching are native. */
#include "bench/native.h"
#include "bench/text.h"
#include "base/alloc.h"
#include "base/list.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define REPLY_BYTES 65536

/* Of one slot. */
struct sender {
    struct wire wire;
    struct load *load;
    struct buf in;
    uint64_t n; /* the request under way */
};

static struct sender *sender_of(struct wire *w)
{
    return CONTAINER_OF(w, struct sender, wire);
}

static void on_open(struct wire *w)
{
    if (w->out.len)
        wire_send_soon(w);
}

static void take_reply(struct sender *s)
{
    struct load *l = s->load;
    struct peer *person = l->slots[s->n % l->options.outstanding].person;
    struct str reply = buf_str(&s->in), id;
    if (str_starts(reply, STR("HTTP/1.1 200 ")) &&
        text_quoted_after(reply, STR("\"request_id\":\""), &id))
        native_accepted(person, s->n, id);
    else
        load_failed(l, s->n, reply);
    buf_clear(&s->in);
}

static void on_bytes(struct wire *w, struct str bytes)
{
    struct sender *s = sender_of(w);
    uint64_t length;
    buf_str_append(&s->in, bytes);
    struct str in = buf_str(&s->in);
    const char *end = memmem(in.p, in.n, "\r\n\r\n", 4);
    if (!end)
        return;
    struct str head = str_slice(in.p, (size_t)(end - in.p));
    if (!text_number_after(head, STR("Content-Length: "), &length))
        load_error(s->load, STR("a reply without Content-Length"));
    else if (in.n - head.n - 4 >= length)
        take_reply(s);
}

static void on_gone(struct wire *w, const char *why)
{
    struct load *l = sender_of(w)->load;
    load_error(l, str_of(why));
    l->broken = true;
}

static const struct wire_ops ops = {.open = on_open, .bytes = on_bytes, .gone = on_gone};

static enum err start(struct load *l)
{
    const struct load_options *o = &l->options;
    struct sender *senders = xcalloc(o->outstanding, sizeof *senders);
    enum err e = OK;
    l->dialect_state = senders;
    for (uint32_t i = 0; i < o->outstanding; i++) {
        struct sender *s = &senders[i];
        if (e || (e = wire_connect(&s->wire, l->loop, &ops, &o->target->address, 0)))
            s->wire.fd = -1;
        s->load = l;
        s->in = BUF_INIT(REPLY_BYTES);
    }
    return e;
}

static void release(struct load *l)
{
    struct sender *senders = l->dialect_state;
    for (uint32_t i = 0; senders && i < l->options.outstanding; i++) {
        wire_close(&senders[i].wire);
        buf_release(&senders[i].in);
    }
    free(senders);
}

static void submit(struct peer *person, const struct slot *slot)
{
    struct load *l = person->load;
    const struct load_options *o = &l->options;
    struct sender *s = &((struct sender *)l->dialect_state)[slot->n % o->outstanding];
    struct buf *form = &l->message, *b = &s->wire.out;
    s->n = slot->n;
    buf_clear(form);
    buf_printf(form, "prompt=" NATIVE_NUMBERED "%" PRIu64 "+", slot->n);
    buf_uri(form, str_slice(buf_str(&l->filler).p, o->payload_bytes));
    buf_printf(b, "POST /websockets/submit/%s HTTP/1.1\r\nHost: %s\r\nCookie: %s\r\n", l->space_id,
               o->target->authority, o->cookies[person->number]);
    buf_printf(b, "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %zu\r\n\r\n",
               form->len);
    buf_str_append(b, buf_str(form));
    wire_send_soon(&s->wire);
}

const struct dialect dialect_old_http = {.app_path = "/ws/app",
                                         .person_path = "/ws/client",
                                         .subprotocol = "spacerelay.v1",
                                         .start = start,
                                         .release = release,
                                         .app_open = native_app_open,
                                         .app_text = native_app_text,
                                         .person_open = load_ready,
                                         .person_text = native_person_text,
                                         .submit = submit};
