#include "model/command.h"

#include <stdlib.h>

void command_release(struct command *c)
{
    bytes_unref(c->payload);
    free(c->settings);
    c->payload = NULL;
    c->settings = NULL;
    c->setting_count = 0;
}

void reply_release(struct reply *r)
{
    free(r->spaces);
    free(r->apps);
    free(r->users);
    free(r->records);
    free(r->tokens);
    free(r->api_keys);
    if (r->request)
        request_record_release(r->request);
    free(r->request);
    free(r->live);
    bytes_unref(r->live_message);
    findings_release(&r->findings);
    r->spaces = NULL;
    r->apps = NULL;
    r->users = NULL;
    r->records = NULL;
    r->tokens = NULL;
    r->api_keys = NULL;
    r->request = NULL;
    r->live = NULL;
    r->live_message = NULL;
    r->count = r->user_count = r->record_count = r->token_count = r->api_key_count = 0;
}
