#include "codec/json.h"
#include "codec/json_scan.h"
#include "web/pages.h"
#include "web/request_views.h"

#include <stdio.h>
#include <stdlib.h>

#define JSON_DEPTH      64
#define SHOWN_MAX       (1024 * 1024) /* of a text; the rest is in the download */
#define SHOWN_FIELD_MAX (16 * 1024)

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

static void add_field(struct page_request *p, struct json_t *list, const struct json_member *m)
{
    struct json_t *field = json_add(list, json_object_new());
    struct buf key = BUF_INIT(m->key.n + 1);
    struct str name = m->key;
    if (!json_unescape(str_slice(m->key.p - 1, m->key.n + 2), &key)) /* with its quotes */
        name = buf_str(&key);
    json_put_str(field, "label", page_text_or(p, "fields", name, name));
    put_value(field, "value", m, SHOWN_FIELD_MAX);
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

static void put_time_or_empty(struct json_t *object, const char *key, int64_t wall_ms)
{
    if (wall_ms)
        json_put_time(object, key, wall_ms);
    else
        json_put_text(object, key, "");
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
    put_time_or_empty(object, "started_at", r->started_ms);
    put_time_or_empty(object, "finished_at", r->finished_ms);
    json_put_text(object, "prompt", "");
    struct json_t *inputs = json_put(object, "inputs", json_array_new());
    add_members(p, inputs, bytes_str(r->payload), "prompt", object, "prompt");
    put_cut(object, "text", bytes_str(r->text), SHOWN_MAX);
    json_put_text(object, "output", "");
    json_put_bool(object, "has_result", r->result || r->usage);
    struct json_t *fields = json_put(object, "fields", json_array_new());
    add_members(p, fields, bytes_str(r->result), "text_output", object, "output");
    add_members(p, fields, bytes_str(r->usage), NULL, NULL, NULL);
    put_cut(object, "error_message", bytes_str(r->error_message), SHOWN_FIELD_MAX);
    json_put_bool(object, "again", !unfinished && space_url.n > 0);
}

struct attempts {
    struct page_request *p;
    struct json_t *list;
};

static void visit_attempt(void *ctx, const struct attempt_record *a)
{
    struct attempts *attempts = ctx;
    struct json_t *object = json_add(attempts->list, json_object_new());
    struct str outcome = str_of(a->outcome);
    json_put_int(object, "attempt", a->attempt);
    json_put_text(object, "app", a->app);
    put_time_or_empty(object, "started_at", a->started_ms);
    put_time_or_empty(object, "ended_at", a->ended_ms);
    json_put_str(object, "outcome", outcome);
    json_put_str(object, "outcome_text",
                 outcome.n ? page_text_or(attempts->p, "outcomes", outcome, outcome)
                           : page_text(attempts->p, "status.processing"));
    if (a->ended_ms)
        view_duration(object, "duration", a->ended_ms - a->started_ms);
    else
        json_put_text(object, "duration", "");
}

static enum err fill(struct page_request *p, struct json_t *view, const struct request_record *r,
                     const char *space_name)
{
    struct space_names names;
    struct request_row row = row_of(r, space_name);
    struct attempts attempts = {.p = p};
    enum err e = space_names_read(p, &names);
    if (!e) {
        struct json_t *object = json_put(view, "request", json_object_new());
        view_request(p, object, &row, &names);
        put_request(p, object, r);
        attempts.list = json_put(view, "attempts", json_array_new());
        e = reader_attempts(page_reader(p), r->id, visit_attempt, &attempts);
    }
    space_names_release(&names);
    return e;
}

static void show_request(struct page_request *p, const struct request_record *r,
                         const char *space_name)
{
    char id[UUID_TEXT_BYTES];
    uuid_format(r->id, id);
    struct json_t *view = view_new(p, "spaces", PLACE_REQUESTS);
    view_title(p, view, "request", "id", str_slice(id, 8));
    enum err e = fill(p, view, r, space_name);
    if (e) {
        json_free(view);
        page_fail(p, e);
        return;
    }
    page_render(p, 200, "request", view);
}

void page_request(struct page_request *p)
{
    char space_name[SPACE_NAME_BYTES];
    struct request_record record = {0};
    enum err e = request_of_path(p, &record, space_name);
    if (e) {
        page_fail(p, e);
        return;
    }
    if (str_ends(str_of(path_arg(&p->args, "id")), STR(".json")))
        request_download(p, &record, space_name);
    else
        show_request(p, &record, space_name);
    request_record_release(&record);
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
    (void)snprintf(target, sizeof target, "/requests/%s", id);
    page_redirect(p, 302, str_of(target));
}
