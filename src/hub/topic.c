#include "hub/topic.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/secret.h"
#include "codec/native.h"
#include "codec/ws.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define RING_FIRST 8
/* What a topic takes besides its frames. */
#define TOPIC_OVERHEAD 512

/* The newest `count` events, of which the last one has the topic's seq. cap is 0 or a power of two.
 */
struct ring {
    struct bytes **frames;
    size_t cap, head, count;
    uint64_t bytes;
};

struct topic {
    struct topic_id id;
    char epoch[EPOCH_BYTES];
    uint64_t seq;
    bool over; /* what it is about has ended: nothing more will be published */
    struct ring ring;
    struct list watches;
    size_t watch_count;
    struct list idle; /* on topics.idle while there are no watches */
    uint64_t idle_since_ms;
    uint64_t idle_bytes; /* its part of topics.idle_bytes */
    UT_hash_handle hh;
};

/* One watcher of one topic. */
struct watch {
    struct list in_topic, in_watcher;
    struct topic *topic;
    struct watcher *watcher;
    bool to_end; /* it ends with the topic's final event */
};

struct topics {
    const struct limits *limits;
    struct topic *table;
    struct list idle; /* longest first */
    uint64_t idle_bytes;
    struct buf scratch;
    struct random_pool random;
};

/* A topic's id is its key, byte by byte. */
_Static_assert(sizeof(struct topic_id) == sizeof(enum topic_kind) + sizeof(struct uuid),
               "no padding");

/* ---- the ring ---- */

static struct bytes **ring_at(const struct ring *r, size_t i)
{
    return &r->frames[(r->head + i) & (r->cap - 1)];
}

static void ring_drop_first(struct ring *r)
{
    struct bytes *first = *ring_at(r, 0);
    r->bytes -= first->n;
    r->head = (r->head + 1) & (r->cap - 1);
    r->count--;
    bytes_unref(first);
}

static void ring_clear(struct ring *r)
{
    while (r->count)
        ring_drop_first(r);
}

static void ring_grow(struct ring *r)
{
    size_t cap = r->cap ? r->cap * 2 : RING_FIRST;
    struct bytes **frames = xcalloc(cap, sizeof *frames);
    for (size_t i = 0; i < r->count; i++)
        frames[i] = *ring_at(r, i);
    free(r->frames);
    r->frames = frames;
    r->cap = cap;
    r->head = 0;
}

/* A frame larger than a ring may be leaves it empty: then only who has seen everything is up to
 * date. */
static void ring_push(struct ring *r, struct bytes *frame, const struct limits *limits)
{
    while (r->count &&
           (r->count >= limits->topic_events || r->bytes + frame->n > limits->topic_bytes))
        ring_drop_first(r);
    if (frame->n > limits->topic_bytes)
        return;
    if (r->count == r->cap)
        ring_grow(r);
    *ring_at(r, r->count) = bytes_ref(frame);
    r->count++;
    r->bytes += frame->n;
}

/* ---- topics ---- */

static struct topic_id key_of(struct topic_id id)
{
    struct topic_id key = {.kind = id.kind};
    if (id.kind == TOPIC_SPACE || id.kind == TOPIC_REQUEST)
        key.id = id.id;
    return key;
}

static struct topic *topic_find(const struct topics *t, struct topic_id id)
{
    struct topic_id key = key_of(id);
    struct topic *topic = NULL;
    HASH_FIND(hh, t->table, &key, sizeof key, topic);
    return topic;
}

static struct topic *topic_new(struct topics *t, struct topic_id id)
{
    struct topic *topic = xcalloc(1, sizeof *topic);
    uint64_t random = random_pool_u64(&t->random);
    _Static_assert(sizeof random == EPOCH_BYTES / 2, "16 digits");
    hex_encode(&random, sizeof random, topic->epoch);
    topic->id = key_of(id);
    list_init(&topic->watches);
    HASH_ADD(hh, t->table, id, sizeof topic->id, topic);
    return topic;
}

