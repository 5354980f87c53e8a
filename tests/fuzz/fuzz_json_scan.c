/* What json_scan says about members holds: each is a valid text of its kind, steps agree with it,
 * strings unescape. */
#include "codec/json_walk.h"

#include "base/buf.h"
#include "codec/json_text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum err scan_exact(struct str text, struct json_scan *out)
{
    char *copy = malloc(text.n ? text.n : 1); /* reading past the end must be seen */
    assert(copy);
    if (text.n)
        memcpy(copy, text.p, text.n);
    enum err e = json_scan(str_slice(copy, text.n), 64, false, out);
    free(copy);
    return e;
}

static void check_string(struct str value)
{
    struct buf b = BUF_INIT(SIZE_MAX);
    enum err e = json_unescape(value, &b);
    assert(e == OK || (e == ERR_BAD_JSON && b.len == 0)); /* a NUL */
    if (!e) {
        struct buf again = BUF_INIT(SIZE_MAX), round = BUF_INIT(SIZE_MAX);
        assert(b.len <= value.n - 2 && utf8_valid(buf_str(&b).p, b.len));
        e = buf_json_string(&again, buf_str(&b));
        assert(e == OK);
        e = json_unescape(buf_str(&again), &round);
        assert(e == OK && str_eq(buf_str(&b), buf_str(&round)));
        buf_release(&again);
        buf_release(&round);
    }
    buf_release(&b);
}

static void check_member(const struct json_scan *scan, const struct json_member *m)
{
    struct json_scan alone;
    enum err e = scan_exact(m->value, &alone);
    assert(e == OK && alone.kind == m->kind);
    if (m->kind == JSON_STRING)
        check_string(m->value);
    struct str quoted = str_slice(m->key.p - 1, m->key.n + 2);
    struct buf key = BUF_INIT(SIZE_MAX);
    if (!json_unescape(quoted, &key))
        assert(json_scan_member(scan, buf_str(&key)) == m);
    buf_release(&key);
}

static void check_steps(struct str container, const struct json_scan *scan)
{
    struct json_walk w;
    struct json_member m;
    size_t n = 0;
    json_walk_start(&w, container);
    for (; json_walk_next(&w, &m); n++) {
        struct json_scan alone;
        enum err e = scan_exact(m.value, &alone);
        assert(e == OK && alone.kind == m.kind);
        if (scan->kind == JSON_OBJECT)
            assert(n < scan->count && m.value.p == scan->members[n].value.p &&
                   m.value.n == scan->members[n].value.n && m.key.p == scan->members[n].key.p &&
                   m.key.n == scan->members[n].key.n);
    }
    assert(scan->kind == JSON_ARRAY || n == scan->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct json_scan with, without;
    struct str text = {(const char *)data, size};
    enum err e = json_scan(text, 64, true, &with), same = json_scan(text, 64, false, &without);
    assert((e == OK) == (with.why == NULL) && with.error_at <= size);
    assert(e == same || (e == ERR_BAD_JSON && with.count == JSON_MEMBERS_MAX));
    if (e)
        return 0;
    for (size_t i = 0; i < with.count; i++)
        check_member(&with, &with.members[i]);
    const char *start = text.p;
    while (strchr(" \t\r\n", *start))
        start++;
    if (with.kind == JSON_OBJECT || with.kind == JSON_ARRAY)
        check_steps(str_slice(start, size), &with);
    return 0;
}
