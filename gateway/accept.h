/* SPDX-License-Identifier: MIT */
/*
 * accept.h - whether who asks would rather see a page or data. Pure.
 */
#ifndef GATEWAY_ACCEPT_H
#define GATEWAY_ACCEPT_H

#include <stdbool.h>

/*
 * The value of an Accept field (RFC 9110 section 12.5.1), NULL when there is none. True when it
 * names text/html, and does not want application/json as much by name, or more. So browsers
 * get the page, and whoever takes anything gets the data.
 */
bool accept_prefers_html(const char *accept);

#endif
