/* OpenAI's HTTP API over the relay: a space is a model, a call is a request (codec/openai.h; served
 * at /docs/openai). Calls wait and stream in the hub and hold no thread. Private to the hub; hub
 * thread only. */
#ifndef HUB_OPENAI_H
#define HUB_OPENAI_H

#include "codec/problem.h"
#include "hub/state.h"

#define OPENAI_PATH "/v1/"

/* The routes' handlers. */
void openai_models(struct hub *h, struct exchange *x);   /* GET /v1/models, /v1/models/NAME */
void openai_complete(struct hub *h, struct exchange *x); /* POST, the three others */
uint64_t openai_body_max(struct hub *h, const struct exchange *x);
/* {"error": ...} in OpenAI's shape; code, message and param as of openai_error, fields: headers. */
void openai_reply_error(struct exchange *x, struct str code, struct str message, const char *param,
                        const char *fields);
/* With retry.after_ms: and it may go better then. */
void openai_reply_later(struct exchange *x, struct str code, struct str message,
                        struct retry retry);
void openai_refuse_model(struct exchange *x, struct str name); /* there is none of this name */
void openai_no_route(struct exchange *x, const char *allow);   /* 405, or without allow 404 */
void openai_refuse(struct exchange *x, enum err e, const char *message, uint64_t retry_after_ms);

#endif
