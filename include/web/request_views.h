/* Requests in views. Private to the web layer. */
#ifndef WEB_REQUEST_VIEWS_H
#define WEB_REQUEST_VIEWS_H

#include "web/space_views.h"

/* Puts what a row and the page of a request have in common: id, url, space_name, space_url, status,
 * status_text, unfinished, error_code, created_at, duration. */
void view_request(struct page_request *p, struct json_t *object, const struct request_row *row,
                  const struct space_names *spaces);
/* Puts "requests" and "has_requests": at most filter->limit rows. *last gets the id of the last
 * one, *more whether there are others. */
MUST_USE enum err view_requests(struct page_request *p, struct json_t *view,
                                const struct request_filter *filter,
                                const struct space_names *spaces, struct uuid *last, bool *more);

/* Puts "attempts": the request's history. */
MUST_USE enum err view_attempts(struct page_request *p, struct json_t *object, struct uuid id);

/* Reads the request named by the path, when this person may: the owner and admins; for all others
 * there is none. Release the record with request_record_release after OK. */
MUST_USE enum err request_of_path(struct page_request *p, struct request_record *out,
                                  char space_name[SPACE_NAME_BYTES]);
/* Before anything of its content is shown: an admin's look at another person's request, whose words
 * they are, is written to the audit log first. Whoever cannot be written down does not see it. OK
 * for the owner. */
MUST_USE enum err request_look(struct page_request *p, const struct request_record *r);
/* request_download.c: replies with the whole request as JSON; payload, result and usage byte by
 * byte as stored. */
void request_download(struct page_request *p, const struct request_record *r,
                      const char *space_name);

#endif
