/* A numbered connection of the hub: what apps' and people's sockets have in common. An effect names
 * a socket by its number; one that is gone by then is simply not found. Private to the hub; hub
 * thread only. */
#ifndef HUB_CONN_H
#define HUB_CONN_H

#include "base/hash.h"
#include "hub/websocket.h"

struct hub;

enum conn_kind { CONN_APP, CONN_CLIENT, CONN_SPACES_APP, CONN_CALL, CONN__MAX };

/* The first member of struct app_socket, struct client_socket, struct spaces_app and struct call.
 */
struct conn {
    uint64_t number; /* never 0, never used twice */
    enum conn_kind kind;
    bool closing; /* we have sent a close: nothing more is sent, nothing more is taken */
    struct hub *hub;
    struct websocket *socket; /* NULL for the last two kinds */
    UT_hash_handle hh;
};

/* Chooses the subprotocol (400 when only others are offered; 503 while shutting down), answers the
 * handshake and numbers the connection. config's owner must be c and its subprotocol is filled in
 * here. False: x has got another reply or is gone, and c is untouched. */
bool conn_accept(struct conn *c, struct hub *h, enum conn_kind kind, struct exchange *x,
                 struct websocket_config *config);
/* Numbers a connection that has another way in. */
void conn_enter(struct conn *c, struct hub *h, enum conn_kind kind);
/* Takes the number out of the table, from `closed`. */
void conn_forget(struct conn *c);
struct conn *conn_find(const struct hub *h, uint64_t number); /* NULL when it is gone */
/* Fine when it is closing already: the first one counts. */
void conn_close(struct conn *c, uint16_t code, struct str reason);
/* All of one kind. */
void conn_close_all(struct hub *h, enum conn_kind kind, uint16_t code, struct str reason);
/* Sends what an encoder has written to the hub's scratch buffer, which is empty again afterwards;
 * closes c (4008) when it could not be made. */
void conn_send_scratch(struct conn *c, enum err made);

#endif
