#include "web/admin_views.h"

#include "codec/json.h"
#include "web/accounts.h"
#include "web/catalogue.h"
#include "web/pages.h"
#include "web/settings.h"
#include "web/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define RETENTION "retention_days"

static bool is_retention(const struct limit_info *info)
{
    return strcmp(info->name, RETENTION) == 0;
}

static void put_limit(struct page_request *p, struct json_t *list, const struct limits *limits,
                      const struct limit_info *info)
{
    struct json_t *limit = json_add(list, json_object_new());
    struct str name = str_of(info->name);
    uint64_t value = limits_value(limits, info);
    json_put_str(limit, "name", name);
    json_put_int(limit, "value", (int64_t)value);
    json_put_int(limit, "default", (int64_t)info->value);
    json_put_int(limit, "low", (int64_t)info->low);
    json_put_int(limit, "high", (int64_t)info->high);
    json_put_str(limit, "meaning", page_text_or(p, "limits", name, str_of(info->meaning)));
    json_put_bool(limit, "changed", value != info->value);
    json_put_null(limit, "error");
}

/* The page with the limits in force; errors and what was typed are put over it. */
static struct json_t *settings_view(struct page_request *p, const struct limits *limits,
                                    struct json_t **errors)
{
    static const char *const fields[] = {RETENTION, "limits", NULL};
    struct json_t *view = admin_view(p, "admin_settings", TAB_SETTINGS);
    json_put_bool(view, "registration_open", registration_is_open(p));
    json_put_int(view, RETENTION, (int64_t)limits->retention_days);
    *errors = view_nulls(view, "errors", fields);
    struct json_t *list = json_put(view, "limits", json_array_new());
    for (size_t i = 0; i < limits_count; i++)
        if (!is_retention(&limits_info[i]))
            put_limit(p, list, limits, &limits_info[i]);
    return view;
}

void page_settings(struct page_request *p)
{
    const struct limits limits = app_limits_copy(p->web->app);
    struct json_t *errors;
    page_render(p, 200, "admin_settings", settings_view(p, &limits, &errors));
}

static enum err set(struct page_request *p, const char *name, struct str value)
{
    struct command *c = page_command(p, CMD_SETTING_SET);
    (void)str_copy(c->setting.name, sizeof c->setting.name, str_of(name));
    (void)str_copy(c->setting.value, sizeof c->setting.value, value);
    return page_do(p, c, NULL);
}

static enum err set_limit(struct page_request *p, const struct limit_info *info, uint64_t value)
{
    char name[SETTING_NAME_BYTES], text[24];
    (void)snprintf(name, sizeof name, "limit.%s", info->name);
    (void)snprintf(text, sizeof text, "%" PRIu64, value);
    return set(p, name, str_of(text));
}

static void done(struct page_request *p, enum err e, const char *flash)
{
    if (e) {
        page_fail(p, e);
        return;
    }
    flash_set(p, true, flash);
    page_redirect(p, 302, STR("/admin/settings"));
}

void page_settings_registration(struct page_request *p)
{
    struct str wanted = page_value(p, "registration");
    bool open = str_eq(wanted, STR("open"));
    if (!open && !str_eq(wanted, STR("closed")))
        page_error(p, 400, "bad_request");
    else
        done(p, set(p, "registration_open", open ? STR("1") : STR("0")), "settings_saved");
}

static const struct limit_info *retention_info(void)
{
    size_t i = 0;
    while (!is_retention(&limits_info[i]))
        i++;
    return &limits_info[i];
}

void page_settings_retention(struct page_request *p)
{
    const struct limits limits = app_limits_copy(p->web->app);
    const struct limit_info *info = retention_info();
    struct str typed = page_trimmed(p, RETENTION);
    struct limits wanted = limits;
    if (!limits_set(&wanted, STR(RETENTION), typed)) {
        done(p, set_limit(p, info, wanted.retention_days), "settings_saved");
        return;
    }
    struct json_t *errors;
    struct json_t *view = settings_view(p, &limits, &errors);
    json_put_str(view, RETENTION, typed);
    view_range(p, errors, RETENTION, info->low, info->high);
    page_render(p, 200, "admin_settings", view);
}

/* Reads the limits that were sent into *wanted. Returns how many are wrong; those have their
 * sentences in view. */
static size_t read_limits(struct page_request *p, struct json_t *view, struct limits *wanted)
{
    struct json_t *list = json_at(view, "limits");
    size_t wrong = 0, row = 0;
    for (size_t i = 0; i < limits_count; i++) {
        const struct limit_info *info = &limits_info[i];
        if (is_retention(info))
            continue;
        struct json_t *limit = json_nth(list, row++);
        const struct str *typed = form_get(&p->form, str_of(info->name));
        if (!typed)
            continue;
        json_put_str(limit, "value", str_trim(*typed));
        if (limits_set(wanted, str_of(info->name), str_trim(*typed))) {
            view_range(p, limit, "error", info->low, info->high);
            wrong++;
        }
    }
    return wrong;
}

/* Those that differ, in one change. */
static enum err save_limits(struct page_request *p, const struct limits *now,
                            const struct limits *wanted)
{
    struct command *c = page_command(p, CMD_SETTINGS_SET);
    settings_want_limits(c, now, wanted);
    if (c->setting_count)
        return page_do(p, c, NULL);
    page_drop(c);
    return OK;
}

void page_settings_limits(struct page_request *p)
{
    const struct limits limits = app_limits_copy(p->web->app);
    struct limits wanted = limits;
    struct json_t *errors;
    struct json_t *view = settings_view(p, &limits, &errors);
    size_t wrong = read_limits(p, view, &wanted);
    if (wrong > 0) {
        view_count(p, errors, "limits", "invalid.limits", wrong);
        page_render(p, 200, "admin_settings", view);
        return;
    }
    json_free(view);
    done(p, save_limits(p, &limits, &wanted), "limits_saved");
}
