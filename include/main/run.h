/* What spacerelay run holds while its request is made and followed. */
#ifndef MAIN_RUN_H
#define MAIN_RUN_H

#include "base/uuid.h"
#include "main/person.h"
#include "main/screen.h"
#include "remote/picture.h"

#define RUN_BODY_BYTES (512u << 20)

struct run {
    const struct options *o;
    struct person person;
    struct screen screen;
    struct picture picture;
    struct buf body; /* of the call that submits */
    char id[UUID_TEXT_BYTES];
};

/* The prompt, from the command line or stdin, into the body. An exit status, after complaining. */
int run_read(struct run *r);
/* Has the relay take the request; its id is known afterwards. The same. */
int run_submit(struct run *r);

#endif
