#include "hub/proxy.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct address parsed(const char *text)
{
    struct address a;
    assert_int_equal(address_parse(str_of(text), &a), OK);
    return a;
}

static void assert_text(struct address a, const char *expected)
{
    char text[ADDRESS_TEXT_BYTES];
    address_format(a, text);
    assert_string_equal(text, expected);
}

static void addresses_are_read_and_written(void **state)
{
    (void)state;
    assert_text(parsed("192.0.2.1"), "192.0.2.1");
    assert_text(parsed("2001:DB8:0:0::1"), "2001:db8::1");
    assert_text(parsed("::"), "::");
    assert_text(parsed("::ffff:192.0.2.1"), "192.0.2.1");
}

static void what_is_no_address_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",         "1.2.3", "1.2.3.4.5",  "1.2.3.256",
                                      "01.2.3.4", "[::1]", "1.2.3.4:80", "::1%lo",
                                      " ::1",     "::1 ",  "example",    "1:2:3:4:5:6:7:8:9"};
    struct address a;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(address_parse(str_of(bad[i]), &a), ERR_SYNTAX);
    assert_int_equal(address_parse(str_slice("1.2.3.4\0x", 9), &a), ERR_SYNTAX);
}

static void forwarded_addresses_may_have_brackets_and_ports(void **state)
{
    (void)state;
    static const char *const good[][2] = {{"192.0.2.1", "192.0.2.1"},
                                          {"192.0.2.1:80", "192.0.2.1"},
                                          {"2001:db8::1", "2001:db8::1"},
                                          {"[2001:db8::1]", "2001:db8::1"},
                                          {"[2001:db8::1]:80", "2001:db8::1"}};
    static const char *const bad[] = {
        "",        "unknown",     "192.0.2.1:",      "192.0.2.1:x", "[::1",
        "[::1]80", "[::1]:70000", "192.0.2.1:80:80", "localhost:1", "_hidden"};
    struct address a;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(address_parse_forwarded(str_of(good[i][0]), &a), OK);
        assert_text(a, good[i][1]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(address_parse_forwarded(str_of(bad[i]), &a), ERR_SYNTAX);
}

static void loopback_is_known(void **state)
{
    (void)state;
    assert_true(address_is_loopback(parsed("127.0.0.1")));
    assert_true(address_is_loopback(parsed("127.9.9.9")));
    assert_true(address_is_loopback(parsed("::1")));
    assert_false(address_is_loopback(parsed("128.0.0.1")));
    assert_false(address_is_loopback(parsed("::2")));
    assert_false(address_is_loopback(parsed("::")));
}

static void connections_are_counted_by_address_or_64(void **state)
{
    (void)state;
    assert_text(address_counted(parsed("192.0.2.1")), "192.0.2.1");
    assert_text(address_counted(parsed("2001:db8:1:2:3:4:5:6")), "2001:db8:1:2::");
}

static bool held(const char *network, const char *address)
{
    const char *texts[] = {network, NULL};
    struct networks n;
    struct buf why = BUF_INIT(1000);
    assert_int_equal(networks_init(&n, texts, &why), OK);
    bool result = networks_hold(&n, parsed(address));
    networks_release(&n);
    buf_release(&why);
    return result;
}

static void networks_hold_their_addresses_only(void **state)
{
    (void)state;
    assert_true(held("10.0.0.0/8", "10.255.0.1"));
    assert_false(held("10.0.0.0/8", "11.0.0.1"));
    assert_true(held("10.1.2.3", "10.1.2.3"));
    assert_false(held("10.1.2.3", "10.1.2.2"));
    assert_true(held("192.168.16.0/20", "192.168.31.255"));
    assert_false(held("192.168.16.0/20", "192.168.32.0"));
    assert_true(held("0.0.0.0/0", "8.8.8.8"));
    assert_false(held("0.0.0.0/0", "2001:db8::1"));
    assert_true(held("::/0", "2001:db8::1"));
    assert_true(held("2001:db8::/33", "2001:db8:7fff::1"));
    assert_false(held("2001:db8::/33", "2001:db8:8000::1"));
    assert_true(held("::ffff:10.0.0.0/104", "10.1.1.1"));
}

static void odd_networks_are_refused_by_name(void **state)
{
    (void)state;
    static const char *const bad[] = {"10.0.0.0/33", "10.0.0.0/",    "10.0.0.0/x", "/8",
                                      "::/129",      "10.0.0.0/8/8", "",           "10.0.0.0/-1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *texts[] = {"127.0.0.1", bad[i], NULL};
        struct networks n;
        struct buf why = BUF_INIT(1000);
        assert_int_equal(networks_init(&n, texts, &why), ERR_SYNTAX);
        assert_non_null(strstr(buf_cstr(&why), bad[i]));
        assert_int_equal(n.count, 0);
        buf_release(&why);
    }
}

/* The client's address with these trusted, asked by 127.0.0.1, with the X-Forwarded-For lines. */
static void assert_client(const char *line1, const char *line2, const char *expected)
{
    static const char *const texts[] = {"127.0.0.1", "10.0.0.0/8", NULL};
    struct http_field fields[] = {{STR("x-forwarded-for"), str_of(line1)},
                                  {STR("Other"), STR("9.9.9.9")},
                                  {STR("X-Forwarded-For"), str_of(line2)}};
    struct http_head head = {.fields = fields, .field_count = 3};
    struct networks n;
    struct buf why = BUF_INIT(1000);
    assert_int_equal(networks_init(&n, texts, &why), OK);
    assert_text(proxy_client(&n, parsed("127.0.0.1"), &head), expected);
    assert_text(proxy_client(&n, parsed("8.8.8.8"), &head), "8.8.8.8");
    networks_release(&n);
    buf_release(&why);
}

static void forwarding_is_followed_as_far_as_it_is_trusted(void **state)
{
    (void)state;
    assert_client("1.1.1.1", "10.0.0.1", "1.1.1.1");
    assert_client("1.1.1.1, 2.2.2.2", "10.0.0.2, 10.0.0.1", "2.2.2.2");
    assert_client("1.1.1.1", "2.2.2.2", "2.2.2.2");
    assert_client("10.0.0.3", "10.0.0.2", "10.0.0.3");
    assert_client("1.1.1.1", "junk, 10.0.0.1", "10.0.0.1");
    assert_client("1.1.1.1", "10.0.0.1,", "127.0.0.1");
    assert_client("1.1.1.1", "", "127.0.0.1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_and_written),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(forwarded_addresses_may_have_brackets_and_ports),
        cmocka_unit_test(loopback_is_known),
        cmocka_unit_test(connections_are_counted_by_address_or_64),
        cmocka_unit_test(networks_hold_their_addresses_only),
        cmocka_unit_test(odd_networks_are_refused_by_name),
        cmocka_unit_test(forwarding_is_followed_as_far_as_it_is_trusted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
