#include "codec/http.h"

#include "codec/http_parts.h"

#include <assert.h>
#include <stdlib.h>

/* A head being parsed. Lines are judged in their order, each by itself and by those before it, so
 * that the verdict is the same however the bytes arrive. */
struct parse {
    struct str in;
    const struct http_limits *limits;
    size_t off; /* of the next line */
    bool start; /* the next line is the first */
    struct http_head head;
    size_t field_room;
    unsigned status;
    const char *why;
};

typedef enum err parse_fn(struct parse *p);

static enum err refuse(struct parse *p, unsigned status, const char *why)
{
    p->status = status;
    p->why = why;
    return ERR_SYNTAX;
}

static enum err no_memory(struct parse *p)
{
    p->status = 503;
    p->why = "out of memory";
    return ERR_MEMORY;
}

void http_head_release(struct http_head *h)
{
    free(h->fields);
    free(h->decoded);
    *h = (struct http_head){0};
}

const char *http_method_name(enum http_method m)
{
    static const char *const names[HTTP_METHOD__MAX] = {
        [HTTP_GET] = "GET",     [HTTP_HEAD] = "HEAD",     [HTTP_POST] = "POST",
        [HTTP_PUT] = "PUT",     [HTTP_DELETE] = "DELETE", [HTTP_OPTIONS] = "OPTIONS",
        [HTTP_PATCH] = "PATCH", [HTTP_OTHER] = "OTHER",
    };
    assert((unsigned)m < HTTP_METHOD__MAX);
    return names[m];
}

static enum http_method method_of(struct str name)
{
    enum http_method m = HTTP_GET;
    while (m < HTTP_OTHER && !str_eq(name, str_of(http_method_name(m))))
        m++;
    return m;
}

/* No more fields than this can come out: as many as there are lines, within the limits. */
static size_t fields_at_most(struct str in, const struct http_limits *limits)
{
    size_t most = limits->fields < HTTP_FIELDS_MAX ? limits->fields : HTTP_FIELDS_MAX;
    size_t lines = 0;
    if (in.n > limits->head_bytes)
        in.n = limits->head_bytes;
    for (struct str line; lines < most && str_split(in, '\n', &line, &in);)
        lines++;
    return lines;
}

/* The next line without its CRLF. The limits come first, and in a form that gives the same answer
 * for a line that is not complete as for the complete one. */
static enum err next_line(struct parse *p, struct str *line)
{
    struct str rest = str_slice(p->in.p + p->off, p->in.n - p->off);
    size_t n = str_find(rest, '\n'); /* with the CR */
    if ((n > 0 && n - 1 > p->limits->line_bytes) || n >= p->limits->head_bytes - p->off)
        return p->start ? refuse(p, 414, "the request line is too long")
                        : refuse(p, 431, "the head is too large");
    if (n == rest.n)
        return ERR_AGAIN;
    if (n == 0 || rest.p[n - 1] != '\r')
        return refuse(p, 400, "a line does not end in CR LF");
    *line = str_slice(rest.p, n - 1);
    p->off += n + 1;
    p->start = false;
    return OK;
}

