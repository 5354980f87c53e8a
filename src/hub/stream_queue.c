#include "hub/stream_queue.h"

#include "base/alloc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define COPY_BYTES  1024 /* shared bytes up to this are copied: cheaper than referring to them */
#define FIRST_BYTES 2048 /* of an own run that starts a queue */
#define OWN_BYTES   (16 * 1024) /* and of those behind it */
#define RUNS_KEPT   8           /* room that an empty queue keeps */

struct stream_run {
    struct bytes *bytes;
    size_t off, end; /* what is to be sent of them */
    bool own;        /* may be appended to, up to bytes->n */
};

static struct stream_run *run_at(const struct stream_queue *q, size_t i)
{
    return &q->runs[(q->first + i) % q->cap];
}

static void grow(struct stream_queue *q)
{
    size_t cap = q->cap ? q->cap * 2 : 2;
    struct stream_run *runs = xcalloc(cap, sizeof *runs);
    for (size_t i = 0; i < q->count; i++)
        runs[i] = *run_at(q, i);
    free(q->runs);
    q->runs = runs;
    q->first = 0;
    q->cap = cap;
}

static struct stream_run *add(struct stream_queue *q, struct stream_run run)
{
    if (q->count == q->cap)
        grow(q);
    struct stream_run *place = run_at(q, q->count++);
    *place = run;
    return place;
}

static void drop_first(struct stream_queue *q)
{
    bytes_unref(run_at(q, 0)->bytes);
    q->first = (q->first + 1) % q->cap;
    q->count--;
}

enum err stream_queue_write(struct stream_queue *q, struct str bytes)
{
    struct stream_run *last = q->count ? run_at(q, q->count - 1) : NULL;
    if (!last || !last->own || last->bytes->n - last->end < bytes.n) {
        size_t room = last ? OWN_BYTES : FIRST_BYTES;
        struct bytes *own = bytes_new_uninit(bytes.n > room ? bytes.n : room);
        if (!own)
            return ERR_MEMORY;
        last = add(q, (struct stream_run){.bytes = own, .own = true});
    }
    memcpy(last->bytes->p + last->end, bytes.p, bytes.n);
    last->end += bytes.n;
    q->bytes += bytes.n;
    return OK;
}

enum err stream_queue_give(struct stream_queue *q, struct bytes *bytes)
{
    if (bytes->n <= COPY_BYTES) {
        enum err e = stream_queue_write(q, bytes_str(bytes));
        bytes_unref(bytes);
        return e;
    }
    add(q, (struct stream_run){.bytes = bytes, .end = bytes->n});
    q->bytes += bytes->n;
    return OK;
}

struct str stream_queue_head(const struct stream_queue *q)
{
    const struct stream_run *run = run_at(q, 0);
    return str_slice(run->bytes->p + run->off, run->end - run->off);
}

size_t stream_queue_vector(const struct stream_queue *q, struct iovec *out, size_t max)
{
    size_t n = q->count < max ? q->count : max;
    for (size_t i = 0; i < n; i++) {
        struct stream_run *run = run_at(q, i);
        out[i] = (struct iovec){run->bytes->p + run->off, run->end - run->off};
    }
    return n;
}

static void shrink(struct stream_queue *q)
{
    if (q->count || q->cap <= RUNS_KEPT)
        return;
    free(q->runs);
    q->runs = NULL;
    q->first = q->cap = 0;
}

void stream_queue_advance(struct stream_queue *q, size_t n)
{
    assert(n <= q->bytes);
    q->bytes -= n;
    while (n > 0) {
        struct stream_run *run = run_at(q, 0);
        size_t left = run->end - run->off;
        if (n < left) {
            run->off += n;
            return;
        }
        n -= left;
        drop_first(q);
    }
    shrink(q);
}

size_t stream_queue_drop(struct stream_queue *q, bool keep_first)
{
    size_t before = q->bytes;
    size_t keep = q->count && (keep_first || run_at(q, 0)->off) ? 1 : 0;
    while (q->count > keep) {
        struct stream_run *last = run_at(q, q->count - 1);
        q->bytes -= last->end - last->off;
        bytes_unref(last->bytes);
        q->count--;
    }
    shrink(q);
    return before - q->bytes;
}

void stream_queue_release(struct stream_queue *q)
{
    while (q->count)
        drop_first(q);
    free(q->runs);
    *q = (struct stream_queue){0};
}
