/* How a command reaches the relay: through control.sock when a server runs on the data folder, else
 * by opening the folder itself (whose lock keeps everyone else out meanwhile). */
#ifndef MAIN_CLIENT_H
#define MAIN_CLIENT_H

#include "app/app.h"

struct client;

/* A folder that is not there is made only when `make` says so. Waits a while for another command
 * that has the lock. ERR_NOT_FOUND, ERR_LOCKED and those of app_open; why gets a sentence. */
MUST_USE enum err client_open(struct client **out, const char *data_dir, bool make,
                              struct buf *why);
/* The same, but only to a running server, which is asked with less patience; NULL when none
 * listens. */
struct client *client_dial(const char *data_dir);
void client_close(struct client *c); /* NULL is fine */
/* Asks and waits. Returns reply->err, and then reply->message has a sentence; reply must be
 * released. */
enum err client_call(struct client *c, struct command *cmd, struct reply *reply);
/* The key that signs tokens. ERR_IO, ERR_SYNTAX, ERR_FORBIDDEN. */
MUST_USE enum err client_sign_key(struct client *c, struct sign_key *out);

/* A connection to the control socket of the folder; -1 and errno when no server listens there. */
int control_dial(const char *data_dir);

#endif
