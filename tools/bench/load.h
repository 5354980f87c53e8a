/* The load: apps that answer at once, people who submit and watch, and the bookkeeping between the
 * two. A request goes submit -> progress -> result -> seen; a slot follows it by a number that
 * travels in the payload and comes back in the result, so nothing has to be looked up. What is said
 * on the sockets is a dialect's business. One thread. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "bench/histogram.h"
#include "bench/socket.h"

#define REQUEST_ID_BYTES 36
#define LOAD_WHY_BYTES   200

struct load;
struct dialect;

struct load_options {
    const struct target *target;
    const struct dialect *dialect;
    const char *space, *token;
    const char *const *cookies; /* one a person; NULL: none are needed */
    uint32_t apps, concurrency; /* of each app */
    uint32_t people, outstanding;
    uint32_t progress, payload_bytes, result_bytes;
    double rate; /* requests a second; 0: as fast as they are answered */
};

/* A connection of either kind. */
struct peer {
    struct socket socket;
    struct load *load;
    uint32_t number;
    bool ready;
};

struct slot {
    uint64_t n;         /* number of its request; slot = n % slots */
    uint64_t wanted_ns; /* when the request was due: latencies count from here */
    uint64_t answered_ns;
    struct peer *person;
    bool busy, dispatched, measured;
    char request_id[REQUEST_ID_BYTES];
};

struct load {
    struct load_options options;
    struct loop *loop;
    struct peer *apps, *persons;
    struct slot *slots;
    uint32_t *free_slots, free_count;
    uint64_t next_n;
    bool running;                      /* new requests are made */
    bool measuring;                    /* and count */
    uint64_t next_due_ns, interval_ns; /* open loop */
    struct buf filler, message;
    /* results */
    uint64_t submitted, seen, errors;    /* since the start */
    uint64_t measured_seen;              /* seen while measuring */
    bool broken;                         /* a connection is lost or refused: nothing goes on */
    char why[LOAD_WHY_BYTES];            /* the first error */
    uint64_t registering_ns;             /* when an app last said `register` */
    char space_id[REQUEST_ID_BYTES + 1]; /* as the relay told the app */
    /* What else happens meanwhile: called each turn, returns when it wants to be called again
     * (monotonic ns). NULL: nothing. */
    uint64_t (*also)(void *ctx);
    void *also_ctx;
    void *dialect_state;
    struct histogram acknowledged, dispatched, result_seen, whole;
};

/* How a kind of relay is spoken to. The functions write with socket_text and tell the load what
 * came by the functions below. */
struct dialect {
    const char *app_path, *person_path, *subprotocol;
    enum err (*start)(struct load *l); /* once all are ready; ERR_IO. NULL: nothing */
    void (*release)(struct load *l);   /* also when start has not been called or has failed */
    void (*app_open)(struct peer *app);
    void (*app_text)(struct peer *app, struct str text);
    void (*person_open)(struct peer *person);
    void (*person_text)(struct peer *person, struct str text);
    void (*submit)(struct peer *person, const struct slot *s);
};
extern const struct dialect dialect_native, dialect_old_http, dialect_socketio;

/* App 0 is gone at once, without a close frame, and comes back. */
void load_drop_app(struct load *l);
MUST_USE enum err load_return_app(struct load *l);

/* Connects everybody. The options are borrowed until load_release. ERR_IO; load->why says why. */
MUST_USE enum err load_start(struct load *l, struct loop *loop, const struct load_options *options);
void load_release(struct load *l);
/* Submits what is due and handles what comes, until the monotonic until_ns. */
void load_run(struct load *l, uint64_t until_ns);
/* Latencies and throughput count from here on, until load_pause. */
void load_measure(struct load *l);
/* Nothing new is submitted; what is under way gets seconds to end; what then is not is an error. */
void load_drain(struct load *l, unsigned seconds);

/* ---- for dialects ---- */

void load_ready(struct peer *p);
/* Submitted and acknowledged; request_id may be "". */
void load_acknowledged(struct load *l, uint64_t n, struct str request_id);
/* A request has reached an app. False: it is none of ours. */
bool load_dispatched(struct load *l, uint64_t n);
/* The app has written its result. */
void load_answered(struct load *l, uint64_t n);
/* The person has been told the result. Their slot is free again. */
void load_seen(struct load *l, uint64_t n);
/* The request has ended in another way. */
void load_failed(struct load *l, uint64_t n, struct str why);
/* Something is wrong that belongs to no request. */
void load_error(struct load *l, struct str why);
/* The one with that id among the person's requests; false when there is none. */
bool load_find(const struct peer *person, struct str request_id, uint64_t *n);

#endif
