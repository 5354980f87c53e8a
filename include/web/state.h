/* What the web threads share. Private to the web layer. */
#ifndef WEB_STATE_H
#define WEB_STATE_H

#include "base/secret.h"
#include "codec/lang.h"
#include "web/listen.h"
#include "web/web.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

struct json_t;
struct mg_context;

/* What one request at a time may use: kept in a list between requests. */
struct worker {
    struct worker *next;
    struct reader *reader;                    /* NULL until needed */
    struct json_t *catalogues[LANGUAGE__MAX]; /* NULL until needed */
};

struct web {
    struct app *app;
    unsigned threads;
    char *assets_dir;  /* NULL = embedded */
    char *setup_token; /* NULL = none */
    atomic_bool setup_done;
    struct mg_context *server;
    struct listen_socket listen;
    atomic_bool stopped;
    char secret[SECRET_TEXT_BYTES];
    pthread_mutex_t lock; /* of idle */
    struct worker *idle;
    sem_t hashing; /* argon2id at a time */
    atomic_uint hashing_waiting;
    sem_t registering; /* one registration at a time may ask for a hash */
    atomic_uint registering_waiting;
};

/* A worker from the list, or a new one. Any web thread. */
struct worker *worker_take(struct web *w);
void worker_give(struct web *w, struct worker *worker);
void workers_free(struct web *w);

/* The text of an asset: embedded, or read from the checkout into storage. path is as in the table.
 * False when there is none, or it cannot be read. */
bool asset_text(const struct web *w, const char *path, struct buf *storage, struct str *text);

/* argon2id runs on web threads, two at a time. False: too many wait for their turn, answer 503. */
bool hashing_begin(struct web *w);
unsigned hashing_places(const struct web *w); /* so many may wait or hash */
void hashing_end(struct web *w);
/* Around the hash of somebody who has no account: they stand in a line of their own and have one
 * place of the two at most, so that log-ins always come through. False: the line is full, answer
 * 503. */
bool registering_begin(struct web *w);
void registering_end(struct web *w);

#endif
