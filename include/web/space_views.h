/* Spaces and their live state in views. Private to the web layer. */
#ifndef WEB_SPACE_VIEWS_H
#define WEB_SPACE_VIEWS_H

#include "web/view.h"

/* The live state of all spaces: what the hub answered, or that it did not. */
struct live_spaces {
    struct reply reply;
    bool known;
};
void live_spaces_ask(struct page_request *p, struct live_spaces *live);
void live_spaces_release(struct live_spaces *live);
/* The state of one of them; NULL when it is not known. Borrowed. */
const struct space_view *live_space(const struct live_spaces *live, struct uuid id);

/* Puts "state": the protocol's space state, or null. */
void view_state(struct json_t *object, const struct space_view *state);
/* Puts id, name, url, edit_url, description, cover, takes_..., queue_offline. */
void view_space(struct json_t *object, const struct space_record *s);
/* Puts under key: mock-app --host ORIGIN --space "NAME" --token TOKEN, quoted for a shell. */
void view_command(struct page_request *p, struct json_t *object, const char *key, const char *space,
                  struct str token);

/* Enough of every space to name it; sorted by name. */
struct space_names {
    struct space_name {
        int64_t key;
        struct uuid id;
        char name[SPACE_NAME_BYTES];
    } * list;
    size_t count, cap;
};
/* ERR_STORE_UNAVAILABLE. */
MUST_USE enum err space_names_read(struct page_request *p, struct space_names *out);
void space_names_release(struct space_names *n);
/* NULL when there is none (any more). */
const struct space_name *space_names_by_key(const struct space_names *n, int64_t key);
const struct space_name *space_names_by_name(const struct space_names *n, struct str name);

/* The space named by the path's {id} or {name}; ERR_NOT_FOUND also for what is no id, and for
 * removed ones. */
MUST_USE enum err space_of_path(struct page_request *p, struct space_record *out);

#endif
