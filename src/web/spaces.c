#include "codec/json.h"
#include "web/cover.h"
#include "web/pages.h"
#include "web/request_views.h"

#include <stdlib.h>

#define MANY_SPACES  5 /* more of them get a search box */
#define RECENT_COUNT 20

struct cards {
    struct page_request *p;
    struct json_t *list;
    const struct live_spaces *live;
};

static void visit_card(void *ctx, const struct space_record *s)
{
    struct cards *cards = ctx;
    struct json_t *card = json_add(cards->list, json_object_new());
    const struct space_view *state = live_space(cards->live, s->id);
    view_space(card, s);
    view_cover(cards->p, card, s);
    view_state(card, state);
    json_put_int(card, "queue_length", state ? state->queue_length : 0);
}

void page_spaces(struct page_request *p)
{
    struct reader *reader = page_reader(p);
    struct live_spaces live;
    live_spaces_ask(p, &live);
    struct json_t *view = view_new(p, "spaces", PLACE_SPACES);
    struct cards cards = {p, json_put(view, "spaces", json_array_new()), &live};
    enum err e = reader ? reader_spaces(reader, visit_card, &cards) : ERR_STORE_UNAVAILABLE;
    live_spaces_release(&live);
    if (e) {
        json_free(view);
        page_fail(p, e);
        return;
    }
    json_put_bool(view, "many", json_count(cards.list) > MANY_SPACES);
    json_put_str(view, "origin", p->origin);
    page_render(p, 200, "spaces", view);
}

/* Puts the live state, and whether the form starts disabled for want of an app. */
static void put_live(struct page_request *p, struct json_t *view, const struct space_record *s)
{
    struct command *c = page_command(p, CMD_QUERY_SPACE);
    struct reply reply;
    c->id = s->id;
    bool known = !page_ask(p, c, PAGE_CALL_MS, &reply) && reply.count > 0;
    const struct space_view *state = known ? &reply.spaces[0] : NULL;
    view_state(view, state);
    json_put_bool(view, "blocked", state && !state->connected && !s->queue_offline);
    reply_release(&reply);
}

static enum err put_recent(struct page_request *p, struct json_t *view,
                           const struct space_record *s)
{
    const struct request_filter filter = {
        .user_key = p->who.user_key, .space_key = uuid_key(s->id), .limit = RECENT_COUNT};
    struct space_name self = {.key = filter.space_key};
    const struct space_names names = {.list = &self, .count = 1};
    struct uuid last;
    bool more;
    return view_requests(p, view, &filter, &names, &last, &more);
}

static void show_space(struct page_request *p, const struct space_record *s)
{
    struct json_t *view = view_new(p, "spaces", PLACE_SPACES);
    view_title(p, view, "space", "name", str_of(s->name));
    struct json_t *space = json_put(view, "space", json_object_new());
    view_space(space, s);
    view_cover(p, space, s);
    put_live(p, view, s);
    view_command(p, view, "command", s->name, STR("TOKEN"));
    view_url(view, "requests_url", "/requests?space=", str_of(s->name));
    enum err e = put_recent(p, view, s);
    if (e) {
        json_free(view);
        page_fail(p, e);
        return;
    }
    page_render(p, 200, "space", view);
}

/* Old scripts ask for a space that is gone without a log-in, too, and expect a 404. */
void page_space(struct page_request *p)
{
    struct space_record space;
    enum err e = space_of_path(p, &space);
    if (e == ERR_NOT_FOUND)
        page_error(p, 404, "space_not_found");
    else if (!p->logged_in)
        page_redirect_login(p);
    else if (e)
        page_fail(p, e);
    else
        show_space(p, &space);
}
