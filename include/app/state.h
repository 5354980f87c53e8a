/* The app layer's inside. Nobody else includes this. */
#ifndef APP_STATE_H
#define APP_STATE_H

#include "app/app.h"
#include "app/mailbox.h"
#include "base/alloc.h"
#include "base/hash.h"
#include "base/secret.h"

#include <pthread.h>

/* A command on its way to the core and back. Freed by whoever lets go of it last. */
struct call {
    struct letter letter;
    uint64_t ticket;
    struct command cmd;
    struct reply reply;
    /* one who waits on another thread */
    bool waits, done, abandoned; /* under app.call_lock */
    pthread_cond_t cond;
    /* or a callback on the hub's thread */
    app_answered *answered;
    void *ctx;
    UT_hash_handle hh;
};

struct app {
    char *dir;
    int lock_fd;
    struct store *store;
    struct relay *relay;
    struct sign_key key;
    struct mailbox mail;
    struct effects effects;
    struct change *saves, **last_save; /* of this turn of the loop: the store gets them together */
    size_t saves_count;
    app_sink *sink;
    void *sink_ctx;
    bool stepping;
    struct random_pool random;
    struct relay_event *queued; /* events that came while effects were carried out */
    size_t queued_count, queued_cap;
    struct job *job;    /* under way; NULL = none. Hub's thread */
    struct call *calls; /* by ticket; hub's thread */
    uint64_t next_ticket;
    uint64_t last_mono_ms,
        paused_ms; /* time that the process was stopped is taken out of the core's clock */
    bool clock_held;
    struct now held_now;
    pthread_mutex_t limits_lock;
    struct limits limits;
    pthread_mutex_t call_lock;
    bool refusing;  /* under call_lock, as the next */
    size_t callers; /* threads inside app_call */
    pthread_cond_t callers_gone;
};

/* app.c */
struct now app_now(struct app *a);
void app_run_effects(struct app *a);
void app_give_saves(struct app *a); /* to the store */
/* settings.c */
void app_apply_setting(struct app *a, const struct setting_record *s);
/* calls.c */
void call_read(void *app, struct letter *l);
void call_answer(struct app *a, uint64_t ticket, struct reply *reply_given);
void calls_refuse_all(struct app *a);
void calls_wait(struct app *a);
/* jobs.c: true when the command was one for it; it is answered later, or has been. Hub's thread. */
bool job_start(struct app *a, const struct command *cmd, uint64_t ticket);
void jobs_stop(struct app *a); /* waits for the one that is under way, which ends soon */
/* open.c */
void app_store_answered(void *app, struct store_answer *answers, size_t count);

#endif
