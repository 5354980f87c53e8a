/* What admins do with other people's requests, for the audit log. Private to the core. */
#ifndef CORE_LOOKS_H
#define CORE_LOOKS_H

#include "base/uuid.h"
#include "model/command.h"

struct relay;
struct save;

/* Who looked at what lately, so that one look is one row: a ring. */
#define LOOKS_MAX 64
struct looks {
    struct look {
        int64_t user_key;
        struct uuid request_id;
        uint64_t at_ms;
    } list[LOOKS_MAX];
    size_t next;
};

/* Somebody asks for a request: a row "request.view" unless it is theirs. */
void look_noted(struct relay *r, const struct actor *actor, const struct request_record *rec);
/* Somebody wants to watch it. NULL: they may see it at once. Else that row is being saved first;
 * the caller gives the save its done, which calls look_written. */
struct save *look_first(struct relay *r, const struct identity *who, const char *address,
                        const struct request_record *rec);
void look_written(struct relay *r, const struct save *s, enum err err);
/* Somebody cancels a request: a row "request.cancel" unless it is theirs, or has ended. */
void cancel_noted(struct relay *r, const struct actor *actor, const struct request_record *rec);
void cancel_noted_by_socket(struct relay *r, const struct identity *who, const char *address,
                            const struct request_record *rec);

#endif
