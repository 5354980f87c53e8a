/* GET /admin/websockets/status: which app is where, as scripts of the old site read it. */
#include "codec/json.h"
#include "web/pages.h"
#include "web/view.h"

#define JSON_BYTES (64u * 1024 * 1024)

struct picture {
    struct reply spaces, apps;
};

static const struct space_view *space_of(const struct picture *now, const struct app_view *a)
{
    for (size_t i = 0; i < now->spaces.count; i++)
        if (uuid_eq(now->spaces.spaces[i].space_id, a->space_id))
            return &now->spaces.spaces[i];
    return NULL;
}

/* What is with the app, and what waits for one in its space. */
static void put_connection(struct json_t *list, const struct picture *now, const struct app_view *a)
{
    struct json_t *object = json_add(list, json_object_new());
    const struct space_view *space = space_of(now, a);
    view_id(object, "space_id", a->space_id);
    json_put_text(object, "space_name", a->space_name);
    view_id(object, "connection_id", a->connection_id);
    json_put_time(object, "connected_at", a->connected_ms);
    json_put_int(object, "queue_size", a->in_flight + (space ? space->queue_length : 0));
    json_put_bool(object, "is_processing", a->in_flight > 0);
}

static void put_space(struct json_t *list, const struct space_view *s)
{
    struct json_t *object = json_add(list, json_object_new());
    view_id(object, "space_id", s->space_id);
    json_put_text(object, "space_name", s->name);
    json_put_bool(object, "is_connected", s->connected);
    json_put_int(object, "queue_size", s->in_flight + s->queue_length);
}

static void reply_json(struct page_request *p, unsigned status, struct json_t *given)
{
    struct buf b = BUF_INIT(JSON_BYTES);
    enum err e = json_write(&b, given);
    json_free(given);
    page_header(p, "Cache-Control", "no-store");
    page_reply(p, e ? 500 : status, "application/json",
               e ? STR("{\"success\":false}") : buf_str(&b));
    buf_release(&b);
}

static struct json_t *picture_json(const struct picture *now)
{
    struct json_t *whole = json_object_new();
    json_put_bool(whole, "success", true);
    json_put_int(whole, "connected_count", (int64_t)now->apps.count);
    json_put_int(whole, "total_ws_spaces", (int64_t)now->spaces.count);
    struct json_t *connections = json_put(whole, "connections", json_array_new());
    for (size_t i = 0; i < now->apps.count; i++)
        put_connection(connections, now, &now->apps.apps[i]);
    struct json_t *spaces = json_put(whole, "all_spaces", json_array_new());
    for (size_t i = 0; i < now->spaces.count; i++)
        put_space(spaces, &now->spaces.spaces[i]);
    return whole;
}

void page_websockets_status(struct page_request *p)
{
    struct picture now = {0};
    enum err e = page_ask(p, page_command(p, CMD_QUERY_SPACES), PAGE_CALL_MS, &now.spaces);
    if (!e)
        e = page_ask(p, page_command(p, CMD_QUERY_APPS), PAGE_CALL_MS, &now.apps);
    if (!e) {
        reply_json(p, 200, picture_json(&now));
    } else {
        struct json_t *failed = json_object_new();
        json_put_bool(failed, "success", false);
        json_put_str(failed, "error", page_text(p, "errors.unavailable.message"));
        reply_json(p, 503, failed);
    }
    reply_release(&now.spaces);
    reply_release(&now.apps);
}
