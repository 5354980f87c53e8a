#include "bridge/body.h"

#include "codec/json_scan.h"

#define MAX_DEPTH 64

static const struct {
    const char *name, *path;
} endpoints[] = {
    [ENDPOINT_CHAT] = {"chat.completions", "chat/completions"},
    [ENDPOINT_COMPLETIONS] = {"completions", "completions"},
    [ENDPOINT_EMBEDDINGS] = {"embeddings", "embeddings"},
};

const char *body_path(enum endpoint endpoint)
{
    return endpoints[endpoint].path;
}

struct parts {
    struct json_scan scan;
    const struct json_member *endpoint, *messages, *prompt, *input, *audio;
};

/* The member of that name and kind; an empty string counts as absent. */
static const struct json_member *member(const struct json_scan *s, const char *name,
                                        enum json_kind kind)
{
    const struct json_member *m = json_scan_member(s, str_of(name));
    return m && m->kind == kind && !str_eq(m->value, STR("\"\"")) ? m : NULL;
}

static enum err read_endpoint(const struct parts *p, enum endpoint *out, struct buf *why)
{
    struct str name = p->endpoint ? p->endpoint->value : STR("");
    if (!p->endpoint) {
        *out = ENDPOINT_CHAT;
        return OK;
    }
    for (unsigned i = 0; i < ENDPOINT__MAX; i++)
        if (name.n > 2 && str_eq(str_slice(name.p + 1, name.n - 2), str_of(endpoints[i].name))) {
            *out = (enum endpoint)i;
            return OK;
        }
    buf_puts(why, "This app knows no endpoint of that name");
    return ERR_BAD_MESSAGE;
}

/* What stands in for the whole of a request that has only a prompt. */
static void put_prompt(struct buf *out, const struct parts *p)
{
    struct str prompt = p->prompt ? p->prompt->value : STR("\"\"");
    buf_puts(out, ",\"messages\":[{\"role\":\"user\",\"content\":");
    if (!p->audio) {
        buf_str_append(out, prompt);
    } else {
        buf_puts(out, "[{\"type\":\"text\",\"text\":");
        buf_str_append(out, prompt);
        buf_puts(out, "},{\"type\":\"audio_url\",\"audio_url\":{\"url\":");
        buf_str_append(out, p->audio->value);
        buf_puts(out, "}}]");
    }
    buf_puts(out, "}]");
}

static bool is_left_out(const struct parts *p, const struct json_member *m, enum endpoint endpoint)
{
    static const char *const names[] = {"model",    "stream",    "stream_options",
                                        "endpoint", "timestamp", "created_at"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (m == json_scan_member(&p->scan, str_of(names[i])))
            return true;
    if (m == json_scan_member(&p->scan, STR("prompt")))
        return endpoint != ENDPOINT_COMPLETIONS;
    if (m == json_scan_member(&p->scan, STR("messages")))
        return endpoint == ENDPOINT_CHAT && !p->messages;
    return endpoint == ENDPOINT_CHAT && !p->messages && m == p->audio;
}

static void put_members(struct buf *out, const struct parts *p, enum endpoint endpoint)
{
    for (size_t i = 0; i < p->scan.count; i++) {
        const struct json_member *m = &p->scan.members[i];
        if (is_left_out(p, m, endpoint))
            continue;
        buf_puts(out, ",\"");
        buf_str_append(out, m->key);
        buf_puts(out, "\":");
        buf_str_append(out, m->value);
    }
}

static bool asks_something(const struct parts *p, enum endpoint endpoint)
{
    return endpoint != ENDPOINT_CHAT || p->messages || p->prompt || p->audio;
}

static enum err read_parts(struct str payload, struct parts *p, struct buf *why)
{
    if (json_scan(payload, MAX_DEPTH, true, &p->scan) || p->scan.kind != JSON_OBJECT) {
        buf_puts(why, "The request is no JSON object, or has too many members");
        return ERR_BAD_MESSAGE;
    }
    p->endpoint = member(&p->scan, "endpoint", JSON_STRING);
    p->messages = member(&p->scan, "messages", JSON_ARRAY);
    p->prompt = member(&p->scan, "prompt", JSON_STRING);
    p->audio = member(&p->scan, "audio", JSON_STRING);
    p->input = json_scan_member(&p->scan, STR("input"));
    return OK;
}

enum err body_write(struct str payload, const char *model, enum endpoint *endpoint, struct buf *out,
                    struct buf *why)
{
    struct parts p;
    enum err e = read_parts(payload, &p, why);
    if (!e)
        e = read_endpoint(&p, endpoint, why);
    if (!e && !asks_something(&p, *endpoint)) {
        buf_puts(why, "The request holds no prompt");
        e = ERR_BAD_MESSAGE;
    }
    if (e)
        return e;
    buf_puts(out, "{\"model\":");
    buf_json_string(out, str_of(model));
    if (*endpoint != ENDPOINT_EMBEDDINGS)
        buf_puts(out, ",\"stream\":true,\"stream_options\":{\"include_usage\":true}");
    if (*endpoint == ENDPOINT_CHAT && !p.messages)
        put_prompt(out, &p);
    if (*endpoint == ENDPOINT_EMBEDDINGS && !p.input && p.prompt) {
        buf_puts(out, ",\"input\":");
        buf_str_append(out, p.prompt->value);
    }
    put_members(out, &p, *endpoint);
    buf_putc(out, '}');
    return out->failed;
}
