#include "main/commands.h"

#include "codec/json.h"
#include "codec/records.h"

#include <stdio.h>

static bool name_is_good(const struct options *o)
{
    bool good = space_name_valid(str_of(o->arg));
    if (!good)
        complain("a space's name has 1 to 64 characters, no control character or /, and no blanks "
                 "at its ends");
    return good;
}

static void print_details(const struct space_record *s)
{
    char id[UUID_TEXT_BYTES], created[SHORT_TIME_BYTES], apps[16];
    struct text_table t = {.columns = 2};
    uuid_format(s->id, id);
    (void)snprintf(apps, sizeof apps, "%u", s->max_apps);
    table_add(&t, (const char *[]){"name", s->name});
    table_add(&t, (const char *[]){"id", id});
    table_add(&t, (const char *[]){"description", s->description});
    table_add(&t, (const char *[]){"apps at most", apps});
    table_add(&t, (const char *[]){"queue offline", s->queue_offline ? "yes" : "no"});
    table_add(&t, (const char *[]){"created", short_time(s->created_ms, created)});
    table_print(&t);
    table_release(&t);
}

static int show(struct client *c, const struct options *o)
{
    struct reply records = {0};
    int status = ask_records(c, &records);
    const struct space_record *s = status ? NULL : find_space(&records, o->arg);
    if (s && o->json)
        print_json(record_space_json(s));
    else if (s)
        print_details(s);
    reply_release(&records);
    return s ? STATUS_DONE : STATUS_FAILED;
}

int space_add(const struct options *o)
{
    struct command cmd = {.kind = CMD_SPACE_ADD,
                          .space = {.inputs = INPUT_PROMPT,
                                    .max_apps = o->max_apps,
                                    .queue_offline = o->queue_offline,
                                    .cover_type = "image"}};
    struct reply reply = {0};
    if (!name_is_good(o))
        return STATUS_USAGE;
    (void)str_copy(cmd.space.name, sizeof cmd.space.name, str_of(o->arg));
    if (!str_copy(cmd.space.description, sizeof cmd.space.description, str_of(o->description))) {
        complain("a description has at most %d bytes", DESCRIPTION_BYTES - 1);
        return STATUS_USAGE;
    }
    struct client *c = open_data(o, true);
    if (!c)
        return STATUS_FAILED;
    int status = ask(c, &cmd, &reply);
    reply_release(&reply);
    if (!status && o->json)
        status = show(c, o);
    else if (!status)
        say("added the space \"%s\"", o->arg);
    client_close(c);
    return status;
}

int space_show(const struct options *o)
{
    struct client *c = open_data(o, false);
    int status = c ? show(c, o) : STATUS_FAILED;
    client_close(c);
    return status;
}

int space_remove(const struct options *o)
{
    struct command cmd = {.kind = CMD_SPACE_REMOVE};
    struct reply records = {0}, reply = {0};
    struct client *c = open_data(o, false);
    int status = c ? ask_records(c, &records) : STATUS_FAILED;
    const struct space_record *s = status ? NULL : find_space(&records, o->arg);
    if (s) {
        cmd.space.id = s->id;
        status = ask(c, &cmd, &reply);
        reply_release(&reply);
        if (!status)
            say("removed the space \"%s\"", o->arg);
    }
    reply_release(&records);
    client_close(c);
    return s ? status : STATUS_FAILED;
}

static void print_json_list(const struct reply *r)
{
    struct json_t *list = json_array_new();
    for (size_t i = 0; i < r->record_count; i++)
        json_add(list, record_space_json(&r->records[i]));
    print_json(list);
}

static void print_list(const struct reply *r)
{
    struct text_table t = {.columns = 5};
    table_add(&t, (const char *[]){"NAME", "ID", "APPS", "CREATED", "DESCRIPTION"});
    for (size_t i = 0; i < r->record_count; i++) {
        const struct space_record *s = &r->records[i];
        char id[UUID_TEXT_BYTES], apps[16], created[SHORT_TIME_BYTES];
        uuid_format(s->id, id);
        (void)snprintf(apps, sizeof apps, "%u", s->max_apps);
        table_add(&t, (const char *[]){s->name, id, apps, short_time(s->created_ms, created),
                                       s->description});
    }
    table_print(&t);
    table_release(&t);
}

int space_list(const struct options *o)
{
    struct reply records = {0};
    struct client *c = open_data(o, false);
    int status = c ? ask_records(c, &records) : STATUS_FAILED;
    if (!status && o->json)
        print_json_list(&records);
    else if (!status)
        print_list(&records);
    reply_release(&records);
    client_close(c);
    return status;
}
