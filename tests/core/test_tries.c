/* Who may try to log in: failures are counted also while somebody wants them not to be. */
#include "rig.h"

#define NAMES 100001 /* more than are kept in mind */

static enum err may(struct rig *t, const char *name, const char *address)
{
    struct command c = {.kind = CMD_LOGIN_MAY};
    (void)str_copy(c.user.name, sizeof c.user.name, str_of(name));
    (void)str_copy(c.actor.address, sizeof c.actor.address, str_of(address));
    command(t, c);
    return t->reply.err;
}

static enum err try_and_fail(struct rig *t, const char *name, const char *address)
{
    enum err e = may(t, name, address);
    struct command c = {.kind = CMD_LOGIN_FAILED};
    if (e)
        return e;
    (void)str_copy(c.user.name, sizeof c.user.name, str_of(name));
    (void)str_copy(c.actor.address, sizeof c.actor.address, str_of(address));
    command(t, c);
    return t->reply.err;
}

static unsigned tries_until_refused(struct rig *t, const char *name, const char *address)
{
    unsigned n = 0;
    while (n < 100 && !try_and_fail(t, name, address)) {
        n++;
        pass(t, 20000); /* past the slowing down */
    }
    return n;
}

static void who_has_to_wait_is_told_how_many_may_fail(void **state)
{
    struct rig *t = *state;
    t->shown = 0;
    tries_until_refused(t, "ann", "192.0.2.1");
    assert_int_equal(may(t, "ann", "192.0.2.2"), ERR_RATE_LIMITED);
    assert_int_equal(t->reply.limit, t->limits.login_failures_account);
    for (char name[] = "a"; !try_and_fail(t, name, "192.0.2.3"); name[0]++)
        ;
    assert_int_equal(t->reply.limit, t->limits.login_failures_address);
}

static void refused_tries_fill_no_table(void **state)
{
    struct rig *t = *state;
    char name[USER_NAME_BYTES];
    t->shown = 0;
    for (unsigned i = 0; i < t->limits.login_failures_address; i++) {
        snprintf(name, sizeof name, "first%u", i);
        assert_int_equal(try_and_fail(t, name, "192.0.2.1"), OK);
    }
    for (unsigned i = 0; i < NAMES; i++) {
        snprintf(name, sizeof name, "x%u", i);
        assert_int_equal(may(t, name, "192.0.2.1"), ERR_RATE_LIMITED);
    }
    assert_int_equal(tries_until_refused(t, "ann", "192.0.2.2"), t->limits.login_failures_account);
}

static void addresses_of_one_ipv6_network_are_one(void **state)
{
    struct rig *t = *state;
    char name[USER_NAME_BYTES], address[ADDRESS_BYTES];
    t->shown = 0;
    for (unsigned i = 0; i < t->limits.login_failures_address; i++) {
        snprintf(name, sizeof name, "first%u", i);
        snprintf(address, sizeof address, "2001:db8::%x:1", i);
        assert_int_equal(try_and_fail(t, name, address), OK);
    }
    assert_int_equal(may(t, "ann", "2001:db8::ffff:2"), ERR_RATE_LIMITED);
    assert_int_equal(may(t, "ann", "2001:db8:0:1::1"), OK);
    assert_int_equal(may(t, "ann", "192.0.2.1"), OK);
}

static enum err may_register(struct rig *t, const char *address)
{
    struct command c = {.kind = CMD_REGISTER_MAY};
    (void)str_copy(c.actor.address, sizeof c.actor.address, str_of(address));
    command(t, c);
    return t->reply.err;
}

static void registrations_of_an_address_are_counted_in_their_window(void **state)
{
    struct rig *t = *state;
    t->limits.registrations_per_address = 2;
    t->limits.registration_window_ms = 60000;
    set_limits(t);
    assert_int_equal(may_register(t, "2001:db8::1"), OK);
    pass(t, 10000);
    assert_int_equal(may_register(t, "2001:db8::2"), OK);
    forget(t);
    assert_int_equal(may_register(t, "2001:db8::3"), ERR_RATE_LIMITED);
    expect(t, "reply rate_limited: Too many registrations, retry after 50000");
    assert_int_equal(may_register(t, "2001:db8:0:1::1"), OK);
    assert_int_equal(may(t, "ann", "2001:db8::1"), OK); /* log-ins are counted apart */
    pass(t, 50000);
    assert_int_equal(may_register(t, "2001:db8::3"), OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(who_has_to_wait_is_told_how_many_may_fail),
        RIG_TEST(refused_tries_fill_no_table),
        RIG_TEST(addresses_of_one_ipv6_network_are_one),
        RIG_TEST(registrations_of_an_address_are_counted_in_their_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
