/* systemd's notification protocol (sd_notify(3)), without its library. Private to the hub. */
#ifndef HUB_NOTIFY_H
#define HUB_NOTIFY_H

#include <stdint.h>

/* Sends e.g. "READY=1" to the socket that NOTIFY_SOCKET names; nothing without one. Never waits. */
void notify_send(const char *state);
/* How often "WATCHDOG=1" is to be sent, in milliseconds (half of WATCHDOG_USEC); 0 = nobody
 * watches. */
uint64_t notify_watchdog_ms(void);

#endif
