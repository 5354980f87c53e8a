/* Other programs: run to their end, or started and left running. One thread. */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include <stdbool.h>
#include <stddef.h>

/* Runs argv with input on its stdin. out gets its stdout (or its stderr, when it failed), cut at
 * out_bytes - 1 and terminated. False when it could not be run or its status is not 0. */
bool run_command(const char *const *argv, const char *input, char *out, size_t out_bytes);
/* Starts argv and waits for the first line on its stdout, which line gets. Returns its pid, or 0.
 * It dies with us. */
int run_server(const char *const *argv, char *line, size_t line_bytes);
/* Removes a folder and what is in it. */
void run_remove(const char *folder);

#endif
