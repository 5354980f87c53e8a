/* What the tests of the native protocol share. */
#ifndef TESTS_CODEC_NATIVE_SUPPORT_H
#define TESTS_CODEC_NATIVE_SUPPORT_H

#include "codec/native.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ID "0190a0b0-1234-7abc-8def-0123456789ab"
static const struct uuid id = {{0x01, 0x90, 0xa0, 0xb0, 0x12, 0x34, 0x7a, 0xbc, 0x8d, 0xef, 0x01,
                                0x23, 0x45, 0x67, 0x89, 0xab}};
#define LEASE "\"request_id\":\"" ID "\",\"attempt\":3"

static struct limits limits;
static struct native_decoder decoder;

static inline int start(void **state)
{
    (void)state;
    limits_default(&limits);
    native_init(&decoder, &limits);
    return 0;
}

static inline int stop(void **state)
{
    (void)state;
    native_release(&decoder);
    return 0;
}

static inline void assert_str(struct str s, const char *expected)
{
    if (!str_eq(s, str_of(expected)))
        fail_msg("%.*s is not %s", STR_ARG(s), expected);
}

struct refusal {
    const char *text;
    enum err error;
    const char *why; /* NULL: any */
};

static inline void assert_refused(const struct refusal *r, enum err e)
{
    if (e != r->error || (r->why && strcmp(decoder.why, r->why) != 0))
        fail_msg("%s: %s, %s", r->text, err_code(e), decoder.why);
    assert_true(decoder.why[0] != '\0');
}

/* {"type":<head> ... "name":<open><n times fill><close>} */
static inline struct str padded(struct buf *b, const char *head, const char *open, const char *fill,
                                size_t n, const char *close)
{
    buf_clear(b);
    buf_puts(b, head);
    buf_puts(b, open);
    for (size_t i = 0; i < n; i++)
        buf_puts(b, fill);
    buf_puts(b, close);
    return buf_str(b);
}

#endif
