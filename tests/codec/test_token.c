#include "codec/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Published vectors: paseto-standard/test-vectors, v4.json. */
#define SEED    "b4cbfb43df4ce210727d953e4a713307fa19bb7d9f85041438d9e11b942a3774"
#define PUBLIC  "1eb9dbbbbc047c03fd70604e0071f0987e16b28b757225c11f00415d0e20b1a2"
#define MESSAGE "{\"data\":\"this is a signed message\",\"exp\":\"2022-01-01T00:00:00+00:00\"}"
#define KID     "{\"kid\":\"zVhMiPBP9fRf2snEcT7gFTioeA9COcNy9DfgL1W60haN\"}"
#define PAYLOAD_64                                                                                 \
    "eyJkYXRhIjoidGhpcyBpcyBhIHNpZ25lZCBtZXNzYWdlIiwiZXhwIjoiMjAyMi0wMS0wMVQwMDowMDowMCswMDowMCJ9"
#define KID_64 "eyJraWQiOiJ6VmhNaVBCUDlmUmYyc25FY1Q3Z0ZUaW9lQTlDT2NOeTlEZmdMMVc2MGhhTiJ9"

static const struct {
    const char *name, *footer, *implicit, *token;
} vectors[] = {
    {"4-S-1", "", "",
     "v4.public." PAYLOAD_64
     "bg_XBBzds8lTZShVlwwKSgeKpLT3yukTw6JUz3W4h_ExsQV-P0V54zemZDcAxFaSeef1QlXEFtkqxT1ciiQEDA"},
    {"4-S-2", KID, "",
     "v4.public." PAYLOAD_64 "v3Jt8mx_TdM2ceTGoqwrh4yDFn0XsHvvV_"
     "D0DtwQxVrJEBMl0F2caAdgnpKlt4p7xBnx1HcO-SPo8FPp214HDw." KID_64},
    {"4-S-3", KID, "{\"test-vector\":\"4-S-3\"}",
     "v4.public." PAYLOAD_64 "NPWciuD3d0o5eXJXG5pJy-DiVEoyPYWs1YSTwWHNJq6DZD3je5gf-"
     "0M4JR9ipdUSJbIovzmBECeaWmaqcaP0DQ." KID_64},
};
#define VECTORS (sizeof vectors / sizeof *vectors)

static const struct {
    const char *name, *implicit, *token;
    enum err error;
} failures[] = {
    {"4-F-1", "{\"test-vector\":\"4-F-1\"}",
     "v4.local.vngXfCISbnKgiP6VWGuOSlYrFYU300fy9ijW33rznDYgxHNPwWluAY2Bgb0z54CUs6aYYkIJ-bOOOmJHPuX_"
     "34Agt_"
     "IPlNdGDpRdGNnBz2MpWJvB3cttheEc1uyCEYltj7wBQQYX.YXJiaXRyYXJ5LXN0cmluZy10aGF0LWlzbid0LWpzb24",
     ERR_SYNTAX},
    {"4-F-2", "{\"test-vector\":\"4-F-2\"}",
     "v4.public.eyJpbnZhbGlkIjoidGhpcyBzaG91bGQgbmV2ZXIgZGVjb2RlIn22Sp4gjCaUw0c7EH84ZSm_jN_"
     "Qr41MrgLNu5LIBC"
     "zUr1pn3Z-Wukg9h3ceplWigpoHaTLcwxj0NsI1vjTh67YB." KID_64,
     ERR_UNAUTHORIZED},
    {"4-F-3", "{\"test-vector\":\"4-F-3\"}",
     "v3.local.23e_2PiqpQBPvRFKzB0zHhjmxK3sKo2grFZRRLM-"
     "U7L0a8uHxuF9RlVz3Ic6WmdUUWTxCaYycwWV1yM8gKbZB2JhygDM"
     "KvHQ7eBf8GtF0r3K0Q_gF1PXOxcOgztak1eD1dPe9rLVMSgR0nHJXeIGYVuVrVoLWQ."
     "YXJiaXRyYXJ5LXN0cmluZy10aGF0LWlzbid0LWpzb24",
     ERR_SYNTAX},
    {"4-F-4", "",
     "v4.local.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQAr68PS4AXe7If_"
     "ZgesdkUMvSwscFlAl1pk5HC0e8kApeaqMf"
     "Go_7OpBnwJOAbY9V7WU6abu74MmcUE8YWAiaArVI8XJ5hOb_4v9RmDkneN0S92dx0OW4pgy7omxgf3S8c3LlQh",
     ERR_SYNTAX},
};

static struct sign_key key;
static struct buf message, footer, token;

static int start(void **state)
{
    (void)state;
    uint8_t seed[32], public_key[32];
    message = footer = token = BUF_INIT(SIZE_MAX);
    if (secret_start() || hex_decode(STR(SEED), seed, 32) ||
        hex_decode(STR(PUBLIC), public_key, 32))
        return -1;
    sign_key_from_seed(&key, seed);
    return memcmp(key.public_key, public_key, 32);
}

