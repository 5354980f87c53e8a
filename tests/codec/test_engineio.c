#include "codec/engineio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void assert_str(struct str got, const char *want)
{
    assert_int_equal(got.n, strlen(want));
    if (got.n)
        assert_memory_equal(got.p, want, got.n);
}

static void packets_are_a_digit_and_data(void **state)
{
    (void)state;
    static const char *const texts[] = {"0", "1", "2probe", "3", "4hello", "5", "6"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct eio_packet p;
        struct buf out = BUF_INIT(100);
        assert_int_equal(eio_decode(str_of(texts[i]), &p), OK);
        assert_int_equal(p.type, i);
        assert_false(p.binary);
        assert_int_equal(eio_encode(&out, p.type, p.data), OK);
        assert_str(buf_str(&out), texts[i]);
        buf_release(&out);
    }
}

static void other_packets_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "7", "9", "/", "a", " 4", "b", "-1"};
    struct eio_packet p;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(eio_decode(str_of(texts[i]), &p), ERR_SYNTAX);
}

static void payloads_come_apart_and_together(void **state)
{
    (void)state;
    struct str payload = STR("4a\x1e"
                             "2\x1e"
                             "bAQID\x1e"
                             "b\x1e"
                             "4\xe2\x82\xac"),
               rest = payload;
    struct buf scratch = BUF_INIT(100), out = BUF_INIT(100);
    struct eio_packet p;
    size_t count = 0;
    while (!eio_payload_next(&rest, &scratch, &p)) {
        assert_int_equal(eio_payload_add(&out, &p), OK);
        count++;
    }
    assert_int_equal(count, 5);
    assert_true(str_eq(buf_str(&out), payload));
    buf_release(&scratch);
    buf_release(&out);
}

static void malformed_payloads_are_refused(void **state)
{
    (void)state;
    static const char *const payloads[] = {"",
                                           "\x1e",
                                           "4a\x1e",
                                           "\x1e"
                                           "4a",
                                           "4a\x1e\x1e"
                                           "4b",
                                           "abc",
                                           "4a\x1e"
                                           "abc",
                                           "bA",
                                           "bAQI!",
                                           "b=",
                                           "4\xff",
                                           "4\xed\xa0\x80",
                                           "bAQIDBA"};
    struct buf scratch = BUF_INIT(100);
    struct eio_packet p;
    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
        struct str rest = str_of(payloads[i]);
        enum err e;
        do
            e = eio_payload_next(&rest, &scratch, &p);
        while (!e);
        assert_int_equal(e, ERR_SYNTAX);
    }
    buf_release(&scratch);
}

static void open_packet_has_all_keys(void **state)
{
    (void)state;
    struct buf out = BUF_INIT(1000);
    struct eio_open o = {STR("abc"), true, 25000, 20000, 1000000};
    eio_encode_open(&out, &o);
    assert_str(buf_str(&out),
               "0{\"sid\":\"abc\",\"upgrades\":[\"websocket\"],\"pingTimeout\":20000,"
               "\"pingInterval\":25000,\"maxPayload\":1000000}");
    buf_clear(&out);
    o.may_upgrade = false;
    eio_encode_open(&out, &o);
    assert_str(buf_str(&out), "0{\"sid\":\"abc\",\"upgrades\":[],\"pingTimeout\":20000,"
                              "\"pingInterval\":25000,\"maxPayload\":1000000}");
    buf_release(&out);
}

static void queries_are_understood(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        enum eio_transport transport;
        bool version_ok;
        const char *sid;
    } cases[] = {
        {"EIO=4&transport=polling", EIO_POLLING, true, ""},
        {"transport=websocket&t=1&EIO=4&sid=abc-_1&b64=1&j=0", EIO_WEBSOCKET, true, "abc-_1"},
        {"", EIO_TRANSPORT_UNKNOWN, false, ""},
        {"EIO=3&transport=polling&sid=", EIO_POLLING, false, ""},
        {"EIO=4&transport=Polling", EIO_TRANSPORT_UNKNOWN, true, ""},
        {"EIO=4&EIO=3&transport=polling&transport=websocket", EIO_POLLING, true, ""},
        {"xEIO=4&xtransport=polling&xsid=a", EIO_TRANSPORT_UNKNOWN, false, ""},
        {"EIO&transport&sid", EIO_TRANSPORT_UNKNOWN, false, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct eio_query q;
        eio_query_parse(str_of(cases[i].query), &q);
        assert_int_equal(q.transport, cases[i].transport);
        assert_int_equal(q.version_ok, cases[i].version_ok);
        assert_int_equal(q.has_sid, cases[i].sid[0] != '\0');
        assert_str(q.sid, cases[i].sid);
    }
}

static void other_parameters_are_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *query, *value; /* NULL = none */
    } cases[] = {{"EIO=4&token=v4.public.abc", "v4.public.abc"},
                 {"token=a%20b+c%3D%26", "a b c=&"},
                 {"token=a=b", "a=b"},
                 {"token=first&token=second", "first"},
                 {"token=", NULL},
                 {"token", NULL},
                 {"mytoken=a", NULL},
                 {"token=%zz", NULL},
                 {"token=%ff", NULL},
                 {"token=%00", NULL},
                 {"", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf out = BUF_INIT(100);
        bool found = eio_query_value(str_of(cases[i].query), STR("token"), &out);
        assert_int_equal(found, cases[i].value != NULL);
        assert_str(buf_str(&out), cases[i].value ? cases[i].value : "");
        buf_release(&out);
    }
}

static void refusals_are_the_reference_servers(void **state)
{
    (void)state;
    assert_str(eio_refusal_json(EIO_TRANSPORT_IS_UNKNOWN),
               "{\"code\":0,\"message\":\"Transport unknown\"}");
    assert_str(eio_refusal_json(EIO_SID_IS_UNKNOWN),
               "{\"code\":1,\"message\":\"Session ID unknown\"}");
    assert_str(eio_refusal_json(EIO_BAD_HANDSHAKE_METHOD),
               "{\"code\":2,\"message\":\"Bad handshake method\"}");
    assert_str(eio_refusal_json(EIO_BAD_REQUEST), "{\"code\":3,\"message\":\"Bad request\"}");
    assert_str(eio_refusal_json(EIO_FORBIDDEN), "{\"code\":4,\"message\":\"Forbidden\"}");
    assert_str(eio_refusal_json(EIO_UNSUPPORTED_VERSION),
               "{\"code\":5,\"message\":\"Unsupported protocol version\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_are_a_digit_and_data),
        cmocka_unit_test(other_packets_are_refused),
        cmocka_unit_test(payloads_come_apart_and_together),
        cmocka_unit_test(malformed_payloads_are_refused),
        cmocka_unit_test(open_packet_has_all_keys),
        cmocka_unit_test(queries_are_understood),
        cmocka_unit_test(other_parameters_are_decoded),
        cmocka_unit_test(refusals_are_the_reference_servers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
