#include "app/mailbox.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum err mailbox_init(struct mailbox *m)
{
    m->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (m->wake_fd < 0)
        return ERR_IO;
    pthread_mutex_init(&m->lock, NULL);
    m->first = NULL;
    m->last = &m->first;
    return OK;
}

void mailbox_release(struct mailbox *m)
{
    close(m->wake_fd);
    pthread_mutex_destroy(&m->lock);
}

void mailbox_post(struct mailbox *m, struct letter *l)
{
    l->next = NULL;
    pthread_mutex_lock(&m->lock);
    bool was_empty = !m->first;
    *m->last = l;
    m->last = &l->next;
    pthread_mutex_unlock(&m->lock);
    if (!was_empty)
        return;
    /* Only EAGAIN can come back (the counter is full), and then the reader is awake anyway. */
    ssize_t n = write(m->wake_fd, &(uint64_t){1}, sizeof(uint64_t));
    (void)n;
}

struct letter *mailbox_take(struct mailbox *m)
{
    uint64_t count;
    ssize_t n = read(m->wake_fd, &count, sizeof count);
    (void)n;
    pthread_mutex_lock(&m->lock);
    struct letter *first = m->first;
    m->first = NULL;
    m->last = &m->first;
    pthread_mutex_unlock(&m->lock);
    return first;
}
