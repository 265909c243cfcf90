/* SPDX-License-Identifier: MIT */
/*
 * page.h - the pages for browsers that the program carries in itself.
 *
 * Their sources are folders below gateway/pages; the build makes one self-contained text of
 * each (cmake/Pages.cmake), with the policy that lets a browser run exactly that text.
 */
#ifndef GATEWAY_PAGE_H
#define GATEWAY_PAGE_H

#include <stddef.h>

struct page {
    const unsigned char *bytes; /* HTML, UTF-8; not NUL-terminated */
    size_t length;
    const char *policy; /* value of Content-Security-Policy */
    const char *tag;    /* value of ETag, quotes included */
};

extern const struct page page_status;     /* of the admin listener */
extern const struct page page_playground; /* of the clients' listeners */

#endif
