#include "model/change.h"

#include "base/alloc.h"

#include <stdlib.h>

struct change *change_new(enum change_kind kind)
{
    struct change *c = xcalloc(1, sizeof *c);
    c->kind = kind;
    return c;
}

static void free_one(struct change *c)
{
    bytes_unref(c->text);
    bytes_unref(c->result);
    bytes_unref(c->usage);
    bytes_unref(c->message);
    if (c->request)
        request_record_release(c->request);
    free(c->request);
    free(c->idempotency);
    free(c->user);
    free(c->session);
    free(c->space);
    free(c->token);
    free(c->api_key);
    free(c->setting);
    free(c->audit);
    free(c);
}

void change_free(struct change *c)
{
    while (c) {
        struct change *also = c->also;
        free_one(c);
        c = also;
    }
}
