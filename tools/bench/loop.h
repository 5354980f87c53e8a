/* The event loop of relay-bench: TCP connections on bare epoll. What is written during a turn goes
 * out at its end, one send a connection, so that measuring costs as little as it can. One thread.
 */
#ifndef BENCH_LOOP_H
#define BENCH_LOOP_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#include <netinet/in.h>

#define LOOP_INPUT_BYTES (256 * 1024)
#define LOOP_EVENTS      512
#define NS_PER_MS        1000000u
#define NS_PER_S         1000000000u

struct wire;

struct wire_ops {
    void (*open)(struct wire *w);
    void (*bytes)(struct wire *w, struct str bytes); /* borrowed for the call */
    void (*gone)(struct wire *w, const char *why);   /* the wire is closed already */
};

struct loop {
    int epoll_fd, signal_fd;
    /* Monotonic; read after each wait and each read from a socket. After SIGINT or SIGTERM it is
     * UINT64_MAX: all time is over, so that every wait ends. */
    uint64_t now_ns;
    bool stopped;
    struct wire *dirty;
    char input[LOOP_INPUT_BYTES];
};

/* Lives until its loop's turn is over, even when it is closed. */
struct wire {
    struct loop *loop;
    const struct wire_ops *ops;
    int fd; /* -1: closed */
    bool connected, wants_write, dirty;
    struct buf out;
    struct wire *next_dirty;
};

uint64_t bench_now_ns(void);

/* Takes SIGINT and SIGTERM over. ERR_IO. */
MUST_USE enum err loop_init(struct loop *l);
void loop_release(struct loop *l);
/* Waits for events until the monotonic until_ns at most, handles them, sends. */
void loop_turn(struct loop *l, uint64_t until_ns);

/* Starts connecting. source picks the loopback address to come from, since one address has only
 * some 28,000 ports: 0 leaves the choice to the kernel, n is 127.0.0.(n+1). ERR_IO. */
MUST_USE enum err wire_connect(struct wire *w, struct loop *l, const struct wire_ops *ops,
                               const struct sockaddr_in *to, unsigned source);
/* w->out has got something to send. */
void wire_send_soon(struct wire *w);
/* Without a word to the peer and without ops->gone; may be called again. */
void wire_close(struct wire *w);

#endif
