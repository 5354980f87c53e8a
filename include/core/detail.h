/* What an edit changes, in words for the audit log: "max_apps: 1 -> 3, description". Private to the
 * core. */
#ifndef CORE_DETAIL_H
#define CORE_DETAIL_H

#include "model/record.h"

/* Start as {0}. text "" = nothing changes. What does not fit is left out, from a whole member on.
 */
struct detail {
    char text[DETAIL_BYTES];
    size_t n;
};

/* Each adds a member when old and now differ. Long texts are only named. */
void detail_text(struct detail *d, const char *member, const char *old, const char *now);
void detail_number(struct detail *d, const char *member, uint64_t old, uint64_t now);
void detail_flag(struct detail *d, const char *member, bool old, bool now);
void detail_inputs(struct detail *d, const char *member, uint32_t old, uint32_t now);
/* Adds the member by its name alone. */
void detail_named(struct detail *d, const char *member);

#endif
