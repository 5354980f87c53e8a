#include "codec/json.h"
#include "codec/json_scan.h"
#include "web/admin_views.h"
#include "web/pages.h"
#include "web/request_views.h"

#include <stdio.h>
#include <stdlib.h>

#define JSON_DEPTH      64
#define SHOWN_MAX       (1024 * 1024) /* of a text; the rest is in the download */
#define SHOWN_FIELD_MAX (16 * 1024)
#define SHORT_FIELD_MAX 60

/* Puts s, cut at a code point when it is very long. */
static void put_cut(struct json_t *object, const char *key, struct str s, size_t max)
{
    struct buf cut = BUF_INIT(SHOWN_MAX + 8);
    if (s.n <= max) {
        json_put_str(object, key, s);
        return;
    }
    while (max > 0 && ((unsigned char)s.p[max] & 0xc0) == 0x80)
        max--;
    buf_append(&cut, s.p, max);
    buf_puts(&cut, " …");
    json_put_str(object, key, buf_str(&cut));
    buf_release(&cut);
}

/* Puts a member's value: a string's text, or its JSON. */
static void put_value(struct json_t *object, const char *key, const struct json_member *m,
                      size_t max)
{
    struct buf text = BUF_INIT(m->value.n);
    if (m->kind == JSON_STRING && !json_unescape(m->value, &text))
        put_cut(object, key, buf_str(&text), max);
    else
        put_cut(object, key, m->value, max);
    buf_release(&text);
}

/* What stands on a line of its own, much as dom.js has it. */
static bool is_long(const struct json_member *m)
{
    bool nested = m->kind == JSON_OBJECT || m->kind == JSON_ARRAY;
    return m->value.n > (nested ? 2 : SHORT_FIELD_MAX);
}

static void add_field(struct page_request *p, struct json_t *list, const struct json_member *m)
{
    struct json_t *field = json_add(list, json_object_new());
    struct buf key = BUF_INIT(m->key.n + 1);
    struct str name = m->key;
    if (!json_unescape(str_slice(m->key.p - 1, m->key.n + 2), &key)) /* with its quotes */
        name = buf_str(&key);
    json_put_str(field, "label", page_text_or(p, "fields", name, name));
    put_value(field, "value", m, SHOWN_FIELD_MAX);
    json_put_bool(field, "long", is_long(m));
    buf_release(&key);
}

/* Adds the members of a JSON object to list, but for the string named `apart`, which goes to object
 * under put_as. An object with more members than a page should show is one field. */
static void add_members(struct page_request *p, struct json_t *list, struct str json,
                        const char *apart, struct json_t *object, const char *put_as)
{
    struct json_scan *scan = calloc(1, sizeof *scan);
    if (!scan || json.n == 0) {
        free(scan);
        return;
    }
    if (json_scan(json, JSON_DEPTH, true, scan)) {
        struct json_t *field = json_add(list, json_object_new());
        json_put_text(field, "label", "{…}");
        put_cut(field, "value", json, SHOWN_FIELD_MAX);
        json_put_bool(field, "long", true);
        scan->count = 0;
    }
    const struct json_member *found = apart ? json_scan_member(scan, str_of(apart)) : NULL;
    if (found && found->kind != JSON_STRING)
        found = NULL;
    if (found)
        put_value(object, put_as, found, SHOWN_MAX);
    for (size_t i = 0; i < scan->count; i++)
        if (&scan->members[i] != found)
            add_field(p, list, &scan->members[i]);
    free(scan);
}

static struct request_row row_of(const struct request_record *r, const char *space_name)
{
    struct request_row row = {.id = r->id,
                              .space_key = r->space_key,
                              .user_key = r->user_key,
                              .status = r->status,
                              .attempt = r->attempt,
                              .created_ms = r->created_ms,
                              .started_ms = r->started_ms,
                              .finished_ms = r->finished_ms};
    (void)str_copy(row.space_name, sizeof row.space_name, str_of(space_name));
    (void)str_copy(row.error_code, sizeof row.error_code, str_of(r->error_code));
    return row;
}

/* The sentence of a code of ours says more than the relay's, or the app's, own; but where that has
 * the numbers, or tells what the app did not like, it goes first. As request_card.js does it. */
static void put_error(struct page_request *p, struct json_t *object, const struct request_record *r)
{
    static const char *const own_words[] = {"app_error", "input_refused", "rate_limited",
                                            "too_large", "bad_message"};
    struct str message = bytes_str(r->error_message), code = str_of(r->error_code);
    struct str known = page_text_or(p, "codes", code, STR(""));
    for (size_t i = 0; i < sizeof own_words / sizeof own_words[0] && message.n > 0; i++)
        if (str_eq(code, str_of(own_words[i])))
            known = STR("");
    json_put_str(object, "error_more", STR(""));
    if (message.n <= SHOWN_FIELD_MAX)
        view_said(p, object, known.n ? "error_more" : "error_message", message);
    else
        put_cut(object, known.n ? "error_more" : "error_message", message, SHOWN_FIELD_MAX);
    if (known.n > 0)
        json_put_str(object, "error_message", r->status == REQUEST_CANCELLED ? STR("") : known);
}

