#include "model/change.h"
#include "model/command.h"

#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void a_new_change_is_empty_but_for_its_kind(void **state)
{
    (void)state;
    struct change *c = change_new(CHANGE_TOKEN_USED);
    assert_int_equal(c->kind, CHANGE_TOKEN_USED);
    assert_int_equal(c->save_id, 0);
    assert_null(c->text);
    assert_null(c->request);
    assert_null(c->audit);
    assert_null(c->next);
    assert_true(uuid_is_nil(c->id));
    change_free(c);
    change_free(NULL);
}

static void free_gives_up_all_that_a_change_owns(void **state)
{
    (void)state;
    struct bytes *shared = bytes_new(STR("{}"));
    struct change *c = change_new(CHANGE_REQUEST_NEW);
    c->text = bytes_ref(shared);
    c->result = bytes_ref(shared);
    c->usage = bytes_ref(shared);
    c->message = bytes_ref(shared);
    c->request = xcalloc(1, sizeof *c->request);
    c->request->payload = bytes_ref(shared);
    c->user = xcalloc(1, sizeof *c->user);
    c->session = xcalloc(1, sizeof *c->session);
    c->space = xcalloc(1, sizeof *c->space);
    c->token = xcalloc(1, sizeof *c->token);
    c->setting = xcalloc(1, sizeof *c->setting);
    c->audit = xcalloc(1, sizeof *c->audit);
    change_free(c);
    assert_int_equal(atomic_load(&shared->refs), 1);
    bytes_unref(shared);
}

static void commands_and_replies_release_what_they_own(void **state)
{
    (void)state;
    struct bytes *shared = bytes_new(STR("{}"));
    struct command cmd = {.kind = CMD_SUBMIT, .payload = bytes_ref(shared)};
    command_release(&cmd);
    assert_null(cmd.payload);
    assert_int_equal(atomic_load(&shared->refs), 1);
    command_release(&cmd);
    bytes_unref(shared);

    struct reply reply = {.count = 1};
    reply.spaces = xcalloc(1, sizeof *reply.spaces);
    reply.apps = xcalloc(1, sizeof *reply.apps);
    reply_release(&reply);
    assert_null(reply.spaces);
    assert_null(reply.apps);
    assert_int_equal(reply.count, 0);
    reply_release(&reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_change_is_empty_but_for_its_kind),
        cmocka_unit_test(free_gives_up_all_that_a_change_owns),
        cmocka_unit_test(commands_and_replies_release_what_they_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
