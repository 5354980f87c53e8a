/* What several calls of /api/v1 show and read. Private to the web layer. */
#ifndef WEB_API_VIEWS_H
#define WEB_API_VIEWS_H

#include "web/api.h"
#include "web/space_views.h"

/* The space of the path, which is not removed. False: replied to. */
bool api_space_of_path(struct page_request *p, struct space_record *out);
/* What stands under the name in the path as an id. False: there is no such thing, `what` ("space")
 * names it; replied to. */
bool api_id(struct page_request *p, const char *name, const char *what, struct uuid *out);

#endif
