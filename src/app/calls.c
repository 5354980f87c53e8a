/* Calls: a command from another thread (which waits) or from the hub itself (which is called back).
 */
#include "app/state.h"
#include "base/list.h"

#include "codec/token.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static struct call *call_new(struct app *a, struct command *cmd)
{
    struct call *c = xcalloc(1, sizeof *c);
    c->letter.read = call_read;
    c->cmd = *cmd;
    cmd->payload = NULL; /* taken over, and these */
    cmd->settings = NULL;
    cmd->setting_count = 0;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&c->cond, &attr);
    pthread_condattr_destroy(&attr);
    (void)a;
    return c;
}

static void call_free(struct call *c)
{
    command_release(&c->cmd);
    reply_release(&c->reply);
    pthread_cond_destroy(&c->cond);
    free(c);
}

/* The core has answered (or will not). */
static void finish(struct app *a, struct call *c, const struct reply *reply)
{
    if (c->answered) {
        struct reply copy = *reply;
        c->answered(c->ctx, &copy);
        call_free(c);
        return;
    }
    pthread_mutex_lock(&a->call_lock);
    c->reply = *reply;
    c->done = true;
    bool abandoned = c->abandoned;
    pthread_cond_signal(&c->cond);
    pthread_mutex_unlock(&a->call_lock);
    if (abandoned)
        call_free(c);
}

static void start(struct app *a, struct call *c)
{
    c->ticket = ++a->next_ticket;
    HASH_ADD(hh, a->calls, ticket, sizeof c->ticket, c);
    if (job_start(a, &c->cmd, c->ticket))
        return;
    struct relay_event e = {.kind = EVENT_COMMAND, .ticket = c->ticket, .command = &c->cmd};
    app_event(a, &e);
}

void call_read(void *app, struct letter *l)
{
    start(app, CONTAINER_OF(l, struct call, letter));
}

void call_answer(struct app *a, uint64_t ticket, struct reply *reply_given)
{
    struct call *c;
    HASH_FIND(hh, a->calls, &ticket, sizeof ticket, c);
    if (c) {
        HASH_DEL(a->calls, c);
        finish(a, c, reply_given);
    } else {
        reply_release(reply_given);
    }
    free(reply_given);
}

void app_command(struct app *a, struct command *cmd, app_answered *answered, void *ctx)
{
    struct call *c = call_new(a, cmd);
    c->answered = answered;
    c->ctx = ctx;
    start(a, c);
}

static struct timespec deadline_after(uint64_t ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += (time_t)(ms / 1000);
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_nsec -= 1000000000;
        t.tv_sec++;
    }
    return t;
}

static enum err refuse(struct reply *reply, enum err e, const char *message)
{
    *reply = (struct reply){.err = e};
    snprintf(reply->message, sizeof reply->message, "%s", message);
    return e;
}

enum err app_call(struct app *a, struct command *cmd, uint64_t timeout_ms, struct reply *reply)
{
    struct call *c = call_new(a, cmd);
    c->waits = true;
    struct timespec deadline = deadline_after(timeout_ms);
    pthread_mutex_lock(&a->call_lock);
    if (a->refusing) {
        pthread_mutex_unlock(&a->call_lock);
        call_free(c);
        return refuse(reply, ERR_SHUTTING_DOWN, err_message(ERR_SHUTTING_DOWN));
    }
    a->callers++;
    mailbox_post(&a->mail, &c->letter);
    int rc = 0;
    while (!c->done && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&c->cond, &a->call_lock, &deadline);
    bool done = c->done;
    c->abandoned = !done;
    if (done) {
        *reply = c->reply;
        c->reply = (struct reply){0};
    }
    if (--a->callers == 0)
        pthread_cond_signal(&a->callers_gone);
    pthread_mutex_unlock(&a->call_lock);
    if (!done)
        return refuse(reply, ERR_TIMEOUT, "The relay did not answer in time");
    call_free(c);
    return reply->err;
}

void app_refuse_calls(struct app *a)
{
    pthread_mutex_lock(&a->call_lock);
    a->refusing = true;
    pthread_mutex_unlock(&a->call_lock);
    /* Those who wait: their letters are read here, in the place of the hub's thread. */
    app_poll(a);
    calls_refuse_all(a);
}

/* Until the threads that have just been answered need the lock no more. */
void calls_wait(struct app *a)
{
    pthread_mutex_lock(&a->call_lock);
    while (a->callers)
        pthread_cond_wait(&a->callers_gone, &a->call_lock);
    pthread_mutex_unlock(&a->call_lock);
}

/* Hub's thread, or after it. */
void calls_refuse_all(struct app *a)
{
    struct call *c, *tmp;
    HASH_ITER (hh, a->calls, c, tmp) {
        HASH_DEL(a->calls, c);
        struct reply reply;
        refuse(&reply, ERR_SHUTTING_DOWN, err_message(ERR_SHUTTING_DOWN));
        finish(a, c, &reply);
    }
}

/* ---- without a hub ---- */

struct alone {
    struct reply *reply;
    bool done;
};

static void alone_answered(void *ctx, struct reply *reply)
{
    struct alone *x = ctx;
    *x->reply = *reply;
    x->done = true;
}

enum err app_call_alone(struct app *a, struct command *cmd, struct reply *reply)
{
    struct alone x = {.reply = reply};
    app_command(a, cmd, alone_answered, &x);
    while (!x.done) {
        uint64_t ms = app_poll(a);
        if (!x.done)
            poll(&(struct pollfd){.fd = app_wake_fd(a), .events = POLLIN}, 1, (int)ms);
    }
    return reply->err;
}

enum err app_token_text(const struct app *a, struct uuid token_id, struct uuid space_id,
                        int64_t issued_ms, int64_t expires_ms, struct buf *token)
{
    struct token_parts parts = {
        .space_id = space_id, .id = token_id, .issued_ms = issued_ms, .expires_ms = expires_ms};
    return token_sign(&a->key, &parts, token);
}
