/* Feeds every file named on the command line, or below a folder named there, to a fuzz target: so
 * the corpora are replayed by compilers without libFuzzer. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void give_up(const char *path)
{
    perror(path);
    exit(1);
}

static void replay_file(const char *path, size_t size)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data =
        malloc(size ? size : 1); /* exact, so that a sanitizer sees a read past the end */
    if (!f || !data || fread(data, 1, size, f) != size)
        give_up(path);
    fclose(f);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
}

static size_t replay(const char *path);

static size_t replay_folder(const char *path)
{
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, alphasort);
    if (n < 0)
        give_up(path);
    size_t inputs = 0;
    for (int i = 0; i < n; i++) {
        char below[4096];
        if (entries[i]->d_name[0] != '.') {
            snprintf(below, sizeof below, "%s/%s", path, entries[i]->d_name);
            inputs += replay(below);
        }
        free(entries[i]);
    }
    free(entries);
    return inputs;
}

static size_t replay(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        give_up(path);
    if (S_ISDIR(st.st_mode))
        return replay_folder(path);
    replay_file(path, (size_t)st.st_size);
    return 1;
}

int main(int argc, char **argv)
{
    size_t inputs = 0;
    for (int i = 1; i < argc; i++)
        inputs += replay(argv[i]);
    printf("%zu inputs replayed\n", inputs);
    return inputs == 0; /* a corpus that is not found must not pass */
}
