/* Which scope a request or a message needs, and whether who asks has it: all of it in one table.
 * Pure; any thread.
 *
 * A route of /api or /v1 gets its row there. Keys are let in nowhere by forgetting one: a change
 * without a row needs a log-in. */
#ifndef HUB_SCOPES_H
#define HUB_SCOPES_H

#include "codec/http.h"
#include "model/command.h"
#include "model/message.h"

/* One SCOPE_ bit; 0 for what is open to everybody. path as in http_head. */
uint32_t scope_of_request(enum http_method method, struct str path);
/* The same for a message on /ws/client, which may need two. */
uint32_t scope_of_message(const struct client_msg *m);
/* Whether who may. Else why gets a sentence that names what is missing. */
bool scope_admits(const struct identity *who, uint32_t scope, struct buf *why);

#endif
