/* What the files of codec/http share; for nobody else: classes of characters (RFC 9110
 * section 5.6.2, RFC 3986) and the parser of request targets. */
#ifndef CODEC_HTTP_PARTS_H
#define CODEC_HTTP_PARTS_H

#include "codec/http.h"

#include <string.h>

static inline bool http_is_alnum(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* c stands in set; never true for NUL. */
static inline bool http_is_one_of(unsigned char c, const char *set)
{
    return c && strchr(set, c);
}

static inline bool http_is_tchar(unsigned char c)
{
    return http_is_alnum(c) || http_is_one_of(c, "!#$%&'*+-.^_`|~");
}

/* field-vchar, obs-text, blank */
static inline bool http_is_value_char(unsigned char c)
{
    return (c >= 0x20 && c != 0x7f) || c == '\t';
}

static inline bool http_is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!http_is_tchar((unsigned char)s.p[i]))
            return false;
    return s.n > 0;
}

static inline bool http_is_value(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!http_is_value_char((unsigned char)s.p[i]))
            return false;
    return true;
}

/* Fills target, path, query and, from absolute-form, host; h->method is set. What it allocates
 * hangs from h, even on failure. ERR_SYNTAX: *why is a static sentence (400). ERR_MEMORY. */
MUST_USE enum err http_parse_target(struct http_head *h, struct str target, const char **why);
/* uri-host [":" port], not empty, without userinfo. */
bool http_host_valid(struct str host);

#endif
