/* A form's fields are text, and encoding them again gives the same fields. A submit of the old site
 * is refused, or a payload that is JSON. */
#include "codec/form.h"
#include "codec/json_scan.h"
#include "codec/old_http.h"

#include "fuzz.h"

#include <assert.h>

static void encode_text(struct buf *out, struct str text, bool plus)
{
    for (size_t i = 0; i < text.n; i++)
        if (plus && text.p[i] == ' ')
            buf_putc(out, '+');
        else
            buf_uri(out, str_slice(text.p + i, 1));
}

static void encode(struct buf *out, const struct form *f, bool plus)
{
    for (size_t i = 0; i < f->count; i++) {
        buf_putc(out, '&');
        encode_text(out, f->fields[i].name, plus);
        buf_putc(out, '=');
        encode_text(out, f->fields[i].value, plus);
    }
}

static void assert_same(const struct form *a, const struct form *b)
{
    assert(a->count == b->count);
    for (size_t i = 0; i < a->count; i++) {
        assert(str_eq(a->fields[i].name, b->fields[i].name));
        assert(str_eq(a->fields[i].value, b->fields[i].value));
    }
}

static void assert_text(struct str s)
{
    assert(utf8_valid(s.p, s.n) && str_find(s, '\0') == s.n);
}

static bool holds(const struct json_scan *payload, struct str key)
{
    const struct json_member *m = json_scan_member(payload, key);
    return m && m->kind == JSON_STRING && m->value.n > 2;
}

static void check_submit(struct str body)
{
    struct buf payload = BUF_INIT(10000);
    struct json_scan scan;
    uint32_t inputs = 0;
    enum err e = old_submit_read(STR("application/x-www-form-urlencoded"), body, &payload, &inputs);
    assert(e == OK || e == ERR_BAD_MESSAGE || e == ERR_INPUT_REFUSED || e == ERR_TOO_LARGE);
    if (!e) {
        assert(json_scan(buf_str(&payload), 2, true, &scan) == OK && scan.kind == JSON_OBJECT);
        assert(holds(&scan, STR("prompt")) == ((inputs & INPUT_PROMPT) != 0));
        assert(holds(&scan, STR("audio")) == ((inputs & INPUT_AUDIO) != 0));
    }
    buf_release(&payload);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct form f, again;
    check_submit(str_slice((const char *)data, size));
    enum err e = form_parse(&f, str_slice((const char *)data, size));
    assert(e == OK || e == ERR_SYNTAX);
    for (size_t i = 0; i < f.count; i++) {
        assert_text(f.fields[i].name);
        assert_text(f.fields[i].value);
        assert(form_get(&f, f.fields[i].name));
    }
    for (int plus = 0; plus < 2 && e == OK; plus++) {
        struct buf body = BUF_INIT(SIZE_MAX);
        encode(&body, &f, plus);
        assert(form_parse(&again, buf_str(&body)) == OK);
        assert_same(&f, &again);
        form_release(&again);
        buf_release(&body);
    }
    form_release(&f);
    return 0;
}
