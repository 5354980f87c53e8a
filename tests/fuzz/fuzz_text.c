/* The small decoders of what strangers write: the first byte chooses one. What is taken is written
 * again and read again, to the same. */
#include "base/clock.h"
#include "base/secret.h"
#include "base/uuid.h"
#include "client/url.h"
#include "codec/http.h"
#include "fuzz.h"
#include "hub/proxy.h"
#include "codec/lang.h"
#include "web/path.h"

#include <assert.h>
#include <string.h>

static void uuid(struct str s)
{
    struct uuid id, again;
    char text[UUID_TEXT_BYTES];
    if (uuid_parse(s, &id))
        return;
    uuid_format(id, text);
    assert(str_eq_nocase(s, str_of(text)));
    enum err e = uuid_parse(str_of(text), &again);
    assert(e == OK && uuid_eq(id, again));
}

static void time_of_day(struct str s)
{
    int64_t ms, again;
    char text[RFC3339_BYTES];
    if (rfc3339_parse(s, &ms))
        return;
    rfc3339_format(ms, text);
    enum err e = rfc3339_parse(str_of(text), &again);
    assert(e == OK && ms == again);
}

static void base64(struct str s)
{
    struct buf bytes = BUF_INIT(SIZE_MAX), text = BUF_INIT(SIZE_MAX);
    if (base64_decode(s, &bytes) == OK) {
        base64_append(&text, buf_str(&bytes).p, bytes.len);
        assert(str_eq(s, buf_str(&text)));
    }
    buf_clear(&bytes);
    buf_clear(&text);
    if (base64url_decode(s, &bytes) == OK) {
        base64url_append(&text, buf_str(&bytes).p, bytes.len);
        assert(str_eq(s, buf_str(&text)));
    }
    buf_release(&bytes);
    buf_release(&text);
}

static void address(struct str s)
{
    struct address a, again;
    char text[ADDRESS_TEXT_BYTES];
    enum err strict = address_parse(s, &a);
    if (strict && address_parse_forwarded(s, &a))
        return;
    address_format(a, text);
    enum err e = address_parse(str_of(text), &again);
    assert(e == OK && memcmp(&a, &again, sizeof a) == 0);
    e = address_parse_forwarded(s, &again);
    assert(strict || (e == OK && memcmp(&a, &again, sizeof a) == 0));
}

/* Whoever is found behind trusted proxies: only a trusted peer's word counts. */
static void forwarded(struct str s)
{
    static const char *const texts[] = {"10.0.0.0/8", "::1", NULL};
    struct networks trusted;
    struct buf why = BUF_INIT(1000);
    enum err e = networks_init(&trusted, texts, &why);
    assert(e == OK);
    struct http_field field = {.name = STR("X-Forwarded-For"), .value = s};
    struct http_head head = {.fields = &field, .field_count = 1};
    struct address near = {{0}}, far = {{0}};
    near.b[15] = 1; /* ::1 */
    e = address_parse(STR("192.0.2.1"), &far);
    assert(e == OK);
    struct address client = proxy_client(&trusted, near, &head);
    struct address stranger = proxy_client(&trusted, far, &head);
    assert(memcmp(&stranger, &far, sizeof far) == 0);
    assert(memcmp(&client, &near, sizeof near) == 0 || s.n > 1);
    proxy_secure(&head);
    networks_release(&trusted);
    buf_release(&why);
}

static void cookie(struct str s)
{
    struct http_field field = {.name = STR("Cookie"), .value = s};
    struct http_head head = {.fields = &field, .field_count = 1};
    struct str value;
    if (!http_cookie(&head, STR("session"), &value))
        return;
    assert(value.p >= s.p && value.p + value.n <= s.p + s.n);
    assert(str_find(value, ';') == value.n);
}

static void url(struct str s)
{
    struct url u, again;
    struct buf why = BUF_INIT(SIZE_MAX);
    if (url_parse(s, &u, &why) == OK) {
        size_t n = strlen(u.text) - strlen("/ws/app");
        enum err e = url_parse(str_slice(u.text, n), &again, &why);
        assert(e == OK && strcmp(u.text, again.text) == 0 && u.port == again.port);
        assert(!str_has_control(str_of(u.path)) && !str_has_control(str_of(u.authority)));
    } else {
        assert(why.len > 0);
    }
    buf_release(&why);
}

static void path(struct str s)
{
    static const char *const patterns[] = {"/", "/requests/{id}", "/a/{one}/{two}",
                                           "/docs/{page...}"};
    struct path_args args;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        if (!path_match(patterns[i], s, &args))
            continue;
        for (size_t k = 0; k < args.count; k++)
            assert(utf8_valid(args.list[k].value, strlen(args.list[k].value)));
    }
    if (path_is_local(s))
        assert(s.n >= 1 && s.p[0] == '/' && (s.n == 1 || (s.p[1] != '/' && s.p[1] != '\\')));
    if (path_is_asset(s))
        assert(s.n > 0 && s.p[0] != '/' && s.p[0] != '.');
}

static void language(struct str s)
{
    enum language l = language_choose(STR(""), STR(""), &s);
    assert(l < LANGUAGE__MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const decoders[])(struct str) = {
        uuid, time_of_day, base64, address, forwarded, cookie, url, path, language,
    };
    if (size > 0) {
        char c = (char)data[0];
        size_t which = c >= 'a' && c <= 'i' ? (size_t)(c - 'a') : data[0];
        decoders[which % (sizeof decoders / sizeof *decoders)](
            str_slice((const char *)data + 1, size - 1));
    }
    return 0;
}
