/* SPDX-License-Identifier: MIT */
/*
 * cors_origin.h - what an origin looks like in the conf file. Pure.
 */
#ifndef GATEWAY_CORS_ORIGIN_H
#define GATEWAY_CORS_ORIGIN_H

#include <stdbool.h>

#define CORS_ORIGIN_BYTES_MAX 256

/*
 * True for what may stand in cors.origins: "*", or scheme "://" host [":" port] as a browser
 * writes it: small letters, no path, no slash behind (RFC 6454 section 6.1). "null", which
 * stands for any page that hides where it comes from, is none.
 */
bool cors_origin_is_valid(const char *origin);

#endif
