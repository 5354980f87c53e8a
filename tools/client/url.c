#include "client/url.h"

#include <stdio.h>
#include <string.h>

static enum err refuse(struct buf *why, struct str s, const char *what)
{
    buf_printf(why, "`%.*s` %s", STR_ARG(s), what);
    return ERR_SYNTAX;
}

static bool take_scheme(struct str *s, bool *secure)
{
    static const struct {
        const char *text;
        bool secure;
    } schemes[] = {{"http://", false}, {"https://", true}, {"ws://", false}, {"wss://", true}};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t n = strlen(schemes[i].text);
        if (s->n < n || !str_eq_nocase(str_slice(s->p, n), str_of(schemes[i].text)))
            continue;
        *s = str_slice(s->p + n, s->n - n);
        *secure = schemes[i].secure;
        return true;
    }
    return false;
}

static bool all_of(struct str s, const char *allowed)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '\0' || !strchr(allowed, s.p[i]))
            return false;
    return s.n > 0;
}

#define DIGITS  "0123456789"
#define HEX     DIGITS "abcdefABCDEF"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* Splits "host", "host:port", "[v6]" or "[v6]:port". port is "" when there is none. */
static bool split_authority(struct str s, struct url *u, struct str *host, struct str *port)
{
    *port = STR("");
    if (s.n == 0 || s.p[0] != '[') {
        bool with_port = str_split(s, ':', host, port);
        return (!with_port || port->n) && all_of(*host, LETTERS DIGITS "-._");
    }
    struct str rest;
    u->numeric_v6 = true;
    if (!str_split(str_slice(s.p + 1, s.n - 1), ']', host, &rest) || !all_of(*host, HEX ":."))
        return false;
    if (rest.n == 0)
        return true;
    *port = str_slice(rest.p + 1, rest.n - 1);
    return rest.p[0] == ':' && port->n;
}

static enum err take_authority(struct str s, struct url *u)
{
    struct str host, port;
    uint64_t number = u->secure ? 443 : 80;
    uint64_t usual = number;
    if (!split_authority(s, u, &host, &port) || !str_copy(u->host, sizeof u->host, host))
        return ERR_SYNTAX;
    if (port.n && (str_to_u64(port, 65535, &number) || number == 0))
        return ERR_SYNTAX;
    u->port = (uint16_t)number;
    const char *open = u->numeric_v6 ? "[" : "", *close = u->numeric_v6 ? "]" : "";
    if (number == usual)
        snprintf(u->authority, sizeof u->authority, "%s%s%s", open, u->host, close);
    else
        snprintf(u->authority, sizeof u->authority, "%s%s%s:%u", open, u->host, close, u->port);
    return OK;
}

/* What may stand in a path (RFC 3986 section 3.3), so that nothing can be smuggled into the request
 * line. */
static bool path_valid(struct str path)
{
    return path.n == 0 || all_of(path, LETTERS DIGITS "/-._~!$&'()*+,;=:@%");
}

enum err url_parse(struct str s, struct url *out, struct buf *why)
{
    struct url u = {0};
    struct str rest = s;
    if (!take_scheme(&rest, &u.secure))
        return refuse(why, s, "does not begin with http:// or https://");
    size_t slash = str_find(rest, '/');
    struct str path = str_slice(rest.p + slash, rest.n - slash);
    if (take_authority(str_slice(rest.p, slash), &u))
        return refuse(why, s, "does not name a host, or host:port");
    if (!path_valid(path))
        return refuse(why, s, "has something after the host that cannot stand there");
    while (path.n && path.p[path.n - 1] == '/')
        path.n--;
    if (path.n + sizeof "/ws/app" > sizeof u.path)
        return refuse(why, s, "is too long");
    snprintf(u.path, sizeof u.path, "%.*s/ws/app", STR_ARG(path));
    snprintf(u.text, sizeof u.text, "%s://%s%s", u.secure ? "wss" : "ws", u.authority, u.path);
    *out = u;
    return OK;
}
