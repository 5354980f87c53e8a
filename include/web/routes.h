/* Which path is which page, and who may see it: one table. */
#ifndef WEB_ROUTES_H
#define WEB_ROUTES_H

#include "base/str.h"

#include <stdbool.h>

struct page_request;

/* Finds the page, checks method, site and person, and lets it reply. */
void routes_serve(struct page_request *p);
/* There is a page at path that can be looked at (with GET); whether by this person is not asked. */
bool routes_has_page(struct str path);

#endif
