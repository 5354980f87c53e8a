#include "codec/http.h"

const struct str *http_field(const struct http_head *h, struct str name)
{
    for (size_t i = 0; i < h->field_count; i++)
        if (str_eq_nocase(h->fields[i].name, name))
            return &h->fields[i].value;
    return NULL;
}

size_t http_field_count(const struct http_head *h, struct str name)
{
    size_t count = 0;
    for (size_t i = 0; i < h->field_count; i++)
        count += str_eq_nocase(h->fields[i].name, name);
    return count;
}

static bool list_has_token(struct str list, struct str token)
{
    for (bool more = true; more;) {
        struct str element;
        more = str_split(list, ',', &element, &list);
        if (str_eq_nocase(str_trim(element), token))
            return true;
    }
    return false;
}

bool http_field_has_token(const struct http_head *h, struct str name, struct str token)
{
    for (size_t i = 0; i < h->field_count; i++)
        if (str_eq_nocase(h->fields[i].name, name) && list_has_token(h->fields[i].value, token))
            return true;
    return false;
}

static bool cookie_in(struct str pairs, struct str name, struct str *value)
{
    for (bool more = true; more;) {
        struct str pair, key, rest;
        more = str_split(pairs, ';', &pair, &pairs);
        if (str_split(str_trim(pair), '=', &key, &rest) && str_eq(key, name)) {
            *value = rest;
            return true;
        }
    }
    return false;
}

bool http_cookie(const struct http_head *h, struct str name, struct str *value)
{
    for (size_t i = 0; i < h->field_count; i++)
        if (str_eq_nocase(h->fields[i].name, STR("Cookie")) &&
            cookie_in(h->fields[i].value, name, value))
            return true;
    return false;
}

/* What follows the scheme and its blanks; false when it is another one. */
static bool bearer_in(struct str value, struct str *token)
{
    static const char scheme[] = "Bearer";
    size_t n = sizeof scheme - 1;
    if (!str_eq_nocase(str_start(value, n), str_of(scheme)))
        return false;
    *token = str_trim(str_slice(value.p + n, value.n - n));
    return value.n == n || value.p[n] == ' ' || value.p[n] == '\t';
}

bool http_bearer(const struct http_head *h, struct str *token)
{
    size_t count = http_field_count(h, STR("Authorization"));
    for (size_t i = 0; i < h->field_count; i++) {
        struct str found;
        if (!str_eq_nocase(h->fields[i].name, STR("Authorization")) ||
            !bearer_in(h->fields[i].value, &found))
            continue;
        *token = count == 1 ? found : STR("");
        return true;
    }
    return false;
}

static const struct {
    unsigned status;
    const char *reason;
} reasons[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {499, "Client Closed Request"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

const char *http_reason(unsigned status)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Unknown";
}
