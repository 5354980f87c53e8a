/* What a check of the data has found, one line each. */
#ifndef MODEL_FINDING_H
#define MODEL_FINDING_H

#include <stddef.h>

enum finding_level { FINDING_OK, FINDING_WARN, FINDING_FAIL, FINDING_LEVEL__MAX };

struct finding {
    enum finding_level level;
    char check[24];    /* what was looked at: "integrity" */
    char message[300]; /* what is so */
    char advice[200];  /* what to do about it; "" when nothing */
};

/* Start as {0}. */
struct findings {
    struct finding *list; /* heap, owned */
    size_t count;
};

/* "ok", "warn", "fail". Static storage. */
const char *finding_level_name(enum finding_level level);
/* Texts that are too long are cut. advice may be NULL. */
void findings_add(struct findings *f, enum finding_level level, const char *check,
                  const char *advice, const char *message, ...)
    __attribute__((format(printf, 5, 6)));
void findings_release(struct findings *f);

#endif
