/* What may be a space's picture. */
#include "rig.h"

#include "web/cover.h"

static const struct {
    const char *type, *cover;
    bool valid;
} cases[] = {
    {"image", "", true},
    {"image", "https://a.example/b.png?c=d#e", true},
    {"image", "http://10.0.0.1:8080", true},
    {"image", "https://a.example", true},
    {"", "/static/icon.svg", true},
    {"url", "uploads/cover 1.png", false},
    {"url", "uploads/cover.png", true},
    {"image", "a/b:c.png", true},
    {"image", "//evil.example/x", false},
    {"image", "/\\evil.example/x", false},
    {"image", "javascript:alert(1)", false},
    {"image", "data:image/png;base64,AAAA", false},
    {"image", "ftp://a.example/b.png", false},
    {"image", "https:///b.png", false},
    {"image", "https://", false},
    {"image", "https://a.example; script-src *", false},
    {"image", "https://a.example;script-src/", false},
    {"image", "https://user@a.example/b", false},
    {"image", "https://a.example:80x/b", false},
    {"image", "https://a.example/b c", false},
    {"image", "https://a.example/\x01", false},
    {"emoji", "\xf0\x9f\x8e\xa8", true},
    {"emoji", "a sign that is far longer than it may be", false},
    {"emoji", "a\nb", false},
    {"color", "#abc", true},
    {"colour", "#A0b1C2ff", true},
    {"color", "RebeccaPurple", true},
    {"color", "#ab", false},
    {"color", "#abcdeg", false},
    {"color", "url(x)", false},
    {"gradient", "#123,#456", true},
    {"gradient", "linear-gradient(135deg, #667eea 0%, #764ba2 100%)", true},
    {"gradient", "#123", false},
    {"gradient", "red, blue", false},
    {"hologram", "whatever it is", true}, /* kept, not shown */
    {"hologram", "not this\n", false},
};

static void a_cover_fits_its_type(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (cover_valid(str_of(cases[i].type), str_of(cases[i].cover)) != cases[i].valid)
            fail_msg("%s: %s", cases[i].type, cases[i].cover);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_cover_fits_its_type)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
