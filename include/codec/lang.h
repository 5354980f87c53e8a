/* Which language somebody is answered in. Pure; any thread. */
#ifndef CODEC_LANG_H
#define CODEC_LANG_H

#include "base/str.h"

enum language { LANGUAGE_EN, LANGUAGE_ZH, LANGUAGE_KO, LANGUAGE__MAX };

/* "en", "zh", "ko": the names of the catalogues, of the cookie's values and of the html element's
 * lang. */
const char *language_code(enum language l);
/* The language's name in itself. */
const char *language_name(enum language l);
/* Which form of a text with a number is right: "one" or "other" (the CLDR's words). */
const char *language_plural(enum language l, uint64_t n);

#define LANGUAGE_TIME_BYTES 64
/* A moment in UTC, to the minute: "31 Jan 2026, 14:05 UTC", "2026年1月31日 14:05 UTC". */
void language_time(enum language l, int64_t wall_ms, char out[LANGUAGE_TIME_BYTES]);

/* False when s is none of the codes. */
bool language_parse(struct str s, enum language *out);

/* The rule: the account's choice, else the cookie's, else what the browser prefers (RFC 9110
 * section 12.5.4; English when it wants none of ours), else Chinese: scripts written for the old
 * site send no Accept-Language and compare its Chinese words. account and cookie may be ""; accept
 * is NULL when the field is absent. */
enum language language_choose(struct str account, struct str cookie, const struct str *accept);

#endif
