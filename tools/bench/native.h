/* What the relay's own protocol and other ways to submit share. One thread. */
#ifndef BENCH_NATIVE_H
#define BENCH_NATIVE_H

#include "bench/load.h"

/* As a dialect's of these names. */
void native_app_open(struct peer *app);
void native_app_text(struct peer *app, struct str text);
void native_person_text(struct peer *person, struct str text);

/* Request n was accepted: now it is watched to its end over the person's socket. */
void native_accepted(struct peer *person, uint64_t n, struct str request_id);

/* How a prompt begins that carries the request's number, where a payload has no place for it. */
#define NATIVE_NUMBERED "n="

#endif
