/* A request's payload (a call of the OpenAI-compatible API, or a plain prompt) as the body that a
 * model server gets. Pure. Members are passed on byte for byte, in their order. */
#ifndef BRIDGE_BODY_H
#define BRIDGE_BODY_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "model/message.h"

/* "chat/completions", ...: what follows the server's base URL. */
const char *body_path(enum endpoint endpoint);

/* Appends the body to out, and sets *endpoint: what the payload names, else chat. Chat and
 * completions ask for a stream with usage. Left out are `model` (model stands there instead),
 * `stream`, `stream_options`, `endpoint`, `timestamp`, `created_at`, and `prompt` where it only
 * repeats what messages or input say. A plain prompt becomes a user's message; an `audio` URL
 * beside it a part of that. ERR_BAD_MESSAGE: there is nothing to ask in it, or an endpoint that
 * nobody knows; why gets a sentence for the one who asked. ERR_TOO_LARGE, ERR_MEMORY. */
MUST_USE enum err body_write(struct str payload, const char *model, enum endpoint *endpoint,
                             struct buf *out, struct buf *why);

#endif
