/* /ws/client: a person's connection, in the native protocol. Private to the hub; hub thread only.
 */
#ifndef HUB_CLIENT_SOCKET_H
#define HUB_CLIENT_SOCKET_H

#include "hub/state.h"

/* The route's handler: 401, 403 or 429, or accepts the handshake of x. */
void client_socket_open(struct hub *h, struct exchange *x);
/* EFFECT_CLIENT_SEND; number may be of a socket that is gone. */
void client_socket_send(struct hub *h, uint64_t number, const struct client_out *m);
/* EFFECT_CLOSE_PERSON; session_key 0 = all of the user's. */
void client_socket_close_person(struct hub *h, int64_t user_key, int64_t session_key, uint16_t code,
                                struct str reason);
void client_socket_free(struct conn *c); /* its socket is gone */

#endif
