#include "codec/json.h"
#include "web/api_calls.h"
#include "web/api_views.h"

static struct json_t *app_json(const struct app_view *a)
{
    struct json_t *app = json_object_new();
    view_id(app, "connection_id", a->connection_id);
    view_id(app, "space_id", a->space_id);
    json_put_text(app, "name", a->name);
    json_put_text(app, "version", a->version);
    json_put_text(app, "address", a->address);
    json_put_time(app, "connected_at", a->connected_ms);
    json_put_int(app, "concurrency", a->concurrency);
    json_put_int(app, "prefetch", a->prefetch);
    json_put_int(app, "in_flight", a->in_flight);
    json_put_bool(app, "draining", a->draining);
    return app;
}

void api_apps(struct page_request *p)
{
    struct space_record s;
    if (!api_space_of_path(p, &s))
        return;
    struct command *c = page_command(p, CMD_QUERY_APPS);
    struct reply reply;
    c->id = s.id;
    enum err e = page_ask(p, c, PAGE_CALL_MS, &reply);
    if (e) {
        api_refused(p, e, &reply);
        return;
    }
    struct json_t *all = json_object_new();
    struct json_t *list = json_put(all, "apps", json_array_new());
    for (size_t i = 0; i < reply.count; i++)
        json_add(list, app_json(&reply.apps[i]));
    reply_release(&reply);
    api_reply(p, 200, all);
}

static void act(struct page_request *p, enum command_kind kind)
{
    struct uuid id;
    if (!api_id(p, "connection_id", "connected app", &id))
        return;
    struct command *c = page_command(p, kind);
    c->id = id;
    if (api_do(p, c))
        api_done(p);
}

void api_app_drain(struct page_request *p)
{
    act(p, CMD_APP_DRAIN);
}

void api_app_kick(struct page_request *p)
{
    act(p, CMD_APP_KICK);
}
