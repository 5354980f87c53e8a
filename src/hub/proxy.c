#include "hub/proxy.h"

/* Takes the part after the last comma off *list; false when the list is used up. */
static bool take_last(struct str *list, struct str *last)
{
    if (!list->p)
        return false;
    size_t start = list->n;
    while (start > 0 && list->p[start - 1] != ',')
        start--;
    *last = str_trim(str_slice(list->p + start, list->n - start));
    *list = start > 0 ? str_slice(list->p, start - 1) : (struct str){0};
    return true;
}

/* Follows one field's list; false when the way ends in it. */
static bool follow(const struct networks *trusted, struct str list, struct address *at)
{
    struct str last;
    while (take_last(&list, &last)) {
        struct address before;
        if (!networks_hold(trusted, *at) || address_parse_forwarded(last, &before))
            return false;
        *at = before;
    }
    return true;
}

struct address proxy_client(const struct networks *trusted, struct address peer,
                            const struct http_head *head)
{
    struct address at = peer;
    for (size_t i = head->field_count; i > 0; i--) {
        const struct http_field *f = &head->fields[i - 1];
        if (str_eq_nocase(f->name, STR("X-Forwarded-For")) && !follow(trusted, f->value, &at))
            break;
    }
    return at;
}

bool proxy_secure(const struct http_head *head)
{
    for (size_t i = head->field_count; i > 0; i--) {
        const struct http_field *f = &head->fields[i - 1];
        struct str list = f->value, last;
        if (str_eq_nocase(f->name, STR("X-Forwarded-Proto")))
            return take_last(&list, &last) && str_eq_nocase(last, STR("https"));
    }
    return false;
}
