/* Long readings of the whole database, on a thread of their own: one at a time. */
#include "app/folder.h"
#include "app/state.h"
#include "base/list.h"
#include "base/log.h"
#include "store/backup.h"
#include "store/check.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct job {
    struct letter letter; /* posted when it is done */
    struct app *app;
    uint64_t ticket;
    enum command_kind kind;
    struct actor actor;
    pthread_t thread;
    atomic_bool stop;
    struct reply *reply;
};

static void run_backup(struct job *j)
{
    struct buf path, why = BUF_INIT(sizeof j->reply->message - 1);
    char name[FOLDER_COPY_BYTES];
    uint64_t random[2] = {random_u64(), random_u64()};
    memcpy(j->reply->id.b, random, sizeof j->reply->id.b);
    folder_copy_name(j->reply->id, name);
    enum err e = folder_path(&path, j->app->dir, name);
    if (!e)
        e = store_backup(j->app->store, buf_cstr(&path), &j->stop, &why);
    j->reply->err = e;
    (void)str_copy(j->reply->message, sizeof j->reply->message, buf_str(&why));
    buf_release(&path);
    buf_release(&why);
}

static void run_check(struct job *j)
{
    const char *trouble = store_trouble(j->app->store);
    struct findings *f = &j->reply->findings;
    struct buf path;
    if (trouble)
        findings_add(f, FINDING_FAIL, "saving", "see the server's log", "nothing can be saved: %s",
                     trouble);
    if (!folder_path(&path, j->app->dir, STORE_FILE))
        store_check(buf_cstr(&path), clock_now().wall_ms, &j->stop, f);
    buf_release(&path);
}

static void drop_reply(struct job *j)
{
    reply_release(j->reply);
    free(j->reply);
}

/* The core answers in our place, when it has written it down. */
static void note_backup(struct app *a, struct job *j)
{
    struct command c = {.kind = CMD_BACKUP, .actor = j->actor, .id = j->reply->id};
    struct relay_event e = {.kind = EVENT_COMMAND, .ticket = j->ticket, .command = &c};
    drop_reply(j);
    app_event(a, &e);
}

/* Hub's thread. */
static void job_read(void *app, struct letter *l)
{
    struct app *a = app;
    struct job *j = CONTAINER_OF(l, struct job, letter);
    if (a->job) {
        pthread_join(j->thread, NULL);
        a->job = NULL;
    }
    if (j->kind == CMD_BACKUP && !j->reply->err)
        note_backup(a, j);
    else
        call_answer(a, j->ticket, j->reply);
    free(j);
}

static void *job_run(void *arg)
{
    struct job *j = arg;
    if (j->kind == CMD_BACKUP)
        run_backup(j);
    else
        run_check(j);
    mailbox_post(&j->app->mail, &j->letter);
    return NULL;
}

static struct reply *reply_of(enum err e, const char *message)
{
    struct reply *reply = xcalloc(1, sizeof *reply);
    reply->err = e;
    (void)snprintf(reply->message, sizeof reply->message, "%s", message);
    return reply;
}

static int start_thread(struct job *j)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&j->thread, NULL, job_run, j);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

bool job_start(struct app *a, const struct command *cmd, uint64_t ticket)
{
    if (cmd->kind != CMD_BACKUP && cmd->kind != CMD_CHECK)
        return false;
    if (cmd->actor.user_key || cmd->actor.role != ROLE_ADMIN) { /* of the command line only */
        call_answer(a, ticket, reply_of(ERR_FORBIDDEN, ""));
        return true;
    }
    if (a->job) {
        call_answer(a, ticket, reply_of(ERR_LOCKED, "another backup or check is under way"));
        return true;
    }
    struct job *j = xcalloc(1, sizeof *j);
    *j = (struct job){.app = a,
                      .ticket = ticket,
                      .kind = cmd->kind,
                      .actor = cmd->actor,
                      .reply = reply_of(OK, "")};
    j->letter.read = job_read;
    a->job = j;
    if (start_thread(j)) {
        a->job = NULL;
        drop_reply(j);
        free(j);
        call_answer(a, ticket, reply_of(ERR_INTERNAL, "cannot start a thread"));
    }
    return true;
}

void jobs_stop(struct app *a)
{
    if (!a->job)
        return;
    atomic_store(&a->job->stop, true);
    pthread_join(a->job->thread, NULL);
    a->job = NULL; /* its letter is read with the others */
}
