/* For LD_PRELOAD: makes allocations fail. ALLOC_FILE names a file that is mapped here and that a
 * test writes while the program runs: of the allocations of at least least_bytes those from the
 * countdown-th on fail, span of them. failed counts them. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct setting {
    uint64_t least_bytes;
    int64_t countdown, span;
    uint64_t failed;
};

static struct setting *setting;
static void *(*next_malloc)(size_t);
static void *(*next_calloc)(size_t, size_t);
static void *(*next_realloc)(void *, size_t);
static void (*next_free)(void *);

/* What dlsym may ask for before it has found the real ones; never given back. */
static char early[4096];
static size_t early_used;

static void *early_take(size_t bytes)
{
    char *p = early + early_used;
    early_used += (bytes + 15) & ~(size_t)15;
    if (early_used > sizeof early)
        abort();
    return p;
}

static bool is_early(const void *p)
{
    return (const char *)p >= early && (const char *)p < early + sizeof early;
}

static void find(void *where, const char *name)
{
    *(void **)where = dlsym(RTLD_NEXT, name);
}

static bool found(void)
{
    static bool looking;
    if (next_free)
        return true;
    if (looking)
        return false;
    looking = true;
    find(&next_malloc, "malloc");
    find(&next_calloc, "calloc");
    find(&next_realloc, "realloc");
    find(&next_free, "free");
    looking = false;
    return true;
}

__attribute__((constructor)) static void map(void)
{
    const char *path = getenv("ALLOC_FILE");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *p = fd < 0 ? MAP_FAILED
                     : mmap(NULL, sizeof *setting, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        abort();
    setting = p;
    close(fd);
}

static bool fails(size_t bytes)
{
    if (!setting || bytes < __atomic_load_n(&setting->least_bytes, __ATOMIC_RELAXED))
        return false;
    int64_t left = __atomic_sub_fetch(&setting->countdown, 1, __ATOMIC_RELAXED);
    if (left > 0 || left <= -__atomic_load_n(&setting->span, __ATOMIC_RELAXED))
        return false;
    __atomic_add_fetch(&setting->failed, 1, __ATOMIC_RELAXED);
    errno = ENOMEM;
    return true;
}

void *malloc(size_t bytes)
{
    if (!found())
        return early_take(bytes);
    return fails(bytes) ? NULL : next_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    if (!found())
        return early_take(count * bytes);
    return fails(count * bytes) ? NULL : next_calloc(count, bytes);
}

void *realloc(void *p, size_t bytes)
{
    if (!found() || is_early(p))
        abort();
    return fails(bytes) ? NULL : next_realloc(p, bytes);
}

void free(void *p)
{
    if (!is_early(p) && found())
        next_free(p);
}
