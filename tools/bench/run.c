#include "bench/run.h"

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Pipes to a child that is running argv. in and err are left alone when their pointer is NULL. */
static int start(const char *const *argv, int *in, int *out, bool join_err)
{
    int to[2] = {-1, -1}, from[2];
    sigset_t none;
    if ((in && pipe(to)) || pipe(from))
        return 0;
    int pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGPIPE, SIG_DFL);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        if (in)
            dup2(to[0], STDIN_FILENO);
        dup2(from[1], STDOUT_FILENO);
        if (join_err)
            dup2(from[1], STDERR_FILENO);
        if (in) {
            close(to[0]);
            close(to[1]);
        }
        close(from[0]);
        close(from[1]);
        execvp(argv[0], (char *const *)argv);
        _exit(127);
    }
    if (in) {
        close(to[0]);
        *in = to[1];
    }
    close(from[1]);
    *out = from[0];
    return pid > 0 ? pid : 0;
}

static void read_all(int fd, char *out, size_t out_bytes)
{
    char rest[512];
    size_t n = 0;
    for (;;) {
        bool room = n + 1 < out_bytes;
        ssize_t got = read(fd, room ? out + n : rest, room ? out_bytes - 1 - n : sizeof rest);
        if (got <= 0)
            break;
        n += room ? (size_t)got : 0;
    }
    out[n] = '\0';
}

bool run_command(const char *const *argv, const char *input, char *out, size_t out_bytes)
{
    int in, from, status = -1;
    int pid = start(argv, &in, &from, true);
    out[0] = '\0';
    if (!pid)
        return false;
    bool ok = write(in, input, strlen(input)) == (ssize_t)strlen(input);
    close(in);
    read_all(from, out, out_bytes);
    close(from);
    return waitpid(pid, &status, 0) == pid && ok && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int run_server(const char *const *argv, char *line, size_t line_bytes)
{
    int from;
    size_t n = 0;
    int pid = start(argv, NULL, &from, false);
    line[0] = '\0';
    if (!pid)
        return 0;
    while (n + 1 < line_bytes && read(from, line + n, 1) == 1 && line[n] != '\n')
        n++;
    line[n] = '\0';
    /* from stays open: a server that prints later must not die of it */
    return pid;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

void run_remove(const char *folder)
{
    (void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
