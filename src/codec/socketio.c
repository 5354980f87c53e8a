#include "codec/socketio.h"

#include "codec/json_scan.h"

#include <inttypes.h>

/* ---- values ---- */

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_blanks(struct str *s)
{
    while (s->n && blank(s->p[0]))
        *s = str_slice(s->p + 1, s->n - 1);
}

/* The length of the string at s.p, quotes included; s is valid JSON. */
static size_t string_bytes(struct str s)
{
    size_t i = 1;
    while (i < s.n && s.p[i] != '"')
        i += s.p[i] == '\\' ? 2 : 1;
    return i < s.n ? i + 1 : s.n;
}

/* The length of the value at s.p, up to the comma or bracket that ends it. */
static size_t value_bytes(struct str s)
{
    size_t i = 0, depth = 0;
    while (i < s.n) {
        char c = s.p[i];
        if (c == '"') {
            i += string_bytes(str_slice(s.p + i, s.n - i));
            continue;
        }
        if (c == '[' || c == '{')
            depth++;
        else if (!depth && (c == ',' || c == ']' || c == '}'))
            break;
        else if (c == ']' || c == '}')
            depth--;
        i++;
    }
    return i;
}

bool sio_arg_next(struct str *values, struct str *one)
{
    skip_blanks(values);
    if (!values->n)
        return false;
    size_t n = value_bytes(*values), end = n;
    while (n && blank(values->p[n - 1]))
        n--;
    *one = str_slice(values->p, n);
    if (end < values->n)
        end++; /* the comma */
    *values = str_slice(values->p + end, values->n - end);
    return true;
}

bool sio_placeholder(struct str value, uint64_t *num)
{
    struct json_scan scan;
    if (json_scan(value, 1, true, &scan) || scan.kind != JSON_OBJECT || scan.count != 2)
        return false;
    const struct json_member *mark = json_scan_member(&scan, STR("_placeholder"));
    const struct json_member *which = json_scan_member(&scan, STR("num"));
    return mark && which && str_eq(mark->value, STR("true")) &&
           !str_to_u64(which->value, UINT32_MAX, num);
}

/* ---- what Python writes for what is no number ---- */

static size_t odd_bytes(struct str s)
{
    static const struct str odd[] = {{"NaN", 3}, {"Infinity", 8}, {"-Infinity", 9}};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        if (str_starts(s, odd[i]))
            return odd[i].n;
    return 0;
}

/* text, which need not be JSON, with null for each of them that is in no string. What stands right
 * beside one makes no JSON with null either. False when out has no room. */
static bool write_nulls(struct str text, struct buf *out)
{
    size_t written = 0;
    for (size_t i = 0, n; i < text.n; i += n) {
        struct str rest = str_slice(text.p + i, text.n - i);
        n = rest.p[0] == '"' ? string_bytes(rest) : 1;
        if (rest.p[0] != 'N' && rest.p[0] != 'I' && rest.p[0] != '-')
            continue;
        size_t odd = odd_bytes(rest);
        if (!odd)
            continue;
        buf_append(out, text.p + written, i - written);
        buf_puts(out, "null");
        written = i + odd;
        n = odd;
    }
    buf_append(out, text.p + written, text.n - written);
    return !out->failed;
}

/* ---- decoding ---- */

struct reader {
    struct str rest;
    size_t max_depth;
    struct buf *mended; /* or NULL */
    const char *why;
};

static enum err wrong(struct reader *r, const char *why)
{
    r->why = why;
    return ERR_SYNTAX;
}

static void advance(struct reader *r, size_t n)
{
    r->rest = str_slice(r->rest.p + n, r->rest.n - n);
}

static size_t digits(struct str s)
{
    size_t n = 0;
    while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
        n++;
    return n;
}

static enum err read_type(struct reader *r, struct sio_packet *out)
{
    if (!r->rest.n || r->rest.p[0] < '0' || r->rest.p[0] >= '0' + SIO_TYPE__MAX)
        return wrong(r, "no packet type");
    out->type = (enum sio_type)(r->rest.p[0] - '0');
    advance(r, 1);
    return OK;
}

static enum err read_attachments(struct reader *r, struct sio_packet *out)
{
    uint64_t count;
    size_t n = digits(r->rest);
    if (out->type != SIO_BINARY_EVENT && out->type != SIO_BINARY_ACK)
        return OK;
    if (n == r->rest.n || r->rest.p[n] != '-' || str_to_u64(str_slice(r->rest.p, n), 1000, &count))
        return wrong(r, "no number of attachments");
    if (count > SIO_ATTACHMENTS_MAX)
        return wrong(r, "too many attachments");
    out->attachments = (size_t)count;
    advance(r, n + 1);
    return OK;
}

static enum err read_namespace(struct reader *r, struct sio_packet *out)
{
    struct str query;
    out->nsp = STR("/");
    if (!r->rest.n || r->rest.p[0] != '/')
        return OK;
    str_split(r->rest, ',', &out->nsp, &r->rest);
    str_split(out->nsp, '?', &out->nsp, &query);
    return out->nsp.n <= SIO_NAMESPACE_MAX ? OK : wrong(r, "the namespace is too long");
}

static enum err read_id(struct reader *r, struct sio_packet *out)
{
    size_t n = digits(r->rest);
    if (!n)
        return OK;
    if (str_to_u64(str_slice(r->rest.p, n), SIO_ACK_ID_MAX, &out->id))
        return wrong(r, "a bad ack id");
    out->has_id = true;
    advance(r, n);
    return OK;
}

