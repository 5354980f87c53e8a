/* Every allocation of ws, http, form and openai fails in turn. */
#include "codec/form.h"
#include "codec/http.h"
#include "codec/openai.h"
#include "codec/ws.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CAN_FAIL 0 /* the sanitizer has an allocator of its own */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CAN_FAIL 0
#endif
#endif
#ifndef CAN_FAIL
#define CAN_FAIL 1
#endif

static unsigned allocations_left = UINT32_MAX; /* then they fail */
static long blocks;                            /* that are not freed yet */

#if CAN_FAIL
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t count, size_t n);
void *__libc_realloc(void *p, size_t n);
void __libc_free(void *p);

static bool may_allocate(void)
{
    if (allocations_left == UINT32_MAX)
        return true;
    return allocations_left > 0 && allocations_left-- > 0;
}

static void *counted(void *p)
{
    blocks += p != NULL;
    return p;
}

void *malloc(size_t n)
{
    return may_allocate() ? counted(__libc_malloc(n)) : NULL;
}

void *calloc(size_t count, size_t n)
{
    return may_allocate() ? counted(__libc_calloc(count, n)) : NULL;
}

void *realloc(void *p, size_t n)
{
    if (!may_allocate())
        return NULL;
    blocks -= p != NULL;
    return counted(__libc_realloc(p, n));
}

void free(void *p)
{
    blocks -= p != NULL;
    __libc_free(p);
}
#endif

typedef enum err work_fn(void);

/* Returns how often the work failed for want of memory before it succeeded. */
static unsigned failures_of(work_fn *work)
{
    for (unsigned n = 0;; n++) {
        long before = blocks;
        allocations_left = n;
        enum err e = work();
        allocations_left = UINT32_MAX;
        assert_int_equal(blocks, before);
        if (e == OK)
            return n;
        assert_int_equal(e, ERR_MEMORY);
    }
}

static enum err decode(void)
{
    struct str in = STR("\x01\x03one\x89\x01p\x80\x03two");
    struct ws_decoder d;
    struct ws_message m;
    ws_init(&d, WS_CLIENT, (struct ws_limits){100, 10});
    enum err e = ws_next(&d, &in, &m);
    if (!e)
        e = ws_next(&d, &in, &m);
    if (e)
        assert_int_equal(d.fail_code, 0);
    else
        assert_true(str_eq(m.data, STR("onetwo")));
    ws_release(&d);
    return e;
}

static enum err encode(void)
{
    struct buf out = BUF_INIT(SIZE_MAX);
    enum err e = ws_encode(&out, WS_TEXT, STR("text"), NULL);
    assert_int_equal(out.len, e ? 0 : 6);
    struct bytes *frame = e ? NULL : ws_frame(WS_TEXT, STR("text"));
    if (!e && !frame)
        e = ERR_MEMORY;
    bytes_unref(frame);
    buf_release(&out);
    return e;
}

static enum err parse_head(void)
{
    static const struct http_limits limits = {1000, 1000, 10, 1000};
    struct http_head h = {.minor = 7};
    size_t used = 7;
    unsigned status = 0;
    const char *why = NULL;
    enum err e = http_parse_request(STR("GET /%41 HTTP/1.1\r\nHost: h\r\n\r\n"), &limits, &h, &used,
                                    &status, &why);
    if (e) {
        assert_true(h.minor == 7 && used == 7);
        assert_int_equal(status, 503);
        assert_non_null(why);
        return e;
    }
    assert_true(str_eq(h.path, STR("/A")));
    http_head_release(&h);
    return OK;
}

static enum err parse_form(void)
{
    struct form f;
    enum err e = form_parse(&f, STR("a=b"));
    assert_int_equal(f.count, e ? 0 : 1);
    form_release(&f);
    return e;
}

static enum err read_call(void)
{
    struct buf payload = BUF_INIT(1000), strings = BUF_INIT(100);
    struct limits limits;
    struct openai_call call;
    const char *param;
    char why[200];
    limits_default(&limits);
    enum err e = openai_read(STR("{\"model\":\"a\\nb\",\"messages\":[],\"temperature\":0.7}"),
                             ENDPOINT_CHAT, &limits, &call, &payload, &strings, why, &param);
    if (!e)
        assert_true(str_eq(call.model, STR("a\nb")) && payload.len > 0);
    buf_release(&payload);
    buf_release(&strings);
    return e;
}

/* What cannot be written whole is marked in its buffer. */
static enum err write_answer(void)
{
    struct openai_call call = {.endpoint = ENDPOINT_CHAT, .model = STR("m")};
    struct openai_answer a = {.call = &call};
    struct str result = STR("{\"text_output\":\"a\\nb\"}");
    struct buf b = BUF_INIT(10000);
    openai_chunk_end(&b, &a, STR("a"), result, STR(""));
    openai_write(&b, &a, STR("a"), result, STR(""));
    enum err e = b.failed;
    buf_release(&b);
    return e;
}

static void running_out_of_memory_is_an_error_and_leaks_nothing(void **state)
{
    (void)state;
    assert_int_equal(failures_of(decode), CAN_FAIL ? 2 : 0);
    assert_int_equal(failures_of(encode), CAN_FAIL ? 2 : 0);
    assert_int_equal(failures_of(parse_head), CAN_FAIL ? 2 : 0);
    assert_int_equal(failures_of(parse_form), CAN_FAIL ? 1 : 0);
    assert_int_equal(failures_of(read_call), CAN_FAIL ? 3 : 0);
    assert_in_range(failures_of(write_answer), CAN_FAIL ? 3 : 0, 9);
}

/* The input that could not be stored was not taken: it can be offered again. */
static void a_body_for_which_there_is_no_memory_stays_where_it_is(void **state)
{
    (void)state;
    struct http_head h = {.framing = HTTP_LENGTH, .length = 5};
    struct http_body b;
    struct buf out = BUF_INIT(SIZE_MAX);
    struct str in = STR("hello");
    http_body_init(&b, &h, 5);
    allocations_left = 0;
    enum err e = http_body_feed(&b, &in, &out);
    allocations_left = UINT32_MAX;
    assert_int_equal(e, CAN_FAIL ? ERR_MEMORY : OK);
    assert_int_equal(in.n, CAN_FAIL ? 5 : 0);
    buf_clear(&out);
    assert_int_equal(http_body_feed(&b, &in, &out), OK);
    assert_int_equal(in.n, 0);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(running_out_of_memory_is_an_error_and_leaks_nothing),
        cmocka_unit_test(a_body_for_which_there_is_no_memory_stays_where_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