static int stop(void **state)
{
    (void)state;
    buf_release(&message);
    buf_release(&footer);
    buf_release(&token);
    return 0;
}

static void clear(void)
{
    buf_clear(&message);
    buf_clear(&footer);
    buf_clear(&token);
}

static void published_vectors_are_signed_as_published(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS; i++) {
        clear();
        assert_int_equal(paseto_sign(&key, STR(MESSAGE), str_of(vectors[i].footer),
                                     str_of(vectors[i].implicit), &token),
                         OK);
        assert_string_equal(buf_cstr(&token), vectors[i].token);
    }
}

static void published_vectors_are_verified(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS; i++) {
        clear();
        assert_int_equal(paseto_verify(key.public_key, str_of(vectors[i].token),
                                       str_of(vectors[i].implicit), &message, &footer),
                         OK);
        assert_string_equal(buf_cstr(&message), MESSAGE);
        assert_string_equal(buf_cstr(&footer), vectors[i].footer);
    }
}

static void published_failures_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        clear();
        assert_int_equal(paseto_verify(key.public_key, str_of(failures[i].token),
                                       str_of(failures[i].implicit), &message, &footer),
                         failures[i].error);
        assert_int_equal(message.len + footer.len, 0);
    }
}

static void refuse(struct str text, const char *implicit)
{
    clear();
    enum err e = paseto_verify(key.public_key, text, str_of(implicit), &message, &footer);
    if (e != ERR_SYNTAX && e != ERR_UNAUTHORIZED)
        fail_msg("%.*s: %d", STR_ARG(text), e);
    assert_int_equal(message.len + footer.len, 0);
}

static void every_change_of_a_token_is_refused(void **state)
{
    (void)state;
    for (size_t v = 0; v < VECTORS; v++) {
        char text[512];
        size_t n = strlen(vectors[v].token);
        for (size_t i = 0; i < n; i++) {
            memcpy(text, vectors[v].token, n);
            text[i] = text[i] == 'A' ? 'B' : 'A';
            refuse(str_slice(text, n), vectors[v].implicit);
            refuse(str_slice(vectors[v].token, i), vectors[v].implicit); /* cut there */
        }
        memcpy(text, vectors[v].token, n);
        text[n] = '.';
        refuse(str_slice(text, n + 1), vectors[v].implicit);
        text[n] = '=';
        refuse(str_slice(text, n + 1), vectors[v].implicit);
        refuse(str_of(vectors[v].token), "other");
    }
}

static void another_key_is_refused(void **state)
{
    (void)state;
    uint8_t other[32];
    memcpy(other, key.public_key, 32);
    other[0] ^= 1;
    clear();
    assert_int_equal(paseto_verify(other, str_of(vectors[0].token), STR(""), &message, &footer),
                     ERR_UNAUTHORIZED);
}

/* Moving a byte between message, footer and implicit assertion must not keep the signature valid.
 */
static void pieces_cannot_be_shifted(void **state)
{
    (void)state;
    struct buf a = BUF_INIT(1000), b = BUF_INIT(1000);
    assert_int_equal(paseto_sign(&key, STR("ab"), STR("c"), STR("d"), &a), OK);
    assert_int_equal(paseto_sign(&key, STR("ab"), STR("cd"), STR(""), &b), OK);
    size_t signature =
        strlen("v4.public.") + 3; /* "ab" and a third of the signature's first byte */
    assert_memory_not_equal(buf_str(&a).p + signature, buf_str(&b).p + signature, 40);
    buf_release(&a);
    buf_release(&b);
}

static const struct token_parts parts = {
    .space_id = {{1, 2, 3, 4, 5, 6, 0x70, 8, 0x80, 10, 11, 12, 13, 14, 15, 16}},
    .id = {{0xff, 2, 3, 4, 5, 6, 0x70, 8, 0x80, 10, 11, 12, 13, 14, 15, 0xaa}},
    .issued_ms = 1767873600123,
    .expires_ms = 1799409600456,
};

static void an_app_token_survives_signing_and_verifying(void **state)
{
    (void)state;
    for (int with_end = 0; with_end < 2; with_end++) {
        struct token_parts in = parts, out = {0};
        in.expires_ms = with_end ? in.expires_ms : 0;
        clear();
        assert_int_equal(token_sign(&key, &in, &token), OK);
        assert_true(token.len < TOKEN_MAX_BYTES);
        assert_int_equal(token_verify(key.public_key, buf_str(&token), &out), OK);
        assert_true(uuid_eq(in.space_id, out.space_id) && uuid_eq(in.id, out.id));
        assert_true(in.issued_ms == out.issued_ms && in.expires_ms == out.expires_ms);
    }
}

static void the_claims_are_those_of_the_document(void **state)
{
    (void)state;
    clear();
    assert_int_equal(token_sign(&key, &parts, &token), OK);
    assert_int_equal(paseto_verify(key.public_key, buf_str(&token), STR(""), &message, &footer),
                     OK);
    assert_string_equal(buf_cstr(&message), "{\"sub\":\"01020304-0506-7008-800a-0b0c0d0e0f10\","
                                            "\"jti\":\"ff020304-0506-7008-800a-0b0c0d0e0faa\","
                                            "\"iat\":\"2026-01-08T12:00:00.123Z\","
                                            "\"exp\":\"2027-01-08T12:00:00.456Z\"}");
    assert_int_equal(footer.len, 0);
}

