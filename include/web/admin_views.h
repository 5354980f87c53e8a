/* What the admin pages share. Private to the web layer. */
#ifndef WEB_ADMIN_VIEWS_H
#define WEB_ADMIN_VIEWS_H

#include "web/space_views.h"

enum admin_tab {
    TAB_OVERVIEW,
    TAB_SPACES,
    TAB_REQUESTS,
    TAB_USERS,
    TAB_AUDIT,
    TAB_SETTINGS,
    TAB__MAX
};

/* A new view with title, place and tab. */
struct json_t *admin_view(struct page_request *p, const char *title, enum admin_tab tab);
/* Puts "admin_nav": which of the tabs we are at. */
void admin_nav(struct json_t *view, enum admin_tab tab);
/* Puts "admin_url": the address of a request's page for admins. */
void view_admin_request_url(struct json_t *object, struct uuid id);
/* Replies with the page of one space, as it is stored. token: one just issued, to be shown once; ""
 * = none. */
void space_page_show(struct page_request *p, const struct space_record *s, struct str token);
/* 302 to the page of a space, at a part of it ("#tokens"; "" = its start). */
void redirect_to_space(struct page_request *p, struct uuid space_id, const char *part);
/* Puts t.invalid.number_range under name. */
void view_range(struct page_request *p, struct json_t *errors, const char *name, uint64_t low,
                uint64_t high);

#endif
