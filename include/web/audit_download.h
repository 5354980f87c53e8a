/* The audit log as a file. Private to the web layer. */
#ifndef WEB_AUDIT_DOWNLOAD_H
#define WEB_AUDIT_DOWNLOAD_H

#include "web/page.h"

enum audit_form {
    AUDIT_CSV,  /* RFC 4180 with a line of names; what a spreadsheet would take for a formula is
                   preceded by ' */
    AUDIT_LINES /* a JSON object a line */
};

#define AUDIT_DOWNLOAD_ROWS 50000

/* Replies with the newest rows of the filter, at most AUDIT_DOWNLOAD_ROWS; when there are more, the
 * head has a Link (RFC 8288, rel="next") to those that follow. */
void audit_download(struct page_request *p, const struct audit_filter *filter, enum audit_form as);

#endif
