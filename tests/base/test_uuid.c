#include "base/uuid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define WALL INT64_C(1767873600123) /* 2026-01-08T12:00:00.123Z */

static struct uuid parsed(const char *text)
{
    struct uuid id = {0};
    assert_int_equal(uuid_parse(str_of(text), &id), OK);
    return id;
}

static void an_id_has_the_layout_of_version_7(void **state)
{
    (void)state;
    struct uuid_gen gen = {.last_key = WALL * 32768 + 0x5a5a};
    struct uuid id = uuid_next(&gen, WALL, UINT64_C(0xfedcba9876543210));
    char text[UUID_TEXT_BYTES];
    uuid_format(id, text);
    /* counter 0x5a5b: rand_a 0xb4b, then 3 in the top of rand_b, then the random 59 bits */
    assert_string_equal(text, "019b9d7a-5a7b-7b4b-9edc-ba9876543210");
    assert_int_equal(id.b[6] >> 4, 7);
    assert_int_equal(id.b[8] >> 6, 2);
    assert_int_equal(uuid_key(id), gen.last_key);
}

static void all_59_random_bits_are_used(void **state)
{
    (void)state;
    for (int bit = 0; bit < 64; bit++) {
        struct uuid_gen a = {0}, b = {0};
        struct uuid with = uuid_next(&a, WALL, UINT64_C(1) << bit),
                    without = uuid_next(&b, WALL, 0);
        assert_int_equal(uuid_eq(with, without), bit >= 59);
        assert_int_equal(uuid_key(with), uuid_key(without));
    }
}

/* Makes n ids with the given clock; each must be greater than the one before as key, as bytes and
 * as text. */
static void make_ascending(struct uuid_gen *gen, struct uuid *last, int64_t wall_ms, int n)
{
    char text[UUID_TEXT_BYTES], last_text[UUID_TEXT_BYTES];
    for (int i = 0; i < n; i++) {
        struct uuid id = uuid_next(gen, wall_ms, i % 2 ? 0 : UINT64_MAX);
        uuid_format(id, text);
        uuid_format(*last, last_text);
        assert_true(uuid_key(id) > uuid_key(*last));
        assert_true(memcmp(id.b, last->b, sizeof id.b) > 0);
        assert_true(strcmp(text, last_text) > 0);
        assert_int_equal(id.b[6] >> 4, 7);
        assert_int_equal(id.b[8] >> 6, 2);
        assert_int_equal(uuid_key(id), gen->last_key);
        *last = id;
    }
}

static void ids_ascend_within_a_millisecond_and_when_the_counter_is_full(void **state)
{
    (void)state;
    struct uuid_gen gen = {0};
    struct uuid last = {0};
    make_ascending(&gen, &last, WALL, 70000); /* carries twice into the milliseconds */
    assert_int_equal(gen.last_key / 32768, WALL + 2);
    make_ascending(&gen, &last, WALL + 1, 10);
    assert_int_equal(gen.last_key / 32768, WALL + 2);
    make_ascending(&gen, &last, WALL + 3, 1);
    assert_int_equal(gen.last_key, (WALL + 3) * 32768);
}

static void ids_ascend_when_the_clock_steps_back(void **state)
{
    (void)state;
    struct uuid_gen gen = {0};
    struct uuid last = {0};
    make_ascending(&gen, &last, WALL, 3);
    make_ascending(&gen, &last, WALL - 3600000, 3);
    make_ascending(&gen, &last, 0, 3);
    make_ascending(&gen, &last, -5, 3);
    make_ascending(&gen, &last, INT64_MIN, 3);
    make_ascending(&gen, &last, WALL + 1, 3);
    assert_int_equal(gen.last_key, (WALL + 1) * 32768 + 2);
}

static void ids_go_on_after_the_greatest_stored_key(void **state)
{
    (void)state;
    struct uuid_gen gen = {.last_key = (WALL + 500) * 32768 + 9};
    assert_int_equal(uuid_key(uuid_next(&gen, WALL, 1)), (WALL + 500) * 32768 + 10);
}

