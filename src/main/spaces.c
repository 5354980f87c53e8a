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

/* state is NULL when it could not be had. */
static void print_state(struct text_table *t, const struct space_view *state)
{
    char connected[48], waiting[16];
    if (!state)
        return;
    (void)snprintf(connected, sizeof connected, state->apps ? "yes, %u%s" : "no", state->apps,
                   state->draining ? ", draining" : "");
    (void)snprintf(waiting, sizeof waiting, "%u", state->queue_length);
    table_add(t, (const char *[]){"apps connected", connected});
    table_add(t, (const char *[]){"waiting", waiting});
}

static void print_details(const struct space_record *s, const struct space_view *state)
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
    print_state(&t, state);
    table_print(&t);
    table_release(&t);
}

/* The space as it is stored with its state as "state". */
static struct json_t *space_json(const struct space_record *s, const struct space_view *state)
{
    struct json_t *object = record_space_json(s);
    if (state)
        json_put(object, "state", record_state_json(state));
    return object;
}

static int show_space(struct client *c, const struct options *o, const struct space_record *s)
{
    struct command cmd = {.kind = CMD_QUERY_SPACE, .id = s->id};
    struct reply live = {0};
    int status = ask(c, &cmd, &live);
    if (!status && o->json)
        print_json(space_json(s, live.count ? live.spaces : NULL));
    else if (!status)
        print_details(s, live.count ? live.spaces : NULL);
    reply_release(&live);
    return status;
}

/* One that was just added is shown without its state: it has none yet. */
static int show(struct client *c, const struct options *o, bool added)
{
    struct reply records = {0};
    int status = ask_records(c, &records);
    const struct space_record *s = status ? NULL : find_space(&records, o->arg);
    if (!s)
        status = STATUS_FAILED;
    else if (added)
        print_json(record_space_json(s));
    else
        status = show_space(c, o, s);
    reply_release(&records);
    return status;
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
        status = show(c, o, true);
    else if (!status)
        say("added the space \"%s\"", o->arg);
    client_close(c);
    return status;
}

int space_show(const struct options *o)
{
    struct client *c = open_data(o, false);
    int status = c ? show(c, o, false) : STATUS_FAILED;
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
