/* IP addresses as 16 bytes (IPv4 as IPv4-mapped IPv6), and the networks of trusted proxies. Pure.
 */
#ifndef HUB_ADDRESS_H
#define HUB_ADDRESS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdint.h>
#include <sys/socket.h>

#define ADDRESS_TEXT_BYTES 46 /* INET6_ADDRSTRLEN */

struct address {
    uint8_t b[16];
};

struct network {
    struct address base;
    unsigned bits; /* of 128 */
};

struct networks {
    struct network *list;
    size_t count;
};

/* Of AF_INET or AF_INET6; all zero for others. */
struct address address_of(const struct sockaddr *sa);
/* "192.0.2.1", "2001:db8::1"; brackets, a port and a zone are refused. ERR_SYNTAX. */
MUST_USE enum err address_parse(struct str s, struct address *out);
/* As it stands in X-Forwarded-For: also "192.0.2.1:80", "[2001:db8::1]" and "[2001:db8::1]:80".
 * ERR_SYNTAX. */
MUST_USE enum err address_parse_forwarded(struct str s, struct address *out);
void address_format(struct address a, char out[ADDRESS_TEXT_BYTES]);
bool address_is_loopback(struct address a);
/* What connections are counted by: the IPv4 address, or the /64 of an IPv6 address. */
struct address address_counted(struct address a);

/* Each an address or CIDR; NULL-terminated, NULL = none. ERR_SYNTAX: why gets a sentence. */
MUST_USE enum err networks_init(struct networks *n, const char *const *texts, struct buf *why);
void networks_release(struct networks *n);
bool networks_hold(const struct networks *n, struct address a);

#endif