#define SUB "\"sub\":\"01020304-0506-7008-800a-0b0c0d0e0f10\""
#define JTI "\"jti\":\"ff020304-0506-7008-800a-0b0c0d0e0faa\""
#define IAT "\"iat\":\"2026-01-08T12:00:00.123Z\""

static enum err verify_claims(const char *claims, const char *foot, const char *implicit)
{
    struct token_parts out;
    clear();
    assert_int_equal(paseto_sign(&key, str_of(claims), str_of(foot), str_of(implicit), &token), OK);
    return token_verify(key.public_key, buf_str(&token), &out);
}

static void well_signed_tokens_with_wrong_claims_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "null",
        "[]",
        "{}",
        "{" SUB "," JTI "}",
        "{" SUB "," IAT "}",
        "{" JTI "," IAT "}",
        "{" SUB "," JTI "," IAT,
        "{" SUB "," JTI "," IAT "} ,",
        "{" SUB "," SUB "," JTI "," IAT "}",
        "{\"sub\":\"01020304\"," JTI "," IAT "}",
        "{\"sub\":7," JTI "," IAT "}",
        "{" SUB "," JTI ",\"iat\":1767873600}",
        "{" SUB "," JTI ",\"iat\":\"yesterday\"}",
        "{" SUB "," JTI "," IAT ",\"exp\":1767873600}",
        "{" SUB "," JTI "," IAT ",\"exp\":null}",
        "{" SUB "," JTI "," IAT ",\"exp\":\"\"}",
        "{" SUB "," JTI "," IAT ",\"exp\":\"1970-01-01T00:00:00Z\"}",
        "{" SUB "," JTI "," IAT ",\"exp\":\"1969-01-01T00:00:00Z\"}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (verify_claims(wrong[i], "", "") != ERR_UNAUTHORIZED)
            fail_msg("%s", wrong[i]);
    assert_int_equal(verify_claims("{" SUB "," JTI "," IAT "}", "", ""), OK);
    assert_int_equal(verify_claims("{" SUB "," JTI "," IAT ",\"later\":[1]}", "", ""), OK);
}

static void a_footer_or_an_implicit_assertion_is_refused(void **state)
{
    (void)state;
    assert_int_equal(verify_claims("{" SUB "," JTI "," IAT "}", "x", ""), ERR_UNAUTHORIZED);
    assert_int_equal(verify_claims("{" SUB "," JTI "," IAT "}", "", "x"), ERR_UNAUTHORIZED);
}

static void what_is_no_token_is_unauthorized(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",         "v4.public",      "v4.public.", "v4.public..", "v4.public.AAAA",
        "Bearer x", "V4.public.AAAA", "v4.public.!"};
    struct token_parts out;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(token_verify(key.public_key, str_of(wrong[i]), &out), ERR_UNAUTHORIZED);
    char spaces[1600];
    memset(spaces, ' ', sizeof spaces);
    memcpy(spaces, "{" SUB "," JTI "," IAT "}", strlen("{" SUB "," JTI "," IAT "}"));
    clear(); /* valid, but longer than a token may be */
    assert_int_equal(paseto_sign(&key, str_slice(spaces, sizeof spaces), STR(""), STR(""), &token),
                     OK);
    assert_true(token.len > TOKEN_MAX_BYTES);
    assert_int_equal(token_verify(key.public_key, buf_str(&token), &out), ERR_UNAUTHORIZED);
}

static void full_buffers_fail(void **state)
{
    (void)state;
    struct buf small = BUF_INIT(20);
    assert_int_equal(paseto_sign(&key, STR(MESSAGE), STR(""), STR(""), &small), ERR_TOO_LARGE);
    buf_clear(&small);
    clear();
    assert_int_equal(
        paseto_verify(key.public_key, str_of(vectors[1].token), STR(""), &message, &small),
        ERR_TOO_LARGE);
    assert_int_equal(message.len + small.len, 0);
    buf_release(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors_are_signed_as_published),
        cmocka_unit_test(published_vectors_are_verified),
        cmocka_unit_test(published_failures_are_refused),
        cmocka_unit_test(every_change_of_a_token_is_refused),
        cmocka_unit_test(another_key_is_refused),
        cmocka_unit_test(pieces_cannot_be_shifted),
        cmocka_unit_test(an_app_token_survives_signing_and_verifying),
        cmocka_unit_test(the_claims_are_those_of_the_document),
        cmocka_unit_test(well_signed_tokens_with_wrong_claims_are_refused),
        cmocka_unit_test(a_footer_or_an_implicit_assertion_is_refused),
        cmocka_unit_test(what_is_no_token_is_unauthorized),
        cmocka_unit_test(full_buffers_fail),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
