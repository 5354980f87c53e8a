#include "web/filter.h"

#include "codec/json.h"
#include "web/view.h"

#include <stdio.h>

#define DAY_MS    INT64_C(86400000)
#define URL_BYTES 16384

static struct str field(struct page_request *p, const char *name)
{
    return str_trim(form_value(&p->query, str_of(name)));
}

void filter_view(struct page_request *p, struct json_t *view, const struct filter_form *form)
{
    struct json_t *filter = json_put(view, "filter", json_object_new());
    bool filtered = false;
    for (const char *const *name = form->names; *name; name++) {
        json_put_str(filter, *name, field(p, *name));
        filtered = filtered || field(p, *name).n > 0;
    }
    json_put_bool(view, "filtered", filtered);
}

static void add_parameter(struct buf *url, char *separator, const char *name, struct str value)
{
    if (value.n == 0)
        return;
    buf_putc(url, *separator);
    buf_printf(url, "%s=", name);
    buf_uri(url, value);
    *separator = '&';
}

void filter_url(struct page_request *p, struct json_t *view, const char *key,
                const struct filter_form *form, const char *path, const char *name,
                const char *value)
{
    struct buf url = BUF_INIT(URL_BYTES);
    char separator = '?';
    buf_puts(&url, path ? path : form->path);
    for (const char *const *n = form->names; *n; n++)
        add_parameter(&url, &separator, *n, field(p, *n));
    if (name)
        add_parameter(&url, &separator, name, str_of(value));
    json_put_str(view, key, buf_str(&url));
    buf_release(&url);
}

void filter_options(struct page_request *p, struct json_t *view, const char *key, const char *name,
                    const char *group, const char *const *values)
{
    struct json_t *list = json_put(view, key, json_array_new());
    for (; *values; values++) {
        struct json_t *option = json_add(list, json_object_new());
        struct str value = str_of(*values);
        json_put_str(option, "value", value);
        json_put_str(option, "text", page_text_or(p, group, value, value));
        json_put_bool(option, "selected", str_eq(value, field(p, name)));
    }
}

/* ERR_SYNTAX: neither a day nor a time. */
static enum err parse_time(struct str text, bool end, int64_t *wall_ms)
{
    char start[40];
    if (text.n != 10)
        return rfc3339_parse(text, wall_ms);
    (void)snprintf(start, sizeof start, "%.10sT00:00:00Z", text.p);
    enum err e = rfc3339_parse(str_of(start), wall_ms);
    if (!e && end)
        *wall_ms += DAY_MS;
    return e;
}

bool filter_time(struct page_request *p, struct json_t *errors, const char *name, bool end,
                 int64_t *wall_ms)
{
    struct str text = field(p, name);
    *wall_ms = 0;
    if (text.n == 0)
        return true;
    if (parse_time(text, end, wall_ms)) {
        view_text(p, errors, name, "invalid.date_rule", NULL, STR(""));
        return false;
    }
    if (*wall_ms < 1) /* 0 means none */
        *wall_ms = 1;
    return true;
}

enum err filter_before(struct page_request *p, int64_t *key)
{
    uint64_t number = 0;
    struct str before = field(p, "before");
    if (before.n > 0 && str_to_u64(before, INT64_MAX, &number))
        return ERR_SYNTAX;
    *key = (int64_t)number;
    return OK;
}
