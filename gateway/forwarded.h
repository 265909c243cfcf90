/* SPDX-License-Identifier: MIT */
/*
 * forwarded.h - which client a chain of trusted proxies speaks for. Pure.
 *
 * Each proxy appends the address it was reached from to X-Forwarded-For, so the list
 * is true from the right as far as the proxies are ours, and a stranger's claim from
 * there on. The client is therefore the rightmost address that is not a proxy of ours.
 */
#ifndef GATEWAY_FORWARDED_H
#define GATEWAY_FORWARDED_H

#include <stddef.h>

#include "base/span.h"
#include "gateway/address.h"

/* Lines of X-Forwarded-For in one head that are looked at, from the last: a proxy may add to
 * the line it got or add one of its own. */
#define FORWARDED_LINES_MAX 4

/* The values of the field in the order in which they came. */
struct forwarded {
    struct span lines[FORWARDED_LINES_MAX];
    size_t count;
};

/*
 * <peer> has connected and is one of <networks>, the trusted proxies. What cannot be read
 * as an address ends the search, as no proxy that we trust would have let it stand to
 * the right of what it knows: the answer is then the last proxy that could be read, or
 * <peer>.
 */
struct address forwarded_client(const struct forwarded *forwarded, const struct address *peer,
                                const struct network *networks, size_t network_count);

#endif
