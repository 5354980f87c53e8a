#include "web/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool matches(const char *pattern, const char *path)
{
    struct path_args args;
    return path_match(pattern, str_of(path), &args);
}

static void a_pattern_without_names_matches_itself_only(void **state)
{
    (void)state;
    assert_true(matches("/", "/"));
    assert_true(matches("/admin/spaces", "/admin/spaces"));
    assert_false(matches("/admin", "/admin/"));
    assert_false(matches("/admin/", "/admin"));
    assert_false(matches("/admin/spaces", "/admin//spaces"));
    assert_false(matches("/admin/spaces", "/admin/spaces/x"));
    assert_false(matches("/admin/spaces", "/Admin/spaces"));
    assert_false(matches("/", ""));
    assert_false(matches("/x", "x"));
}

static void an_escape_means_the_same_as_the_character(void **state)
{
    (void)state;
    assert_true(matches("/admin", "/%61dmin"));
    assert_true(matches("/admin", "/%61%64%6d%69%6E"));
}

static void a_name_stands_for_one_decoded_segment(void **state)
{
    (void)state;
    struct path_args args;
    assert_true(path_match("/spaces/{name}", STR("/spaces/my%20%E4%B8%AD"), &args));
    assert_string_equal(path_arg(&args, "name"), "my \xe4\xb8\xad");
    assert_string_equal(path_arg(&args, "id"), "");
    assert_true(path_match("/a/{x}/b/{y}", STR("/a/1/b/2+3"), &args));
    assert_string_equal(path_arg(&args, "x"), "1");
    assert_string_equal(path_arg(&args, "y"), "2+3");
    assert_false(matches("/spaces/{name}", "/spaces/"));
    assert_false(matches("/spaces/{name}", "/spaces/a/b"));
}

static void an_encoded_slash_stays_inside_its_segment(void **state)
{
    (void)state;
    struct path_args args;
    assert_true(path_match("/spaces/{name}", STR("/spaces/a%2Fb"), &args));
    assert_string_equal(path_arg(&args, "name"), "a/b");
    assert_false(matches("/a/b", "/a%2Fb"));
}

static void the_rest_is_taken_whole(void **state)
{
    (void)state;
    struct path_args args;
    assert_true(path_match("/static/{file...}", STR("/static/js/app.js"), &args));
    assert_string_equal(path_arg(&args, "file"), "js/app.js");
    assert_true(path_match("/static/{file...}", STR("/static/x"), &args));
    assert_string_equal(path_arg(&args, "file"), "x");
    assert_false(matches("/static/{file...}", "/static/"));
    assert_false(matches("/static/{file...}", "/static"));
}

static void broken_escapes_and_text_match_nothing(void **state)
{
    (void)state;
    static const char *const broken[] = {"/s/%",    "/s/%2",   "/s/%zz",         "/s/%00",
                                         "/s/a%00", "/s/%C3",  "/s/%C0%80",      "/s/%ED%A0%80",
                                         "/s/%-1",  "/s/% 41", "/s/%F5%80%80%80"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        assert_false(matches("/s/{x}", broken[i]));
}

static void a_segment_that_is_too_long_matches_nothing(void **state)
{
    (void)state;
    char path[PATH_ARG_BYTES + 8] = "/s/";
    memset(path + 3, 'a', PATH_ARG_BYTES - 1);
    assert_true(matches("/s/{x}", path));
    path[3 + PATH_ARG_BYTES - 1] = 'a';
    assert_false(matches("/s/{x}", path));
    assert_false(matches("/literal", path));
}

static void only_places_of_ours_follow_a_login(void **state)
{
    (void)state;
    static const char *const ours[] = {"/", "/a", "/spaces/x%20y?z=1&u=//e#f", "/admin/"};
    static const char *const others[] = {"",
                                         "//evil.example",
                                         "///evil.example",
                                         "/\\evil.example",
                                         "/a\\b",
                                         "\\/evil.example",
                                         "https://evil.example/",
                                         "javascript:alert(1)",
                                         "a/b",
                                         " /a",
                                         "/a b",
                                         "/a\r\nSet-Cookie: x=y",
                                         "/a\tb",
                                         "/\t/evil.example",
                                         "/a\x7f",
                                         "/\xc3\xa9"};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        assert_true(path_is_local(str_of(ours[i])));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(path_is_local(str_of(others[i])));
    assert_false(path_is_local(STR("/a\0b")));
    char longest[2050];
    memset(longest, '/', 1);
    memset(longest + 1, 'a', sizeof longest - 1);
    assert_true(path_is_local(str_slice(longest, 2048)));
    assert_false(path_is_local(str_slice(longest, 2049)));
}

static void assets_are_plain_names_below_their_folder(void **state)
{
    (void)state;
    static const char *const good[] = {"app.css", "js/app.js", "lang/zh-Hant.json", "a_b..c"};
    static const char *const bad[] = {"",      "/",     "../x",  "js/../x",     ".git",
                                      "js/.x", "js//x", "js/",   "/etc/passwd", "a b",
                                      "a\\b",  "a%2e",  "js/..", "a\nb",        "\xc3\xa9"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(path_is_asset(str_of(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(path_is_asset(str_of(bad[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_without_names_matches_itself_only),
        cmocka_unit_test(an_escape_means_the_same_as_the_character),
        cmocka_unit_test(a_name_stands_for_one_decoded_segment),
        cmocka_unit_test(an_encoded_slash_stays_inside_its_segment),
        cmocka_unit_test(the_rest_is_taken_whole),
        cmocka_unit_test(broken_escapes_and_text_match_nothing),
        cmocka_unit_test(a_segment_that_is_too_long_matches_nothing),
        cmocka_unit_test(only_places_of_ours_follow_a_login),
        cmocka_unit_test(assets_are_plain_names_below_their_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
