#include "hub/socketio.h"

#include "base/alloc.h"

#include <stdlib.h>

struct sio_server {
    struct sio_config config;
};

struct sio_socket {
    void *owner;
};

struct sio_server *sio_server_new(const struct sio_config *config)
{
    struct sio_server *sv = xcalloc(1, sizeof *sv);
    sv->config = *config;
    return sv;
}

void sio_server_free(struct sio_server *sv)
{
    free(sv);
}
