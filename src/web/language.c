/* The switch of languages in every page's foot. It is a form, so that it works without JavaScript
 * and no other site's link can flip it; a cookie keeps the choice, and the account when there is
 * one, which goes before the cookie. */
#include "codec/json.h"
#include "web/pages.h"
#include "web/routes.h"
#include "web/view.h"

#define COOKIE_SECONDS (365 * 24 * 3600)
#define BACK_BYTES_MAX 4000

/* path itself or, when only forms go there, the page above it; "/" at last. */
static struct str nearest_page(struct str path)
{
    while (path.n > 1 && !routes_has_page(path)) {
        while (path.n > 1 && path.p[path.n - 1] != '/')
            path.n--;
        if (path.n > 1)
            path.n--;
    }
    return path;
}

static void put_back(struct page_request *p, struct json_t *view)
{
    struct buf back = BUF_INIT(BACK_BYTES_MAX);
    buf_str_append(&back, p->method == HTTP_GET ? p->path : nearest_page(p->path));
    if (p->query_text.n > 0 && back.len == p->path.n)
        buf_printf(&back, "?%.*s", STR_ARG(p->query_text));
    json_put_str(view, "back", back.failed ? STR("/") : buf_str(&back));
    buf_release(&back);
}

void view_language_switch(struct page_request *p, struct json_t *view)
{
    struct json_t *list = json_put(view, "lang_switch", json_array_new());
    put_back(p, view);
    for (unsigned l = 0; l < LANGUAGE__MAX; l++) {
        struct json_t *language = json_add(list, json_object_new());
        json_put_text(language, "code", language_code((enum language)l));
        json_put_text(language, "name", language_name((enum language)l));
        json_put_bool(language, "current", l == p->lang);
    }
}

void language_send(struct page_request *p, struct str code)
{
    page_set_cookie(p, "lang", code, code.n > 0 ? COOKIE_SECONDS : 0, true);
}

static enum err keep_in_account(struct page_request *p, enum language l)
{
    struct command *c = page_command(p, CMD_USER_LANGUAGE);
    (void)str_copy(c->user.name, sizeof c->user.name, str_of(p->who.name));
    (void)str_copy(c->user.language, sizeof c->user.language, str_of(language_code(l)));
    return page_do(p, c, NULL);
}

void page_language(struct page_request *p)
{
    struct str back = page_value(p, "back");
    enum language l;
    if (!language_parse(page_value(p, "language"), &l)) {
        page_error(p, 400, "bad_request");
        return;
    }
    enum err e = p->logged_in ? keep_in_account(p, l) : OK;
    if (e) {
        page_fail(p, e);
        return;
    }
    language_send(p, str_of(language_code(l)));
    page_redirect(p, 302, path_is_local(back) ? back : STR("/"));
}
