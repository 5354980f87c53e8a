#include "web/admin_views.h"

#include "codec/json.h"
#include "web/pages.h"
#include "web/space_form.h"

#include <stdio.h>
#include <string.h>

struct tokens {
    struct page_request *p;
    struct json_t *list;
};

static void visit_token(void *ctx, const struct token_record *t)
{
    struct tokens *tokens = ctx;
    int64_t now_ms = tokens->p->now.wall_ms;
    bool expired = t->expires_ms && t->expires_ms <= now_ms;
    struct str status = t->revoked_ms ? STR("revoked") : expired ? STR("expired") : STR("active");
    struct json_t *object = json_add(tokens->list, json_object_new());
    view_id(object, "jti", t->id);
    json_put_text(object, "note", t->note);
    json_put_text(object, "created_by", t->created_by);
    view_time(tokens->p, object, "created_at", t->created_ms);
    view_time(tokens->p, object, "expires_at", t->expires_ms);
    view_time(tokens->p, object, "used_at", t->used_ms);
    json_put_str(object, "status", status);
    json_put_str(object, "status_text", page_text_or(tokens->p, "token_status", status, status));
    json_put_bool(object, "active", str_eq(status, STR("active")));
}

static void put_app(struct page_request *p, struct json_t *list, const struct app_view *a)
{
    struct json_t *object = json_add(list, json_object_new());
    view_id(object, "connection_id", a->connection_id);
    json_put_text(object, "name", a->name);
    json_put_text(object, "version", a->version);
    json_put_text(object, "address", a->address);
    view_time(p, object, "connected_at", a->connected_ms);
    json_put_int(object, "in_flight", a->in_flight);
    json_put_int(object, "concurrency", a->concurrency);
    json_put_int(object, "prefetch", a->prefetch);
    json_put_bool(object, "draining", a->draining);
}

static void put_apps(struct page_request *p, struct json_t *view, struct uuid space_id)
{
    struct json_t *list = json_put(view, "apps", json_array_new());
    struct command *c = page_command(p, CMD_QUERY_APPS);
    struct reply reply;
    c->id = space_id;
    enum err e = page_ask(p, c, PAGE_CALL_MS, &reply);
    for (size_t i = 0; !e && i < reply.count; i++)
        put_app(p, list, &reply.apps[i]);
    json_put_bool(view, "apps_known", !e);
    reply_release(&reply);
}

static void put_state(struct page_request *p, struct json_t *view, struct uuid space_id)
{
    struct command *c = page_command(p, CMD_QUERY_SPACE);
    struct reply reply;
    c->id = space_id;
    bool known = !page_ask(p, c, PAGE_CALL_MS, &reply) && reply.count > 0;
    view_state(view, known ? &reply.spaces[0] : NULL);
    reply_release(&reply);
}

static void put_new_token(struct page_request *p, struct json_t *view, const struct space_record *s,
                          struct str token)
{
    view_command(p, view, "command", s->name, STR("TOKEN"));
    if (token.n == 0) {
        json_put_null(view, "new_token");
        return;
    }
    struct json_t *object = json_put(view, "new_token", json_object_new());
    json_put_str(object, "token", token);
    view_command(p, object, "command", s->name, token);
}

/* A view of the form and, when the space exists, of all that is around it. */
static struct json_t *space_view(struct page_request *p, const struct space_record *s, bool is_new,
                                 struct json_t **errors)
{
    static const char *const fields[] = {
        "name",     "description", "cover", "cover_type", "rate_limit_seconds",
        "max_apps", "form",        NULL};
    char id[UUID_TEXT_BYTES], action[96];
    struct json_t *view = admin_view(p, "admin_space_add", TAB_SPACES);
    uuid_format(s->id, id);
    (void)snprintf(action, sizeof action, "/admin/space/%s%s", is_new ? "add" : "edit/",
                   is_new ? "" : id);
    if (!is_new)
        view_title(p, view, "admin_space_edit", "name", str_of(s->name));
    json_put_bool(view, "is_new", is_new);
    json_put_text(view, "action", action);
    space_form_view(view, s);
    *errors = view_nulls(view, "errors", fields);
    return view;
}

