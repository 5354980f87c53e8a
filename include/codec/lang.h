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
/* False when s is none of the codes. */
bool language_parse(struct str s, enum language *out);

/* The rule: the account's choice, else the cookie's, else what the browser prefers (RFC 9110
 * section 12.5.4; English when it wants none of ours), else Chinese: scripts written for the old
 * site send no Accept-Language and compare its Chinese words. account and cookie may be ""; accept
 * is NULL when the field is absent. */
enum language language_choose(struct str account, struct str cookie, const struct str *accept);

#endif
