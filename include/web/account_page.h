/* The account page, and its part about API keys, for all that answer with it. Private to the web
 * layer. */
#ifndef WEB_ACCOUNT_PAGE_H
#define WEB_ACCOUNT_PAGE_H

#include "web/page.h"

struct json_t;

/* A new view of it; *errors (borrowed from it) has null for each field of its forms. */
struct json_t *account_view(struct page_request *p, struct json_t **errors);
/* Completes the view (taken) and replies. new_key: the secret of a key that was just made; "" =
 * none. */
void account_show(struct page_request *p, struct json_t *view_given, struct str new_key);
/* Back to the page with a flash, or the page for the error. */
void account_back(struct page_request *p, enum err e, const char *flash);

/* ---- account_keys.c ---- */

/* Puts the person's keys, the new one, and the form as it was sent. */
enum err account_put_keys(struct page_request *p, struct json_t *view, struct str new_key);

#endif
