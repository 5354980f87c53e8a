/* What watchers see: topics, their states and events. */
#include "codec/native_view.h"
#include "codec/native_write.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

void topic_format(struct topic_id t, char out[TOPIC_TEXT_BYTES])
{
    static const char *const names[] = {[TOPIC_SPACE] = "space:",
                                        [TOPIC_REQUEST] = "request:",
                                        [TOPIC_SPACES] = "spaces",
                                        [TOPIC_ADMIN] = "admin"};
    size_t n = strlen(names[t.kind]);
    memcpy(out, names[t.kind], n + 1);
    if (t.kind == TOPIC_SPACE || t.kind == TOPIC_REQUEST)
        uuid_format(t.id, out + n);
}
_Static_assert(TOPIC_TEXT_BYTES >= sizeof "request:" - 1 + UUID_TEXT_BYTES, "the longest topic");

bool topic_parse(struct str s, struct topic_id *out)
{
    struct topic_id t = {.kind = TOPIC_SPACE};
    struct str kind, id;
    if (!str_split(s, ':', &kind, &id)) {
        t.kind = str_eq(s, STR("admin")) ? TOPIC_ADMIN : TOPIC_SPACES;
        if (t.kind == TOPIC_SPACES && !str_eq(s, STR("spaces")))
            return false;
        *out = t;
        return true;
    }
    if (str_eq(kind, STR("request")))
        t.kind = TOPIC_REQUEST;
    else if (!str_eq(kind, STR("space")))
        return false;
    if (uuid_parse(id, &t.id))
        return false;
    *out = t;
    return true;
}

void put_space(struct buf *b, const struct space_view *s)
{
    put_id(b, "{\"space_id\":", s->space_id);
    put_string(b, ",\"name\":", str_of(s->name));
    put_bool(b, ",\"connected\":", s->connected);
    put_number(b, ",\"apps\":", s->apps);
    put_number(b, ",\"slots\":", s->slots);
    put_number(b, ",\"slots_free\":", s->slots_free);
    put_number(b, ",\"queue_length\":", s->queue_length);
    put_bool(b, ",\"draining\":", s->draining);
    if (s->removed)
        put_bool(b, ",\"removed\":", true);
    buf_putc(b, '}');
}

void put_admin(struct buf *b, const struct admin_view *a)
{
    put_number(b, "{\"spaces\":", a->spaces);
    put_number(b, ",\"apps\":", a->apps);
    put_number(b, ",\"people\":", a->people);
    put_number(b, ",\"queued\":", a->queued);
    put_number(b, ",\"processing\":", a->processing);
    put_number(b, ",\"requests_per_minute\":", a->requests_per_minute);
    put_number(b, ",\"p50_ms\":", a->p50_ms);
    put_number(b, ",\"p99_ms\":", a->p99_ms);
    put_number(b, ",\"failed_per_minute\":", a->failed_per_minute);
    buf_putc(b, '}');
}

static void put_status(struct buf *b, const char *before, const struct request_view *v)
{
    put_string(b, before, str_of(request_status_name(v->status)));
}

static void put_attempt(struct buf *b, const char *before, const struct request_view *v)
{
    put_number(b, before, v->attempt);
}

static void put_text(struct buf *b, const char *before, const struct request_view *v)
{
    put_string(b, before, v->text);
}

static void put_position(struct buf *b, const char *before, const struct request_view *v)
{
    put_number(b, before, v->position);
}

static void put_eta(struct buf *b, const char *before, const struct request_view *v)
{
    put_seconds(b, before, v->eta_ms, 1);
}

static void put_reason(struct buf *b, const char *before, const struct request_view *v)
{
    put_string(b, before, v->reason);
}

static void put_progress(struct buf *b, const char *before, const struct request_view *v)
{
    put_percent(b, before, v->percent);
}

static void put_message(struct buf *b, const char *before, const struct request_view *v)
{
    put_string(b, before, v->message);
}

static void put_step(struct buf *b, const char *before, const struct request_view *v)
{
    put_number(b, before, v->step);
}

static void put_steps(struct buf *b, const char *before, const struct request_view *v)
{
    put_number(b, before, v->steps);
}

static void put_result(struct buf *b, const char *before, const struct request_view *v)
{
    put_raw(b, before, v->result);
}