/* Adds what the form does not have, and replies. */
static void show(struct page_request *p, struct json_t *view_given, const struct space_record *s,
                 bool is_new, struct str token)
{
    struct tokens tokens = {p, json_put(view_given, "tokens", json_array_new())};
    struct reader *reader = page_reader(p);
    enum err e = OK;
    put_new_token(p, view_given, s, token);
    if (is_new) {
        json_put(view_given, "apps", json_array_new());
        json_put_bool(view_given, "apps_known", true);
        json_put_null(view_given, "state");
    } else {
        put_apps(p, view_given, s->id);
        put_state(p, view_given, s->id);
        e = reader ? reader_tokens(reader, uuid_key(s->id), visit_token, &tokens)
                   : ERR_STORE_UNAVAILABLE;
    }
    if (!e) {
        page_render(p, 200, "admin_space", view_given);
        return;
    }
    json_free(view_given);
    page_fail(p, e);
}

void space_page_show(struct page_request *p, const struct space_record *s, struct str token)
{
    struct json_t *errors;
    struct json_t *view = space_view(p, s, false, &errors);
    show(p, view, s, false, token);
}

void page_space_add(struct page_request *p)
{
    const struct space_record blank = space_form_blank();
    struct json_t *errors;
    struct json_t *view = space_view(p, &blank, true, &errors);
    show(p, view, &blank, true, STR(""));
}

/* Reads the space of the path, or replies. */
static bool find_space(struct page_request *p, struct space_record *s)
{
    enum err e = space_of_path(p, s);
    if (e == ERR_NOT_FOUND)
        page_error(p, 404, "space_not_found");
    else if (e)
        page_fail(p, e);
    return !e;
}

void page_space_edit(struct page_request *p)
{
    struct space_record space;
    if (find_space(p, &space))
        space_page_show(p, &space, STR(""));
}

/* What is said on the form, not on a page of its own. ERR_LOCKED: another edit is being saved. */
static bool is_refused(enum err e)
{
    return e == ERR_INPUT_REFUSED || e == ERR_EXISTS || e == ERR_BAD_MESSAGE || e == ERR_LOCKED;
}

/* Sends the checked form to the hub. *id gets the space's. What is refused has its sentence in
 * errors. */
static enum err save(struct page_request *p, enum command_kind kind, const struct space_record *s,
                     struct json_t *errors, struct uuid *id)
{
    struct command *c = page_command(p, kind);
    struct reply reply;
    c->space = *s;
    c->members = space_form_members(p);
    enum err e = page_ask(p, c, PAGE_SAVE_MS, &reply);
    if (e == ERR_EXISTS)
        view_text(p, errors, "name", "invalid.space_name_taken", "name", str_of(s->name));
    else if (is_refused(e))
        view_said(p, errors, "form", str_of(reply.message[0] ? reply.message : err_message(e)));
    else if (!e)
        *id = kind == CMD_SPACE_ADD ? reply.id : s->id;
    reply_release(&reply);
    return e;
}

static void post_space(struct page_request *p, const struct space_record *stored, bool is_new)
{
    struct space_record space = *stored;
    struct json_t *errors;
    struct uuid id;
    struct json_t *view = space_view(p, stored, is_new, &errors);
    enum err e = ERR_INPUT_REFUSED;
    if (space_form_read(p, view, errors, &space))
        e = save(p, is_new ? CMD_SPACE_ADD : CMD_SPACE_EDIT, &space, errors, &id);
    if (is_refused(e)) {
        show(p, view, stored, is_new, STR(""));
        return;
    }
    json_free(view);
    if (e) {
        page_fail(p, e);
        return;
    }
    flash_set(p, true, is_new ? "space_created" : "space_saved");
    redirect_to_space(p, id, "");
}

void page_space_add_post(struct page_request *p)
{
    const struct space_record blank = space_form_blank();
    post_space(p, &blank, true);
}

void page_space_edit_post(struct page_request *p)
{
    struct space_record space;
    if (find_space(p, &space))
        post_space(p, &space, false);
}

void page_space_delete(struct page_request *p)
{
    struct space_record space;
    if (!find_space(p, &space))
        return;
    struct command *c = page_command(p, CMD_SPACE_REMOVE);
    c->space.id = space.id;
    enum err e = page_do(p, c, NULL);
    if (e) {
        page_fail(p, e);
        return;
    }
    flash_set(p, true, "space_deleted");
    page_redirect(p, 302, STR("/admin/spaces"));
}
