/* A non-blocking byte stream over a socket, plain or TLS. Input is handed to the owner as it comes,
 * from one buffer that all streams share, so an idle stream holds none. Output is queued and
 * written once at the end of the loop's turn, so that many small sends become one system call.
 * Knows no protocol. Hub thread only.
 *
 * Every callback but `released` comes straight from the loop, never from within a call to this
 * module, and none comes after stream_close but `released`. */
#ifndef HUB_STREAM_H
#define HUB_STREAM_H

#include "base/list.h"
#include "hub/stream_queue.h"
#include "hub/tls.h"

#include <event2/event.h>
#include <event2/event_struct.h>

/* What all streams of a loop share. */
struct stream_loop {
    struct event_base *base;
    struct event turn;  /* runs at the end of a turn */
    struct event later; /* runs in the next one */
    struct list dirty;  /* streams that have something to write or to report */
    struct list crowd;  /* streams whose output can wait for others': some are served each turn */
    struct list again;  /* streams that have more input than they were allowed in one turn */
    struct list dead;
    size_t unsent; /* over all streams */
    char *scratch;
};

void stream_loop_init(struct stream_loop *loop, struct event_base *base);
/* Releases closed streams at once; all must have been closed. */
void stream_loop_release(struct stream_loop *loop);

struct stream_calls {
    void (*ready)(void *owner);               /* TLS or the connect is complete. May be NULL */
    void (*data)(void *owner, struct str in); /* all of `in` is taken; borrowed for the call */
    void (*end)(void *owner);                 /* the peer sends no more; once */
    void (*drained)(void *owner);             /* see stream_notify. May be NULL */
    void (*broken)(void *owner);   /* nothing comes or goes any more; once. stream_close is due */
    void (*released)(void *owner); /* after stream_close: the storage is the owner's again */
};

enum stream_state { STREAM_OPEN, STREAM_HANDSHAKE, STREAM_CONNECTING };

struct stream {
    struct stream_loop *loop;
    const struct stream_calls *calls;
    void *owner;
    struct tls_session *tls;
    struct event read_event, write_event;
    struct list node;  /* on dirty, crowd or dead */
    struct list again; /* on again */
    struct stream_queue queue;
    uint64_t sent; /* bytes given to the kernel so far */
    size_t notify; /* 1 + the mark of stream_notify; 0 = none */
    int fd;
    enum stream_state state;
    bool reading, writing; /* events that are added */
    bool paused, ended, broken, broken_told, closed;
    bool crowded;      /* node is on crowd */
    bool blocked;      /* the kernel takes no more at present */
    bool retry;        /* TLS wants the first run's bytes again */
    bool read_blocked; /* TLS must write before it can read */
    bool finish, finished;
};

/* Takes over fd (non-blocking) and tls (NULL = plain). connecting: a connect is under way, `ready`
 * tells when it is through. With tls `ready` tells that the handshake is done. */
void stream_init(struct stream *s, struct stream_loop *loop, int fd, struct tls_session *tls,
                 bool connecting, const struct stream_calls *calls, void *owner);
/* Ends it; what is unsent is lost, and the peer told so by a reset. The descriptor is closed at the
 * end of this turn, followed by `released`. */
void stream_close(struct stream *s);

/* Output. Never fails at once: a stream out of memory breaks. Each call's bytes stay in one piece
 * of the queue, so that stream_drop_unsent never cuts them. Ignored once finished, broken or
 * closed. */
void stream_write(struct stream *s, struct str bytes);
void stream_give(struct stream *s, struct bytes *bytes); /* owned by the stream from here on */
/* The same for what very many streams are given at once: it lets all other output go first, and the
 * loop go on in between. */
void stream_give_crowd(struct stream *s, struct bytes *bytes);
/* Tries to write now rather than at the turn's end. */
void stream_push(struct stream *s);
/* Forgets what is queued, except for a piece of which the peer has a part. */
void stream_drop_unsent(struct stream *s);
/* Nothing more will be written: half-closes once the queue is empty. */
void stream_finish(struct stream *s);
static inline size_t stream_unsent(const struct stream *s)
{
    return s->queue.bytes;
}
/* Calls `drained` once, soon, when at most `mark` bytes are unsent. */
void stream_notify(struct stream *s, size_t mark);
/* Bytes that the peer's kernel has acknowledged (for TLS about). */
uint64_t stream_acknowledged(const struct stream *s);

/* Input. Both may be called at any time and more than once. */
void stream_pause(struct stream *s);
void stream_resume(struct stream *s);
/* True when nothing has come, neither bytes nor an end, that was not handed out yet. */
bool stream_quiet(const struct stream *s);

#endif
