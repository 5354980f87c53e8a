/* OpenAI's HTTP API over the relay: a space is a model, a call is a request (codec/openai.h; served
 * at /docs/openai). Calls wait and stream in the hub and hold no thread. Private to the hub; hub
 * thread only. */
#ifndef HUB_OPENAI_H
#define HUB_OPENAI_H

#include "hub/state.h"

/* The routes' handlers. */
void openai_models(struct hub *h, struct exchange *x);   /* GET /v1/models */
void openai_complete(struct hub *h, struct exchange *x); /* POST, the three others */
uint64_t openai_body_max(struct hub *h, const struct exchange *x);
/* {"error": ...} in OpenAI's shape. */
void openai_refuse(struct exchange *x, enum err e, const char *message, uint64_t retry_after_ms);

#endif
