/* A request as its person sees it, put together from its snapshot and what happened since. Pure.
 * Numbers stay as they were written, texts are as they came: clean them before a terminal sees
 * them. */
#ifndef REMOTE_PICTURE_H
#define REMOTE_PICTURE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

enum picture_part {
    PICTURE_STATUS,
    PICTURE_SPACE,
    PICTURE_CREATED,
    PICTURE_STARTED,
    PICTURE_FINISHED,
    PICTURE_ATTEMPT,
    PICTURE_POSITION,
    PICTURE_ETA,
    PICTURE_REASON,
    PICTURE_PERCENT,
    PICTURE_MESSAGE,
    PICTURE_STEP,
    PICTURE_STEPS,
    PICTURE_TEXT,
    PICTURE_RESULT, /* JSON */
    PICTURE_USAGE,  /* JSON */
    PICTURE_ERROR,  /* JSON */
    PICTURE__MAX
};

struct picture {
    struct buf parts[PICTURE__MAX]; /* "" = not known, or gone */
};

void picture_init(struct picture *p);
void picture_release(struct picture *p);
/* A snapshot, or an event of the native protocol ("kind": state, progress, delta, final).
 * ERR_BAD_JSON, ERR_TOO_LARGE; the picture is then of no use. */
MUST_USE enum err picture_take(struct picture *p, struct str json);
struct str picture_part(const struct picture *p, enum picture_part part);
bool picture_is(const struct picture *p, const char *status);
bool picture_final(const struct picture *p); /* completed, failed or cancelled */
/* What the person asked for: the text that was streamed, else the result's text_output, else the
 * result as JSON. Appended to out. */
MUST_USE enum err picture_answer(const struct picture *p, struct buf *out);
/* The error's code and message; "" when there is none. */
void picture_error(const struct picture *p, struct buf *code, struct buf *message);

#endif
