/* What setup, registration, log-in and account pages share. Private to the web layer. */
#ifndef WEB_ACCOUNTS_H
#define WEB_ACCOUNTS_H

#include "codec/problem.h"
#include "web/page.h"

struct json_t;

/* These put a sentence into errors when the form's field is not as it must be; true when it is
 * fine. */
bool check_name(struct page_request *p, const char *field, struct json_t *errors);
bool check_password(struct page_request *p, const char *field, struct json_t *errors);
/* The repetition in field equals the one in password_field; an absent one is fine unless required.
 */
bool check_repeated(struct page_request *p, const char *password_field, const char *field,
                    bool required, struct json_t *errors);

/* Hashes a password, in its turn. ERR_AGAIN: too many hashes wait; ERR_MEMORY. */
MUST_USE enum err hash_text(struct page_request *p, struct str password,
                            char out[PASSWORD_HASH_BYTES]);
/* The one in the form's field. */
MUST_USE enum err hash_field(struct page_request *p, const char *field,
                             char out[PASSWORD_HASH_BYTES]);

/* One try of a password in the form's field, counted against account and address; the same work and
 * time whether the account exists or not. OK: it is right, user is whose. ERR_UNAUTHORIZED: it is
 * wrong (or the account disabled), and that was reported. ERR_RATE_LIMITED: not tried, *wait_ms
 * until it may be. ERR_AGAIN: too many hashes wait. Others: not tried. */
MUST_USE enum err password_try(struct page_request *p, const char *name, const char *field,
                               struct user_record *user, uint64_t *wait_ms);
/* The same with the password itself. ERR_RATE_LIMITED: *wait says until when, and of how many. */
MUST_USE enum err password_try_text(struct page_request *p, const char *name, struct str password,
                                    struct user_record *user, struct retry *wait);
/* The start of a typed name: longer ones are nobody's, but their tries are counted. */
void name_for_tries(char out[USER_NAME_BYTES], struct str name);
/* Puts how long to wait after ERR_RATE_LIMITED under name, worded by key, and in Retry-After. */
void view_wait(struct page_request *p, struct json_t *object, const char *name, const char *key,
               uint64_t wait_ms);

/* Opens a session for a person whose password was right, and sets its cookie once it is saved. A
 * session that the browser had before is closed. */
MUST_USE enum err session_start(struct page_request *p, int64_t user_key, const char *name);
void session_forget_cookie(struct page_request *p);

/* A stored setting into value; fallback when there is none or the store cannot be read. */
void setting_read(struct page_request *p, const char *name, const char *fallback,
                  char value[SETTING_VALUE_BYTES]);
bool registration_is_open(struct page_request *p);

#endif
