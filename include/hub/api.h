/* The calls of /api/v1 that wait or stream: a request is submitted, or followed. Web threads answer
 * all others. Described in /openapi.json. Private to the hub; hub thread only. */
#ifndef HUB_API_H
#define HUB_API_H

#include "codec/problem.h"
#include "hub/state.h"

#define API_REQUESTS_PATH "/api/v1/requests"
#define API_EVENTS_SUFFIX "/events"

/* The routes' handlers. */
void api_create(struct hub *h, struct exchange *x); /* POST API_REQUESTS_PATH */
void api_events(struct hub *h, struct exchange *x); /* GET API_REQUESTS_PATH/ID/events */
uint64_t api_create_body_max(struct hub *h, const struct exchange *x);

/* A problem, see problem_write. */
void api_refuse(struct exchange *x, enum err e, struct str detail, struct retry retry);

#endif
