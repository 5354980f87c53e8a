#include "model/command.h"

#include <stdlib.h>

void command_release(struct command *c)
{
    bytes_unref(c->payload);
    c->payload = NULL;
}

void reply_release(struct reply *r)
{
    free(r->spaces);
    free(r->apps);
    r->spaces = NULL;
    r->apps = NULL;
    r->count = 0;
}
