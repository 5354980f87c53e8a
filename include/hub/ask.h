/* A question to the core on behalf of an HTTP request, which waits for the answer and holds no
 * thread meanwhile. Private to the hub; hub thread only. */
#ifndef HUB_ASK_H
#define HUB_ASK_H

#include "hub/state.h"

/* Replies to x. reply is borrowed for the call; note is what the asker gave. The core is at work:
 * nothing may be asked of it from here, not even who somebody is. */
typedef void ask_answered(struct hub *h, struct exchange *x, const struct reply *reply, int note);

/* Asks; answered is called once, possibly before return, unless the client goes first: what was
 * asked for then still happens. cmd is copied, its payload taken over. x's value is used. */
void ask_core(struct hub *h, struct exchange *x, struct command *cmd, ask_answered *answered,
              int note);
/* The edge's `abandoned`: x's question, if it has one, goes unanswered. */
void ask_abandoned(struct exchange *x);
/* As above for all. */
void asks_release(struct hub *h);

#endif
