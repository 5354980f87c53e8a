/* Calls of OpenAI's API: a payload made from one is JSON that has what the app needs. The same
 * bytes as a result: every answer and chunk made from it is JSON. The first byte picks the
 * endpoint. */
#include "fuzz.h"

#include "codec/json_scan.h"
#include "codec/openai.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define DATA "data: "

static void assert_json(struct str text)
{
    struct json_scan scan;
    enum err e = json_scan(text, 70, false, &scan);
    assert(e == OK && scan.kind == JSON_OBJECT);
}

static void read_call(uint32_t endpoint, struct str body, const struct limits *limits)
{
    struct buf payload = BUF_INIT(limits->payload_bytes), strings = BUF_INIT(16384);
    struct openai_call call;
    struct json_scan scan;
    const char *param;
    char why[200];
    enum err e = openai_read(body, endpoint, limits, &call, &payload, &strings, why, &param);
    assert(param && memchr(why, 0, sizeof why));
    if (e) {
        assert(why[0] || e == ERR_MEMORY || e == ERR_TOO_LARGE);
    } else {
        e = json_scan(buf_str(&payload), 64, false, &scan);
        assert(e == OK && scan.kind == JSON_OBJECT);
        e = json_scan(buf_str(&payload), 64, true, &scan);
        assert(e || json_scan_member(&scan, STR("endpoint")));
        assert(e || !json_scan_member(&scan, STR("model")));
        assert(e || endpoint == ENDPOINT_EMBEDDINGS || json_scan_member(&scan, STR("prompt")));
    }
    buf_release(&payload);
    buf_release(&strings);
}

/* Each event is an object or [DONE], which is the last. */
static void assert_events(struct str events)
{
    const char *p = events.p, *end = p + events.n;
    while (p < end) {
        const char *stop = memmem(p, (size_t)(end - p), "\n\n", 2);
        assert(stop && stop - p > 6 && memcmp(p, DATA, 6) == 0);
        struct str data = str_slice(p + 6, (size_t)(stop - p) - 6);
        p = stop + 2;
        if (str_eq(data, STR("[DONE]")))
            assert(p == end);
        else
            assert_json(data);
    }
}

static void write_result(uint32_t endpoint, struct str result, struct str sent)
{
    struct openai_call call = {.endpoint = endpoint, .include_usage = true, .model = STR("m")};
    struct openai_answer a = {.call = &call};
    struct buf b = BUF_INIT(SIZE_MAX), code = BUF_INIT(SIZE_MAX), message = BUF_INIT(SIZE_MAX);
    openai_write(&b, &a, sent, result, STR(""));
    assert_json(buf_str(&b));
    buf_clear(&b);
    openai_chunk_end(&b, &a, sent, result, result);
    assert_events(buf_str(&b));
    buf_clear(&b);
    openai_error_parts(result, &code, &message);
    openai_error(&b, buf_str(&code), buf_str(&message), NULL);
    assert_json(buf_str(&b));
    buf_release(&b);
    buf_release(&code);
    buf_release(&message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t endpoints[] = {ENDPOINT_CHAT, ENDPOINT_COMPLETIONS, ENDPOINT_EMBEDDINGS};
    static struct limits limits;
    struct json_scan scan;
    if (!size)
        return 0;
    limits_default(&limits);
    uint32_t endpoint = endpoints[data[0] % 3];
    struct str text = {(const char *)data + 1, size - 1};
    read_call(endpoint, text, &limits);
    if (json_scan(text, 64, false, &scan) || scan.kind != JSON_OBJECT)
        return 0;
    const char *start = memchr(text.p, '{', text.n); /* results come without blanks around */
    struct str result = str_slice(start, (size_t)(text.p + text.n - start));
    write_result(endpoint, result, STR(""));
    write_result(endpoint, result, STR("a"));
    return 0;
}
