/* /healthz, /readyz and /metrics. Private to the hub; hub thread only. */
#ifndef HUB_HEALTH_H
#define HUB_HEALTH_H

#include "hub/state.h"

void health_live(struct hub *h, struct exchange *x);
void health_ready(struct hub *h, struct exchange *x);
/* To clients on this machine and to admins; 403 to others. */
void health_metrics(struct hub *h, struct exchange *x);

#endif
