#include "main/commands.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define READ_BYTES 1100 /* a little more than a password may have */

static bool read_some(char *p, size_t n, size_t *got)
{
    ssize_t r;
    do
        r = read(STDIN_FILENO, p, n);
    while (r < 0 && errno == EINTR);
    *got = r > 0 ? (size_t)r : 0;
    return r > 0;
}

/* All of stdin, without one newline at its end. */
static struct str read_all(char text[READ_BYTES])
{
    size_t n = 0, got;
    while (n < READ_BYTES && read_some(text + n, READ_BYTES - n, &got))
        n += got;
    if (n > 0 && text[n - 1] == '\n')
        n--;
    return str_slice(text, n);
}

static void on_interrupt(int signal_number)
{
    (void)signal_number; /* only so that read returns */
}

/* One line; false when it was interrupted. */
static bool read_line(char text[READ_BYTES], struct str *line)
{
    struct sigaction act = {.sa_handler = on_interrupt}, before;
    sigaction(SIGINT, &act, &before);
    ssize_t n = read(STDIN_FILENO, text, READ_BYTES);
    sigaction(SIGINT, &before, NULL);
    if (n > 0 && text[n - 1] == '\n')
        n--;
    *line = str_slice(text, n > 0 ? (size_t)n : 0);
    return n >= 0;
}

static bool prompt(const char *question, char text[READ_BYTES], struct str *line)
{
    struct termios normal, silent;
    if (tcgetattr(STDIN_FILENO, &normal))
        return false;
    silent = normal;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    silent.c_lflag |= ICANON;
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    (void)fputs(question, stderr);
    bool done = read_line(text, line);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &normal);
    (void)fputc('\n', stderr);
    return done;
}

static int ask_twice(char text[READ_BYTES], struct str *password)
{
    char again[READ_BYTES];
    struct str repeated = {again, 0};
    int status = STATUS_FAILED;
    if (!isatty(STDIN_FILENO)) {
        complain("standard input is no terminal to ask for the password; use --password-stdin");
        return STATUS_USAGE;
    }
    if (!prompt("Password: ", text, password))
        return STATUS_FAILED;
    if (!password_valid(*password)) {
        return STATUS_DONE; /* the caller says why not */
    }
    if (prompt("Password again: ", again, &repeated)) {
        status = str_eq(*password, repeated) ? STATUS_DONE : STATUS_FAILED;
        if (status)
            complain("the passwords differ");
    }
    secret_wipe(again, sizeof again);
    return status;
}

int read_api_key(const struct options *o, const char *url, char out[API_KEY_BYTES])
{
    char text[READ_BYTES], question[READ_BYTES];
    struct str key = {text, 0};
    int status = STATUS_DONE;
    (void)snprintf(question, sizeof question, "API key for %s: ", url);
    if (o->key_stdin) {
        key = read_all(text);
    } else if (!isatty(STDIN_FILENO)) {
        complain("standard input is no terminal to ask for the API key; use --key-stdin");
        status = STATUS_USAGE;
    } else if (!prompt(question, text, &key)) {
        status = STATUS_FAILED;
    }
    if (!status && !str_copy(out, API_KEY_BYTES, str_trim(key))) {
        complain("an API key is not as long as that");
        status = STATUS_FAILED;
    }
    secret_wipe(text, sizeof text);
    return status;
}

int read_password_hash(const struct options *o, char out[PASSWORD_HASH_BYTES])
{
    char text[READ_BYTES];
    struct str password = {text, 0};
    int status = STATUS_DONE;
    if (o->password_stdin)
        password = read_all(text);
    else
        status = ask_twice(text, &password);
    if (!status && !password_valid(password)) {
        complain("a password has 8 to 1024 bytes");
        status = STATUS_FAILED;
    }
    if (!status && password_hash(password, out)) {
        complain("not enough memory to hash the password");
        status = STATUS_FAILED;
    }
    secret_wipe(text, sizeof text);
    return status;
}
