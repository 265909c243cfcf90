/* SPDX-License-Identifier: MIT */
/*
 * page_reply.h - the answer that hands a page of the program's own to a browser.
 *
 * The page is constant: it is referenced, not copied, so a reader who takes his time holds
 * no memory but his connection's.
 */
#ifndef GATEWAY_PAGE_REPLY_H
#define GATEWAY_PAGE_REPLY_H

#include "base/attrs.h"
#include "gateway/client_leg.h"
#include "gateway/page.h"

/*
 * Write the whole answer to <leg>, which has a request: the page, its head alone for HEAD,
 * or 304 when the browser has this very page already. Returns the status, or 0 when memory
 * is out, with nothing to be relied on of what was written.
 */
int page_reply_send(struct client_leg *leg, const struct page *page,
                    const char *request_id) MUST_USE;

#endif
