/* /ws/app: an inference app's connection, in the native protocol. Private to the hub; hub thread
 * only. */
#ifndef HUB_APP_SOCKET_H
#define HUB_APP_SOCKET_H

#include "hub/state.h"

/* The route's handler: accepts the handshake of x. */
void app_socket_open(struct hub *h, struct exchange *x);
void app_socket_send(struct conn *c, const struct app_out *m);
/* Sets the event's token_state and claims; "" = absent. For every kind of app. */
void app_token_read(struct hub *h, struct str token, struct relay_event *e);
void app_socket_free(struct conn *c); /* its socket is gone */

#endif
