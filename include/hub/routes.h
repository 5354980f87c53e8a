/* The edge's handler: which paths are the hub's own, who asks, and the rules that hold for every
 * request, a page's too: nothing that changes state comes from another site, nothing but /setup
 * works before there is an admin, and an API key does what its scopes allow (hub/scopes.h). Private
 * to the hub; hub thread only. */
#ifndef HUB_ROUTES_H
#define HUB_ROUTES_H

#include "hub/state.h"

/* To a program that shows nothing. */
#define ROUTES_SHOW_KEY "Show an API key: Authorization: Bearer sr_..."

struct edge_handler routes_handler(struct hub *h);
/* The person behind the exchange's API key, or when it shows none behind its session cookie; a key
 * that is not valid is nobody, whatever cookie comes with it. */
bool routes_identify(struct hub *h, const struct exchange *x, struct identity *who);
/* True when the browser says that our own page asks: Origin is there, once, and ours. */
bool routes_origin_is_ours(const struct exchange *x);

#endif
