/* What a model server says about one request, put together: the pieces of a stream, or an answer in
 * one piece (OpenAI's chat.completion and text_completion). Pure. Only the first choice counts: a
 * request has one answer. */
#ifndef BRIDGE_COMPLETION_H
#define BRIDGE_COMPLETION_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct json_t;
struct tool_call;

#define COMPLETION_TEXT_BYTES                                                                      \
    (4u << 20) /* of text and of reasoning: what the relay streams at most */
#define COMPLETION_CALLS 128

struct completion {
    struct buf text, reasoning, refusal;
    struct tool_call *calls; /* from pieces, by index */
    size_t call_count;
    struct json_t *whole_calls; /* or in one piece, as they came */
    size_t call_bytes;          /* of all pieces */
    char finish_reason[32];     /* "" = not said yet */
    struct buf usage;           /* a JSON object; "" = not said */
    int64_t total_tokens;       /* of the usage; -1 = not said */
    bool done;                  /* [DONE] came */
    bool cut;                   /* the text is as long as it may be; set by whoever finds out */
    bool failed;                /* the server reported an error in place of the rest: */
    int error_status;           /* an HTTP status, 0 = not said */
    struct buf error;           /* its own words */
};

void completion_init(struct completion *r);
void completion_release(struct completion *r);

/* One event of a stream, or a whole body. ERR_BAD_JSON: not an object; ERR_TOO_LARGE: past a limit
 * (the text is then as long as it may be). */
MUST_USE enum err completion_take(struct completion *r, struct str json);
/* Something of the answer itself has come. */
bool completion_begun(const struct completion *r);
/* It was said that nothing more will come: a stream that ends before is half an answer. */
bool completion_ended(const struct completion *r);
/* The result object for the relay; members may be added. */
struct json_t *completion_result(const struct completion *r);

/* The sentence in an error's body, whatever its shape: {"error": {"message"}}, {"error": "..."},
 * {"message"}, {"detail"}, or plain text; nothing for HTML. Valid UTF-8, at most 800 bytes. *status
 * (may be NULL) is set when the body holds one. */
void completion_error_words(struct str body, struct buf *words, int *status);

#endif
