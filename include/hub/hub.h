/* The hub: the event loop's thread. Owns every socket that stays open and every question that
 * waits; carries out the core's effects. The edge's routes, /ws/app, /ws/client, control.sock,
 * health and metrics. */
#ifndef HUB_HUB_H
#define HUB_HUB_H

#include "app/app.h"

struct hub;

struct hub_config {
    struct app *app;
    const char *const *listen; /* NULL-terminated, see edge_listen */
    const char *cert_file, *key_file;
    const char *const *trusted_proxies;
    const char *socketio_origins; /* see struct sio_config; NULL = "*" */
    /* Called on the hub thread once all listeners are bound, before anything is accepted, with
     * their URLs. */
    void (*listening)(void *ctx, const char *const *urls, size_t count);
    void *ctx;
};

/* Binds the listeners and control.sock. ERR_IO, ERR_SYNTAX; why gets a sentence. */
MUST_USE enum err hub_new(struct hub **out, const struct hub_config *config, struct buf *why);
void hub_free(struct hub *h);
/* See edge_set_inner. Before hub_run. */
void hub_set_inner(struct hub *h, const char *path, unsigned connections, const char *secret);
/* Runs until SIGTERM or SIGINT, then takes no more work, tells apps (drain) and pages (1001), waits
 * at most limits.shutdown_ms for open work to finish, and returns. A second signal ends the process
 * at once, status 1. Speaks to systemd (READY, STOPPING, WATCHDOG) when NOTIFY_SOCKET is set. */
MUST_USE enum err hub_run(struct hub *h);
/* As a signal would. Any thread. */
void hub_stop(struct hub *h);

#endif
