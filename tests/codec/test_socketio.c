#include "codec/socketio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define DEPTH 64

static void assert_str(struct str got, const char *want)
{
    assert_int_equal(got.n, strlen(want));
    if (got.n)
        assert_memory_equal(got.p, want, got.n);
}

/* What a packet says, and how it is written by us. */
static const struct example {
    const char *text;
    enum sio_type type;
    const char *nsp;
    int64_t id; /* -1 = none */
    size_t attachments;
    const char *name, *data;
    const char *again; /* NULL = as text */
} EXAMPLES[] = {
    {"0", SIO_CONNECT, "/", -1, 0, "", "", NULL},
    {"0{\"sid\":\"x\"}", SIO_CONNECT, "/", -1, 0, "", "{\"sid\":\"x\"}", NULL},
    {"0/admin,", SIO_CONNECT, "/admin", -1, 0, "", "", NULL},
    {"0/admin", SIO_CONNECT, "/admin", -1, 0, "", "", "0/admin,"},
    {"0/admin?a=b,{}", SIO_CONNECT, "/admin", -1, 0, "", "{}", "0/admin,{}"},
    {"0/,{}", SIO_CONNECT, "/", -1, 0, "", "{}", "0{}"},
    {"1", SIO_DISCONNECT, "/", -1, 0, "", "", NULL},
    {"1/admin,", SIO_DISCONNECT, "/admin", -1, 0, "", "", NULL},
    {"2[\"foo\"]", SIO_EVENT, "/", -1, 0, "foo", "", NULL},
    {"2[\"foo\",1,[2],\"],\"]", SIO_EVENT, "/", -1, 0, "foo", "1,[2],\"],\"", NULL},
    {"2/admin,[\"bar\"]", SIO_EVENT, "/admin", -1, 0, "bar", "", NULL},
    {"212[\"foo\"]", SIO_EVENT, "/", 12, 0, "foo", "", NULL},
    {"2/admin,0[\"foo\"]", SIO_EVENT, "/admin", 0, 0, "foo", "", NULL},
    {"2 [ \"foo\" , 1 ] ", SIO_EVENT, "/", -1, 0, "foo", "1 ", "2[\"foo\",1 ]"},
    {"312[]", SIO_ACK, "/", 12, 0, "", "", NULL},
    {"3/admin,13[\"bar\",{}]", SIO_ACK, "/admin", 13, 0, "", "\"bar\",{}", NULL},
    {"51-[\"baz\",{\"_placeholder\":true,\"num\":0}]", SIO_BINARY_EVENT, "/", -1, 1, "baz",
     "{\"_placeholder\":true,\"num\":0}", NULL},
    {"52-/admin,7[\"baz\"]", SIO_BINARY_EVENT, "/admin", 7, 2, "baz", "", NULL},
    {"61-15[\"bar\"]", SIO_BINARY_ACK, "/", 15, 1, "", "\"bar\"", NULL},
};

static void packets_are_understood_and_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof EXAMPLES / sizeof *EXAMPLES; i++) {
        const struct example *x = &EXAMPLES[i];
        struct sio_packet p;
        const char *why = NULL;
        struct buf out = BUF_INIT(1000);
        assert_int_equal(sio_decode(str_of(x->text), DEPTH, NULL, &p, &why), OK);
        assert_int_equal(p.type, x->type);
        assert_int_equal(p.has_id, x->id >= 0);
        assert_int_equal(p.id, x->id >= 0 ? x->id : 0);
        assert_int_equal(p.attachments, x->attachments);
        assert_str(p.nsp, x->nsp);
        assert_str(p.name, x->name);
        assert_str(p.data, x->data);
        assert_int_equal(sio_encode(&out, &p), OK);
        assert_str(buf_str(&out), x->again ? x->again : x->text);
        buf_release(&out);
    }
}

static void other_packets_are_refused_with_a_reason(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "7[]",
        "a",
        "0[]",
        "0null",
        "0{",
        "0{}x",
        "1{}",
        "1x",
        "2",
        "2{}",
        "2[]",
        "2[1]",
        "2[\"connect\"]",
        "2[\"a\"",
        "2[\"a\"]x",
        "3[]",
        "3/admin,[]",
        "31",
        "31{}",
        "399999999999999999999[]",
        "201[\"a\"]",
        "5[\"a\"]",
        "5-[\"a\"]",
        "51[\"a\"]",
        "565-[\"a\"]",
        "501-[\"a\"]",
        "5x-[\"a\"]",
        "61-[]",
        "2[\"a\",{\"b\":1,\"b\":2}]",
        "2[\"a\",NaN]",
        "2[\"a\",\"\\ud800\"]",
        "4[]",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct sio_packet p;
        const char *why = NULL;
        assert_int_equal(sio_decode(str_of(texts[i]), DEPTH, NULL, &p, &why), ERR_SYNTAX);
        assert_non_null(why);
    }
}

