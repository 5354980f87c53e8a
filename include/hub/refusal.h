/* A refusal in the form that the called path's family uses: problem details under /api, OpenAI's
 * under /v1, else the relay's own error object. Private to the hub; hub thread only. */
#ifndef HUB_REFUSAL_H
#define HUB_REFUSAL_H

#include "hub/edge.h"

/* x gets its reply. headers: complete lines. */
void refusal_reply(struct exchange *x, enum err e, const char *message, struct str headers);

#endif
