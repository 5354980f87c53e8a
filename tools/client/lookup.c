#include "client/lookup.h"

#include "base/alloc.h"
#include "base/str.h"

#include <event2/event.h>

#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Owned by two: the loop, until the answer is there or is not wanted any more, and the thread. The
 * one that leaves last frees it, so that a cancelled lookup cannot write to a descriptor that is
 * somebody else's by then. */
struct lookup {
    atomic_int owners;
    int fd; /* eventfd: the answer is there */
    int error;
    struct addrinfo *list;
    char *host;
    char port[6];
    /* the loop's */
    struct event *ready;
    lookup_done *done;
    void *ctx;
};

static void leave(struct lookup *l)
{
    if (atomic_fetch_sub(&l->owners, 1) > 1)
        return;
    close(l->fd);
    if (l->list)
        freeaddrinfo(l->list);
    free(l->host);
    free(l);
}

static void *work(void *arg)
{
    struct lookup *l = arg;
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    l->error = getaddrinfo(l->host, l->port, &hints, &l->list);
    if (l->error)
        l->list = NULL;
    eventfd_write(l->fd, 1);
    leave(l);
    return NULL;
}

/* The thread takes no signal: they are the program's own. */
static int start_thread(struct lookup *l)
{
    pthread_t thread;
    pthread_attr_t attr;
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_attr_init(&attr))
        return -1;
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&thread, &attr, work, l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return failed;
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct lookup *l = arg;
    eventfd_t count;
    eventfd_read(fd, &count);
    lookup_done *done = l->done;
    void *ctx = l->ctx;
    int error = l->error;
    struct addrinfo *list = l->list;
    l->list = NULL;
    lookup_cancel(l);
    done(ctx, error, list);
}

enum err lookup_start(struct event_base *base, const char *host, uint16_t port, lookup_done *done,
                      void *ctx, struct lookup **out)
{
    struct lookup *l = xcalloc(1, sizeof *l);
    *l = (struct lookup){.owners = 2, .done = done, .ctx = ctx};
    l->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (l->fd < 0) {
        free(l);
        return ERR_IO;
    }
    l->host = str_dup(str_of(host));
    snprintf(l->port, sizeof l->port, "%u", port);
    l->ready = event_new(base, l->fd, EV_READ, on_ready, l);
    if (!l->ready || event_add(l->ready, NULL) || start_thread(l)) {
        l->owners = 1;
        lookup_cancel(l);
        return ERR_IO;
    }
    *out = l;
    return OK;
}

void lookup_cancel(struct lookup *l)
{
    if (!l)
        return;
    if (l->ready)
        event_free(l->ready);
    l->ready = NULL;
    leave(l);
}
