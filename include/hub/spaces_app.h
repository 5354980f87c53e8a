/* Inference apps of older sites, over Socket.IO (/socket.io/): the same core behind them as behind
 * /ws/app. The contract is at /docs/flask. Private to the hub; hub thread only. */
#ifndef HUB_SPACES_APP_H
#define HUB_SPACES_APP_H

#include "hub/state.h"

#define SPACES_PATH "/socket.io/"

/* origins: see struct sio_config; borrowed; NULL = "*". */
struct spaces_apps *spaces_apps_new(struct hub *h, const char *origins);
/* After edge_free. NULL is fine. */
void spaces_apps_free(struct spaces_apps *all);
/* Shutdown: they are dropped without a word, so that they come back. */
void spaces_apps_stop(struct spaces_apps *all);
struct sio_server *spaces_apps_server(struct spaces_apps *all);

void spaces_app_send(struct conn *c, const struct app_out *m);
/* With the code that a native app would get: one that asks it not to come back is told so (41),
 * else the connection is dropped. */
void spaces_app_close(struct conn *c, uint16_t code);

#endif