static void connect_error_is_a_message(void **state)
{
    (void)state;
    struct buf out = BUF_INIT(100);
    struct sio_packet p = {.type = SIO_CONNECT_ERROR, .nsp = STR("/x"), .data = STR("No \"x\"")};
    assert_int_equal(sio_encode(&out, &p), OK);
    assert_str(buf_str(&out), "4/x,{\"message\":\"No \\\"x\\\"\"}");
    buf_release(&out);
}

static void arguments_come_off_one_by_one(void **state)
{
    (void)state;
    static const char *const want[] = {"1", "\"a,]\\\"\"", "{\"b\":[1,2],\"c\":\"}\"}", "null",
                                       "[[],{}]"};
    struct str rest = STR(" 1 ,\"a,]\\\"\",{\"b\":[1,2],\"c\":\"}\"} , null,[[],{}] "), one;
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        assert_true(sio_arg_next(&rest, &one));
        assert_str(one, want[i]);
    }
    assert_false(sio_arg_next(&rest, &one));
    rest = STR("");
    assert_false(sio_arg_next(&rest, &one));
}

static void placeholders_are_recognised(void **state)
{
    (void)state;
    static const char *const others[] = {"{\"_placeholder\":false,\"num\":0}",
                                         "{\"_placeholder\":true}",
                                         "{\"_placeholder\":true,\"num\":-1}",
                                         "{\"_placeholder\":true,\"num\":\"0\"}",
                                         "{\"_placeholder\":true,\"num\":0,\"x\":1}",
                                         "[]",
                                         "true",
                                         "{"};
    uint64_t num = 9;
    struct buf out = BUF_INIT(100);
    assert_int_equal(sio_encode_placeholder(&out, 3), OK);
    assert_str(buf_str(&out), "{\"_placeholder\":true,\"num\":3}");
    assert_true(sio_placeholder(buf_str(&out), &num));
    assert_int_equal(num, 3);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(sio_placeholder(str_of(others[i]), &num));
    buf_release(&out);
}

static void depth_is_counted_inside_the_array(void **state)
{
    (void)state;
    struct sio_packet p;
    const char *why;
    assert_int_equal(sio_decode(STR("2[\"a\",[[]]]"), 2, NULL, &p, &why), OK);
    assert_int_equal(sio_decode(STR("2[\"a\",[[[]]]]"), 2, NULL, &p, &why), ERR_SYNTAX);
}

/* As Python's json writes what is no number. */
static void no_numbers_of_python_read_null_where_there_is_room_for_it(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"2[\"a\",NaN]", "null"},
        {"2[\"a\",{\"b\":[NaN, Infinity,-Infinity],\"c\":\"NaN \\\" Infinity\"}]",
         "{\"b\":[null, null,null],\"c\":\"NaN \\\" Infinity\"}"},
        {"51-7[\"a\",{\"_placeholder\":true,\"num\":0},-Infinity ]",
         "{\"_placeholder\":true,\"num\":0},null "},
        {"37[NaN]", "null"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf mended = BUF_INIT(1000), small = BUF_INIT(5);
        struct sio_packet p;
        const char *why = NULL;
        assert_int_equal(sio_decode(str_of(cases[i][0]), DEPTH, &mended, &p, &why), OK);
        assert_str(p.data, cases[i][1]);
        assert_int_equal(sio_decode(str_of(cases[i][0]), DEPTH, NULL, &p, &why), ERR_SYNTAX);
        assert_int_equal(sio_decode(str_of(cases[i][0]), DEPTH, &small, &p, &why), ERR_SYNTAX);
        buf_release(&mended);
        buf_release(&small);
    }
}

static void what_is_near_to_them_is_no_json(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "2[\"a\",nan]",
        "2[\"a\",+Infinity]",
        "2[\"a\",--Infinity]",
        "2[\"a\",-NaN]",
        "2[\"a\",1NaN]",
        "2[\"a\",NaNN]",
        "2[\"a\",Infinit]",
        "2[\"a\",NaN",
        "2[\"a\",NaN,\"b]",
        "2[\"a\",NaN,\"\\",
        "2[NaN]",
        "2/NaN,[\"a\",N]",
        "0{\"token\":NaN}",
        "2[\"a\",{NaN:1}]",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct buf mended = BUF_INIT(1000);
        struct sio_packet p;
        const char *why = NULL;
        assert_int_equal(sio_decode(str_of(texts[i]), DEPTH, &mended, &p, &why), ERR_SYNTAX);
        assert_non_null(why);
        buf_release(&mended);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_are_understood_and_written),
        cmocka_unit_test(other_packets_are_refused_with_a_reason),
        cmocka_unit_test(connect_error_is_a_message),
        cmocka_unit_test(arguments_come_off_one_by_one),
        cmocka_unit_test(placeholders_are_recognised),
        cmocka_unit_test(no_numbers_of_python_read_null_where_there_is_room_for_it),
        cmocka_unit_test(what_is_near_to_them_is_no_json),
        cmocka_unit_test(depth_is_counted_inside_the_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
