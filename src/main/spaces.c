#include "main/commands.h"

#include "codec/json.h"
#include "codec/records.h"
#include "web/cover.h"

#include <stdio.h>
#include <string.h>

static bool name_is_good(const char *name)
{
    bool good = space_name_valid(str_of(name));
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

static void name_inputs(uint32_t inputs, char *out, size_t size)
{
    static const char *const names[] = {"prompt", "audio", "video", "file"}; /* as their bits */
    size_t n = 0;
    for (unsigned i = 0; i < 4; i++)
        if (inputs & 1u << i)
            n += (size_t)snprintf(out + n, size - n, "%s%s", n ? ", " : "", names[i]);
}

static void print_details(const struct space_record *s, const struct space_view *state)
{
    char id[UUID_TEXT_BYTES], created[SHORT_TIME_BYTES], apps[16], rate[16];
    char cover[COVER_BYTES + 20] = "", inputs[40] = "";
    struct text_table t = {.columns = 2};
    uuid_format(s->id, id);
    (void)snprintf(apps, sizeof apps, "%u", s->max_apps);
    (void)snprintf(rate, sizeof rate, "%u", s->rate_limit_s);
    if (s->cover[0])
        (void)snprintf(cover, sizeof cover, "%s %s", s->cover_type, s->cover);
    name_inputs(s->inputs, inputs, sizeof inputs);
    table_add(&t, (const char *[]){"name", s->name});
    table_add(&t, (const char *[]){"id", id});
    table_add(&t, (const char *[]){"description", s->description});
    table_add(&t, (const char *[]){"cover", cover});
    table_add(&t, (const char *[]){"takes", inputs});
    table_add(&t, (const char *[]){"apps at most", apps});
    table_add(&t, (const char *[]){"seconds between two requests", rate});
    table_add(&t, (const char *[]){"queue offline", s->queue_offline ? "yes" : "no"});
    table_add(&t, (const char *[]){"apps without a token", s->legacy_registration ? "yes" : "no"});
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

/* One that was just written is shown as it is stored, without its state. */
static int show(struct client *c, const struct options *o, const char *name, bool written)
{
    struct reply records = {0};
    int status = ask_records(c, &records);
    const struct space_record *s = status ? NULL : find_space(&records, name);
    if (!s)
        status = STATUS_FAILED;
    else if (written)
        print_json(record_space_json(s));
    else
        status = show_space(c, o, s);
    reply_release(&records);
    return status;
}

/* ---- what the options say ---- */

static bool given(const struct options *o, enum option_id id)
{
    return o->given & OPTION_BIT(id);
}

static void apply_switches(const struct options *o, struct space_record *s)
{
    if (o->queue_offline || o->no_queue_offline)
        s->queue_offline = o->queue_offline;
    if (o->legacy || o->no_legacy)
        s->legacy_registration = o->legacy;
    if (given(o, OPTION_INPUTS))
        s->inputs = o->inputs;
    if (given(o, OPTION_MAX_APPS))
        s->max_apps = o->max_apps;
    if (given(o, OPTION_RATE_LIMIT))
        s->rate_limit_s = o->rate_limit_s;
}

static bool apply_cover(const struct options *o, struct space_record *s)
{
    const char *cover = o->cover ? o->cover : s->cover;
    const char *type = o->cover_type ? o->cover_type : s->cover_type;
    if (strlen(cover) >= sizeof s->cover || !cover_valid(str_of(type), str_of(cover))) {
        complain("%s is no cover of the type %s", cover, type);
        return false;
    }
    if (o->cover)
        (void)str_copy(s->cover, sizeof s->cover, str_of(cover));
    if (o->cover_type)
        (void)str_copy(s->cover_type, sizeof s->cover_type, str_of(type));
    return true;
}

/* False after complaining. */
static bool apply(const struct options *o, const char *name, struct space_record *s)
{
    (void)str_copy(s->name, sizeof s->name, str_of(name));
    if (o->description &&
        !str_copy(s->description, sizeof s->description, str_of(o->description))) {
        complain("a description has at most %d bytes", DESCRIPTION_BYTES - 1);
        return false;
    }
    apply_switches(o, s);
    return (!o->cover && !o->cover_type) || apply_cover(o, s);
}

/* ---- the commands ---- */

int space_add(const struct options *o)
{
    struct command cmd = {.kind = CMD_SPACE_ADD,
                          .space = {.inputs = INPUT_PROMPT, .max_apps = 1, .cover_type = "image"}};
    struct reply reply = {0};
    if (!name_is_good(o->arg) || !apply(o, o->arg, &cmd.space))
        return STATUS_USAGE;
    struct client *c = open_data(o, true);
    if (!c)
        return STATUS_FAILED;
    int status = ask(c, &cmd, &reply);
    reply_release(&reply);
    if (!status && o->json)
        status = show(c, o, o->arg, true);
    else if (!status)
        say("added the space \"%s\"", o->arg);
    client_close(c);
    return status;
}

/* What is not named may be changed by somebody else at the same time. */
static uint32_t members_of(const struct options *o)
{
    return (o->rename ? SPACE_NAME : 0u) | (o->description ? SPACE_DESCRIPTION : 0u) |
           (o->cover || o->cover_type ? SPACE_COVER : 0u) |
           (given(o, OPTION_INPUTS) ? SPACE_INPUTS : 0u) |
           (given(o, OPTION_MAX_APPS) ? SPACE_MAX_APPS : 0u) |
           (given(o, OPTION_RATE_LIMIT) ? SPACE_RATE_LIMIT : 0u) |
           (o->queue_offline || o->no_queue_offline ? SPACE_QUEUE_OFFLINE : 0u) |
           (o->legacy || o->no_legacy ? SPACE_LEGACY : 0u);
}

/* NULL, or what is wrong. */
static const char *wrong_edit(const struct options *o)
{
    if (o->queue_offline && o->no_queue_offline)
        return "--queue-offline and --no-queue-offline cannot both be";
    if (o->legacy && o->no_legacy)
        return "--legacy and --no-legacy cannot both be";
    if (!(o->given & ~(OPTION_BIT(OPTION_DATA) | OPTION_BIT(OPTION_JSON))))
        return "nothing is to be changed; see spacerelay space edit --help";
    return NULL;
}

/* c has the space; says what came of it. */
static int edit(struct client *c, const struct options *o, const struct space_record *old)
{
    struct command cmd = {.kind = CMD_SPACE_EDIT, .members = members_of(o), .space = *old};
    struct reply reply = {0};
    const char *name = o->rename ? o->rename : o->arg;
    if (!apply(o, name, &cmd.space))
        return STATUS_USAGE;
    int status = ask(c, &cmd, &reply);
    reply_release(&reply);
    if (!status && o->json)
        return show(c, o, name, true);
    if (!status)
        say("changed the space \"%s\"", name);
    return status;
}

int space_edit(const struct options *o)
{
    struct reply records = {0};
    const char *wrong = wrong_edit(o);
    if (wrong)
        complain("%s", wrong);
    if (wrong || (o->rename && !name_is_good(o->rename)))
        return STATUS_USAGE;
    struct client *c = open_data(o, false);
    int status = c ? ask_records(c, &records) : STATUS_FAILED;
    const struct space_record *s = status ? NULL : find_space(&records, o->arg);
    status = s ? edit(c, o, s) : STATUS_FAILED;
    reply_release(&records);
    client_close(c);
    return status;
}

int space_show(const struct options *o)
{
    struct client *c = open_data(o, false);
    int status = c ? show(c, o, o->arg, false) : STATUS_FAILED;
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
