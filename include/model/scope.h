/* What a caller may do with the means by which they came in. A log-in may do all that its person
 * may; an API key what it was made for, and never more than its person. */
#ifndef MODEL_SCOPE_H
#define MODEL_SCOPE_H

#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

enum {
    SCOPE_READ = 1,    /* look at what its person may see */
    SCOPE_SUBMIT = 2,  /* submit requests and cancel them */
    SCOPE_ADMIN = 4,   /* what admins do, while its person is one */
    SCOPE_ACCOUNT = 8, /* the account itself: a log-in's alone */
    SCOPES_OF_KEYS = SCOPE_READ | SCOPE_SUBMIT | SCOPE_ADMIN,
    SCOPES_ALL = SCOPES_OF_KEYS | SCOPE_ACCOUNT
};

/* The bits that a key may have, one after the other: 0 to SCOPE_COUNT - 1. */
#define SCOPE_COUNT 3
/* "read", "submit", "admin"; of one bit. "" for others. Static storage. */
const char *scope_name(uint32_t scope);
/* One name. ERR_SYNTAX. */
MUST_USE enum err scope_parse(struct str name, uint32_t *out);
/* Names with commas between them: "submit,read". ERR_SYNTAX also when there is none. */
MUST_USE enum err scopes_parse(struct str list, uint32_t *out);
/* "read, submit". Names longer than SCOPES_TEXT_BYTES - 1 together there are none. */
#define SCOPES_TEXT_BYTES 24
void scopes_format(uint32_t scopes, char out[SCOPES_TEXT_BYTES]);

#endif
