/* What the edge and the pages agree on: the names of the inner hop's fields. */
#ifndef APP_INNER_H
#define APP_INNER_H

/* The fields by which the edge tells a page who asks. Clients cannot set them: the edge drops every
 * field that starts with "X-Relay-" and adds its own. */
#define INNER_SECRET  "X-Relay-Secret"
#define INNER_ADDRESS "X-Relay-Address"
#define INNER_ORIGIN  "X-Relay-Origin"   /* scheme://host as the browser sees us */
#define INNER_USER    "X-Relay-User"     /* name; absent = nobody */
#define INNER_KEY     "X-Relay-User-Key" /* user_key */
#define INNER_ROLE    "X-Relay-Role"     /* "admin" or "user" */
#define INNER_SESSION "X-Relay-Session"  /* session_key */
#define INNER_SCOPES  "X-Relay-Scopes"   /* a number: SCOPE_ bits */
#define INNER_LANG    "X-Relay-Language" /* the account's choice; absent = follow the browser */

#endif
