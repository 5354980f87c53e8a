/* The bridge's own state, shared by bridge.c, job.c and answer.c: an inference app that has each
 * request answered by a model server (or any HTTP service) nearby. One thread. */
#ifndef BRIDGE_BRIDGE_H
#define BRIDGE_BRIDGE_H

#include "base/buf.h"
#include "base/list.h"
#include "bridge/blame.h"
#include "bridge/http.h"
#include "bridge/completion.h"
#include "client/terminal.h"
#include "codec/sse.h"
#include "model/message.h"

struct event;

struct settings {
    const char *host, *space, *token, *ca;
    const char *upstream, *model, *api_key, *upstream_ca, *endpoints;
    uint32_t concurrency, prefetch;
    uint32_t retry_s, first_token_s, idle_s, total_s; /* total 0 = no limit */
    bool plain, probe, verbose, insecure;
};

struct bridge {
    struct terminal terminal; /* the relay's side of it */
    struct settings set;
    struct buf upstream; /* without a slash at its end, NUL-terminated */
    struct http *http;
    struct probe *probe;
    struct list waiting, running; /* jobs, oldest first */
    size_t waiting_count, running_count;
    uint64_t tell_ms; /* the relay hears of every request at least so often */
};

/* A request, from its arrival until we have answered it. */
struct job {
    struct list link; /* of bridge.waiting or bridge.running */
    struct bridge *bridge;
    struct client_lease lease;
    char id[UUID_TEXT_BYTES];
    enum endpoint endpoint;
    struct buf body; /* what the server is asked */
    bool running;

    struct http_call *call;
    struct event *timer;
    uint64_t started_ms, sent_ms, heard_ms; /* work began, this try began, the last byte came */
    uint64_t done_ms;                       /* [DONE] came; 0 = not yet */
    uint64_t told_ms;                       /* the relay heard of it */
    uint64_t retry_ms;                      /* no call now: the next try */
    unsigned tries;
    struct blame last; /* why there is another try */

    struct sse sse;
    struct completion reply;
    struct buf raw;    /* an answer in one piece, or an error's body */
    bool streams;      /* the answer is a stream, not one piece */
    size_t said;       /* bytes of the text that the relay has */
    enum err answered; /* what is wrong with the answer so far */
};

static inline struct blame_about about(const struct bridge *b)
{
    return (struct blame_about){b->set.plain ? NULL : b->set.model};
}

/* ---- job.c: the life of a job ---- */

/* Takes a request; it starts when there is room. */
void job_new(struct bridge *b, const struct client_request *r);
struct job *job_find(struct bridge *b, struct client_lease lease);
/* Ends of a job: the relay is told, the job is freed, the next one starts. */
void job_succeed(struct job *j, struct str result, struct str usage, const char *how);
void job_fail(struct job *j, const struct blame *blame);
void job_cancel(struct job *j);
/* Frees all without a word to the relay. */
void jobs_free(struct bridge *b);
/* Gives back to the relay what has not begun. */
void jobs_give_back(struct bridge *b);

/* ---- bridge.c ---- */

/* Ends the program when it is leaving and nothing is left to do. */
void leave_when_done(struct bridge *b);

/* ---- answer.c: what the server says, to the relay ---- */

void answer_init(struct job *j);
void answer_release(struct job *j);
/* A piece of a good answer. False: that is enough. */
bool answer_take(struct job *j, struct str piece);
/* Something of the answer has come, so that the next limit is for silence in the middle of it. */
bool answer_begun(const struct job *j);
/* It needs no more bytes. */
bool answer_complete(const struct job *j);
/* No more will come: the job succeeds or fails. */
void answer_end(struct job *j);

#endif
