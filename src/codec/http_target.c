#include "codec/http_parts.h"

#include <arpa/inet.h>
#include <stdlib.h>

static enum err refuse(const char **why, const char *sentence)
{
    *why = sentence;
    return ERR_SYNTAX;
}

/* pchar and '/' of RFC 3986, and what browsers leave as it is though the RFC would have it encoded.
 */
static bool path_char(unsigned char c)
{
    return http_is_alnum(c) || http_is_one_of(c, "/-._~!$&'()*+,;=:@%[]|^");
}

static bool query_char(unsigned char c)
{
    return path_char(c) || http_is_one_of(c, "?{}\\`");
}

static bool all_of(struct str s, bool (*member)(unsigned char))
{
    for (size_t i = 0; i < s.n; i++)
        if (!member((unsigned char)s.p[i]))
            return false;
    return true;
}

static bool has_dot_segment(struct str path)
{
    for (bool more = true; more;) {
        struct str segment;
        more = str_split(path, '/', &segment, &path);
        if (str_eq(segment, STR(".")) || str_eq(segment, STR("..")))
            return true;
    }
    return false;
}

/* to has room for raw.n bytes. An encoded '/' would make two paths one, so it is refused. */
static enum err decode_path(struct str raw, char *to, size_t *n, const char **why)
{
    size_t len = 0;
    for (size_t i = 0; i < raw.n; i++) {
        char c = raw.p[i];
        if (c == '%') {
            if (raw.n - i < 3 || hex_decode(str_slice(raw.p + i + 1, 2), &c, 1))
                return refuse(why, "a percent escape in the path is not valid");
            if (c == '/')
                return refuse(why, "the path holds an encoded slash");
            i += 2;
        }
        to[len++] = c;
    }
    if (str_has_control(str_slice(to, len)))
        return refuse(why, "the path holds a control character");
    if (!utf8_valid(to, len))
        return refuse(why, "the path is not UTF-8");
    *n = len;
    return OK;
}

static enum err parse_origin_form(struct http_head *h, struct str target, const char **why)
{
    struct str raw, query;
    str_split(target, '?', &raw, &query);
    if (!all_of(raw, path_char) || !all_of(query, query_char))
        return refuse(why, "the target holds a character that must be encoded");
    struct str path = raw;
    if (str_find(raw, '%') < raw.n) {
        h->decoded = malloc(raw.n);
        if (!h->decoded)
            return ERR_MEMORY;
        path.p = h->decoded;
        enum err e = decode_path(raw, h->decoded, &path.n, why);
        if (e)
            return e;
    }
    if (has_dot_segment(path))
        return refuse(why, "the path holds a dot segment");
    h->target = target;
    h->path = path;
    h->query = query;
    return OK;
}

/* "http://host?query" stands for "http://host/?query" (RFC 9110 section 4.2.3). */
static enum err parse_bare_query(struct http_head *h, struct str query, const char **why)
{
    h->decoded = malloc(1 + query.n);
    if (!h->decoded)
        return ERR_MEMORY;
    h->decoded[0] = '/';
    memcpy(h->decoded + 1, query.p, query.n);
    return parse_origin_form(h, str_slice(h->decoded, 1 + query.n), why);
}

static void set_asterisk(struct http_head *h)
{
    h->target = STR("*");
    h->path = STR("/");
    h->query = STR("");
}

static enum err parse_absolute_form(struct http_head *h, struct str after_scheme, const char **why)
{
    size_t n = 0;
    while (n < after_scheme.n && !http_is_one_of((unsigned char)after_scheme.p[n], "/?"))
        n++;
    h->host = str_slice(after_scheme.p, n);
    if (!http_host_valid(h->host))
        return refuse(why, "the target's host is not valid");
    struct str rest = str_slice(after_scheme.p + n, after_scheme.n - n);
    if (rest.n > 0 && rest.p[0] == '?')
        return parse_bare_query(h, rest, why);
    if (rest.n > 0)
        return parse_origin_form(h, rest, why);
    if (h->method != HTTP_OPTIONS)
        return parse_origin_form(h, STR("/"), why);
    set_asterisk(h); /* RFC 9112 section 3.2.4 */
    return OK;
}

enum err http_parse_target(struct http_head *h, struct str target, const char **why)
{
    static const struct str schemes[] = {{"http://", 7}, {"https://", 8}};
    if (str_starts(target, STR("/")))
        return parse_origin_form(h, target, why);
    if (str_eq(target, STR("*")) && h->method == HTTP_OPTIONS) {
        set_asterisk(h);
        return OK;
    }
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t n = schemes[i].n;
        if (target.n >= n && str_eq_nocase(str_slice(target.p, n), schemes[i]))
            return parse_absolute_form(h, str_slice(target.p + n, target.n - n), why);
    }
    return refuse(why, "the request's target is not valid");
}

/* Less than reg-name allows: hosts with sub-delims or escapes do not occur, and a ',' or ';' in a
 * Host would end up in header fields that are built with it. */
static bool host_char(unsigned char c)
{
    return http_is_alnum(c) || http_is_one_of(c, "-._~");
}

static bool ipv6_valid(struct str address)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr binary;
    return str_find(address, '\0') == address.n && str_copy(text, sizeof text, address) &&
           inet_pton(AF_INET6, text, &binary) == 1;
}

bool http_host_valid(struct str host)
{
    struct str name = host, port = STR("");
    if (str_starts(host, STR("["))) {
        size_t end = str_find(host, ']');
        if (end == host.n || !ipv6_valid(str_slice(host.p + 1, end - 1)))
            return false;
        port = str_slice(host.p + end + 1, host.n - end - 1);
        if (port.n > 0 && port.p[0] != ':')
            return false;
        if (port.n > 0)
            port = str_slice(port.p + 1, port.n - 1);
    } else {
        str_split(host, ':', &name, &port);
        if (name.n == 0 || !all_of(name, host_char))
            return false;
    }
    uint64_t number;
    return port.n == 0 || str_to_u64(port, UINT16_MAX, &number) == OK; /* port = *DIGIT */
}
