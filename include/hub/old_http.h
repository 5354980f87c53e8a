/* Submit and status as the old Flask site had them, for the scripts that were written for it.
 * Private to the hub; hub thread only. */
#ifndef HUB_OLD_HTTP_H
#define HUB_OLD_HTTP_H

#include "hub/state.h"

/* POST /websockets/submit/{id}: answered when the request is saved. */
#define OLD_SUBMIT_PATH "/websockets/submit/"
void old_submit(struct hub *h, struct exchange *x);
/* The largest body that x may send. */
uint64_t old_submit_body_max(struct hub *h, const struct exchange *x);

/* GET /websockets/status?request_id= */
void old_status(struct hub *h, struct exchange *x);

#endif
