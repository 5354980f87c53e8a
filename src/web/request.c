#include "app/inner.h"
#include "base/alloc.h"
#include "web/api.h"
#include "web/state.h"

#include <civetweb.h>
#include <stdlib.h>

static bool from_edge(struct web *w, struct mg_connection *conn)
{
    return secret_eq(str_of(mg_get_header(conn, INNER_SECRET)), str_of(w->secret));
}

const char *page_field(const struct page_request *p, const char *name)
{
    return mg_get_header(p->conn, name);
}

bool page_cookie(const struct page_request *p, const char *name, struct str *value)
{
    struct http_field cookies = {STR("Cookie"), str_of(page_field(p, "Cookie"))};
    const struct http_head head = {.fields = &cookies, .field_count = 1};
    return http_cookie(&head, str_of(name), value);
}

static struct str field(const struct page_request *p, const char *name)
{
    return str_of(page_field(p, name));
}

static enum http_method parse_method(struct str name, bool *head_only)
{
    static const enum http_method known[] = {HTTP_GET,    HTTP_HEAD,    HTTP_POST, HTTP_PUT,
                                             HTTP_DELETE, HTTP_OPTIONS, HTTP_PATCH};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (!str_eq(name, str_of(http_method_name(known[i]))))
            continue;
        *head_only = known[i] == HTTP_HEAD;
        return known[i] == HTTP_HEAD ? HTTP_GET : known[i];
    }
    return HTTP_OTHER;
}

/* Who asks, as the edge found out. */
static void read_identity(struct page_request *p)
{
    struct identity *who = &p->who;
    uint64_t scopes = 0;
    (void)str_copy(who->language, sizeof who->language, field(p, INNER_LANG));
    who->role = str_eq(field(p, INNER_ROLE), STR("admin")) ? ROLE_ADMIN : ROLE_USER;
    p->logged_in = str_copy(who->name, sizeof who->name, field(p, INNER_USER)) && *who->name &&
                   !str_to_i64(field(p, INNER_KEY), 1, INT64_MAX, &who->user_key) &&
                   !str_to_i64(field(p, INNER_SESSION), 0, INT64_MAX, &who->session_key) &&
                   !str_to_u64(field(p, INNER_SCOPES), SCOPES_ALL, &scopes);
    who->scopes = (uint32_t)scopes;
    if (!p->logged_in)
        *who = (struct identity){0};
}

static void read_language(struct page_request *p)
{
    const char *accept = page_field(p, "Accept-Language");
    struct str accepted = str_of(accept), cookie = STR("");
    (void)page_cookie(p, "lang", &cookie);
    p->lang = language_choose(str_of(p->who.language), cookie, accept ? &accepted : NULL);
}

/* Exactly n bytes of the body. */
static enum err read_body(struct mg_connection *conn, size_t n, struct buf *body)
{
    while (body->len < n) {
        char *room;
        if (buf_reserve(body, n - body->len, &room))
            return ERR_TOO_LARGE;
        int got = mg_read(conn, room, n - body->len);
        if (got <= 0)
            return ERR_CLOSED;
        buf_commit(body, (size_t)got);
    }
    return OK;
}

static enum err read_form(struct page_request *p, long long length)
{
    if (length <= 0)
        return OK;
    if (length > PAGE_BODY_BYTES)
        return ERR_TOO_LARGE;
    struct buf body = BUF_INIT(PAGE_BODY_BYTES);
    enum err e = read_body(p->conn, (size_t)length, &body);
    if (!e && !form_type(field(p, "Content-Type")))
        e = ERR_INPUT_REFUSED;
    if (!e)
        e = form_parse(&p->form, buf_str(&body));
    if (body.data)
        secret_wipe(body.data, body.cap); /* passwords pass here */
    buf_release(&body);
    return e;
}

static bool is_json(struct str content_type)
{
    struct str name, params;
    str_split(content_type, ';', &name, &params);
    return str_eq_nocase(str_trim(name), STR("application/json"));
}

static enum err read_json(struct page_request *p, long long length)
{
    if (length <= 0)
        return OK;
    if (length > PAGE_BODY_BYTES)
        return ERR_TOO_LARGE;
    enum err e = read_body(p->conn, (size_t)length, &p->body);
    return !e && !is_json(field(p, "Content-Type")) ? ERR_INPUT_REFUSED : e;
}

enum err page_read(struct page_request *p, struct web *w, struct mg_connection *conn,
                   struct now now)
{
    const struct mg_request_info *info = mg_get_request_info(conn);
    *p = (struct page_request){.web = w,
                               .conn = conn,
                               .now = now,
                               .body = BUF_INIT(PAGE_BODY_BYTES),
                               .headers = BUF_INIT(16384),
                               .image_origins = BUF_INIT(8192)};
    if (!from_edge(w, conn))
        return ERR_UNAUTHORIZED;
    if (info->num_headers >= MG_MAX_HEADERS)
        return ERR_BAD_MESSAGE;
    p->method = parse_method(str_of(info->request_method), &p->head_only);
    p->path = str_of(info->request_uri);
    p->query_text = str_of(info->query_string);
    p->address = field(p, INNER_ADDRESS);
    p->origin = field(p, INNER_ORIGIN);
    p->agent = field(p, "User-Agent");
    read_identity(p);
    read_language(p);
    enum err e = form_parse(&p->query, p->query_text);
    if (!e && api_has(p->path))
        return read_json(p, p->method == HTTP_GET ? 0 : info->content_length);
    return e ? e : read_form(p, p->method == HTTP_POST ? info->content_length : 0);
}

void page_release(struct page_request *p)
{
    for (size_t i = 0; i < p->form.count; i++) {
        struct str value = p->form.fields[i].value;
        if (value.n > 0)
            secret_wipe((void *)(uintptr_t)value.p, value.n);
    }
    if (p->body.data)
        secret_wipe(p->body.data, p->body.cap);
    form_release(&p->form);
    form_release(&p->query);
    buf_release(&p->body);
    buf_release(&p->headers);
    buf_release(&p->image_origins);
}

bool page_same_site(const struct page_request *p)
{
    const char *site = page_field(p, "Sec-Fetch-Site"), *origin = page_field(p, "Origin");
    if (site)
        return str_eq(str_of(site), STR("same-origin")) || str_eq(str_of(site), STR("none"));
    return !origin || str_eq_nocase(str_of(origin), p->origin);
}

struct str page_value(const struct page_request *p, const char *name)
{
    return form_value(&p->form, str_of(name));
}

struct str page_trimmed(const struct page_request *p, const char *name)
{
    return str_trim(page_value(p, name));
}

bool page_is_admin(const struct page_request *p)
{
    return p->logged_in && p->who.role == ROLE_ADMIN;
}

enum err page_id(const struct page_request *p, const char *name, struct uuid *out)
{
    return uuid_parse(str_of(path_arg(&p->args, name)), out);
}
