/* Input: a page, NUL, the partial `p`, NUL, the partial `q`. The view is fixed. */
#include "codec/template.h"

#include "codec/json.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SECTIONS_MAX 10 /* each may double the work: the view's lists have two items */

struct partials {
    struct str p, q;
};

static bool find_partial(void *ctx, struct str name, struct str *text)
{
    const struct partials *partials = ctx;
    *text = str_eq(name, STR("p")) ? partials->p : partials->q;
    return str_eq(name, STR("p")) || str_eq(name, STR("q"));
}

static struct json_t *view(void)
{
    static const char text[] = "{\"s\":\"<b>&amp;\xc3\xa9\",\"e\":\"\",\"t\":true,\"f\":false,"
                               "\"n\":null,\"i\":0,\"r\":1.5,"
                               "\"l\":[{\"x\":1,\"l\":[1,2]},{\"x\":\"y\",\"l\":[]}],\"m\":[],"
                               "\"o\":{\"a\":{\"b\":{\"c\":\"deep\"}}}}";
    static struct json_t *j;
    if (!j) {
        enum err e = json_parse(str_of(text), &j, NULL);
        assert(e == OK);
    }
    return j;
}

static size_t sections(struct str text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == '#' || text.p[i] == '>';
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str all = {(const char *)data, size}, page, rest;
    struct partials partials;
    if (sections(all) > SECTIONS_MAX)
        return 0;
    (void)str_split(all, '\0', &page, &rest);
    (void)str_split(rest, '\0', &partials.p, &partials.q);
    struct buf out = BUF_INIT(65536), why = BUF_INIT(SIZE_MAX);
    enum err e = template_render(page, view(), find_partial, &partials, &out, &why);
    assert(e == OK || e == ERR_SYNTAX || e == ERR_NOT_FOUND || e == ERR_TOO_LARGE);
    assert((e == OK) == (why.len == 0));
    if (!e && utf8_valid(data, size))
        assert(utf8_valid(buf_str(&out).p, out.len));
    if (!e && !(page.n > 0 && memmem(page.p, page.n, "{{", 2)))
        assert(str_eq(buf_str(&out), page));
    buf_release(&out);
    buf_release(&why);
    return 0;
}
