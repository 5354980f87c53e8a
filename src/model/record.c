#include "model/record.h"

#include <assert.h>
#include <string.h>

static const char *const status_names[REQUEST_STATUS__MAX] = {
    [REQUEST_ACCEPTING] = "queued",      [REQUEST_QUEUED] = "queued",
    [REQUEST_PROCESSING] = "processing", [REQUEST_CANCELLING] = "cancelled",
    [REQUEST_COMPLETED] = "completed",   [REQUEST_FAILED] = "failed",
    [REQUEST_CANCELLED] = "cancelled",
};

const char *request_status_name(enum request_status s)
{
    assert(s < REQUEST_STATUS__MAX);
    return status_names[s];
}

enum err request_status_parse(struct str s, enum request_status *out)
{
    static const enum request_status seen[] = {
        REQUEST_QUEUED, REQUEST_PROCESSING, REQUEST_COMPLETED, REQUEST_FAILED, REQUEST_CANCELLED};
    for (size_t i = 0; i < sizeof seen / sizeof seen[0]; i++) {
        if (str_eq(s, str_of(status_names[seen[i]]))) {
            *out = seen[i];
            return OK;
        }
    }
    return ERR_SYNTAX;
}

void request_record_release(struct request_record *r)
{
    bytes_unref(r->payload);
    bytes_unref(r->text);
    bytes_unref(r->result);
    bytes_unref(r->usage);
    bytes_unref(r->error_message);
    r->payload = r->text = r->result = r->usage = r->error_message = NULL;
}

/* The blanks that Unicode knows (White_Space), as UTF-8; those below U+00A0 but the space are
 * control characters. */
static bool is_blank(struct str s)
{
    static const char *const blanks[] = {
        " ",
        "\xc2\xa0",
        "\xe1\x9a\x80",
        "\xe2\x80\x80",
        "\xe2\x80\x81",
        "\xe2\x80\x82",
        "\xe2\x80\x83",
        "\xe2\x80\x84",
        "\xe2\x80\x85",
        "\xe2\x80\x86",
        "\xe2\x80\x87",
        "\xe2\x80\x88",
        "\xe2\x80\x89",
        "\xe2\x80\x8a",
        "\xe2\x80\xa8",
        "\xe2\x80\xa9",
        "\xe2\x80\xaf",
        "\xe2\x81\x9f",
        "\xe3\x80\x80",
    };
    for (size_t i = 0; i < sizeof blanks / sizeof blanks[0]; i++)
        if (str_eq(s, str_of(blanks[i])))
            return true;
    return false;
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* The code points at both ends of s, which is valid UTF-8 and not empty. */
static struct str first_point(struct str s)
{
    size_t n = 1;
    while (n < s.n && is_continuation(s.p[n]))
        n++;
    return str_slice(s.p, n);
}

static struct str last_point(struct str s)
{
    size_t at = s.n - 1;
    while (at > 0 && is_continuation(s.p[at]))
        at--;
    return str_slice(s.p + at, s.n - at);
}

static size_t count_points(struct str s)
{
    size_t count = 0;
    for (size_t i = 0; i < s.n; i++)
        count += !is_continuation(s.p[i]);
    return count;
}

/* A line of fewer than `bytes` bytes, without blanks at its ends. */
static bool is_title(struct str s, size_t bytes)
{
    if (s.n == 0 || s.n >= bytes || !utf8_valid(s.p, s.n) || str_has_control(s))
        return false;
    return !is_blank(first_point(s)) && !is_blank(last_point(s));
}

bool space_name_valid(struct str name)
{
    return is_title(name, SPACE_NAME_BYTES) && count_points(name) <= SPACE_NAME_POINTS &&
           str_find(name, '/') == name.n;
}

bool api_key_name_valid(struct str name)
{
    return is_title(name, API_KEY_NAME_BYTES);
}

void api_key_secret(char out[API_KEY_SECRET_BYTES])
{
    size_t prefix = sizeof API_KEY_PREFIX - 1;
    memcpy(out, API_KEY_PREFIX, prefix);
    secret_text(out + prefix);
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool user_name_valid(struct str name)
{
    if (name.n == 0 || name.n >= USER_NAME_BYTES)
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (!is_word(name.p[i]))
            return false;
    return true;
}

bool password_valid(struct str password)
{
    return password.n >= 8 && password.n <= 1024;
}
