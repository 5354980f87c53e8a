/* The subscribes of one socket that the core has not answered yet: the answer may have to wait for
 * the store, and what the client said it has seen must be remembered until then. Private to the
 * hub. */
#ifndef HUB_CLIENT_PENDING_H
#define HUB_CLIENT_PENDING_H

#include "hub/topic.h"

struct pending_list {
    struct list list;
    size_t count;
};

struct pending {
    struct list link;
    struct topic_id topic;
    struct topic_since since;
    bool dropped; /* unsubscribed before it was answered */
};

void pending_init(struct pending_list *p);
void pending_clear(struct pending_list *p);
/* For a decoded subscribe. */
void pending_add(struct pending_list *p, const struct client_msg *m);
/* The oldest of that topic, taken out; false when there is none. */
bool pending_take(struct pending_list *p, struct topic_id topic, struct pending *out);
/* True when one of that topic awaits its answer and was not unsubscribed since. */
bool pending_has(const struct pending_list *p, struct topic_id topic);
void pending_drop(struct pending_list *p, struct topic_id topic); /* marks all of that topic */

#endif
