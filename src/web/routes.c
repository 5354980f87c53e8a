#include "web/routes.h"

#include "web/api.h"
#include "web/pages.h"

/* OWNER: a person who has logged in, not a program with their key. */
enum who { ANYONE, USER, OWNER, ADMIN };

static const struct route {
    const char *pattern;
    enum who who;
    page_handler *get, *post; /* NULL: 405 */
} routes[] = {
    {"/", USER, page_spaces, NULL},
    {"/spaces/{name}", USER, page_space, NULL},
    {"/ai_project/{id}", ANYONE, page_space, NULL},
    {"/requests", USER, page_requests, NULL},
    {"/requests/{id}", USER, page_request, NULL},
    {"/requests/{id}/cancel", USER, NULL, page_request_cancel},

    {"/setup", ANYONE, page_setup, page_setup_post},
    {"/login", ANYONE, page_login, page_login_post},
    {"/register", ANYONE, page_register, page_register_post},
    {"/logout", ANYONE, page_logout, NULL},
    {"/language", ANYONE, NULL, page_language},
    {"/account", OWNER, page_account, NULL},
    {"/account/password", OWNER, NULL, page_account_password},
    {"/account/language", OWNER, NULL, page_account_language},
    {"/account/keys", OWNER, page_account_keys, page_account_key_add},
    {"/account/key/{id}/revoke", OWNER, NULL, page_account_key_revoke},
    {"/account/session/{id}/end", OWNER, NULL, page_account_end},
    {"/account/sessions/end-others", OWNER, NULL, page_account_end_others},

    {"/admin", ANYONE, page_admin_slash, NULL},
    {"/admin/", ADMIN, page_admin, NULL},
    {"/admin/spaces", ADMIN, page_admin_spaces, NULL},
    {"/admin/websockets/status", ADMIN, page_websockets_status, NULL},
    {"/admin/space/add", ADMIN, page_space_add, page_space_add_post},
    {"/admin/space/edit/{id}", ADMIN, page_space_edit, page_space_edit_post},
    {"/admin/space/delete/{id}", ADMIN, NULL, page_space_delete},
    {"/admin/space/{id}/token", ADMIN, page_token_back, page_token_issue},
    {"/admin/token/{id}/revoke", ADMIN, NULL, page_token_revoke},
    {"/admin/app/{id}/drain", ADMIN, NULL, page_app_drain},
    {"/admin/app/{id}/kick", ADMIN, NULL, page_app_kick},
    {"/admin/users", ADMIN, page_users, page_users_add},
    {"/admin/users/{name}/role", ADMIN, NULL, page_user_role},
    {"/admin/users/{name}/disable", ADMIN, NULL, page_user_disable},
    {"/admin/users/{name}/enable", ADMIN, NULL, page_user_enable},
    {"/admin/users/{name}/password", ADMIN, NULL, page_user_password},
    {"/admin/requests", ADMIN, page_admin_requests, NULL},
    {"/admin/requests/{id}", ADMIN, page_admin_request, NULL},
    {"/admin/audit", ADMIN, page_audit, NULL},
    {"/admin/audit.csv", ADMIN, page_audit_csv, NULL},
    {"/admin/audit.jsonl", ADMIN, page_audit_lines, NULL},
    {"/admin/settings", ADMIN, page_settings, NULL},
    {"/admin/settings/registration", ADMIN, NULL, page_settings_registration},
    {"/admin/settings/retention", ADMIN, NULL, page_settings_retention},
    {"/admin/settings/limits", ADMIN, NULL, page_settings_limits},

    {"/docs", ANYONE, page_docs, NULL},
    {"/docs/{page}", ANYONE, page_docs, NULL},
    {"/openapi.json", ANYONE, page_openapi, NULL},
    {"/static/{file...}", ANYONE, page_static, NULL},
};

static const struct route *find_route(struct page_request *p)
{
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
        if (path_match(routes[i].pattern, p->path, &p->args))
            return &routes[i];
    return NULL;
}

bool routes_has_page(struct str path)
{
    struct page_request probe = {.path = path};
    const struct route *route = find_route(&probe);
    return route && route->get;
}

static void refuse_method(struct page_request *p, const struct route *route)
{
    page_header(p, "Allow", "%s%s%s", route->get ? "GET, HEAD" : "",
                route->get && route->post ? ", " : "", route->post ? "POST" : "");
    page_error(p, 405, "method");
}

/* True when this person may see the page; else they were sent elsewhere. */
static bool may_enter(struct page_request *p, enum who who)
{
    bool owner = p->logged_in && (p->who.scopes & SCOPE_ACCOUNT);
    if (who == ANYONE || (who == USER && p->logged_in) || (who == OWNER && owner) ||
        (who == ADMIN && page_is_admin(p)))
        return true;
    if (p->logged_in)
        page_redirect(p, 302, STR("/"));
    else
        page_redirect_login(p);
    return false;
}

void routes_serve(struct page_request *p)
{
    if (api_has(p->path)) {
        api_serve(p);
        return;
    }
    const struct route *route = find_route(p);
    if (page_setup_first(p))
        return;
    if (!route) {
        page_error(p, 404, "not_found");
        return;
    }
    page_handler *handler = p->method == HTTP_GET    ? route->get
                            : p->method == HTTP_POST ? route->post
                                                     : NULL;
    if (!handler)
        refuse_method(p, route);
    else if (p->method == HTTP_POST && !page_same_site(p))
        page_error(p, 403, "cross_site");
    else if (may_enter(p, route->who))
        handler(p);
}
