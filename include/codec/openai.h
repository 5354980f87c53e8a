/* OpenAI's HTTP API, as far as it makes sense here, and back: /v1/chat/completions,
 * /v1/completions, /v1/embeddings, /v1/models. A call becomes a request's payload, a request's text
 * and result become the answer; the mapping is at /docs/openai. Bytes are passed on as they came
 * wherever they can be. What is written without enough memory is marked in b->failed. Pure. */
#ifndef CODEC_OPENAI_H
#define CODEC_OPENAI_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "model/limits.h"
#include "model/message.h"

struct openai_call {
    enum endpoint endpoint;
    bool stream, include_usage;
    struct str model; /* borrowed from strings */
};

/* The body of a call. payload gets the request's payload; strings holds what out borrows.
 * ERR_BAD_JSON, ERR_BAD_MESSAGE, ERR_TOO_LARGE, ERR_MEMORY: why (200 bytes) says what is wrong, for
 * a person, and *param names the member, or is "" . */
MUST_USE enum err openai_read(struct str body, enum endpoint endpoint, const struct limits *limits,
                              struct openai_call *out, struct buf *payload, struct buf *strings,
                              char why[200], const char **param);

/* What every answer to one call repeats. */
struct openai_answer {
    const struct openai_call *call;
    struct uuid request_id;
    int64_t created_ms;
};

/* One server-sent event each, "data: ...\n\n". text: a JSON string as it came, quotes and all. */
void openai_chunk_role(struct buf *b, const struct openai_answer *a);
void openai_chunk_text(struct buf *b, const struct openai_answer *a, struct str json_string);
/* What is left to say at the end: reasoning, refusal, the result's text behind what was sent
 * (plain) of it, tool calls, the reason, the usage when it was asked for, and [DONE]. result and
 * usage are raw JSON, or "". */
void openai_chunk_end(struct buf *b, const struct openai_answer *a, struct str sent,
                      struct str result, struct str usage);
/* An error in the middle of a stream, and [DONE]. */
void openai_chunk_error(struct buf *b, struct str code, struct str message);

/* The whole answer. text: plain, what was streamed; result's own text goes before it. */
void openai_write(struct buf *b, const struct openai_answer *a, struct str text, struct str result,
                  struct str usage);

/* {"error":{"message","type","param","code"}}; returns the HTTP status. code: as peers see it
 * (err_code), or an app's own. */
unsigned openai_error(struct buf *b, struct str code, struct str message, const char *param);

/* The parts of {"code", "message"}, plain; an absent error is "internal". */
void openai_error_parts(struct str error, struct buf *code, struct buf *message);

/* One of the list of /v1/models. */
void openai_model(struct buf *b, struct str name, int64_t created_ms);

#endif
