/* What templates are filled with: the parts of a page's view that several pages share. Private to
 * the web layer. */
#ifndef WEB_VIEW_H
#define WEB_VIEW_H

#include "web/page.h"

/* Where the reader is; marks the link in the page's head. */
enum place {
    PLACE_NONE,
    PLACE_SPACES,
    PLACE_REQUESTS,
    PLACE_DOCS,
    PLACE_ADMIN,
    PLACE_ACCOUNT,
    PLACE__MAX
};

/* A new view with the title t.titles.TITLE and the place. */
struct json_t *view_new(struct page_request *p, const char *title, enum place place);
/* The title with {name} replaced. */
void view_title(struct page_request *p, struct json_t *view, const char *title, const char *name,
                struct str value);

/* Puts under key a new object that has null for each of the names (NULL-terminated): the errors of
 * a form's fields. */
struct json_t *view_nulls(struct json_t *view, const char *key, const char *const *names);
/* Puts t.KEY under name, with {placeholder} replaced when placeholder is not NULL. */
void view_text(struct page_request *p, struct json_t *object, const char *name, const char *key,
               const char *placeholder, struct str value);

void view_id(struct json_t *object, const char *key, struct uuid id);
/* prefix and s percent-encoded. */
void view_url(struct json_t *object, const char *key, const char *prefix, struct str s);
/* RFC 3339 under key, and for people who have no JavaScript the page's words for it under key with
 * "_text"; both "" for 0 (never). */
void view_time(struct page_request *p, struct json_t *object, const char *key, int64_t wall_ms);
/* A length of time for people: "350 ms", "4.2 s", "3 min 20 s", "2 h 5 min". */
void view_duration(struct page_request *p, struct json_t *object, const char *key, int64_t ms);
/* Puts t.KEY under name with {first} and {second} replaced; second may be NULL. */
void view_numbers(struct page_request *p, struct json_t *object, const char *name, const char *key,
                  const char *first, uint64_t first_n, const char *second, uint64_t second_n);
/* Puts t.KEY.one or t.KEY.other, whichever is right for n, with {n} replaced. */
void view_count(struct page_request *p, struct json_t *object, const char *name, const char *key,
                uint64_t n);
/* Puts a sentence that came from the relay (or from an app, which then stays as it is) in the
 * page's language: t.said.SENTENCE, where each number in it reads {n}. */
void view_said(struct page_request *p, struct json_t *object, const char *name,
               struct str sentence);

/* Puts what the switch of languages in the page's foot needs: "back", the page that it leads back
 * to, and "lang_switch". */
void view_language_switch(struct page_request *p, struct json_t *view);
/* Lasts a year. "": as the browser asks. */
void language_send(struct page_request *p, struct str code);

/* What the page that the redirect leads to says about what this one did: t.flash.KEY. Before
 * page_redirect. Only that page takes it: one that another tab loads meanwhile leaves it alone. */
void flash_set(struct page_request *p, bool good, const char *key);
/* Puts what the page before has left, or null, as "flash". */
void view_flash(struct page_request *p, struct json_t *view);
/* For page_redirect: sets the cookie that carries it. */
void flash_send(struct page_request *p, struct str target);

#endif
