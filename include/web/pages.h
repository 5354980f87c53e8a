/* The pages, one function each: called by the table in routes.c, which has checked who may. Each
 * replies once. */
#ifndef WEB_PAGES_H
#define WEB_PAGES_H

#include <stdbool.h>

struct page_request;
typedef void page_handler(struct page_request *p);

/* static_files.c */
page_handler page_static, page_openapi;
/* setup.c */
page_handler page_setup, page_setup_post;
/* While there is no admin every page but the set-up and what it needs is one that says so: true
 * when it was replied. */
bool page_setup_first(struct page_request *p);
/* login.c */
page_handler page_login, page_login_post, page_logout;
/* register.c */
page_handler page_register, page_register_post;
/* language.c */
page_handler page_language;
/* account.c */
page_handler page_account, page_account_password, page_account_language, page_account_end,
    page_account_end_others;
/* account_keys.c */
page_handler page_account_keys, page_account_key_add, page_account_key_revoke;
/* spaces.c */
page_handler page_spaces, page_space;
/* requests.c, request_page.c */
page_handler page_requests, page_request, page_admin_request, page_request_cancel;
/* docs.c */
page_handler page_docs;
/* admin.c */
page_handler page_admin, page_admin_slash, page_admin_spaces;
/* websockets_status.c */
page_handler page_websockets_status;
/* admin_space.c */
page_handler page_space_add, page_space_add_post, page_space_edit, page_space_edit_post,
    page_space_delete;
/* admin_token.c */
page_handler page_token_issue, page_token_back, page_token_revoke;
/* admin_app.c */
page_handler page_app_drain, page_app_kick;
/* admin_users.c */
page_handler page_users, page_users_add, page_user_role, page_user_disable, page_user_enable,
    page_user_password;
/* admin_requests.c */
page_handler page_admin_requests;
/* admin_audit.c */
page_handler page_audit, page_audit_csv, page_audit_lines;
/* admin_settings.c */
page_handler page_settings, page_settings_registration, page_settings_retention,
    page_settings_limits;

#endif
