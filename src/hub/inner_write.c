#include "app/inner.h"
#include "hub/inner.h"

#include <string.h>

/* RFC 9110 section 7.6.1, and what was used there before. */
static const char *const HOP_BY_HOP[] = {"Connection",
                                         "Keep-Alive",
                                         "Proxy-Connection",
                                         "Proxy-Authenticate",
                                         "TE",
                                         "Proxy-Authorization",
                                         "Trailer",
                                         "Upgrade",
                                         "Transfer-Encoding",
                                         "HTTP2-Settings",
                                         NULL};
/* What the edge writes itself. */
static const char *const OF_REPLY[] = {"Content-Length", "Date", NULL};
/* What pages read of a request. Nothing else goes on: civetweb keeps 64 fields and overlooks the
 * others, and what is not sent cannot be read in two ways. */
static const char *const OF_PAGES[] = {"Accept-Language", "Content-Type", "Cookie",
                                       "If-None-Match",   "User-Agent",   NULL};

static bool listed(const char *const *names, struct str name)
{
    for (; *names; names++)
        if (str_eq_nocase(name, str_of(*names)))
            return true;
    return false;
}

static void add_field(struct buf *b, struct str name, struct str value)
{
    buf_str_append(b, name);
    buf_puts(b, ": ");
    buf_str_append(b, value);
    buf_puts(b, "\r\n");
}

static bool end_to_end(const struct http_head *h, struct str name, const char *const *others)
{
    return !listed(HOP_BY_HOP, name) && !listed(others, name) &&
           !http_field_has_token(h, STR("Connection"), name);
}

/* What may stand in a path as it is (RFC 3986 section 3.3). */
static bool plain_in_path(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("-._~/!$&'()*+,;=:@", c));
}

static void add_path(struct buf *b, struct str path)
{
    for (size_t i = 0; i < path.n; i++)
        if (plain_in_path(path.p[i]))
            buf_putc(b, path.p[i]);
        else
            buf_uri(b, str_slice(path.p + i, 1));
}

static void add_identity(struct buf *b, struct exchange *x)
{
    const struct edge_handler *h = &x->conn->edge->config.handler;
    struct identity who = {0};
    if (!h->identify || !h->identify(h->ctx, x, &who))
        return;
    add_field(b, STR(INNER_USER), str_of(who.name));
    buf_printf(b, INNER_KEY ": %lld\r\n", (long long)who.user_key);
    buf_printf(b, INNER_SESSION ": %lld\r\n", (long long)who.session_key);
    buf_printf(b, INNER_SCOPES ": %u\r\n", (unsigned)who.scopes);
    add_field(b, STR(INNER_ROLE), who.role == ROLE_ADMIN ? STR("admin") : STR("user"));
    if (who.language[0])
        add_field(b, STR(INNER_LANG), str_of(who.language));
}

static void add_own_fields(struct buf *b, struct exchange *x, const char *secret)
{
    add_field(b, STR(INNER_SECRET), str_of(secret));
    add_field(b, STR(INNER_ADDRESS), str_of(x->address));
    buf_puts(b, INNER_ORIGIN ": ");
    if (exchange_origin(x, b))
        buf_puts(b, "null"); /* no Host: HTTP/1.0 */
    buf_puts(b, "\r\n");
    add_identity(b, x);
}

/* A tab is allowed in a value (RFC 9110 section 5.5), but civetweb 1.15 hangs up on one. */
static void add_value(struct buf *b, struct str value)
{
    for (size_t i = 0; i < value.n; i++)
        buf_putc(b, value.p[i] == '\t' ? ' ' : value.p[i]);
}

/* All lines of that name as one (RFC 9110 section 5.3, RFC 6265 section 5.4). */
static void add_joined(struct buf *b, const struct http_head *h, const char *name)
{
    const char *separator = strcmp(name, "Cookie") == 0 ? "; " : ", ";
    bool begun = false;
    for (size_t i = 0; i < h->field_count; i++) {
        if (!str_eq_nocase(h->fields[i].name, str_of(name)))
            continue;
        if (!begun)
            buf_printf(b, "%s: ", name);
        else
            buf_puts(b, separator);
        begun = true;
        add_value(b, h->fields[i].value);
    }
    if (begun)
        buf_puts(b, "\r\n");
}

static void add_clients_fields(struct buf *b, const struct http_head *h)
{
    for (const char *const *name = OF_PAGES; *name; name++)
        if (!http_field_has_token(h, STR("Connection"), str_of(*name)))
            add_joined(b, h, *name);
}

enum err inner_write_request(struct exchange *x, const char *secret, struct buf *out)
{
    const struct http_head *h = &x->head;
    struct str body = exchange_body(x);
    buf_puts(out, http_method_name(h->method));
    buf_putc(out, ' ');
    add_path(out, h->path);
    if (h->query.n) {
        buf_putc(out, '?');
        buf_str_append(out, h->query);
    }
    buf_puts(out, " HTTP/1.1\r\n");
    add_field(out, STR("Host"), h->host.n ? h->host : STR("localhost"));
    if (body.n || (h->method != HTTP_GET && h->method != HTTP_HEAD))
        buf_printf(out, "Content-Length: %zu\r\n", body.n);
    add_own_fields(out, x, secret);
    add_clients_fields(out, h);
    buf_puts(out, "\r\n");
    return buf_str_append(out, body);
}

enum err inner_write_fields(const struct http_head *reply, struct buf *out)
{
    for (size_t i = 0; i < reply->field_count; i++) {
        const struct http_field *f = &reply->fields[i];
        if (end_to_end(reply, f->name, OF_REPLY))
            add_field(out, f->name, f->value);
    }
    return out->failed;
}
