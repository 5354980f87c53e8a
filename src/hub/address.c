#include "hub/address.h"

#include "base/alloc.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t MAPPED[12] = {[10] = 0xff, [11] = 0xff};

static bool is_v4(struct address a)
{
    return memcmp(a.b, MAPPED, sizeof MAPPED) == 0;
}

static struct address from_v4(const void *four)
{
    struct address a;
    memcpy(a.b, MAPPED, sizeof MAPPED);
    memcpy(a.b + 12, four, 4);
    return a;
}

struct address address_of(const struct sockaddr *sa)
{
    struct address a = {0};
    if (sa->sa_family == AF_INET)
        a = from_v4(&((const struct sockaddr_in *)(const void *)sa)->sin_addr);
    else if (sa->sa_family == AF_INET6)
        memcpy(a.b, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, sizeof a.b);
    return a;
}

enum err address_parse(struct str s, struct address *out)
{
    char text[ADDRESS_TEXT_BYTES];
    if (s.n == 0 || memchr(s.p, '\0', s.n) || !str_copy(text, sizeof text, s))
        return ERR_SYNTAX;
    struct in_addr four;
    if (inet_pton(AF_INET, text, &four) == 1) {
        *out = from_v4(&four);
        return OK;
    }
    return inet_pton(AF_INET6, text, out->b) == 1 ? OK : ERR_SYNTAX;
}

static bool valid_port(struct str s)
{
    uint64_t port;
    return str_to_u64(s, 65535, &port) == OK;
}

enum err address_parse_forwarded(struct str s, struct address *out)
{
    struct str host, rest;
    if (s.n && s.p[0] == '[') {
        if (!str_split(str_slice(s.p + 1, s.n - 1), ']', &host, &rest))
            return ERR_SYNTAX;
        if (rest.n && (rest.p[0] != ':' || !valid_port(str_slice(rest.p + 1, rest.n - 1))))
            return ERR_SYNTAX;
        return address_parse(host, out);
    }
    if (str_split(s, ':', &host, &rest) && valid_port(rest) && str_find(host, '.') < host.n)
        return address_parse(host, out);
    return address_parse(s, out);
}

void address_format(struct address a, char out[ADDRESS_TEXT_BYTES])
{
    if (is_v4(a))
        inet_ntop(AF_INET, a.b + 12, out, ADDRESS_TEXT_BYTES);
    else
        inet_ntop(AF_INET6, a.b, out, ADDRESS_TEXT_BYTES);
}

bool address_is_loopback(struct address a)
{
    static const uint8_t six[16] = {[15] = 1};
    return is_v4(a) ? a.b[12] == 127 : memcmp(a.b, six, sizeof six) == 0;
}

struct address address_counted(struct address a)
{
    if (!is_v4(a))
        memset(a.b + 8, 0, 8);
    return a;
}

static bool network_holds(const struct network *n, struct address a)
{
    size_t whole = n->bits / 8;
    unsigned odd = n->bits % 8;
    if (memcmp(n->base.b, a.b, whole) != 0)
        return false;
    return odd == 0 || (n->base.b[whole] ^ a.b[whole]) >> (8 - odd) == 0;
}

static enum err network_parse(struct str s, struct network *out)
{
    struct str host, bits;
    bool has_bits = str_split(s, '/', &host, &bits);
    enum err e = address_parse(host, &out->base);
    if (e)
        return e;
    unsigned shift = is_v4(out->base) && str_find(host, ':') == host.n ? 96 : 0;
    uint64_t n = 128 - shift;
    if (has_bits && str_to_u64(bits, 128 - shift, &n))
        return ERR_SYNTAX;
    out->bits = (unsigned)n + shift;
    return OK;
}

enum err networks_init(struct networks *n, const char *const *texts, struct buf *why)
{
    *n = (struct networks){0};
    for (; texts && texts[n->count]; n->count++) {
        n->list = xrealloc(n->list, n->count + 1, sizeof *n->list);
        if (network_parse(str_of(texts[n->count]), &n->list[n->count])) {
            buf_printf(why, "the trusted proxy %s is no address and no network such as 10.0.0.0/8",
                       texts[n->count]);
            networks_release(n);
            return ERR_SYNTAX;
        }
    }
    return OK;
}

void networks_release(struct networks *n)
{
    free(n->list);
    *n = (struct networks){0};
}

bool networks_hold(const struct networks *n, struct address a)
{
    for (size_t i = 0; i < n->count; i++)
        if (network_holds(&n->list[i], a))
            return true;
    return false;
}
