/* The web threads' listening socket. Civetweb as Debian builds it listens on TCP only, and on the
 * loopback any user of the machine may connect and keep every thread busy with silence. So its
 * listening descriptor is made to mean a Unix socket in the data folder instead (mode 0600, like
 * the folder), and nothing is left on the network. Private to the web layer. */
#ifndef WEB_LISTEN_H
#define WEB_LISTEN_H

#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

struct listen_socket {
    int dir_fd; /* of the folder when the path goes through it, else -1 */
    char *file; /* to be removed; NULL = none */
    char *path; /* to connect to */
};

/* Puts a Unix socket in the folder `dir` in the place of this process's TCP socket that listens on
 * 127.0.0.1:port, which some thread may be waiting on. A file left over by a process that died is
 * replaced. ERR_IO; why gets a sentence. */
MUST_USE enum err listen_move(struct listen_socket *s, uint16_t port, const char *dir,
                              struct buf *why);
/* Removes the file. Fine on a zeroed one. */
void listen_release(struct listen_socket *s);
/* Connects and hangs up at once: whoever waits for connections looks up. Any thread. */
void listen_knock(const struct listen_socket *s);

#endif
