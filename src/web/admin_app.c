#include "web/admin_views.h"

#include "web/pages.h"

/* The space that the connected app answers for. ERR_NOT_FOUND: it is not connected (any more). */
static enum err find_app(struct page_request *p, struct uuid connection_id, struct uuid *space_id)
{
    struct reply reply;
    enum err asked = page_ask(p, page_command(p, CMD_QUERY_APPS), PAGE_CALL_MS, &reply);
    enum err e = asked ? asked : ERR_NOT_FOUND;
    for (size_t i = 0; !asked && i < reply.count; i++) {
        if (uuid_eq(reply.apps[i].connection_id, connection_id)) {
            *space_id = reply.apps[i].space_id;
            e = OK;
        }
    }
    reply_release(&reply);
    return e;
}

static void act(struct page_request *p, enum command_kind kind, const char *flash)
{
    struct uuid id, space_id = {0};
    if (page_id(p, "id", &id)) {
        page_error(p, 404, "not_found");
        return;
    }
    enum err e = find_app(p, id, &space_id);
    if (!e) {
        struct command *c = page_command(p, kind);
        c->id = id;
        e = page_do(p, c, NULL);
    }
    if (e && e != ERR_NOT_FOUND) {
        page_fail(p, e);
        return;
    }
    flash_set(p, !e, e ? "app_gone" : flash);
    if (uuid_is_nil(space_id))
        page_redirect(p, 302, STR("/admin/spaces"));
    else
        redirect_to_space(p, space_id, "#apps");
}

void page_app_drain(struct page_request *p)
{
    act(p, CMD_APP_DRAIN, "app_draining");
}

void page_app_kick(struct page_request *p)
{
    act(p, CMD_APP_KICK, "app_kicked");
}
