/* Folders of cases: every file of a folder is handed to a function. Tests run from the top of the
 * checkout. */
#ifndef TESTS_CODEC_CASES_H
#define TESTS_CODEC_CASES_H

#include "base/buf.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void case_fn(const char *name, struct str content);

static inline void case_read(const char *path, struct buf *out)
{
    char piece[4096];
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        abort();
    }
    for (size_t n; (n = fread(piece, 1, sizeof piece, f)) > 0;)
        buf_append(out, piece, n);
    fclose(f);
}

/* Returns how many there were, so that an empty folder does not pass. */
static inline size_t each_case(const char *folder, case_fn *visit)
{
    struct dirent **names;
    int n = scandir(folder, &names, NULL, alphasort);
    if (n < 0) {
        perror(folder);
        abort();
    }
    size_t cases = 0;
    for (int i = 0; i < n; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        if (names[i]->d_name[0] != '.') {
            struct buf content = BUF_INIT(SIZE_MAX);
            case_read(path, &content);
            /* a block of its own size, so that a read past the end is seen */
            char *exact = malloc(content.len ? content.len : 1);
            if (content.len)
                memcpy(exact, buf_str(&content).p, content.len);
            visit(names[i]->d_name, str_slice(exact, content.len));
            free(exact);
            buf_release(&content);
            cases++;
        }
        free(names[i]);
    }
    free(names);
    return cases;
}

#endif