/* After anything that changes whether it is idle, or what it holds. */
static void weigh(struct topics *t, struct topic *topic)
{
    t->idle_bytes -= topic->idle_bytes;
    topic->idle_bytes = list_linked(&topic->idle) ? TOPIC_OVERHEAD + topic->ring.bytes : 0;
    t->idle_bytes += topic->idle_bytes;
}

static void topic_free(struct topics *t, struct topic *topic)
{
    assert(list_empty(&topic->watches));
    t->idle_bytes -= topic->idle_bytes;
    ring_clear(&topic->ring);
    free(topic->ring.frames);
    list_remove(&topic->idle);
    HASH_DEL(t->table, topic);
    free(topic);
}

struct topics *topics_new(const struct limits *limits)
{
    struct topics *t = xcalloc(1, sizeof *t);
    *t = (struct topics){.limits = limits};
    list_init(&t->idle);
    buf_init(&t->scratch, TOPIC_EVENT_BYTES);
    return t;
}

void topics_free(struct topics *t)
{
    if (!t)
        return;
    struct topic *topic, *next;
    HASH_ITER (hh, t->table, topic, next)
        topic_free(t, topic);
    buf_release(&t->scratch);
    free(t);
}

size_t topics_count(const struct topics *t)
{
    return HASH_COUNT(t->table);
}

void topics_sweep(struct topics *t, uint64_t mono_ms)
{
    struct list *first;
    while ((first = list_first(&t->idle)) != NULL) {
        struct topic *topic = CONTAINER_OF(first, struct topic, idle);
        if (mono_ms - topic->idle_since_ms < TOPIC_KEEP_MS)
            return;
        topic_free(t, topic);
    }
}

/* The caller's own topic may be among those that go. */
static void trim_idle(struct topics *t)
{
    struct list *first;
    while (t->idle_bytes > t->limits->topics_idle_bytes && (first = list_first(&t->idle)) != NULL)
        topic_free(t, CONTAINER_OF(first, struct topic, idle));
}

/* ---- watching ---- */

void watcher_init(struct watcher *w, const struct topic_output *output)
{
    w->output = output;
    list_init(&w->watches);
    w->count = 0;
}

/* A watcher has few topics, a topic may have many watchers. */
static struct watch *watch_find(const struct watcher *w, struct topic_id id)
{
    struct topic_id key = key_of(id);
    LIST_EACH (&w->watches, it) {
        struct watch *watch = CONTAINER_OF(it, struct watch, in_watcher);
        if (memcmp(&watch->topic->id, &key, sizeof key) == 0)
            return watch;
    }
    return NULL;
}

bool watcher_watches(const struct watcher *w, struct topic_id id)
{
    return watch_find(w, id) != NULL;
}

static struct watch *watch_add(struct topics *t, struct topic *topic, struct watcher *w)
{
    struct watch *watch = xcalloc(1, sizeof *watch);
    watch->topic = topic;
    watch->watcher = w;
    list_push_back(&topic->watches, &watch->in_topic);
    topic->watch_count++;
    list_push_back(&w->watches, &watch->in_watcher);
    w->count++;
    list_remove(&topic->idle);
    weigh(t, topic);
    return watch;
}

static void watch_free(struct watch *watch)
{
    list_remove(&watch->in_topic);
    watch->topic->watch_count--;
    list_remove(&watch->in_watcher);
    watch->watcher->count--;
    free(watch);
}

/* for_good: the watcher has let it go, and was not cut off. */
static void watch_end(struct topics *t, struct watch *watch, uint64_t mono_ms, bool for_good)
{
    struct topic *topic = watch->topic;
    watch_free(watch);
    if (!list_empty(&topic->watches))
        return;
    if (for_good && topic->over) {
        topic_free(t, topic);
        return;
    }
    topic->idle_since_ms = mono_ms;
    list_push_back(&t->idle, &topic->idle);
    weigh(t, topic);
    trim_idle(t);
}

