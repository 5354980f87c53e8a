/* Text for people: cut at whole characters, and printed so that nobody else's bytes steer the
 * terminal. */
#ifndef CLIENT_TEXT_H
#define CLIENT_TEXT_H

#include "base/str.h"

/* The first bytes of s, at most max, ending between two characters. s is UTF-8. */
struct str text_cut(struct str s, size_t max);
/* Control characters (C0, DEL, U+0080 to U+009F) become `?`. */
void text_disarm(char *line);
/* One line on stdout, at most 2 KiB, with the local time before it. Control characters become `?`.
 */
void print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
