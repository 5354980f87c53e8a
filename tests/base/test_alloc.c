/* A table for which there is no memory. */
#define uthash_malloc(bytes) NULL
#include "base/hash.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sanitizers.h"

static bool aborts(void (*body)(void))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        close(STDERR_FILENO);
        body();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void xcalloc_gives_zeroed_memory(void **state)
{
    (void)state;
    char *p = xcalloc(100, 10);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(p[i], 0);
    free(p);
}

static void nothing_asked_for_is_not_null(void **state)
{
    (void)state;
    void *p = xcalloc(0, 8), *q = xrealloc(NULL, 0, 8);
    assert_non_null(p);
    assert_non_null(q);
    q = xrealloc(q, 5, 0);
    assert_non_null(q);
    free(p);
    free(q);
}

static void xrealloc_keeps_the_content(void **state)
{
    (void)state;
    char *p = xrealloc(NULL, 4, 2);
    memcpy(p, "1234567", 8);
    p = xrealloc(p, 1000, 8);
    assert_string_equal(p, "1234567");
    free(p);
}

static void calloc_beyond_memory(void)
{
    free(xcalloc(SIZE_MAX, 2));
}

static void realloc_whose_product_wraps_to_four(void)
{
    free(xrealloc(NULL, SIZE_MAX / 4 + 2, 4));
}

static void realloc_beyond_memory(void)
{
    free(xrealloc(NULL, SIZE_MAX / 8, 4));
}

struct item {
    int key;
    UT_hash_handle hh;
};

static void table_beyond_memory(void)
{
    struct item *table = NULL, item = {.key = 1};
    HASH_ADD_INT(table, key, &item);
}

static void being_out_of_memory_aborts(void **state)
{
    (void)state;
    assert_true(aborts(calloc_beyond_memory));
    assert_true(aborts(realloc_whose_product_wraps_to_four));
    assert_true(aborts(realloc_beyond_memory));
    assert_true(aborts(table_beyond_memory));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xcalloc_gives_zeroed_memory),
        cmocka_unit_test(nothing_asked_for_is_not_null),
        cmocka_unit_test(xrealloc_keeps_the_content),
        cmocka_unit_test(being_out_of_memory_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