static void put_error(struct buf *b, const char *before, const struct request_view *v)
{
    buf_puts(b, before);
    put_string(b, "{\"code\":", v->error_code);
    put_string(b, ",\"message\":", v->error_message);
    buf_putc(b, '}');
}

static void put_usage(struct buf *b, const char *before, const struct request_view *v)
{
    put_raw(b, before, v->usage);
}

static void put_started(struct buf *b, const char *before, const struct request_view *v)
{
    put_time(b, before, v->started_ms);
}

static void put_finished(struct buf *b, const char *before, const struct request_view *v)
{
    put_time(b, before, v->finished_ms);
}

static const struct {
    unsigned bit;
    const char *before;
    void (*put)(struct buf *b, const char *before, const struct request_view *v);
} view_fields[] = {
    {VIEW_STATUS, ",\"status\":", put_status},
    {VIEW_ATTEMPT, ",\"attempt\":", put_attempt},
    {VIEW_TEXT, ",\"text\":", put_text},
    {VIEW_POSITION, ",\"position\":", put_position},
    {VIEW_ETA, ",\"eta_s\":", put_eta},
    {VIEW_REASON, ",\"reason\":", put_reason},
    {VIEW_PERCENT, ",\"percent\":", put_progress},
    {VIEW_MESSAGE, ",\"message\":", put_message},
    {VIEW_STEP, ",\"step\":", put_step},
    {VIEW_STEPS, ",\"steps\":", put_steps},
    {VIEW_RESULT, ",\"result\":", put_result},
    {VIEW_ERROR, ",\"error\":", put_error},
    {VIEW_USAGE, ",\"usage\":", put_usage},
    {VIEW_STARTED, ",\"started_at\":", put_started},
    {VIEW_FINISHED, ",\"finished_at\":", put_finished},
};

/* Every field with a comma before it. */
static void put_fields(struct buf *b, const struct request_view *v, unsigned gone)
{
    for (size_t i = 0; i < COUNT(view_fields); i++) {
        if (v->fields & view_fields[i].bit)
            view_fields[i].put(b, view_fields[i].before, v);
        else if (gone & view_fields[i].bit)
            put_raw(b, view_fields[i].before, STR("null"));
    }
}

void put_request(struct buf *b, const struct request_view *v)
{
    put_id(b, "{\"request_id\":", v->request_id);
    if (v->fields & VIEW_IDENTITY) {
        put_string(b, ",\"space\":", v->space);
        put_time(b, ",\"created_at\":", v->created_ms);
    }
    put_fields(b, v, 0);
    buf_putc(b, '}');
}

enum err native_encode_request(struct buf *b, const struct request_view *v)
{
    put_request(b, v);
    return b->failed;
}

static void put_change(struct buf *b, const char *start, const struct request_view *v)
{
    buf_puts(b, start);
    put_fields(b, v, v->gone);
    buf_putc(b, '}');
}

static void put_delta(struct buf *b, const struct request_view *v)
{
    put_string(b, "{\"kind\":\"delta\",\"text\":", v->text);
    buf_putc(b, '}');
}

static void put_event(struct buf *b, const struct topic_event *e)
{
    switch (e->kind) {
    case PUBLISH_SPACE:
        put_space(b, e->space);
        break;
    case PUBLISH_STATE:
        put_change(b, "{\"kind\":\"state\"", e->request);
        break;
    case PUBLISH_PROGRESS:
        put_change(b, "{\"kind\":\"progress\"", e->request);
        break;
    case PUBLISH_DELTA:
        put_delta(b, e->request);
        break;
    case PUBLISH_FINAL:
        put_change(b, "{\"kind\":\"final\"", e->request);
        break;
    case PUBLISH_ADMIN:
        put_admin(b, e->admin);
        break;
    case PUBLISH__MAX:
        break;
    }
}

enum err native_encode_event(struct buf *b, struct topic_id topic, uint64_t seq,
                             const struct topic_event *e)
{
    char name[TOPIC_TEXT_BYTES];
    topic_format(topic, name);
    put_string(b, "{\"type\":\"event\",\"topic\":", str_of(name));
    put_number(b, ",\"seq\":", seq);
    buf_puts(b, ",\"event\":");
    put_event(b, e);
    buf_putc(b, '}');
    return b->failed;
}
