#include "web/audit_download.h"

#include "codec/json.h"
#include "web/state.h"

#include <inttypes.h>
#include <string.h>

struct writing {
    struct buf *out;
    enum audit_form as;
    uint32_t left;
    int64_t last_key;
    bool more;
};

/* ---- CSV ---- */

/* A cell that begins so is run by spreadsheets; who fails to log in chooses what stands here. */
static bool is_formula(const char *s)
{
    return *s && strchr("=+-@\t\r", *s);
}

static void add_cell(struct buf *out, const char *s, char end)
{
    buf_puts(out, is_formula(s) ? "\"'" : "\"");
    for (; *s; s++) {
        if (*s == '"')
            buf_putc(out, '"');
        buf_putc(out, *s);
    }
    buf_putc(out, '"');
    if (end == '\n')
        buf_putc(out, '\r');
    buf_putc(out, end);
}

static void add_csv(struct buf *out, const char *at, const struct audit_record *a)
{
    add_cell(out, at, ',');
    add_cell(out, a->actor, ',');
    add_cell(out, a->address, ',');
    add_cell(out, a->action, ',');
    add_cell(out, a->subject, ',');
    add_cell(out, a->detail, '\n');
}

/* ---- lines of JSON ---- */

static void add_line(struct buf *out, const struct audit_record *a)
{
    struct json_t *row = json_object_new();
    json_put_time(row, "at", a->at_ms);
    json_put_text(row, "actor", a->actor);
    json_put_text(row, "address", a->address);
    json_put_text(row, "action", a->action);
    json_put_text(row, "subject", a->subject);
    json_put_text(row, "detail", a->detail);
    json_write(out, row);
    buf_putc(out, '\n');
    json_free(row);
}

static void visit(void *ctx, int64_t key, const struct audit_record *a)
{
    struct writing *w = ctx;
    char at[RFC3339_BYTES];
    if (w->left == 0) {
        w->more = true;
        return;
    }
    w->left--;
    w->last_key = key;
    rfc3339_format(a->at_ms, at);
    if (w->as == AUDIT_CSV)
        add_csv(w->out, at, a);
    else
        add_line(w->out, a);
}

/* ---- the reply ---- */

/* The same address with another "before". */
static void put_next(struct page_request *p, int64_t before)
{
    struct buf url = BUF_INIT(16384);
    buf_puts(&url, "?");
    for (size_t i = 0; i < p->query.count; i++) {
        if (str_eq(p->query.fields[i].name, STR("before")))
            continue;
        buf_uri(&url, p->query.fields[i].name);
        buf_puts(&url, "=");
        buf_uri(&url, p->query.fields[i].value);
        buf_puts(&url, "&");
    }
    buf_printf(&url, "before=%" PRId64, before);
    page_header(p, "Link", "<%s>; rel=\"next\"", buf_cstr(&url));
    buf_release(&url);
}

void audit_download(struct page_request *p, const struct audit_filter *filter, enum audit_form as)
{
    static const char *const types[] = {"text/csv; charset=utf-8", "application/jsonl"};
    static const char *const files[] = {"audit.csv", "audit.jsonl"};
    struct buf out = BUF_INIT(app_limits_copy(p->web->app).inner_reply_bytes);
    struct audit_filter all = *filter;
    struct writing w = {.out = &out, .as = as, .left = AUDIT_DOWNLOAD_ROWS};
    all.limit = AUDIT_DOWNLOAD_ROWS + 1;
    if (as == AUDIT_CSV)
        buf_puts(&out, "at,actor,address,action,subject,detail\r\n");
    enum err e =
        page_reader(p) ? reader_audit(page_reader(p), &all, visit, &w) : ERR_STORE_UNAVAILABLE;
    if (e || out.failed) {
        page_fail(p, e ? e : ERR_INTERNAL);
    } else {
        if (w.more)
            put_next(p, w.last_key);
        page_header(p, "Content-Disposition", "attachment; filename=\"%s\"", files[as]);
        page_header(p, "Cache-Control", "no-store");
        page_reply(p, 200, types[as], buf_str(&out));
    }
    buf_release(&out);
}
