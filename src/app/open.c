/* The data folder: its lock, its key, its database; and the end of it all. */
#include "app/folder.h"
#include "app/state.h"

#include <stdlib.h>
#include <unistd.h>

static enum err load_key(struct app *a, struct buf *why)
{
    struct buf path;
    enum err e = folder_path(&path, a->dir, FOLDER_KEY);
    if (!e)
        e = sign_key_load(&a->key, buf_cstr(&path));
    if (e == ERR_FORBIDDEN)
        buf_printf(why, "others may read the signing key %s: its mode must be 0600",
                   buf_cstr(&path));
    else if (e)
        buf_printf(why, "cannot read or make the signing key %s", buf_cstr(&path));
    buf_release(&path);
    return e;
}

/* ---- restoring ---- */

static void restore_user(void *ctx, const struct user_record *u)
{
    relay_restore_user(((struct app *)ctx)->relay, u);
}

static void restore_space(void *ctx, const struct space_record *s)
{
    relay_restore_space(((struct app *)ctx)->relay, s);
}

static void restore_token(void *ctx, const struct token_record *t)
{
    relay_restore_token(((struct app *)ctx)->relay, t);
}

static void restore_session(void *ctx, const struct session_record *s)
{
    relay_restore_session(((struct app *)ctx)->relay, s);
}

static void restore_api_key(void *ctx, const struct api_key_record *k)
{
    relay_restore_api_key(((struct app *)ctx)->relay, k);
}

static void restore_setting(void *ctx, const struct setting_record *s)
{
    relay_restore_setting(((struct app *)ctx)->relay, s);
    app_apply_setting(ctx, s);
}

static void restore_idempotency(void *ctx, const struct idempotency_record *k)
{
    relay_restore_idempotency(((struct app *)ctx)->relay, k);
}

static void restore_request(void *ctx, const struct request_record *q)
{
    relay_restore_request(((struct app *)ctx)->relay, q);
}

static void restore_last_key(void *ctx, int64_t key)
{
    relay_restore_last_key(((struct app *)ctx)->relay, key);
}

static enum err load_all(struct app *a, struct buf *why)
{
    struct store_visitor v = {.ctx = a,
                              .user = restore_user,
                              .space = restore_space,
                              .token = restore_token,
                              .session = restore_session,
                              .api_key = restore_api_key,
                              .setting = restore_setting,
                              .idempotency = restore_idempotency,
                              .request = restore_request,
                              .last_key = restore_last_key};
    return store_load(a->store, &v, why);
}

static enum err open_parts(struct app *a, struct buf *why)
{
    enum err e = folder_lock(a->dir, &a->lock_fd, why);
    if (!e)
        e = folder_complete(a->dir, why);
    if (!e)
        folder_sweep(a->dir);
    if (!e)
        e = load_key(a, why);
    if (!e)
        e = store_open(&a->store, a->dir, why);
    if (e)
        return e;
    a->relay = relay_new(&a->limits);
    e = load_all(a, why);
    if (!e && (e = store_start(a->store, app_store_answered, a)))
        buf_puts(why, "cannot start the store's thread");
    return e;
}

enum err app_open(struct app **out, const char *data_dir, const struct limits *limits,
                  struct buf *why)
{
    struct app *a = xcalloc(1, sizeof *a);
    a->lock_fd = -1;
    a->last_save = &a->saves;
    a->dir = str_dup(str_of(data_dir));
    a->limits = *limits;
    pthread_mutex_init(&a->limits_lock, NULL);
    pthread_mutex_init(&a->call_lock, NULL);
    pthread_cond_init(&a->callers_gone, NULL);
    enum err e = mailbox_init(&a->mail);
    if (e)
        abort(); /* not a single descriptor left: nothing can go on */
    e = open_parts(a, why);
    if (e) {
        app_close(a);
        return e;
    }
    *out = a;
    return OK;
}

void app_close(struct app *a)
{
    if (!a)
        return;
    jobs_stop(a);
    app_give_saves(a);
    store_close(a->store); /* writes what it was given; its answers wait in the mailbox */
    a->store = NULL;
    a->sink = NULL;
    if (a->relay)
        app_refuse_calls(a);
    calls_wait(a);
    relay_free(a->relay);
    effects_release(&a->effects);
    free(a->queued);
    mailbox_release(&a->mail);
    if (a->lock_fd >= 0)
        close(a->lock_fd);
    secret_wipe(&a->key, sizeof a->key);
    pthread_mutex_destroy(&a->limits_lock);
    pthread_mutex_destroy(&a->call_lock);
    pthread_cond_destroy(&a->callers_gone);
    free(a->dir);
    free(a);
}
