#include "codec/json.h"
#include "web/api_calls.h"
#include "web/api_views.h"
#include "web/cover.h"
#include "web/space_form.h"

#include <string.h>

static const struct {
    uint32_t input;
    const char *name;
} inputs[] = {
    {INPUT_PROMPT, "prompt"}, {INPUT_AUDIO, "audio"}, {INPUT_VIDEO, "video"}, {INPUT_FILE, "file"}};
#define INPUTS (sizeof inputs / sizeof *inputs)

/* ---- a space ---- */

static void put_admins_part(struct json_t *space, const struct space_record *s)
{
    json_put_int(space, "max_apps", s->max_apps);
    json_put_int(space, "rate_limit_s", s->rate_limit_s);
    json_put_bool(space, "queue_offline", s->queue_offline);
    json_put_bool(space, "legacy_registration", s->legacy_registration);
    json_put_time(space, "created_at", s->created_ms);
}

static struct json_t *space_json(struct page_request *p, const struct space_record *s,
                                 const struct space_view *live)
{
    struct json_t *space = json_object_new();
    view_id(space, "space_id", s->id);
    json_put_text(space, "name", s->name);
    json_put_text(space, "description", s->description);
    json_put_text(space, "cover", s->cover);
    json_put_text(space, "cover_type", s->cover_type);
    struct json_t *taken = json_put(space, "inputs", json_array_new());
    for (size_t i = 0; i < INPUTS; i++)
        if (s->inputs & inputs[i].input)
            json_add_str(taken, str_of(inputs[i].name));
    json_put_bool(space, "connected", live->connected);
    json_put_int(space, "apps", live->apps);
    json_put_int(space, "slots", live->slots);
    json_put_int(space, "slots_free", live->slots_free);
    json_put_int(space, "queue_length", live->queue_length);
    json_put_bool(space, "draining", live->draining);
    if (page_is_admin(p))
        put_admins_part(space, s);
    return space;
}

bool api_id(struct page_request *p, const char *name, const char *what, struct uuid *out)
{
    struct buf why = BUF_INIT(100);
    bool found = page_id(p, name, out) == OK;
    buf_printf(&why, "There is no such %s", what);
    if (!found)
        api_fail(p, ERR_NOT_FOUND, buf_str(&why));
    buf_release(&why);
    return found;
}

bool api_space_of_path(struct page_request *p, struct space_record *out)
{
    enum err e = space_of_path(p, out);
    if (e)
        api_fail(p, e, e == ERR_NOT_FOUND ? STR("There is no such space") : STR(""));
    return !e;
}

/* Asks for its live state. NULL: replied to. */
static struct json_t *space_now(struct page_request *p, const struct space_record *s)
{
    struct command *c = page_command(p, CMD_QUERY_SPACE);
    struct reply reply;
    c->id = s->id;
    enum err e = page_ask(p, c, PAGE_CALL_MS, &reply);
    if (e) {
        api_refused(p, e, &reply);
        return NULL;
    }
    struct json_t *space = space_json(p, s, reply.spaces);
    reply_release(&reply);
    return space;
}

static void show(struct page_request *p, const struct space_record *s)
{
    struct json_t *space = space_now(p, s);
    if (space)
        api_reply(p, 200, space);
}

void api_space(struct page_request *p)
{
    struct space_record s;
    if (api_space_of_path(p, &s))
        show(p, &s);
}

/* ---- all of them ---- */

struct listed {
    struct page_request *p;
    struct json_t *list;
    const struct live_spaces *live;
};

/* One without a live state is being made or removed at this moment. */
static void visit(void *ctx, const struct space_record *s)
{
    struct listed *listed = ctx;
    const struct space_view *live = live_space(listed->live, s->id);
    if (live)
        json_add(listed->list, space_json(listed->p, s, live));
}

void api_spaces(struct page_request *p)
{
    struct live_spaces live;
    struct reader *reader = page_reader(p);
    struct json_t *all = json_object_new();
    struct listed listed = {p, json_put(all, "spaces", json_array_new()), &live};
    live_spaces_ask(p, &live);
    enum err e = !live.known ? live.reply.err
                 : reader    ? reader_spaces(reader, visit, &listed)
                             : ERR_STORE_UNAVAILABLE;
    live_spaces_release(&live);
    if (!e) {
        api_reply(p, 200, all);
        return;
    }
    json_free(all);
    api_fail(p, e, STR(""));
}

/* ---- making and changing one ---- */

static uint32_t input_of(const struct json_t *name)
{
    struct str text = STR("");
    (void)json_to_str(name, &text);
    for (size_t i = 0; i < INPUTS; i++)
        if (str_eq(text, str_of(inputs[i].name)))
            return inputs[i].input;
    return 0;
}

