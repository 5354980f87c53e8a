/* Follows a request by its server-sent events until it is final, over connections that break and a
 * relay that starts again: comes back with Last-Event-ID. One thread. */
#ifndef REMOTE_FOLLOW_H
#define REMOTE_FOLLOW_H

#include "remote/calls.h"
#include "remote/picture.h"

struct follow {
    const struct remote *remote;
    const char *request_id;
    int64_t retry_for_ms; /* how long the relay may be away */
    /* The picture has changed. False: enough. */
    bool (*changed)(void *ctx, const struct picture *p);
    /* The connection is lost, and is tried again; words are borrowed. */
    void (*trouble)(void *ctx, const char *words);
    void *ctx;
};

enum follow_end {
    FOLLOW_FINAL,   /* the picture is final */
    FOLLOW_WOKEN,   /* because of the remote's wake_fd */
    FOLLOW_ENOUGH,  /* `changed` said so */
    FOLLOW_REFUSED, /* the relay says no */
    FOLLOW_LOST     /* the relay stayed away for too long, or talks nonsense */
};
/* picture: initialised by the caller. why gets a sentence for the last two. */
enum follow_end follow_request(const struct follow *f, struct picture *picture, struct buf *why);

#endif
