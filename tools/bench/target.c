/* Where the server is, logging in, and what it uses. */
#include "bench/server.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define HTTP_BYTES 8192
#define COMM_END   ')' /* of /proc/PID/stat's second field, which may hold anything */

enum err target_parse(struct target *t, struct str url)
{
    struct str rest = url, host, port;
    char text[64];
    uint64_t number;
    if (str_starts(rest, STR("http://")))
        rest = str_slice(rest.p + 7, rest.n - 7);
    if (str_ends(rest, STR("/")))
        rest.n--;
    if (!str_copy(t->authority, sizeof t->authority, rest) || !str_split(rest, ':', &host, &port) ||
        str_to_u64(port, UINT16_MAX, &number))
        return ERR_SYNTAX;
    if (str_eq(host, STR("localhost")))
        host = STR("127.0.0.1");
    t->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)number)};
    return str_copy(text, sizeof text, host) && inet_pton(AF_INET, text, &t->address.sin_addr) == 1
               ? OK
               : ERR_SYNTAX;
}

/* ---- logging in ---- */

static bool exchange(const struct target *t, struct str request, char reply[HTTP_BYTES])
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t n = 0;
    ssize_t got = -1;
    if (fd >= 0 && !connect(fd, (const struct sockaddr *)&t->address, sizeof t->address) &&
        send(fd, request.p, request.n, MSG_NOSIGNAL) == (ssize_t)request.n)
        do {
            got = recv(fd, reply + n, HTTP_BYTES - 1 - n, 0);
            n += got > 0 ? (size_t)got : 0;
        } while (got > 0 && n < HTTP_BYTES - 1);
    if (fd >= 0)
        close(fd);
    reply[n] = '\0';
    return got >= 0;
}

enum err target_login(const struct target *t, const char *user, const char *password,
                      char cookie[COOKIE_BYTES])
{
    struct buf form = BUF_INIT(HTTP_BYTES), request = BUF_INIT(HTTP_BYTES);
    char reply[HTTP_BYTES];
    buf_puts(&form, "username=");
    buf_uri(&form, str_of(user));
    buf_puts(&form, "&password=");
    buf_uri(&form, str_of(password));
    buf_printf(&request,
               "POST /login HTTP/1.1\r\nHost: %s\r\nOrigin: http://%s\r\nConnection: close\r\n"
               "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %zu\r\n\r\n",
               t->authority, t->authority, form.len);
    buf_str_append(&request, buf_str(&form));
    enum err e = exchange(t, buf_str(&request), reply) ? OK : ERR_IO;
    const char *found = e ? NULL : strstr(reply, "session=");
    if (!e && (!found || !str_copy(cookie, COOKIE_BYTES, str_slice(found, strcspn(found, ";\r")))))
        e = ERR_UNAUTHORIZED;
    buf_release(&form);
    buf_release(&request);
    return e;
}

/* ---- what it uses ---- */

static bool read_proc(int pid, const char *name, char *out, size_t out_bytes)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    FILE *f = pid > 0 ? fopen(path, "r") : NULL;
    if (!f)
        return false;
    size_t n = fread(out, 1, out_bytes - 1, f);
    fclose(f);
    out[n] = '\0';
    return n > 0;
}

struct usage usage_of(int pid)
{
    char stat[1024], statm[128];
    unsigned long long user, system, pages;
    struct usage u = {0};
    if (!read_proc(pid, "stat", stat, sizeof stat) || !read_proc(pid, "statm", statm, sizeof statm))
        return u;
    const char *rest = strrchr(stat, COMM_END);
    /* utime and stime are fields 14 and 15; the state behind the name is field 3 */
    if (rest && sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
                       &system) == 2)
        u.cpu_ns = (user + system) * (NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK));
    if (sscanf(statm, "%*u %llu", &pages) == 1)
        u.rss_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
    return u;
}

static uint64_t time_ns(struct timeval t)
{
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_usec * 1000;
}

uint64_t usage_own_cpu_ns(void)
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return time_ns(r.ru_utime) + time_ns(r.ru_stime);
}