static void read_inputs(struct api_body *b, uint32_t *out)
{
    const struct json_t *list = json_at(b->json, "inputs");
    uint32_t read = 0;
    if (!list)
        return;
    bool good = json_count(list) > 0;
    for (size_t i = 0; i < json_count(list); i++) {
        uint32_t input = input_of(json_nth(list, i));
        good = good && input;
        read |= input;
    }
    if (good)
        *out = read;
    else
        api_body_wrong(b, "inputs", "a list of prompt, audio, video, file; at least one");
}

static void read_name(struct api_body *b, struct space_record *s)
{
    api_body_text(b, "name", s->name, sizeof s->name);
    if (!space_name_valid(str_of(s->name)))
        api_body_wrong(b, "name",
                       "a string of 1 to 64 characters, without control characters and /, and "
                       "without blanks at its ends");
}

static void read_numbers(struct api_body *b, struct space_record *s)
{
    uint64_t max_apps = s->max_apps, rate_limit_s = s->rate_limit_s;
    api_body_number(b, "max_apps", 1, SPACE_APPS_MAX, &max_apps);
    api_body_number(b, "rate_limit_s", 0, SPACE_RATE_MAX_S, &rate_limit_s);
    s->max_apps = (uint32_t)max_apps;
    s->rate_limit_s = (uint32_t)rate_limit_s;
}

static uint32_t members_of(const struct api_body *b)
{
    static const struct {
        const char *name;
        uint32_t member;
    } members[] = {{"name", SPACE_NAME},
                   {"description", SPACE_DESCRIPTION},
                   {"cover", SPACE_COVER},
                   {"cover_type", SPACE_COVER},
                   {"inputs", SPACE_INPUTS},
                   {"max_apps", SPACE_MAX_APPS},
                   {"rate_limit_s", SPACE_RATE_LIMIT},
                   {"queue_offline", SPACE_QUEUE_OFFLINE},
                   {"legacy_registration", SPACE_LEGACY}};
    uint32_t named = 0;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        named |= api_body_has(b, members[i].name) ? members[i].member : 0;
    return named;
}

/* Reads what is there over *s; *named gets its SPACE_ bits. False: replied to. */
static bool read_space(struct page_request *p, struct space_record *s, uint32_t *named)
{
    struct api_body b;
    if (!api_body_open(p, &b))
        return false;
    *named = members_of(&b);
    read_name(&b, s);
    api_body_text(&b, "description", s->description, sizeof s->description);
    api_body_text(&b, "cover_type", s->cover_type, sizeof s->cover_type);
    api_body_text(&b, "cover", s->cover, sizeof s->cover);
    if (!cover_valid(str_of(s->cover_type), str_of(s->cover)))
        api_body_wrong(&b, "cover", "what cover_type says: see /docs/api#spaces");
    read_inputs(&b, &s->inputs);
    read_numbers(&b, s);
    api_body_flag(&b, "queue_offline", &s->queue_offline);
    api_body_flag(&b, "legacy_registration", &s->legacy_registration);
    return api_body_good(p, &b);
}

/* False: replied to. *id gets the space's. */
static bool save(struct page_request *p, enum command_kind kind, const struct space_record *s,
                 uint32_t named, struct uuid *id)
{
    struct command *c = page_command(p, kind);
    struct reply reply;
    c->space = *s;
    c->members = named;
    enum err e = page_ask(p, c, PAGE_SAVE_MS, &reply);
    if (e) {
        api_refused(p, e, &reply);
        return false;
    }
    *id = reply.id;
    reply_release(&reply);
    return true;
}

/* As it is stored now. */
static bool stored(struct page_request *p, struct uuid id, struct space_record *s)
{
    struct reader *reader = page_reader(p);
    enum err e = reader ? reader_space(reader, id, s) : ERR_STORE_UNAVAILABLE;
    if (e)
        api_fail(p, e, STR(""));
    return !e;
}

void api_space_add(struct page_request *p)
{
    struct space_record s = space_form_blank();
    struct uuid id;
    uint32_t named;
    if (!read_space(p, &s, &named) || !save(p, CMD_SPACE_ADD, &s, named, &id) || !stored(p, id, &s))
        return;
    char text[UUID_TEXT_BYTES];
    uuid_format(id, text);
    struct json_t *space = space_now(p, &s);
    if (space)
        api_created(p, "/spaces/", str_of(text), space);
}

void api_space_edit(struct page_request *p)
{
    struct space_record s;
    struct uuid id;
    uint32_t named;
    if (api_space_of_path(p, &s) && read_space(p, &s, &named) &&
        save(p, CMD_SPACE_EDIT, &s, named, &id) && stored(p, s.id, &s))
        show(p, &s);
}

void api_space_remove(struct page_request *p)
{
    struct space_record s;
    if (!api_space_of_path(p, &s))
        return;
    struct command *c = page_command(p, CMD_SPACE_REMOVE);
    c->space.id = s.id;
    if (api_do(p, c))
        api_done(p);
}
