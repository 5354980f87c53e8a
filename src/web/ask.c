#include "base/alloc.h"
#include "web/page.h"
#include "web/state.h"

#include <stdlib.h>
#include <string.h>

struct command *page_command(const struct page_request *p, enum command_kind kind)
{
    struct command *c = xcalloc(1, sizeof *c);
    c->kind = kind;
    c->actor.user_key = p->who.user_key;
    c->actor.role = p->who.role;
    (void)str_copy(c->actor.name, sizeof c->actor.name, str_of(p->who.name));
    (void)str_copy(c->actor.address, sizeof c->actor.address, p->address);
    return c;
}

void page_drop(struct command *cmd_given)
{
    command_release(cmd_given);
    secret_wipe(cmd_given, sizeof *cmd_given); /* hashes pass here */
    free(cmd_given);
}

enum err page_ask(struct page_request *p, struct command *cmd_given, uint64_t timeout_ms,
                  struct reply *reply)
{
    *reply = (struct reply){0};
    enum err e = app_call(p->web->app, cmd_given, timeout_ms, reply);
    page_drop(cmd_given);
    return e;
}

enum err page_do(struct page_request *p, struct command *cmd_given, char message[512])
{
    struct reply reply;
    enum err e = page_ask(p, cmd_given, PAGE_SAVE_MS, &reply);
    if (message)
        memcpy(message, reply.message, sizeof reply.message);
    reply_release(&reply);
    return e;
}