static enum err parse_version(struct parse *p, struct str version)
{
    if (version.n != 8 || !str_starts(version, STR("HTTP/")) || version.p[6] != '.')
        return refuse(p, 400, "the HTTP version is not valid");
    unsigned major = (unsigned)version.p[5] - '0', minor = (unsigned)version.p[7] - '0';
    if (major > 9 || minor > 9)
        return refuse(p, 400, "the HTTP version is not valid");
    if (major != 1 || minor > 1)
        return refuse(p, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    p->head.minor = minor;
    return OK;
}

static enum err parse_request_line(struct parse *p)
{
    struct str line, method, target, version;
    enum err e = next_line(p, &line);
    if (e)
        return e;
    str_split(line, ' ', &method, &line);
    str_split(line, ' ', &target, &version);
    if (!http_is_token(method) || target.n == 0)
        return refuse(p, 400, "the request line is not valid");
    e = parse_version(p, version);
    if (e)
        return e;
    p->head.method = method_of(method);
    p->head.method_text = method;
    if (p->head.method == HTTP_OTHER)
        return refuse(p, 501, "the method is not known");
    p->status = 400;
    e = http_parse_target(&p->head, target, &p->why);
    return e == ERR_MEMORY ? no_memory(p) : e;
}

static enum err parse_status_line(struct parse *p)
{
    struct str line, version, status, reason;
    enum err e = next_line(p, &line);
    if (e)
        return e;
    str_split(line, ' ', &version, &line);
    bool spaced = str_split(line, ' ', &status, &reason);
    e = parse_version(p, version);
    if (e)
        return e;
    uint64_t number;
    if (!spaced || status.n != 3 || str_to_u64(status, 599, &number) || number < 100 ||
        !http_is_value(reason))
        return refuse(p, 400, "the status line is not valid");
    p->head.status = (unsigned)number;
    return OK;
}

static enum err parse_field(struct parse *p, struct str line)
{
    if (p->head.field_count >= p->limits->fields || p->head.field_count == HTTP_FIELDS_MAX)
        return refuse(p, 431, "there are too many header fields");
    if (line.p[0] == ' ' || line.p[0] == '\t')
        return refuse(p, 400, "a field line starts with a blank");
    struct http_field field;
    if (!str_split(line, ':', &field.name, &field.value))
        return refuse(p, 400, "a field line has no colon");
    if (!http_is_token(field.name))
        return refuse(p, 400, "a field name is not valid");
    if (!http_is_value(field.value))
        return refuse(p, 400, "a field value holds a control character");
    field.value = str_trim(field.value);
    assert(p->head.field_count < p->field_room);
    p->head.fields[p->head.field_count++] = field;
    return OK;
}

static enum err parse_fields(struct parse *p)
{
    for (;;) {
        struct str line;
        enum err e = next_line(p, &line);
        if (!e && line.n == 0)
            return OK;
        if (!e)
            e = parse_field(p, line);
        if (e)
            return e;
    }
}

/* RFC 9112 section 6.3, without its leniency. Sets framing to what the fields say. */
static enum err find_framing(struct parse *p)
{
    struct http_head *h = &p->head;
    const struct str *coding = http_field(h, STR("Transfer-Encoding"));
    const struct str *length = http_field(h, STR("Content-Length"));
    if (coding && length)
        return refuse(p, 400, "both Content-Length and Transfer-Encoding");
    if (coding && h->minor == 0)
        return refuse(p, 400, "Transfer-Encoding in HTTP/1.0");
    if (coding && (http_field_count(h, STR("Transfer-Encoding")) > 1 ||
                   !str_eq_nocase(*coding, STR("chunked"))))
        return refuse(p, 400, "the Transfer-Encoding is not exactly chunked");
    if (length && http_field_count(h, STR("Content-Length")) > 1)
        return refuse(p, 400, "more than one Content-Length");
    if (length && str_to_u64(*length, INT64_MAX, &h->length))
        return refuse(p, 400, "the Content-Length is not valid");
    h->framing = coding ? HTTP_CHUNKED : length ? HTTP_LENGTH : HTTP_NO_BODY;
    return OK;
}

static void find_keep_alive(struct http_head *h)
{
    bool close = http_field_has_token(h, STR("Connection"), STR("close"));
    h->keep_alive =
        !close && (h->minor > 0 || http_field_has_token(h, STR("Connection"), STR("keep-alive")));
}

static enum err check_host(struct parse *p)
{
    struct http_head *h = &p->head;
    const struct str *host = http_field(h, STR("Host"));
    if (!host && h->minor > 0)
        return refuse(p, 400, "there is no Host");
    if (host && http_field_count(h, STR("Host")) > 1)
        return refuse(p, 400, "more than one Host");
    if (host && !http_host_valid(*host))
        return refuse(p, 400, "the Host is not valid");
    if (h->host.n == 0) /* absolute-form wins */
        h->host = host ? *host : STR("");
    return OK;
}

static enum err check_expect(struct parse *p)
{
    struct http_head *h = &p->head;
    for (size_t i = 0; i < h->field_count; i++) {
        if (!str_eq_nocase(h->fields[i].name, STR("Expect")))
            continue;
        if (!str_eq_nocase(h->fields[i].value, STR("100-continue")))
            return refuse(p, 417, "the expectation is not known");
        h->expect_continue = h->minor > 0; /* RFC 9110 section 10.1.1 */
    }
    return OK;
}

static enum err parse_request(struct parse *p)
{
    if (str_starts(p->in, STR("\r\n")) && p->limits->head_bytes >= 2)
        p->off = 2; /* RFC 9112 section 2.2 */
    enum err e = parse_request_line(p);
    if (!e)
        e = parse_fields(p);
    if (!e)
        e = check_host(p);
    if (!e)
        e = find_framing(p);
    if (!e && p->head.framing == HTTP_LENGTH && p->head.length > p->limits->body_bytes)
        e = refuse(p, 413, "the body is too large");
    if (!e)
        e = check_expect(p);
    if (!e)
        find_keep_alive(&p->head);
    return e;
}

static enum err parse_reply(struct parse *p)
{
    enum http_method request_method = p->head.method;
    enum err e = parse_status_line(p);
    if (!e)
        e = parse_fields(p);
    if (!e)
        e = find_framing(p);
    if (e)
        return e;
    struct http_head *h = &p->head;
    find_keep_alive(h);
    if (request_method == HTTP_HEAD || h->status < 200 || h->status == 204 || h->status == 304)
        h->framing = HTTP_NO_BODY;
    else if (h->framing == HTTP_NO_BODY)
        h->framing = HTTP_UNTIL_CLOSE;
    if (h->framing == HTTP_UNTIL_CLOSE)
        h->keep_alive = false;
    return OK;
}

static enum err parse_head(struct parse *p, parse_fn *parse)
{
    if (p->in.n == 0)
        return ERR_AGAIN; /* and p may be NULL */
    p->start = true;
    p->field_room = fields_at_most(p->in, p->limits);
    if (p->field_room > 0) {
        p->head.fields = calloc(p->field_room, sizeof *p->head.fields);
        if (!p->head.fields)
            return no_memory(p);
    }
    enum err e = parse(p);
    if (e)
        http_head_release(&p->head);
    return e;
}

enum err http_parse_request(struct str in, const struct http_limits *limits, struct http_head *out,
                            size_t *used, unsigned *status, const char **why)
{
    struct parse p = {.in = in, .limits = limits};
    enum err e = parse_head(&p, parse_request);
    if (e == OK) {
        *out = p.head;
        *used = p.off;
    } else if (e != ERR_AGAIN) {
        *status = p.status;
        *why = p.why;
    }
    return e;
}

enum err http_parse_reply(struct str in, const struct http_limits *limits,
                          enum http_method request_method, struct http_head *out, size_t *used,
                          const char **why)
{
    struct parse p = {.in = in, .limits = limits, .head.method = request_method};
    enum err e = parse_head(&p, parse_reply);
    if (e == OK) {
        *out = p.head;
        *used = p.off;
    } else if (e != ERR_AGAIN) {
        *why = p.why;
    }
    return e;
}
