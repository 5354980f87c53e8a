/* Topics: who watches what, and the last events of each, so that one who was away for a moment
 * misses nothing.
 *
 * An event is encoded once, as a WebSocket frame, and shared by all its watchers and by the topic's
 * ring. A topic begins with its first watcher, with a random epoch, and ends TOPIC_KEEP_MS after
 * its last one left, or at once when a finished request's is let go by its last one (tens of
 * thousands of them would be kept for nobody, and looking one up would wait for memory); publishing
 * to one that is not there costs nothing. Knows no sockets: a watcher
 * is whatever embeds one. Private to the hub; hub thread only. */
#ifndef HUB_TOPIC_H
#define HUB_TOPIC_H

#include "base/bytes.h"
#include "base/list.h"
#include "model/limits.h"
#include "model/message.h"

#define TOPIC_KEEP_MS 60000
#define TOPIC_CROWD   64 /* more watchers than these are a crowd */
#define TOPIC_EVENT_BYTES                                                                          \
    (256u * 1024 * 1024) /* the largest encoded event; the limits of its parts stay far below */

struct topics;

struct watcher;

/* Called from within topics_publish and topics_replay; must not call topics_ functions in turn. */
struct topic_output {
    /* frame is borrowed: counted up by who keeps it. crowd: very many get it at once, so it may let
     * other output go first. */
    void (*send)(struct watcher *w, struct bytes *frame, bool crowd);
    /* An event could not be made (memory is out): what this watcher sees is no longer true. */
    void (*lost)(struct watcher *w);
};

struct watcher {
    const struct topic_output *output;
    struct list watches; /* private */
    size_t count;        /* of topics */
};

/* limits are borrowed and read at each use. */
struct topics *topics_new(const struct limits *limits);
void topics_free(struct topics *t); /* watchers must have left; NULL is fine */
size_t topics_count(const struct topics *t);

void watcher_init(struct watcher *w, const struct topic_output *output);
bool watcher_watches(const struct watcher *w, struct topic_id id);

/* What the watcher says it has seen. */
struct topic_since {
    bool given;
    uint64_t seq;
    char epoch[EPOCH_BYTES];
};

struct topic_place {
    bool added;     /* false: it watched the topic already */
    bool recovered; /* everything after since.seq is held: topics_replay from there, instead of the
                       state */
    uint64_t seq; /* what the watcher's picture is as of: since.seq when recovered, else that of the
                     newest event */
    char epoch[EPOCH_BYTES];
};

struct topic_place topics_watch(struct topics *t, struct topic_id id, struct watcher *w,
                                const struct topic_since *since);
/* The same, without what was before; the topic's final event ends the watching. */
struct topic_place topics_watch_to_end(struct topics *t, struct topic_id id, struct watcher *w);
/* Sends the events after seq again, in order; to be called in the same callback as topics_watch. */
void topics_replay(struct topics *t, struct topic_id id, struct watcher *w, uint64_t seq);
/* The watcher has seen enough. False when it does not watch that topic. */
bool topics_unwatch(struct topics *t, struct topic_id id, struct watcher *w, uint64_t mono_ms);
/* The watcher was cut off: leaves any one topic and names it; false when none is left. */
bool topics_leave(struct topics *t, struct watcher *w, uint64_t mono_ms, struct topic_id *id);

void topics_publish(struct topics *t, struct topic_id id, const struct topic_event *e);
/* Ends the topics that nobody has watched for long enough. */
void topics_sweep(struct topics *t, uint64_t mono_ms);

#endif
