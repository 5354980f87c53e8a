#include "main/commands.h"

#include "codec/json.h"
#include "codec/records.h"

#include <stdio.h>

/* The connected apps of the space that --space names, or of all. Returns an exit status; reply must
 * be released. */
static int ask_apps(struct client *c, const struct options *o, struct reply *reply)
{
    struct command cmd = {.kind = CMD_QUERY_APPS};
    struct reply records = {0};
    int status = STATUS_DONE;
    if (o->space) {
        status = ask_records(c, &records);
        const struct space_record *s = status ? NULL : find_space(&records, o->space);
        status = s ? STATUS_DONE : STATUS_FAILED;
        if (s)
            cmd.id = s->id;
    }
    reply_release(&records);
    return status ? status : ask(c, &cmd, reply);
}

/* ---- list ---- */

static void print_json_list(const struct reply *r)
{
    struct json_t *list = json_array_new();
    for (size_t i = 0; i < r->count; i++)
        json_add(list, record_app_json(&r->apps[i]));
    print_json(list);
}

static void add_app(struct text_table *t, const struct app_view *a)
{
    char id[UUID_TEXT_BYTES], since[SHORT_TIME_BYTES], in_flight[48];
    uuid_format(a->connection_id, id);
    (void)snprintf(in_flight, sizeof in_flight, "%u/%u+%u", a->in_flight, a->concurrency,
                   a->prefetch);
    table_add(t, (const char *[]){id, a->space_name, a->name[0] ? a->name : "-",
                                  a->version[0] ? a->version : "-", a->address,
                                  short_time(a->connected_ms, since), in_flight,
                                  a->draining ? "draining" : "working"});
}

static void print_list(const struct reply *r)
{
    struct text_table t = {.columns = 8};
    table_add(&t, (const char *[]){"ID", "SPACE", "APP", "VERSION", "ADDRESS", "SINCE", "IN FLIGHT",
                                   "STATE"});
    for (size_t i = 0; i < r->count; i++)
        add_app(&t, &r->apps[i]);
    table_print(&t);
    table_release(&t);
}

int apps_list(const struct options *o)
{
    struct reply reply = {0};
    struct client *c = open_data(o, false);
    int status = c ? ask_apps(c, o, &reply) : STATUS_FAILED;
    if (!status && o->json)
        print_json_list(&reply);
    else if (!status)
        print_list(&reply);
    reply_release(&reply);
    client_close(c);
    return status;
}

/* ---- drain, kick ---- */

/* One that has gone since it was listed is no failure. */
static int act_on(struct client *c, const struct app_view *a, enum command_kind kind,
                  const char *done)
{
    char id[UUID_TEXT_BYTES];
    struct command cmd = {.kind = kind, .id = a->connection_id};
    struct reply reply = {0};
    enum err e = client_call(c, &cmd, &reply);
    uuid_format(a->connection_id, id);
    if (e && e != ERR_NOT_FOUND)
        complain("%s", reply.message);
    else
        say("%s %s", e ? "gone already:" : done, id);
    reply_release(&reply);
    return e && e != ERR_NOT_FOUND ? STATUS_FAILED : STATUS_DONE;
}

/* All apps of the reply, or the one that --app names. */
static int act_on_each(struct client *c, const struct options *o, const struct reply *apps,
                       enum command_kind kind, const char *done)
{
    struct uuid wanted = {{0}};
    size_t count = 0;
    int status = STATUS_DONE;
    if (o->app && uuid_parse(str_of(o->app), &wanted)) {
        complain("--app must be an id as `spacerelay app list` shows it");
        return STATUS_USAGE;
    }
    for (size_t i = 0; i < apps->count && !status; i++) {
        if (o->app && !uuid_eq(apps->apps[i].connection_id, wanted))
            continue;
        count++;
        status = act_on(c, &apps->apps[i], kind, done);
    }
    if (count)
        return status;
    complain("%s", o->app ? "there is no such app in this space" : "no app is connected");
    return STATUS_FAILED;
}

static int act(const struct options *o, enum command_kind kind, const char *done)
{
    struct reply apps = {0};
    struct client *c = open_data(o, false);
    int status = c ? ask_apps(c, o, &apps) : STATUS_FAILED;
    if (!status)
        status = act_on_each(c, o, &apps, kind, done);
    reply_release(&apps);
    client_close(c);
    return status;
}

int apps_drain(const struct options *o)
{
    return act(o, CMD_APP_DRAIN, "draining");
}

int apps_kick(const struct options *o)
{
    return act(o, CMD_APP_KICK, "disconnected");
}
