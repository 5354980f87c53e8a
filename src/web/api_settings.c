#include "codec/json.h"
#include "web/accounts.h"
#include "web/api_calls.h"
#include "web/api_views.h"
#include "web/settings.h"
#include "web/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define REGISTRATION "registration_open"

static void show(struct page_request *p)
{
    const struct limits limits = app_limits_copy(p->web->app);
    struct json_t *all = json_object_new();
    json_put_bool(all, "registration", registration_is_open(p));
    struct json_t *list = json_put(all, "limits", json_object_new());
    for (size_t i = 0; i < limits_count; i++)
        json_put_int(list, limits_info[i].name, (int64_t)limits_value(&limits, &limits_info[i]));
    api_reply(p, 200, all);
}

void api_settings(struct page_request *p)
{
    show(p);
}

/* ---- changing them ---- */

struct reading {
    struct api_body *b;
    struct limits *wanted;
};

static const struct limit_info *info_of(const char *name)
{
    for (size_t i = 0; i < limits_count; i++)
        if (strcmp(limits_info[i].name, name) == 0)
            return &limits_info[i];
    return NULL;
}

static void read_limit(void *ctx, const char *name, struct json_t *value)
{
    struct reading *reading = ctx;
    const struct limit_info *info = info_of(name);
    char member[80], text[24];
    int64_t n = -1;
    (void)snprintf(member, sizeof member, "limits.%.60s", name);
    if (!info) {
        api_body_wrong(reading->b, member, "the name of a limit: see /docs/limits");
        return;
    }
    (void)json_to_int(value, &n);
    (void)snprintf(text, sizeof text, "%" PRId64, n);
    if (n < 0 || limits_set(reading->wanted, str_of(name), str_of(text)))
        api_body_wrong(reading->b, member, "a whole number from %" PRIu64 " to %" PRIu64, info->low,
                       info->high);
}

/* False: replied to. */
static bool read_settings(struct page_request *p, bool *registration, struct limits *wanted)
{
    struct api_body b;
    struct reading reading = {&b, wanted};
    if (!api_body_open(p, &b))
        return false;
    api_body_flag(&b, "registration", registration);
    struct json_t *limits = json_at(b.json, "limits");
    if (json_is_object(limits))
        json_each(limits, read_limit, &reading);
    else if (limits)
        api_body_wrong(&b, "limits", "an object of numbers");
    return api_body_good(p, &b);
}

/* What differs, in one change. False: replied to. */
static bool save(struct page_request *p, struct command *cmd_given)
{
    if (cmd_given->setting_count)
        return api_do(p, cmd_given);
    page_drop(cmd_given);
    return true;
}

void api_settings_edit(struct page_request *p)
{
    const struct limits now = app_limits_copy(p->web->app);
    struct limits wanted = now;
    bool was_open = registration_is_open(p), open = was_open;
    if (!read_settings(p, &open, &wanted))
        return;
    struct command *c = page_command(p, CMD_SETTINGS_SET);
    if (open != was_open)
        settings_want(c, REGISTRATION, open ? STR("1") : STR("0"));
    settings_want_limits(c, &now, &wanted);
    if (save(p, c))
        show(p);
}