static void put_request(struct page_request *p, struct json_t *object,
                        const struct request_record *r)
{
    struct str space_url = STR("");
    bool unfinished = false;
    (void)json_to_str(json_at(object, "space_url"), &space_url);
    (void)json_to_bool(json_at(object, "unfinished"), &unfinished);
    json_put_bool(object, "mine", r->user_key == p->who.user_key);
    json_put_text(object, "username", r->username);
    json_put_int(object, "attempt", r->attempt);
    view_time(p, object, "started_at", r->started_ms);
    view_time(p, object, "finished_at", r->finished_ms);
    json_put_text(object, "prompt", "");
    struct json_t *inputs = json_put(object, "inputs", json_array_new());
    add_members(p, inputs, bytes_str(r->payload), "prompt", object, "prompt");
    put_cut(object, "text", bytes_str(r->text), SHOWN_MAX);
    json_put_text(object, "output", "");
    json_put_bool(object, "has_result", r->result || r->usage);
    struct json_t *fields = json_put(object, "fields", json_array_new());
    add_members(p, fields, bytes_str(r->result), "text_output", object, "output");
    add_members(p, fields, bytes_str(r->usage), NULL, NULL, NULL);
    put_error(p, object, r);
    /* Another person's words are not an admin's to send again. */
    json_put_bool(object, "again",
                  !unfinished && space_url.n > 0 && r->user_key == p->who.user_key);
}

static enum err fill(struct page_request *p, struct json_t *view, const struct request_record *r,
                     const char *space_name)
{
    struct space_names names;
    struct request_row row = row_of(r, space_name);
    enum err e = space_names_read(p, &names);
    if (!e) {
        struct json_t *object = json_put(view, "request", json_object_new());
        view_request(p, object, &row, &names);
        put_request(p, object, r);
        e = view_attempts(p, view, r->id);
    }
    space_names_release(&names);
    return e;
}

static void show_request(struct page_request *p, const struct request_record *r,
                         const char *space_name, bool as_admin)
{
    char id[UUID_TEXT_BYTES];
    uuid_format(r->id, id);
    struct json_t *view = view_new(p, "spaces", as_admin ? PLACE_ADMIN : PLACE_REQUESTS);
    json_put_null(view, "admin_nav");
    if (as_admin)
        admin_nav(view, TAB_REQUESTS);
    view_title(p, view, "request", "id", str_slice(id, 8));
    enum err e = fill(p, view, r, space_name);
    if (e) {
        json_free(view);
        page_fail(p, e);
        return;
    }
    page_render(p, 200, "request", view);
}

/* An admin comes to another person's request by the page for admins, which says so. */
static void redirect_to_admin(struct page_request *p, struct uuid id)
{
    char text[UUID_TEXT_BYTES], target[64];
    uuid_format(id, text);
    (void)snprintf(target, sizeof target, "/admin/requests/%s", text);
    page_redirect(p, 302, str_of(target));
}

static void serve_request(struct page_request *p, const struct request_record *r,
                          const char *space_name, bool as_admin)
{
    bool as_json = str_ends(str_of(path_arg(&p->args, "id")), STR(".json"));
    if (!as_admin && !as_json && r->user_key != p->who.user_key) {
        redirect_to_admin(p, r->id);
        return;
    }
    enum err e = request_look(p, r);
    if (e)
        page_fail(p, e);
    else if (as_json)
        request_download(p, r, space_name);
    else
        show_request(p, r, space_name, as_admin);
}

static void find_request(struct page_request *p, bool as_admin)
{
    char space_name[SPACE_NAME_BYTES];
    struct request_record record = {0};
    enum err e = request_of_path(p, &record, space_name);
    if (e) {
        page_fail(p, e);
        return;
    }
    serve_request(p, &record, space_name, as_admin);
    request_record_release(&record);
}

void page_request(struct page_request *p)
{
    find_request(p, false);
}

void page_admin_request(struct page_request *p)
{
    find_request(p, true);
}

void page_request_cancel(struct page_request *p)
{
    char space_name[SPACE_NAME_BYTES], id[UUID_TEXT_BYTES], target[64];
    struct request_record record = {0};
    enum err e = request_of_path(p, &record, space_name);
    if (e) {
        page_fail(p, e);
        return;
    }
    bool own = record.user_key == p->who.user_key;
    struct command *c = page_command(p, CMD_CANCEL);
    c->id = record.id;
    uuid_format(record.id, id);
    request_record_release(&record);
    e = page_do(p, c, NULL);
    /* The core knows only what is unfinished. */
    if (e && e != ERR_ALREADY_FINAL && e != ERR_NOT_FOUND) {
        page_fail(p, e);
        return;
    }
    flash_set(p, !e, e ? "too_late" : "request_cancelled");
    (void)snprintf(target, sizeof target, "%s/requests/%s", own ? "" : "/admin", id);
    page_redirect(p, 302, str_of(target));
}
