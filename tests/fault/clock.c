/* For LD_PRELOAD: a wall clock that a test sets, while the program runs. The monotonic clock is
 * left alone. CLOCK_FILE names a file of two 64-bit numbers, mapped here: milliseconds that are
 * added to the true time, and, when not 0, the milliseconds since 1970 at which the clock stands
 * still. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct setting {
    volatile int64_t add_ms, stands_ms;
};

static const struct setting *setting;

__attribute__((constructor)) static void map(void)
{
    const char *path = getenv("CLOCK_FILE");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *p = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *setting, PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        abort();
    setting = p;
    close(fd);
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
    int rc = (int)syscall(SYS_clock_gettime, clock, t);
    if (rc || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE) || !setting)
        return rc;
    int64_t ms = (int64_t)t->tv_sec * 1000 + t->tv_nsec / 1000000;
    ms = setting->stands_ms ? setting->stands_ms : ms + setting->add_ms;
    t->tv_sec = ms / 1000;
    t->tv_nsec = ms % 1000 * 1000000;
    return 0;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *t = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *out)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}
