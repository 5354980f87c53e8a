#include "codec/json.h"
#include "web/api.h"
#include "web/api_calls.h"

void api_me(struct page_request *p)
{
    struct json_t *me = json_object_new();
    json_put_text(me, "name", p->who.name);
    json_put_text(me, "role", p->who.role == ROLE_ADMIN ? "admin" : "user");
    struct json_t *scopes = json_put(me, "scopes", json_array_new());
    for (unsigned i = 0; i < SCOPE_COUNT; i++) {
        uint32_t scope = 1U << i;
        if ((p->who.scopes & scope) && (scope != SCOPE_ADMIN || page_is_admin(p)))
            json_add_str(scopes, str_of(scope_name(scope)));
    }
    api_reply(p, 200, me);
}
