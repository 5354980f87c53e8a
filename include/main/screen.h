/* What a person sees of a running request: its text on stdout as it comes, and how it stands in one
 * line of stderr while that is a terminal. A terminal gets no control characters. */
#ifndef MAIN_SCREEN_H
#define MAIN_SCREEN_H

#include "base/buf.h"

#include <stdbool.h>

struct screen {
    bool out_terminal, err_terminal;
    bool status_shown; /* the cursor stands behind the status line */
    bool line_open;    /* text on stdout that no newline has ended */
    bool broken;       /* stdout takes nothing any more */
    struct buf shown;  /* the text on stdout, of the attempt before or this one */
};

void screen_init(struct screen *s);
void screen_release(struct screen *s); /* clears the status line */
/* The text up to now; prints what is new. When an app has begun anew and says something else, it is
 * printed anew, and that is said. */
void screen_text(struct screen *s, struct str text);
void screen_end_line(struct screen *s); /* what is on stdout ends in a newline */
/* Replaces the line; "" clears it. Kept back while text stands in the way. */
void screen_status(struct screen *s, struct str line);

#endif
