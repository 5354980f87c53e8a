/* Ctrl+C, for a command that has something to tidy up. */
#ifndef MAIN_INTERRUPT_H
#define MAIN_INTERRUPT_H

#include <stdbool.h>

#define STATUS_INTERRUPTED 130

/* From now on the first Ctrl+C makes the descriptor readable and interrupts what blocks; the
 * second ends the process at once. Nothing changes when the process was started with SIGINT
 * ignored. -1 when there is no descriptor to be had. The descriptor stays the process's. */
int interrupt_catch(void);
bool interrupted(void);

#endif
