/* HTTP/1.1 messages, strictly (RFC 9112): exactly one way to find the end of a message, everything
 * else is refused. Pure: no socket, no clock. Used by the edge for requests, by the inner hop and
 * the client library for replies. */
#ifndef CODEC_HTTP_H
#define CODEC_HTTP_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_PATCH,
    HTTP_OTHER, /* a well-formed token we do not know: 501 */
    HTTP_METHOD__MAX
};

#define HTTP_FIELDS_MAX 1000 /* the array's bound; the limit in force is http_limits.fields */

struct http_field {
    struct str name, value; /* as sent; value without outer blanks */
};

struct http_limits {
    size_t head_bytes; /* 431 */
    size_t line_bytes; /* a request line past it 414, a field line 431 */
    size_t fields;     /* 431 */
    size_t body_bytes; /* 413 */
};

enum http_framing { HTTP_NO_BODY, HTTP_LENGTH, HTTP_CHUNKED, HTTP_UNTIL_CLOSE /* replies only */ };

struct http_head {
    /* request */
    enum http_method method;
    struct str method_text, target; /* target as sent: origin-form, or "*" with OPTIONS */
    struct str path;  /* percent-decoded, "/" first, no NUL, no "." or ".." segments left */
    struct str query; /* after '?', raw; "" when none */
    struct str host;  /* validated; the authority of absolute-form wins (RFC 9112 section 3.2.2) */
    bool expect_continue;
    /* reply */
    unsigned status;
    /* both */
    unsigned minor; /* HTTP/1.minor: 0 or 1 */
    bool keep_alive;
    enum http_framing framing;
    uint64_t length;
    struct http_field *fields; /* heap, owned by the head */
    size_t field_count;
    char *decoded; /* storage of path */
};

void http_head_release(struct http_head *h);

/* Parses a whole head at the start of `in`. OK: *used bytes belong to it and all strings point into
 * `in` (which must stay) or into the head. ERR_AGAIN: not complete yet. ERR_SYNTAX: *status is what
 * to answer (400, 414, 431, 501, 505) and *why a short static sentence; the connection must be
 * closed. Refused with 400 among others: bare CR or LF, NUL and control characters, obs-fold,
 * blanks before ':', no, doubled or malformed Host, Content-Length with Transfer-Encoding, two or
 * malformed Content-Lengths, any Transfer-Encoding but exactly "chunked", a chunked 1.0 request. A
 * body with GET or HEAD is taken. Leading empty lines (at most 1) are skipped. */
MUST_USE enum err http_parse_request(struct str in, const struct http_limits *limits,
                                     struct http_head *out, size_t *used, unsigned *status,
                                     const char **why);
/* As above for a reply. request_method tells whether it may have a body. 1xx heads come out like
 * others. */
MUST_USE enum err http_parse_reply(struct str in, const struct http_limits *limits,
                                   enum http_method request_method, struct http_head *out,
                                   size_t *used, const char **why);

/* The first field of that name (any case); NULL when there is none. */
const struct str *http_field(const struct http_head *h, struct str name);
/* Number of fields of that name. */
size_t http_field_count(const struct http_head *h, struct str name);
/* True when a comma-separated field (over all its lines) holds the token, any case. */
bool http_field_has_token(const struct http_head *h, struct str name, struct str token);
/* The value of one cookie over all Cookie fields; false when absent. The first one wins. */
bool http_cookie(const struct http_head *h, struct str name, struct str *value);
/* The token of Authorization's scheme Bearer (RFC 6750); false when no such field has that scheme.
 * "" when there is no token, or more than one field: nobody can tell which is meant. */
bool http_bearer(const struct http_head *h, struct str *token);

/* A body under way. */
struct http_body {
    enum http_framing framing;
    uint64_t left; /* of the length, or of the chunk */
    uint64_t max, seen;
    int state;         /* of the chunk parser */
    size_t line_bytes; /* of the chunk or trailer line under way */
    size_t trailer_bytes;
    bool done;
};
/* max: the most body bytes to take. */
void http_body_init(struct http_body *b, const struct http_head *h, uint64_t max);
/* Takes bytes from *in (advancing it), appends body bytes to out. OK: the body is complete.
 * ERR_AGAIN: more is needed. ERR_TOO_LARGE: past max (413). ERR_SYNTAX: odd chunk framing (400).
 * Chunk extensions and trailers are read and dropped; an extension or trailer line holds at most
 * 4096 bytes, trailers 16 KiB together. */
MUST_USE enum err http_body_feed(struct http_body *b, struct str *in, struct buf *out);

/* "OK", "Not Found", ...; "Unknown" for others. */
const char *http_reason(unsigned status);
const char *http_method_name(enum http_method m);

#endif
