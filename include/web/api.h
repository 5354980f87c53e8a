/* REST, /api/v1: JSON in and out, and what goes wrong is a problem (RFC 9457). What waits or
 * streams is answered in the hub. Private to the web layer. */
#ifndef WEB_API_H
#define WEB_API_H

#include "codec/problem.h"
#include "web/page.h"

#define API_PREFIX "/api/"
#define API_ROOT   "/api/v1"

struct json_t;

/* ---- api.c: which path is which call ---- */

/* The path is below API_PREFIX: the two below answer it. */
bool api_has(struct str path);
/* Finds the call, checks method and person, and lets it reply. */
void api_serve(struct page_request *p);
/* The reply when page_read could not have the body (e is its error). */
void api_refuse_body(struct page_request *p, enum err e);

/* ---- api_reply.c; each replies once ---- */

void api_reply(struct page_request *p, unsigned status, struct json_t *given);
/* JSON that is text already. */
void api_reply_text(struct page_request *p, struct str json);
/* 201 with its address: API_ROOT, kind ("/spaces/") and name, which is percent-encoded. */
void api_created(struct page_request *p, const char *kind, struct str name, struct json_t *given);
void api_done(struct page_request *p); /* 204 */
/* detail "" = the code's own sentence. What is inside only becomes what peers see. A problem that
 * passes (429, 503) says that it may be tried again in a moment. */
void api_fail(struct page_request *p, enum err e, struct str detail);
void api_problem(struct page_request *p, unsigned status, enum err code, struct str detail);
/* The same, where more is known about that. */
void api_fail_later(struct page_request *p, enum err e, struct str detail, struct retry retry);
/* What the core said. The reply is released. */
void api_refused(struct page_request *p, enum err e, struct reply *reply);
/* Carries out a command of which only the success matters. False: it has been replied to. */
bool api_do(struct page_request *p, struct command *cmd_given);

/* ---- api_body.c: an object read member by member ---- */

/* Start as {0}. What is wrong first is told, with the member's name; those after it are still read.
 * Members that nobody asks for are ignored, and those that are left out leave *out as it was. */
struct api_body {
    struct json_t *json;
    struct buf wrong; /* "" = nothing */
};
/* The body of the request. False: it is no object, which has been replied to. Else end with
 * api_body_good. */
bool api_body_open(struct page_request *p, struct api_body *b);
/* False: a member is wrong, which has been replied to. Releases b. */
bool api_body_good(struct page_request *p, struct api_body *b);
bool api_body_has(const struct api_body *b, const char *name);
/* Tells that a member is wrong: "NAME must be " and the words. */
void api_body_wrong(struct api_body *b, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* A string that fits; its blanks are kept. */
void api_body_text(struct api_body *b, const char *name, char *out, size_t out_bytes);
/* As it lies in the tree, until api_body_good. */
void api_body_str(struct api_body *b, const char *name, struct str *out);
void api_body_number(struct api_body *b, const char *name, uint64_t low, uint64_t high,
                     uint64_t *out);
void api_body_flag(struct api_body *b, const char *name, bool *out);

#endif
