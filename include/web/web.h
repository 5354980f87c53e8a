/* The pages: civetweb on a private loopback port, reached only through the edge. Templates, forms,
 * log-in, admin, static files. The only user of civetweb.h. */
#ifndef WEB_WEB_H
#define WEB_WEB_H

#include "app/app.h"

struct web;

struct web_config {
    struct app *app;
    unsigned threads;
    const char *assets_dir;  /* a checkout to read templates and static files from at each request;
                                NULL = embedded */
    const char *setup_token; /* the secret of the setup link while there is no admin; NULL = none */
};

/* Starts civetweb's threads on 127.0.0.1 and a port of its choice. ERR_IO, ERR_INTERNAL; why gets a
 * sentence. */
MUST_USE enum err web_start(struct web **out, const struct web_config *config, struct buf *why);
/* Waits for the requests under way. NULL is fine. */
void web_stop(struct web *w);
uint16_t web_port(const struct web *w);
/* The secret that the edge must send; see app/inner.h. */
const char *web_secret(const struct web *w);

#endif
