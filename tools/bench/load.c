#include "bench/load.h"

#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_BYTES   (64u * 1024 * 1024)
#define CONNECT_S       30
#define MOST_ERRORS     1000 /* then the load gives up */
#define FALL_BEHIND_MAX 4096 /* due requests made in one turn */

/* ---- errors ---- */

void load_error(struct load *l, struct str why)
{
    if (l->errors++ == 0)
        snprintf(l->why, sizeof l->why, "%.*s", STR_ARG(why));
    if (l->errors >= MOST_ERRORS)
        l->broken = true;
}

static void on_gone(void *owner, const char *why)
{
    struct peer *p = owner;
    p->ready = false;
    load_error(p->load, str_of(why));
    p->load->broken = true;
}

/* ---- slots ---- */

static struct slot *slot_of(const struct load *l, uint64_t n)
{
    struct slot *s = &l->slots[n % l->options.outstanding];
    return s->busy && s->n == n ? s : NULL;
}

static void slot_free(struct load *l, struct slot *s)
{
    s->busy = false;
    l->free_slots[l->free_count++] = (uint32_t)(s - l->slots);
}

static void submit(struct load *l, uint64_t due_ns)
{
    struct slot *s = &l->slots[l->free_slots[--l->free_count]];
    s->n += l->options.outstanding;
    s->wanted_ns = due_ns;
    s->busy = true;
    s->dispatched = false;
    s->measured = l->measuring;
    s->request_id[0] = '\0';
    l->submitted++;
    l->options.dialect->submit(s->person, s);
}

static void submit_due(struct load *l)
{
    if (!l->running)
        return;
    if (!l->interval_ns) {
        while (l->free_count && !l->broken)
            submit(l, l->loop->now_ns);
        return;
    }
    for (int i = 0; i < FALL_BEHIND_MAX && l->free_count && l->next_due_ns <= l->loop->now_ns;
         i++) {
        submit(l, l->next_due_ns);
        l->next_due_ns += l->interval_ns;
    }
}

static void count(struct histogram *h, uint64_t from_ns, const struct load *l)
{
    histogram_add(h, l->loop->now_ns > from_ns ? l->loop->now_ns - from_ns : 0);
}

void load_acknowledged(struct load *l, uint64_t n, struct str request_id)
{
    struct slot *s = slot_of(l, n);
    if (!s) {
        load_error(l, STR("an acknowledgement for nothing"));
        return;
    }
    if (request_id.n == REQUEST_ID_BYTES)
        memcpy(s->request_id, request_id.p, REQUEST_ID_BYTES);
    if (s->measured)
        count(&l->acknowledged, s->wanted_ns, l);
}

bool load_dispatched(struct load *l, uint64_t n)
{
    struct slot *s = slot_of(l, n);
    if (!s || s->dispatched) {
        load_error(l, s ? STR("a request was dispatched twice") : STR("a request of nobody's"));
        return false;
    }
    s->dispatched = true;
    if (s->measured)
        count(&l->dispatched, s->wanted_ns, l);
    return true;
}

void load_answered(struct load *l, uint64_t n)
{
    struct slot *s = slot_of(l, n);
    if (s)
        s->answered_ns = l->loop->now_ns;
}

void load_seen(struct load *l, uint64_t n)
{
    struct slot *s = slot_of(l, n);
    if (!s || !s->dispatched) {
        load_error(l, STR("a result for nothing"));
        return;
    }
    if (s->measured) {
        count(&l->result_seen, s->answered_ns, l);
        count(&l->whole, s->wanted_ns, l);
    }
    l->seen++;
    l->measured_seen += l->measuring;
    slot_free(l, s);
}

void load_failed(struct load *l, uint64_t n, struct str why)
{
    struct slot *s = slot_of(l, n);
    load_error(l, why);
    if (s)
        slot_free(l, s);
}

bool load_find(const struct peer *person, struct str request_id, uint64_t *n)
{
    const struct load *l = person->load;
    for (uint32_t i = person->number; i < l->options.outstanding; i += l->options.people) {
        const struct slot *s = &l->slots[i];
        if (s->busy && str_eq(request_id, str_slice(s->request_id, REQUEST_ID_BYTES))) {
            *n = s->n;
            return true;
        }
    }
    return false;
}

/* ---- peers ---- */

void load_ready(struct peer *p)
{
    p->ready = true;
}

static void app_open(void *owner)
{
    struct peer *p = owner;
    p->load->options.dialect->app_open(p);
}

static void app_text(void *owner, struct str text)
{
    struct peer *p = owner;
    p->load->options.dialect->app_text(p, text);
}

static void person_open(void *owner)
{
    struct peer *p = owner;
    p->load->options.dialect->person_open(p);
}

static void person_text(void *owner, struct str text)
{
    struct peer *p = owner;
    p->load->options.dialect->person_text(p, text);
}

static const struct socket_ops app_ops = {.open = app_open, .text = app_text, .gone = on_gone};
static const struct socket_ops person_ops = {
    .open = person_open, .text = person_text, .gone = on_gone};

static bool all_ready(const struct peer *peers, uint32_t count)
{
    uint32_t ready = 0;
    for (uint32_t i = 0; i < count; i++)
        ready += peers[i].ready;
    return ready == count;
}

