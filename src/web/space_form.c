#include "web/space_form.h"

#include "codec/json.h"
#include "web/admin_views.h"
#include "web/cover.h"

struct space_record space_form_blank(void)
{
    struct space_record s = {.inputs = INPUT_PROMPT, .max_apps = 1};
    (void)str_copy(s.cover_type, sizeof s.cover_type, STR("image"));
    return s;
}

void space_form_view(struct json_t *view, const struct space_record *s)
{
    struct json_t *space = json_put(view, "space", json_object_new());
    view_space(space, s);
    json_put_text(space, "cover_type", s->cover_type);
    view_cover_kind(space, str_of(s->cover_type));
    json_put_int(space, "rate_limit_seconds", s->rate_limit_s);
    json_put_int(space, "max_apps", s->max_apps);
    json_put_bool(space, "legacy_registration", s->legacy_registration);
}

/* One text field: what was typed is shown again, and copied when it fits. */
static bool read_text(struct page_request *p, struct json_t *view, struct json_t *errors,
                      const char *name, char *out, size_t out_bytes)
{
    const struct str *typed = form_get(&p->form, str_of(name));
    if (!typed)
        return true;
    json_put_str(json_at(view, "space"), name, str_trim(*typed));
    if (str_copy(out, out_bytes, str_trim(*typed)))
        return true;
    view_text(p, errors, name, "invalid.too_long", NULL, STR(""));
    return false;
}

/* What is not there or empty stays as it was. */
static bool read_number(struct page_request *p, struct json_t *view, struct json_t *errors,
                        const char *field, const char *name, uint64_t low, uint64_t high,
                        uint32_t *out)
{
    const struct str *typed = form_get(&p->form, str_of(field));
    uint64_t n;
    if (!typed || !str_trim(*typed).n)
        return true;
    json_put_str(json_at(view, "space"), name, str_trim(*typed));
    if (str_to_u64(str_trim(*typed), high, &n) || n < low) {
        view_range(p, errors, name, low, high);
        return false;
    }
    *out = (uint32_t)n;
    return true;
}

static bool read_name(struct page_request *p, struct json_t *view, struct json_t *errors,
                      struct space_record *s)
{
    struct str name = page_value(p, "name");
    json_put_str(json_at(view, "space"), "name", name);
    if (space_name_valid(name) && str_copy(s->name, sizeof s->name, name))
        return true;
    view_text(p, errors, "name", name.n ? "invalid.space_name_rule" : "invalid.required", NULL,
              STR(""));
    return false;
}

static bool check_cover(struct page_request *p, struct json_t *errors, const struct space_record *s)
{
    if (cover_valid(str_of(s->cover_type), str_of(s->cover)))
        return true;
    view_text(p, errors, "cover", "invalid.cover_rule", NULL, STR(""));
    return false;
}

static void read_boxes(struct page_request *p, struct json_t *view, struct space_record *s)
{
    static const struct {
        const char *field, *name;
        uint32_t input;
    } boxes[] = {{"ws_enable_prompt", "takes_prompt", INPUT_PROMPT},
                 {"ws_enable_audio", "takes_audio", INPUT_AUDIO},
                 {"ws_enable_video", "takes_video", INPUT_VIDEO},
                 {"ws_enable_file_upload", "takes_files", INPUT_FILE}};
    struct json_t *space = json_at(view, "space");
    s->inputs = 0;
    for (size_t i = 0; i < sizeof boxes / sizeof boxes[0]; i++)
        s->inputs |= form_checked(&p->form, str_of(boxes[i].field)) ? boxes[i].input : 0;
    if (!s->inputs) /* old scripts leave the boxes out */
        s->inputs = INPUT_PROMPT;
    for (size_t i = 0; i < sizeof boxes / sizeof boxes[0]; i++)
        json_put_bool(space, boxes[i].name, s->inputs & boxes[i].input);
    s->queue_offline = form_checked(&p->form, STR("queue_offline"));
    json_put_bool(space, "queue_offline", s->queue_offline);
    s->legacy_registration = form_checked(&p->form, STR("ws_legacy_registration"));
    json_put_bool(space, "legacy_registration", s->legacy_registration);
}

uint32_t space_form_members(const struct page_request *p)
{
    static const struct {
        const char *field;
        uint32_t member;
    } fields[] = {{"description", SPACE_DESCRIPTION},
                  {"cover", SPACE_COVER},
                  {"cover_type", SPACE_COVER},
                  {"max_apps", SPACE_MAX_APPS},
                  {"ws_rate_limit_seconds", SPACE_RATE_LIMIT}};
    uint32_t named = SPACE_NAME | SPACE_INPUTS | SPACE_QUEUE_OFFLINE | SPACE_LEGACY;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const struct str *typed = form_get(&p->form, str_of(fields[i].field));
        bool number = fields[i].member & (SPACE_MAX_APPS | SPACE_RATE_LIMIT);
        if (typed && (!number || str_trim(*typed).n))
            named |= fields[i].member;
    }
    return named;
}

bool space_form_read(struct page_request *p, struct json_t *view, struct json_t *errors,
                     struct space_record *s)
{
    bool good = read_name(p, view, errors, s);
    good &= read_text(p, view, errors, "description", s->description, sizeof s->description);
    good &= read_text(p, view, errors, "cover_type", s->cover_type, sizeof s->cover_type);
    view_cover_kind(json_at(view, "space"), str_of(s->cover_type));
    good &=
        read_text(p, view, errors, "cover", s->cover, sizeof s->cover) && check_cover(p, errors, s);
    good &= read_number(p, view, errors, "max_apps", "max_apps", 1, SPACE_APPS_MAX, &s->max_apps);
    good &= read_number(p, view, errors, "ws_rate_limit_seconds", "rate_limit_seconds", 0,
                        SPACE_RATE_MAX_S, &s->rate_limit_s);
    read_boxes(p, view, s);
    return good;
}
