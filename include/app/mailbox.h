/* A mailbox: letters from any thread to one reader, who is woken by an eventfd. */
#ifndef APP_MAILBOX_H
#define APP_MAILBOX_H

#include "base/err.h"

#include <pthread.h>
#include <stdbool.h>

/* Embedded at the start of what is sent. read is called by the reader's thread and owns the letter.
 */
struct letter {
    struct letter *next;
    void (*read)(void *reader, struct letter *l);
};

struct mailbox {
    pthread_mutex_t lock;
    struct letter *first, **last;
    int wake_fd; /* readable when there may be letters */
};

MUST_USE enum err mailbox_init(struct mailbox *m);
/* The letters must have been taken before. */
void mailbox_release(struct mailbox *m);
/* Any thread. */
void mailbox_post(struct mailbox *m, struct letter *l);
/* All letters in the order of their posting, as a list; NULL when there is none. The reader's
 * thread. */
struct letter *mailbox_take(struct mailbox *m);

#endif