static void a_time_has_the_lowest_key_of_its_ids(void **state)
{
    (void)state;
    struct uuid_gen gen = {0};
    assert_int_equal(uuid_key_at(WALL), uuid_key(uuid_next(&gen, WALL, UINT64_MAX)));
    assert_true(uuid_key_at(WALL) < uuid_key(uuid_next(&gen, WALL, 0)));
    assert_true(uuid_key_at(WALL + 1) > uuid_key(uuid_next(&gen, WALL, 0)));
    assert_int_equal(uuid_key_at(-1), 0);
    assert_int_equal(uuid_key_at(INT64_MAX), ((INT64_C(1) << 48) - 1) * 32768);
}

static void keys_are_never_negative(void **state)
{
    (void)state;
    struct uuid_gen gen = {0};
    struct uuid far = uuid_next(&gen, INT64_MAX, UINT64_MAX);
    assert_int_equal(uuid_key(far), ((INT64_C(1) << 48) - 1) * 32768);
    assert_int_equal(uuid_key(uuid_next(&gen, INT64_MAX, 0)), ((INT64_C(1) << 48) - 1) * 32768 + 1);
    assert_int_equal(uuid_key(parsed("ffffffff-ffff-ffff-ffff-ffffffffffff")), INT64_MAX);
    assert_int_equal(uuid_key(parsed("00000000-0000-0000-0000-000000000000")), 0);
}

static void text_of_rfc_9562_is_read_and_written_back(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f", /* version 7, appendix A.6 */
        "919108f7-52d1-4320-9bac-f847db4148a8", /* version 4, A.3 */
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char text[UUID_TEXT_BYTES];
        uuid_format(parsed(texts[i]), text);
        assert_string_equal(text, texts[i]);
    }
    assert_int_equal(uuid_key(parsed(texts[0])) / 32768, INT64_C(1645557742000));
    assert_true(uuid_eq(parsed("017F22E2-79B0-7CC3-98C4-DC0C0C07398F"), parsed(texts[0])));
}

static void what_is_not_a_uuid_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
        "017f22e279b0-7cc3-98c4-dc0c0c07398f00",
        "017f22e2079b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2-79b007cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3098c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c40dc0c0c07398f",
        "017f22e2_79b0_7cc3_98c4_dc0c0c07398f",
        "g17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
        "017f22e2-79b0-7cc3-98c4-dc0c0c0739 f",
        "-17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "{17f22e2-79b0-7cc3-98c4-dc0c0c07398}",
        "017f22e279b07cc398c4dc0c0c07398f",
    };
    const struct uuid before = parsed("919108f7-52d1-4320-9bac-f847db4148a8");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct uuid id = before;
        assert_int_equal(uuid_parse(str_of(texts[i]), &id), ERR_SYNTAX);
        assert_true(uuid_eq(id, before));
    }
}

static void only_the_nil_id_is_nil(void **state)
{
    (void)state;
    assert_true(uuid_is_nil((struct uuid){0}));
    for (size_t i = 0; i < 16; i++) {
        struct uuid id = {0};
        id.b[i] = 1;
        assert_false(uuid_is_nil(id));
        assert_false(uuid_eq(id, (struct uuid){0}));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_has_the_layout_of_version_7),
        cmocka_unit_test(all_59_random_bits_are_used),
        cmocka_unit_test(ids_ascend_within_a_millisecond_and_when_the_counter_is_full),
        cmocka_unit_test(ids_ascend_when_the_clock_steps_back),
        cmocka_unit_test(ids_go_on_after_the_greatest_stored_key),
        cmocka_unit_test(a_time_has_the_lowest_key_of_its_ids),
        cmocka_unit_test(keys_are_never_negative),
        cmocka_unit_test(text_of_rfc_9562_is_read_and_written_back),
        cmocka_unit_test(what_is_not_a_uuid_is_refused),
        cmocka_unit_test(only_the_nil_id_is_nil),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
