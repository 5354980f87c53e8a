/* The pages: civetweb on a private Unix socket, reached only through the edge. Templates, forms,
 * log-in, admin, static files. The only user of civetweb.h. */
#ifndef WEB_WEB_H
#define WEB_WEB_H

#include "app/app.h"

struct web;

struct web_config {
    struct app *app;
    unsigned threads;
    const char *data_dir;    /* gets the socket */
    const char *assets_dir;  /* a checkout to read templates and static files from at each request;
                                NULL = embedded */
    const char *setup_token; /* the secret of the setup link while there is no admin; NULL = none */
};

/* Starts civetweb's threads on a socket in the data folder. ERR_IO, ERR_INTERNAL; why gets a
 * sentence. */
MUST_USE enum err web_start(struct web **out, const struct web_config *config, struct buf *why);
/* Waits for the requests under way. NULL is fine. */
void web_stop(struct web *w);
/* The path of that socket; w's. */
const char *web_socket(const struct web *w);
/* The secret that the edge must send; see app/inner.h. */
const char *web_secret(const struct web *w);

#endif
