#include "bridge/probe.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "bridge/completion.h"
#include "client/text.h"
#include "codec/json.h"

#include <stdlib.h>

#define PROBE_MS   20000
#define LIST_BYTES (4u << 20)
#define NAMES      20 /* of models, in a sentence */

struct probe {
    struct probe_options options;
    struct http_call *call;
    struct buf body;
};

static bool on_bytes(void *owner, int status, struct str piece)
{
    (void)status;
    struct probe *p = owner;
    return buf_append(&p->body, piece.p, piece.n) == OK;
}

/* "llama3" is "llama3:latest" where models have tags. */
static bool names_model(struct str id, const char *model)
{
    struct str wanted = str_of(model), head, tag;
    if (str_eq(id, wanted))
        return true;
    return str_split(id, ':', &head, &tag) && str_eq(head, wanted) && str_eq(tag, STR("latest"));
}

static bool has_model(const struct json_t *list, const char *model)
{
    struct str id;
    for (size_t i = 0; i < json_count(list); i++)
        if (json_to_str(json_at(json_nth(list, i), "id"), &id) && names_model(id, model))
            return true;
    return false;
}

static void put_models(const struct json_t *list, struct buf *words)
{
    size_t count = json_count(list);
    struct str id;
    for (size_t i = 0; i < count && i < NAMES; i++)
        if (json_to_str(json_at(json_nth(list, i), "id"), &id))
            buf_printf(words, "%s%.*s", i ? ", " : "; it has: ", STR_ARG(id));
    if (count == 0)
        buf_puts(words, "; it has no model at all");
    else if (count > NAMES)
        buf_printf(words, " and %zu more", count - NAMES);
}

static bool find_model(const struct probe *p, const struct json_t *list, struct buf *words)
{
    const char *model = p->options.model;
    bool found = model && has_model(list, model);
    buf_printf(words, "The model server at %s ", p->options.upstream);
    if (found)
        buf_printf(words, "is there and has \"%s\"", model);
    else if (model)
        buf_printf(words, "does not have \"%s\"", model);
    else
        buf_puts(words, "is there");
    if (!found)
        put_models(list, words);
    return found || !model;
}

static bool read_models(const struct probe *p, struct buf *words)
{
    struct json_t *j = NULL;
    bool good = json_parse(buf_str(&p->body), &j, NULL) == OK && json_is_array(json_at(j, "data"));
    if (good)
        good = find_model(p, json_at(j, "data"), words);
    else
        buf_printf(words,
                   "What answers at %s/models is no list of models; is the address that of an "
                   "OpenAI-compatible server, and does it end in /v1?",
                   p->options.upstream);
    json_free(j);
    return good;
}

static void put_refusal(const struct probe *p, int status, struct buf *words)
{
    bool keyed = p->options.key && p->options.key[0];
    bool plain = p->options.plain;
    if (status == 401 || status == 403)
        buf_printf(words, "The server at %s %s (status %d)", p->options.upstream,
                   keyed ? "refuses the key" : "wants a key: --api-key or UPSTREAM_API_KEY",
                   status);
    else if (status == 404)
        buf_printf(words, "There is nothing at %s%s (status 404); %s", p->options.upstream,
                   plain ? "" : "/models",
                   plain ? "is the path right?"
                         : "the address of an OpenAI-compatible server mostly ends in /v1");
    else
        buf_printf(words, "The server at %s is not well (status %d)", p->options.upstream, status);
    struct buf said = BUF_INIT(4096);
    completion_error_words(buf_str(&p->body), &said, NULL);
    if (said.len)
        buf_printf(words, ": %s", buf_cstr(&said));
    buf_release(&said);
}

/* A service for POST may answer GET with 405, 400 or the like: it is there. */
static bool judge(const struct probe *p, const struct http_end *end, struct buf *words)
{
    int status = end->status;
    bool plain = p->options.plain;
    if (end->how != HTTP_ANSWERED) {
        buf_printf(words, "The server at %s cannot be reached: %s", p->options.upstream,
                   end->words);
        return false;
    }
    if (!plain && status >= 200 && status < 300)
        return read_models(p, words);
    if (plain && status != 401 && status != 403 && status != 404 &&
        (status < 500 || status == 501)) {
        buf_printf(words, "The service at %s is there", p->options.upstream);
        return true;
    }
    put_refusal(p, status, words);
    return false;
}

static void on_ended(void *owner, const struct http_end *end)
{
    struct probe *p = owner;
    struct buf words = BUF_INIT(64u * 1024);
    bool good = judge(p, end, &words);
    char *line = str_dup(buf_str(&words));
    text_disarm(line);
    p->options.told(p->options.owner, good, line);
    free(line);
    buf_release(&words);
    probe_free(p);
}

static const struct http_events http_events = {.bytes = on_bytes, .ended = on_ended};

struct probe *probe_new(const struct probe_options *options)
{
    struct probe *p = xcalloc(1, sizeof *p);
    struct buf url = BUF_INIT(64u * 1024);
    p->options = *options;
    p->body = BUF_INIT(LIST_BYTES);
    buf_printf(&url, "%s%s", options->upstream, options->plain ? "" : "/models");
    p->call = http_start(options->http, &(struct http_request){.url = buf_cstr(&url),
                                                               .key = options->key,
                                                               .timeout_ms = PROBE_MS,
                                                               .events = &http_events,
                                                               .owner = p});
    buf_release(&url);
    if (p->call)
        return p;
    probe_free(p);
    return NULL;
}

void probe_free(struct probe *p)
{
    if (!p)
        return;
    http_call_free(p->call);
    buf_release(&p->body);
    free(p);
}
