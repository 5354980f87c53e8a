/* control.sock in the data folder: the command line's way to a running relay, one JSON line a
 * command and a reply (codec/control.h). Private to the hub; hub thread only. */
#ifndef HUB_CONTROL_H
#define HUB_CONTROL_H

#include "app/app.h"

#define CONTROL_CONNECTIONS 32

struct control;
struct event_base;

/* Listens; a file left over by a process that died is removed (the data folder's lock is held).
 * ERR_IO; why gets a sentence. */
MUST_USE enum err control_new(struct control **out, struct event_base *base, struct app *app,
                              struct buf *why);
/* Closes everything and removes the file. Commands under way go unanswered. NULL is fine. */
void control_free(struct control *c);
/* True while a command or its reply is under way. */
bool control_busy(const struct control *c);

#endif
