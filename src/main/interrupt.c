#include "main/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

/* A signal handler is handed nothing, so what it needs cannot hang from anywhere. */
static volatile sig_atomic_t caught;
static volatile sig_atomic_t wake_fd = -1;

static void on_interrupt(int number)
{
    int error = errno;
    (void)number;
    if (caught)
        _exit(STATUS_INTERRUPTED);
    caught = 1;
    ssize_t ignored = write(wake_fd, "", 1);
    (void)ignored;
    errno = error;
}

int interrupt_catch(void)
{
    int ends[2];
    struct sigaction before, act = {.sa_handler = on_interrupt};
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
        return -1;
    wake_fd = ends[1];
    if (sigaction(SIGINT, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        (void)sigaction(SIGINT, &act, NULL);
    return ends[0];
}

bool interrupted(void)
{
    return caught;
}
