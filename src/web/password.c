#include "web/accounts.h"
#include "web/state.h"
#include "web/view.h"

#include <inttypes.h>
#include <stdio.h>

enum err hash_text(struct page_request *p, struct str password, char out[PASSWORD_HASH_BYTES])
{
    if (!hashing_begin(p->web))
        return ERR_AGAIN;
    enum err e = password_hash(password, out);
    hashing_end(p->web);
    return e;
}

enum err hash_field(struct page_request *p, const char *field, char out[PASSWORD_HASH_BYTES])
{
    return hash_text(p, page_value(p, field), out);
}

void name_for_tries(char out[USER_NAME_BYTES], struct str name)
{
    if (name.n >= USER_NAME_BYTES)
        name.n = USER_NAME_BYTES - 1;
    while (!utf8_valid(name.p, name.n))
        name.n--;
    (void)str_copy(out, USER_NAME_BYTES, name);
}

/* A question or a report about a try. */
static struct command *try_command(struct page_request *p, enum command_kind kind, const char *name)
{
    struct command *c = page_command(p, kind);
    (void)str_copy(c->user.name, sizeof c->user.name, str_of(name));
    return c;
}

/* The same work whether the user exists or not, is disabled or not. ERR_UNAUTHORIZED: no. */
static enum err verify(struct page_request *p, const char *name, struct str password,
                       struct user_record *user)
{
    struct reader *reader = page_reader(p);
    if (!reader)
        return ERR_STORE_UNAVAILABLE;
    enum err e = reader_user(reader, str_of(name), user);
    if (e && e != ERR_NOT_FOUND)
        return e;
    bool right = e ? password_verify_nobody(password)
                   : password_verify(user->password_hash, password) && !user->disabled;
    return right ? OK : ERR_UNAUTHORIZED;
}

enum err password_try_text(struct page_request *p, const char *name, struct str password,
                           struct user_record *user, struct retry *wait)
{
    struct reply may;
    if (!hashing_begin(p->web))
        return ERR_AGAIN;
    enum err e = page_ask(p, try_command(p, CMD_LOGIN_MAY, name), PAGE_CALL_MS, &may);
    *wait = (struct retry){may.retry_after_ms, may.limit};
    reply_release(&may);
    if (!e)
        e = verify(p, name, password, user);
    hashing_end(p->web);
    /* The answer is the same when the report fails: it was counted as a try before. */
    if (e == ERR_UNAUTHORIZED)
        (void)page_do(p, try_command(p, CMD_LOGIN_FAILED, name), NULL);
    return e;
}

enum err password_try(struct page_request *p, const char *name, const char *field,
                      struct user_record *user, uint64_t *wait_ms)
{
    struct retry wait = {0};
    enum err e = password_try_text(p, name, page_value(p, field), user, &wait);
    *wait_ms = wait.after_ms;
    return e;
}

void view_wait(struct page_request *p, struct json_t *object, const char *name, const char *key,
               uint64_t wait_ms)
{
    char seconds[24];
    (void)snprintf(seconds, sizeof seconds, "%" PRIu64, (wait_ms + 999) / 1000);
    page_header(p, "Retry-After", "%s", seconds);
    view_text(p, object, name, key, "n", str_of(seconds));
}
