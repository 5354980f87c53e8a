/* Which path is which page, and who may see it: one table. */
#ifndef WEB_ROUTES_H
#define WEB_ROUTES_H

struct page_request;

/* Finds the page, checks method, site and person, and lets it reply. */
void routes_serve(struct page_request *p);

#endif
