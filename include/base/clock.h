/* Time. Only the app and hub layers read a clock; everyone else is handed a struct now.
 * Any thread. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

/* One reading of both clocks: mono_ms never goes backwards and is for deadlines; wall_ms is
 * milliseconds since 1970 UTC and is what gets stored and shown. */
struct now {
    uint64_t mono_ms;
    int64_t wall_ms;
};

struct now clock_now(void);
uint64_t clock_mono_us(void); /* for measuring */

#define RFC3339_BYTES 25 /* "2026-01-08T12:00:00.000Z" and a NUL */

/* wall_ms as RFC 3339 UTC with milliseconds. */
void rfc3339_format(int64_t wall_ms, char out[RFC3339_BYTES]);
/* "Thu, 08 Jan 2026 12:00:00 GMT" (RFC 9110 section 5.6.7). */
#define HTTP_DATE_BYTES 30
void http_date_format(int64_t wall_ms, char out[HTTP_DATE_BYTES]);
/* RFC 3339 with "Z" or a numeric offset, fraction optional. ERR_SYNTAX. */
MUST_USE enum err rfc3339_parse(struct str s, int64_t *wall_ms);
/* "2026-01-08 12:00:00" in the process's time zone, for logs to be read by a person. */
#define LOCAL_TIME_BYTES 20
void local_time_format(int64_t wall_ms, char out[LOCAL_TIME_BYTES]);

#endif
