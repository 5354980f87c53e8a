/* The calls of /api/v1, one function each, called by the table in api.c, which has checked who may.
 * Private to the web layer. */
#ifndef WEB_API_CALLS_H
#define WEB_API_CALLS_H

#include "web/pages.h"

/* api_me.c */
page_handler api_me;
/* api_spaces.c */
page_handler api_spaces, api_space, api_space_add, api_space_edit, api_space_remove;
/* api_tokens.c */
page_handler api_tokens, api_token_add, api_token_revoke;
/* api_apps.c */
page_handler api_apps, api_app_drain, api_app_kick;
/* api_requests.c */
page_handler api_requests;
/* api_request.c */
page_handler api_request, api_request_cancel, api_request_remove;
/* api_users.c */
page_handler api_users, api_user, api_user_add, api_user_edit;
/* api_settings.c */
page_handler api_settings, api_settings_edit;

#endif
