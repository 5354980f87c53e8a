/* json_scan for those who only want its verdict; apart from json_scan.h because jansson.h has
 * enumerators of the same names. Private to codec. Pure; any thread. */
#ifndef CODEC_JSON_CHECK_H
#define CODEC_JSON_CHECK_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* As json_scan without members. On failure why (may be NULL) gets a sentence with the place. */
MUST_USE enum err json_check(struct str text, size_t max_depth, struct buf *why);

#endif
