/* What is different about replies to calls of the API: errors are problems (RFC 9457), also those
 * that a call's own code never sees, and every reply has an X-Request-Id. Private to the hub; hub
 * thread only. */
#ifndef HUB_EXCHANGE_PROBLEM_H
#define HUB_EXCHANGE_PROBLEM_H

#include "codec/problem.h"
#include "hub/edge.h"

/* The path is below /api/. */
bool exchange_is_api(const struct http_head *head);
/* Adds the X-Request-Id of the reply when it is one to the API: the caller's own when that is 1 to
 * 64 visible ASCII characters, else a random one. */
void exchange_add_request_id(const struct http_head *head, struct buf *lines);
/* A problem as of problem_write; headers as in exchange_reply. x is gone afterwards. */
void exchange_problem(struct exchange *x, unsigned status, enum err code, struct str detail,
                      struct retry retry, struct str headers);
/* The code that a status stands for which HTTP itself gives. */
enum err exchange_code_of_status(unsigned status);

#endif