/* True when the ring holds everything after what the watcher has seen. */
static bool recoverable(const struct topic *topic, const struct topic_since *since)
{
    return since->given && strcmp(since->epoch, topic->epoch) == 0 && since->seq <= topic->seq &&
           topic->seq - since->seq <= topic->ring.count;
}

static struct topic_place begin_watch(struct topics *t, struct topic_id id, struct watcher *w,
                                      const struct topic_since *since, bool to_end)
{
    struct topic *topic = topic_find(t, id);
    if (!topic)
        topic = topic_new(t, id);
    struct topic_place place = {.recovered = recoverable(topic, since)};
    place.seq = place.recovered ? since->seq : topic->seq;
    memcpy(place.epoch, topic->epoch, sizeof place.epoch);
    struct watch *watch = watch_find(w, id);
    place.added = !watch;
    if (!watch)
        watch = watch_add(t, topic, w);
    watch->to_end = to_end;
    return place;
}

struct topic_place topics_watch(struct topics *t, struct topic_id id, struct watcher *w,
                                const struct topic_since *since)
{
    return begin_watch(t, id, w, since, false);
}

struct topic_place topics_watch_to_end(struct topics *t, struct topic_id id, struct watcher *w)
{
    return begin_watch(t, id, w, &(struct topic_since){0}, true);
}

void topics_replay(struct topics *t, struct topic_id id, struct watcher *w, uint64_t seq)
{
    struct topic *topic = topic_find(t, id);
    assert(topic && seq <= topic->seq && topic->seq - seq <= topic->ring.count);
    for (size_t i = topic->ring.count - (size_t)(topic->seq - seq); i < topic->ring.count; i++)
        w->output->send(w, *ring_at(&topic->ring, i), false);
}

bool topics_unwatch(struct topics *t, struct topic_id id, struct watcher *w, uint64_t mono_ms)
{
    struct watch *watch = watch_find(w, id);
    if (watch)
        watch_end(t, watch, mono_ms, true);
    return watch;
}

bool topics_leave(struct topics *t, struct watcher *w, uint64_t mono_ms, struct topic_id *id)
{
    struct list *first = list_first(&w->watches);
    if (!first)
        return false;
    struct watch *watch = CONTAINER_OF(first, struct watch, in_watcher);
    *id = watch->topic->id;
    watch_end(t, watch, mono_ms, false);
    return true;
}

/* ---- publishing ---- */

/* NULL when memory is out. */
static struct bytes *event_frame(struct topics *t, const struct topic *topic,
                                 const struct topic_event *e)
{
    struct bytes *frame = NULL;
    if (!native_encode_event(&t->scratch, topic->id, topic->seq, e))
        frame = ws_frame(WS_TEXT, buf_str(&t->scratch));
    buf_consume(&t->scratch, t->scratch.len);
    buf_clear(&t->scratch);
    return frame;
}

void topics_publish(struct topics *t, struct topic_id id, const struct topic_event *e)
{
    struct topic *topic = topic_find(t, id);
    if (!topic)
        return;
    topic->seq++;
    topic->over = e->kind == PUBLISH_FINAL;
    struct bytes *frame = event_frame(t, topic, e);
    if (!frame) {
        log_error("hub", "an event could not be made: its watchers have to come back");
        ring_clear(&topic->ring);
        weigh(t, topic);
        LIST_EACH (&topic->watches, it) {
            struct watcher *w = CONTAINER_OF(it, struct watch, in_topic)->watcher;
            w->output->lost(w);
        }
        return;
    }
    ring_push(&topic->ring, frame, t->limits);
    bool crowd = topic->watch_count > TOPIC_CROWD;
    bool had_watches = topic->watch_count > 0;
    LIST_EACH (&topic->watches, it) {
        struct watch *watch = CONTAINER_OF(it, struct watch, in_topic);
        watch->watcher->output->send(watch->watcher, frame, crowd);
        if (topic->over && watch->to_end)
            watch_free(watch);
    }
    bytes_unref(frame);
    if (had_watches && list_empty(&topic->watches)) {
        topic_free(t, topic);
        return;
    }
    weigh(t, topic);
    trim_idle(t);
}