static enum err connect_peer(struct load *l, struct peer *p, bool is_app)
{
    const struct load_options *o = &l->options;
    struct socket_to to = {.target = o->target,
                           .path = is_app ? o->dialect->app_path : o->dialect->person_path,
                           .cookie = !is_app && o->cookies ? o->cookies[p->number] : NULL,
                           .subprotocol = o->dialect->subprotocol};
    p->ready = false;
    return socket_connect(&p->socket, l->loop, &to, is_app ? &app_ops : &person_ops, p);
}

static enum err wait_ready(struct load *l, const struct peer *peers, uint32_t count)
{
    uint64_t end_ns = bench_now_ns() + (uint64_t)CONNECT_S * NS_PER_S;
    while (!all_ready(peers, count) && !l->broken && l->loop->now_ns < end_ns)
        loop_turn(l->loop, end_ns);
    return all_ready(peers, count) ? OK : ERR_IO;
}

static enum err connect_peers(struct load *l, struct peer *peers, uint32_t count, bool apps)
{
    for (uint32_t i = 0; i < count; i++) {
        peers[i].load = l;
        peers[i].number = i;
        if (connect_peer(l, &peers[i], apps))
            return ERR_IO;
    }
    return wait_ready(l, peers, count);
}

void load_drop_app(struct load *l)
{
    socket_close(&l->apps[0].socket);
}

enum err load_return_app(struct load *l)
{
    enum err e = connect_peer(l, &l->apps[0], true);
    return e ? e : wait_ready(l, l->apps, 1);
}

/* ---- life ---- */

static void make_slots(struct load *l)
{
    const struct load_options *o = &l->options;
    l->slots = xcalloc(o->outstanding, sizeof *l->slots);
    l->free_slots = xcalloc(o->outstanding, sizeof *l->free_slots);
    l->free_count = o->outstanding;
    for (uint32_t i = 0; i < o->outstanding; i++) {
        l->slots[i].n = i;
        l->slots[i].person = &l->persons[i % o->people];
        l->free_slots[i] = o->outstanding - 1 - i;
    }
}

static void make_filler(struct load *l)
{
    uint32_t longest = l->options.payload_bytes > l->options.result_bytes ? l->options.payload_bytes
                                                                          : l->options.result_bytes;
    l->filler = BUF_INIT(MESSAGE_BYTES);
    l->message = BUF_INIT(MESSAGE_BYTES);
    while (l->filler.len < longest)
        buf_puts(&l->filler, "The quick brown fox jumps over the lazy dog. ");
}

enum err load_start(struct load *l, struct loop *loop, const struct load_options *options)
{
    *l = (struct load){.options = *options, .loop = loop};
    l->apps = xcalloc(options->apps, sizeof *l->apps);
    l->persons = xcalloc(options->people, sizeof *l->persons);
    make_slots(l);
    make_filler(l);
    if (options->rate > 0)
        l->interval_ns = (uint64_t)((double)NS_PER_S / options->rate);
    enum err e = connect_peers(l, l->apps, options->apps, true);
    if (!e)
        e = connect_peers(l, l->persons, options->people, false);
    if (!e && options->dialect->start)
        e = options->dialect->start(l);
    if (e && !l->why[0])
        snprintf(l->why, sizeof l->why, "the server did not let everybody in");
    l->running = e == OK;
    l->next_due_ns = loop->now_ns;
    return e;
}

void load_release(struct load *l)
{
    for (uint32_t i = 0; i < l->options.apps; i++)
        if (l->apps[i].load)
            socket_close(&l->apps[i].socket);
    for (uint32_t i = 0; i < l->options.people; i++)
        if (l->persons[i].load)
            socket_close(&l->persons[i].socket);
    if (l->options.dialect->release)
        l->options.dialect->release(l);
    free(l->apps);
    free(l->persons);
    free(l->slots);
    free(l->free_slots);
    buf_release(&l->filler);
    buf_release(&l->message);
}

void load_run(struct load *l, uint64_t until_ns)
{
    while (l->loop->now_ns < until_ns && !l->broken) {
        submit_due(l);
        uint64_t wake_ns = until_ns;
        if (l->interval_ns && l->free_count && l->next_due_ns < wake_ns)
            wake_ns = l->next_due_ns;
        if (l->also) {
            uint64_t also_ns = l->also(l->also_ctx);
            wake_ns = also_ns < wake_ns ? also_ns : wake_ns;
        }
        loop_turn(l->loop, wake_ns);
    }
}

void load_measure(struct load *l)
{
    l->measuring = true;
}

void load_drain(struct load *l, unsigned seconds)
{
    uint64_t end_ns = l->loop->now_ns + (uint64_t)seconds * NS_PER_S;
    l->running = l->measuring = false;
    while (l->free_count < l->options.outstanding && !l->broken && l->loop->now_ns < end_ns)
        loop_turn(l->loop, end_ns);
    for (uint32_t i = 0; i < l->options.outstanding; i++)
        if (l->slots[i].busy)
            load_failed(l, l->slots[i].n, STR("a request did not end"));
}
