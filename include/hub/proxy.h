/* Who is behind a trusted proxy: what X-Forwarded-For and X-Forwarded-Proto say, as far as they can
 * be believed. Pure. */
#ifndef HUB_PROXY_H
#define HUB_PROXY_H

#include "codec/http.h"
#include "hub/address.h"

/* The client's address. Followed from the right: an entry is believed as long as the one who wrote
 * it is trusted. Stops at what is no address. */
struct address proxy_client(const struct networks *trusted, struct address peer,
                            const struct http_head *head);
/* The scheme that the nearest trusted proxy was asked with; only for a trusted peer. */
bool proxy_secure(const struct http_head *head);

#endif
