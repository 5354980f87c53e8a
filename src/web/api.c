#include "web/api.h"

#include "web/api_calls.h"

/* For whom the calls of a path are: all of them, or those that change something. */
enum admins { NONE, CHANGES, ALL };

/* The calls that are answered in the hub, for Allow. */
enum in_hub { NO_CALL, HUB_GET, HUB_POST };

static const struct route {
    const char *pattern;
    enum admins admins;
    page_handler *get, *post, *patch, *delete; /* NULL: 405 */
    enum in_hub in_hub;
} routes[] = {
    {API_ROOT "/me", NONE, .get = api_me},
    {API_ROOT "/spaces", CHANGES, .get = api_spaces, .post = api_space_add},
    {API_ROOT "/spaces/{id}", CHANGES, .get = api_space, .patch = api_space_edit,
     .delete = api_space_remove},
    {API_ROOT "/spaces/{id}/tokens", ALL, .get = api_tokens, .post = api_token_add},
    {API_ROOT "/spaces/{id}/tokens/{token_id}", ALL, .delete = api_token_revoke},
    {API_ROOT "/spaces/{id}/apps", ALL, .get = api_apps},
    {API_ROOT "/apps/{connection_id}/drain", ALL, .post = api_app_drain},
    {API_ROOT "/apps/{connection_id}/kick", ALL, .post = api_app_kick},
    {API_ROOT "/requests", NONE, .get = api_requests, .in_hub = HUB_POST},
    {API_ROOT "/requests/{id}", NONE, .get = api_request, .delete = api_request_remove},
    {API_ROOT "/requests/{id}/events", NONE, .in_hub = HUB_GET},
    {API_ROOT "/requests/{id}/cancel", NONE, .post = api_request_cancel},
    {API_ROOT "/users", ALL, .get = api_users, .post = api_user_add},
    {API_ROOT "/users/{name}", ALL, .get = api_user, .patch = api_user_edit},
    {API_ROOT "/settings", ALL, .get = api_settings, .patch = api_settings_edit},
};

bool api_has(struct str path)
{
    return str_starts(path, STR(API_PREFIX));
}

static const struct route *find_route(struct page_request *p)
{
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (path_match(routes[i].pattern, p->path, &p->args))
            return &routes[i];
    return NULL;
}

static page_handler *handler_of(const struct route *route, enum http_method method)
{
    page_handler *const handlers[HTTP_METHOD__MAX] = {[HTTP_GET] = route->get,
                                                      [HTTP_POST] = route->post,
                                                      [HTTP_PATCH] = route->patch,
                                                      [HTTP_DELETE] = route->delete};
    return handlers[method];
}

static void refuse_method(struct page_request *p, const struct route *route)
{
    const char *const taken[] = {
        route->get ? "GET, HEAD" : NULL, route->in_hub == HUB_GET ? "GET" : NULL,
        route->post ? "POST" : NULL,     route->in_hub == HUB_POST ? "POST" : NULL,
        route->patch ? "PATCH" : NULL,   route->delete ? "DELETE" : NULL};
    struct buf allow = BUF_INIT(100);
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (taken[i])
            buf_printf(&allow, "%s%s", allow.len ? ", " : "", taken[i]);
    page_header(p, "Allow", "%s", buf_cstr(&allow));
    buf_release(&allow);
    api_problem(p, 405, ERR_BAD_MESSAGE, STR("This path does not take this method"));
}

/* API keys have been judged before, by their scopes; a log-in may do all that its person may. */
static bool may_call(struct page_request *p, const struct route *route)
{
    bool admin = route->admins == ALL || (route->admins == CHANGES && p->method != HTTP_GET);
    if (!p->logged_in) {
        page_header(p, "WWW-Authenticate", "Bearer");
        api_fail(p, ERR_UNAUTHORIZED, STR("Show an API key: Authorization: Bearer sr_..."));
    } else if (admin && !page_is_admin(p)) {
        api_fail(p, ERR_FORBIDDEN, STR("Only admins may do this"));
    } else {
        return true;
    }
    return false;
}

void api_serve(struct page_request *p)
{
    const struct route *route = find_route(p);
    page_handler *handler = route ? handler_of(route, p->method) : NULL;
    if (!route)
        api_fail(p, ERR_NOT_FOUND, STR("There is no such path: see /docs/api"));
    else if (!handler)
        refuse_method(p, route);
    else if (may_call(p, route))
        handler(p);
}

void api_refuse_body(struct page_request *p, enum err e)
{
    if (e == ERR_TOO_LARGE)
        api_fail(p, e, STR("The body is too large"));
    else if (e == ERR_INPUT_REFUSED)
        api_problem(p, 415, ERR_BAD_MESSAGE, STR("The body must be application/json"));
    else if (e == ERR_SYNTAX)
        api_fail(p, ERR_BAD_MESSAGE, STR("The query is malformed"));
}
