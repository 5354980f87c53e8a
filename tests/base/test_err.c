#include "base/err.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void codes_are_the_closed_list_in_its_order(void **state)
{
    (void)state;
    static const char *const codes[] = {"bad_json",
                                        "bad_message",
                                        "unknown_type",
                                        "unauthorized",
                                        "forbidden",
                                        "not_found",
                                        "app_disconnected",
                                        "space_taken",
                                        "queue_full",
                                        "rate_limited",
                                        "too_large",
                                        "input_refused",
                                        "idempotency_conflict",
                                        "stale_attempt",
                                        "already_final",
                                        "delta_gap",
                                        "app_lost",
                                        "app_error",
                                        "timeout",
                                        "poisoned",
                                        "cancelled",
                                        "store_unavailable",
                                        "shutting_down",
                                        "internal"};
    const size_t count = sizeof codes / sizeof *codes;
    assert_int_equal(ERR_INTERNAL, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(err_code((enum err)(i + 1)), codes[i]);
}

static void what_stays_inside_reads_internal(void **state)
{
    (void)state;
    for (enum err e = ERR_INTERNAL + 1; e < ERR__MAX; e++) {
        assert_string_equal(err_code(e), "internal");
        assert_int_equal(err_http_status(e), 500);
        assert_int_equal(err_close_code(e), 0);
    }
}

static void every_error_has_a_sentence_without_full_stop(void **state)
{
    (void)state;
    for (enum err e = OK; e < ERR__MAX; e++) {
        const char *message = err_message(e);
        assert_non_null(message);
        assert_true(isupper((unsigned char)message[0]));
        assert_int_not_equal(message[strlen(message) - 1], '.');
    }
    assert_string_equal(err_message(ERR_APP_DISCONNECTED), "Remote app not connected");
}

static void statuses_tell_whose_fault_it_is(void **state)
{
    (void)state;
    static const struct {
        enum err e;
        int status;
    } cases[] = {{OK, 200},
                 {ERR_BAD_JSON, 400},
                 {ERR_BAD_MESSAGE, 400},
                 {ERR_UNKNOWN_TYPE, 400},
                 {ERR_UNAUTHORIZED, 401},
                 {ERR_FORBIDDEN, 403},
                 {ERR_NOT_FOUND, 404},
                 {ERR_APP_DISCONNECTED, 503},
                 {ERR_SPACE_TAKEN, 409},
                 {ERR_QUEUE_FULL, 503},
                 {ERR_RATE_LIMITED, 429},
                 {ERR_TOO_LARGE, 413},
                 {ERR_INPUT_REFUSED, 400},
                 {ERR_IDEMPOTENCY_CONFLICT, 409},
                 {ERR_STALE_ATTEMPT, 409},
                 {ERR_ALREADY_FINAL, 409},
                 {ERR_DELTA_GAP, 409},
                 {ERR_TIMEOUT, 504},
                 {ERR_STORE_UNAVAILABLE, 503},
                 {ERR_SHUTTING_DOWN, 503},
                 {ERR_INTERNAL, 500}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(err_http_status(cases[i].e), cases[i].status);
    for (enum err e = ERR_BAD_JSON; e < ERR__MAX; e++)
        assert_in_range(err_http_status(e), 400, 599);
}

static int expected_close_code(enum err e)
{
    return e == ERR_BAD_JSON                             ? 1007
           : e == ERR_TOO_LARGE                          ? 1009
           : e == ERR_UNAUTHORIZED || e == ERR_FORBIDDEN ? 4500
           : e == ERR_SPACE_TAKEN                        ? 4003
           : e == ERR_SHUTTING_DOWN                      ? 1001
                                                         : 0;
}

static void only_some_errors_end_a_connection(void **state)
{
    (void)state;
    for (enum err e = OK; e < ERR__MAX; e++)
        assert_int_equal(err_close_code(e), expected_close_code(e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_are_the_closed_list_in_its_order),
        cmocka_unit_test(what_stays_inside_reads_internal),
        cmocka_unit_test(every_error_has_a_sentence_without_full_stop),
        cmocka_unit_test(statuses_tell_whose_fault_it_is),
        cmocka_unit_test(only_some_errors_end_a_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
