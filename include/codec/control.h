/* control.sock: one JSON line a command, one JSON line a reply, between the command line and a
 * running relay. Both sides of it; the command line uses the same structs when it opens the
 * database itself. */
#ifndef CODEC_CONTROL_H
#define CODEC_CONTROL_H

#include "base/buf.h"
#include "model/command.h"

#define CONTROL_SOCKET     "control.sock" /* in the data folder, mode 0600 */
#define CONTROL_LINE_BYTES (1024 * 1024)  /* a command; replies may be larger */

/* The encoders end with "\n". Only what the command's kind needs is written. */
enum err control_encode_command(struct buf *b, const struct command *c);
/* ERR_BAD_JSON, ERR_BAD_MESSAGE, ERR_UNKNOWN_TYPE; why gets a sentence. Taken are the kinds that
 * the command line has: users, spaces, tokens, queries of records, of apps and of a space, drain
 * and kick. The actor is always "(cli)" with role admin. */
MUST_USE enum err control_decode_command(struct str line, struct command *out, struct buf *why);
enum err control_encode_reply(struct buf *b, const struct reply *r);
MUST_USE enum err control_decode_reply(struct str line, struct reply *out, struct buf *why);

#endif
