#include "web/space_views.h"

#include "base/alloc.h"
#include "codec/json.h"

#include <stdlib.h>
#include <string.h>

static int by_id(const void *a, const void *b)
{
    const struct space_view *x = a, *y = b;
    return memcmp(x->space_id.b, y->space_id.b, sizeof x->space_id.b);
}

void live_spaces_ask(struct page_request *p, struct live_spaces *live)
{
    struct command *c = page_command(p, CMD_QUERY_SPACES);
    live->known = !page_ask(p, c, PAGE_CALL_MS, &live->reply);
    if (live->known && live->reply.count > 1)
        qsort(live->reply.spaces, live->reply.count, sizeof *live->reply.spaces, by_id);
}

void live_spaces_release(struct live_spaces *live)
{
    reply_release(&live->reply);
}

const struct space_view *live_space(const struct live_spaces *live, struct uuid id)
{
    const struct space_view wanted = {.space_id = id};
    if (!live->known || live->reply.count == 0)
        return NULL;
    return bsearch(&wanted, live->reply.spaces, live->reply.count, sizeof wanted, by_id);
}

void view_state(struct json_t *object, const struct space_view *state)
{
    if (!state) {
        json_put_null(object, "state");
        return;
    }
    struct json_t *j = json_put(object, "state", json_object_new());
    json_put_bool(j, "connected", state->connected);
    json_put_bool(j, "draining", state->draining);
    json_put_int(j, "apps", state->apps);
    json_put_int(j, "slots", state->slots);
    json_put_int(j, "slots_free", state->slots_free);
    json_put_int(j, "queue_length", state->queue_length);
}

void view_space(struct json_t *object, const struct space_record *s)
{
    char id[UUID_TEXT_BYTES];
    uuid_format(s->id, id);
    json_put_text(object, "id", id);
    json_put_text(object, "name", s->name);
    view_url(object, "url", "/spaces/", str_of(s->name));
    view_url(object, "edit_url", "/admin/space/edit/", str_of(id));
    json_put_text(object, "description", s->description);
    json_put_text(object, "cover", s->cover);
    json_put_bool(object, "takes_prompt", s->inputs & INPUT_PROMPT);
    json_put_bool(object, "takes_audio", s->inputs & INPUT_AUDIO);
    json_put_bool(object, "takes_video", s->inputs & INPUT_VIDEO);
    json_put_bool(object, "takes_files", s->inputs & INPUT_FILE);
    json_put_bool(object, "queue_offline", s->queue_offline);
}

/* In double quotes a POSIX shell still looks at these four. */
static void append_quoted(struct buf *b, const char *s)
{
    buf_putc(b, '"');
    for (; *s; s++) {
        if (*s == '"' || *s == '\\' || *s == '$' || *s == '`')
            buf_putc(b, '\\');
        buf_putc(b, *s);
    }
    buf_putc(b, '"');
}

void view_command(struct page_request *p, struct json_t *object, const char *key, const char *space,
                  struct str token)
{
    struct buf command = BUF_INIT(16384);
    buf_printf(&command, "mock-app --host %.*s --space ", STR_ARG(p->origin));
    append_quoted(&command, space);
    buf_printf(&command, " --token %.*s", STR_ARG(token));
    json_put_str(object, key, buf_str(&command));
    buf_release(&command);
}

static void visit_name(void *ctx, const struct space_record *s)
{
    struct space_names *n = ctx;
    if (n->count == n->cap) {
        n->cap = n->cap ? 2 * n->cap : 16;
        n->list = xrealloc(n->list, n->cap, sizeof *n->list);
    }
    struct space_name *name = &n->list[n->count++];
    name->key = uuid_key(s->id);
    name->id = s->id;
    memcpy(name->name, s->name, sizeof name->name);
}

enum err space_names_read(struct page_request *p, struct space_names *out)
{
    struct reader *reader = page_reader(p);
    *out = (struct space_names){0};
    return reader ? reader_spaces(reader, visit_name, out) : ERR_STORE_UNAVAILABLE;
}

void space_names_release(struct space_names *n)
{
    free(n->list);
    *n = (struct space_names){0};
}

const struct space_name *space_names_by_key(const struct space_names *n, int64_t key)
{
    for (size_t i = 0; i < n->count; i++)
        if (n->list[i].key == key)
            return &n->list[i];
    return NULL;
}

const struct space_name *space_names_by_name(const struct space_names *n, struct str name)
{
    for (size_t i = 0; i < n->count; i++)
        if (str_eq(str_of(n->list[i].name), name))
            return &n->list[i];
    return NULL;
}

enum err space_of_path(struct page_request *p, struct space_record *out)
{
    struct reader *reader = page_reader(p);
    struct uuid id;
    if (!reader)
        return ERR_STORE_UNAVAILABLE;
    const char *name = path_arg(&p->args, "name");
    if (*name)
        return reader_space_by_name(reader, str_of(name), out);
    if (page_id(p, "id", &id))
        return ERR_NOT_FOUND;
    enum err e = reader_space(reader, id, out);
    return !e && out->removed_ms ? ERR_NOT_FOUND : e;
}