/* Connect and connect error: nothing or an object. */
static enum err read_object(struct reader *r, struct sio_packet *out)
{
    struct json_scan scan;
    if (!r->rest.n)
        return OK;
    if (json_scan(r->rest, r->max_depth, false, &scan) || scan.kind != JSON_OBJECT)
        return wrong(r, "the payload is no JSON object");
    out->data = r->rest;
    return OK;
}

static enum err read_nothing(struct reader *r, struct sio_packet *out)
{
    (void)out;
    return r->rest.n ? wrong(r, "a payload where none belongs") : OK;
}

static bool is_array(const struct reader *r, struct json_scan *scan)
{
    return !json_scan(r->rest, r->max_depth + 1, false, scan) && scan->kind == JSON_ARRAY;
}

/* rest could not be read as scan tells: now it can, if all that was wrong is what Python writes. */
static bool mend(struct reader *r, struct json_scan *scan)
{
    char wrong = scan->why && scan->error_at < r->rest.n ? r->rest.p[scan->error_at] : '\0';
    if (!r->mended || (wrong != 'N' && wrong != 'I') || !write_nulls(r->rest, r->mended))
        return false;
    r->rest = buf_str(r->mended);
    return is_array(r, scan);
}

/* An array; data gets what stands between its brackets. */
static enum err read_array(struct reader *r, struct sio_packet *out)
{
    struct json_scan scan;
    if (!is_array(r, &scan) && !mend(r, &scan))
        return wrong(r, "the payload is no JSON array");
    struct str inner = str_trim(r->rest); /* json_scan has seen to the rest of the blanks */
    while (inner.p[0] != '[')
        inner = str_slice(inner.p + 1, inner.n - 1);
    while (inner.p[inner.n - 1] != ']')
        inner.n--;
    out->data = str_slice(inner.p + 1, inner.n - 2);
    skip_blanks(&out->data);
    return OK;
}

static bool reserved(struct str name)
{
    static const char *const names[] = {"connect",       "connect_error", "disconnect",
                                        "disconnecting", "newListener",   "removeListener"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_eq(name, str_of(names[i])))
            return true;
    return false;
}

static enum err read_event(struct reader *r, struct sio_packet *out)
{
    struct str name;
    enum err e = read_array(r, out);
    if (e)
        return e;
    if (!sio_arg_next(&out->data, &name) || name.p[0] != '"')
        return wrong(r, "an event without a name");
    out->name = str_slice(name.p + 1, name.n - 2);
    skip_blanks(&out->data);
    return reserved(out->name) ? wrong(r, "a reserved event name") : OK;
}

enum err sio_decode(struct str text, size_t max_depth, struct buf *mended, struct sio_packet *out,
                    const char **why)
{
    static enum err (*const payload[SIO_TYPE__MAX])(struct reader *, struct sio_packet *) = {
        [SIO_CONNECT] = read_object,       [SIO_DISCONNECT] = read_nothing,
        [SIO_EVENT] = read_event,          [SIO_ACK] = read_array,
        [SIO_CONNECT_ERROR] = read_object, [SIO_BINARY_EVENT] = read_event,
        [SIO_BINARY_ACK] = read_array,
    };
    struct reader r = {.rest = text, .max_depth = max_depth, .mended = mended};
    struct sio_packet p = {0};
    enum err e = read_type(&r, &p);
    if (!e)
        e = read_attachments(&r, &p);
    if (!e)
        e = read_namespace(&r, &p);
    if (!e)
        e = read_id(&r, &p);
    if (!e && !p.has_id && (p.type == SIO_ACK || p.type == SIO_BINARY_ACK))
        e = wrong(&r, "an ack without an id");
    if (!e)
        e = payload[p.type](&r, &p);
    if (!e)
        *out = p;
    else
        *why = r.why;
    return e;
}

/* ---- encoding ---- */

static void put_event(struct buf *out, const struct sio_packet *p)
{
    buf_putc(out, '[');
    buf_json_string(out, p->name);
    if (p->data.n)
        buf_putc(out, ',');
    buf_str_append(out, p->data);
    buf_putc(out, ']');
}

static void put_ack(struct buf *out, const struct sio_packet *p)
{
    buf_putc(out, '[');
    buf_str_append(out, p->data);
    buf_putc(out, ']');
}

static void put_data(struct buf *out, const struct sio_packet *p)
{
    buf_str_append(out, p->data);
}

static void put_message(struct buf *out, const struct sio_packet *p)
{
    buf_puts(out, "{\"message\":");
    buf_json_string(out, p->data);
    buf_putc(out, '}');
}

enum err sio_encode(struct buf *out, const struct sio_packet *p)
{
    static void (*const payload[SIO_TYPE__MAX])(struct buf *, const struct sio_packet *) = {
        [SIO_CONNECT] = put_data,          [SIO_DISCONNECT] = put_data,
        [SIO_EVENT] = put_event,           [SIO_ACK] = put_ack,
        [SIO_CONNECT_ERROR] = put_message, [SIO_BINARY_EVENT] = put_event,
        [SIO_BINARY_ACK] = put_ack,
    };
    buf_putc(out, (char)('0' + p->type));
    if (p->type == SIO_BINARY_EVENT || p->type == SIO_BINARY_ACK)
        buf_printf(out, "%zu-", p->attachments);
    if (p->nsp.n > 1) {
        buf_str_append(out, p->nsp);
        buf_putc(out, ',');
    }
    if (p->has_id)
        buf_printf(out, "%" PRIu64, p->id);
    payload[p->type](out, p);
    return out->failed;
}

enum err sio_encode_placeholder(struct buf *out, uint64_t num)
{
    return buf_printf(out, "{\"_placeholder\":true,\"num\":%" PRIu64 "}", num);
}
