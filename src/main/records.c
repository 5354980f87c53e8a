/* What the commands on users, spaces and tokens share. */
#include "main/commands.h"

#include "codec/json.h"

#include <stdio.h>
#include <string.h>

#define WHY_BYTES 4096

struct client *open_data(const struct options *o, bool make)
{
    struct client *c = NULL;
    struct buf why = BUF_INIT(WHY_BYTES);
    enum err e = client_open(&c, o->data, make, &why);
    if (e)
        complain("%s", why.len ? buf_cstr(&why) : err_message(e));
    buf_release(&why);
    return c;
}

int ask(struct client *c, struct command *cmd, struct reply *reply)
{
    enum err e = client_call(c, cmd, reply);
    if (e)
        complain("%s", reply->message);
    return e ? STATUS_FAILED : STATUS_DONE;
}

int ask_records(struct client *c, struct reply *reply)
{
    struct command cmd = {.kind = CMD_QUERY_RECORDS};
    return ask(c, &cmd, reply);
}

const struct user_record *find_user(const struct reply *records, const char *name)
{
    for (size_t i = 0; i < records->user_count; i++)
        if (str_eq_nocase(str_of(records->users[i].name), str_of(name)))
            return &records->users[i];
    complain("there is no user %s", name);
    return NULL;
}

const struct space_record *find_space(const struct reply *records, const char *name)
{
    for (size_t i = 0; i < records->record_count; i++)
        if (strcmp(records->records[i].name, name) == 0)
            return &records->records[i];
    complain("there is no space \"%s\"", name);
    return NULL;
}

const struct space_record *space_of_key(const struct reply *records, int64_t space_key)
{
    for (size_t i = 0; i < records->record_count; i++)
        if (uuid_key(records->records[i].id) == space_key)
            return &records->records[i];
    return NULL;
}

void print_json(struct json_t *given)
{
    struct buf b = BUF_INIT(SIZE_MAX);
    json_write_pretty(&b, given);
    buf_putc(&b, '\n');
    (void)fwrite(buf_str(&b).p, 1, b.len, stdout);
    buf_release(&b);
    json_free(given);
}
