/* SPDX-License-Identifier: MIT */
/*
 * forwarded.c - which client a chain of trusted proxies speaks for.
 */
#include "gateway/forwarded.h"

#include <string.h>

enum step {
    STEP_ON = 0, /* an address of ours, or an empty element: look further left */
    STEP_FOUND,  /* <client> is the one */
};

/* The element behind the last comma of <list>, which is cut off from it. */
static struct span take_last(struct span *list)
{
    size_t from = list->length;
    struct span element;

    while (from > 0 && list->data[from - 1] != ',') {
        from--;
    }
    element = span_trim(span_skip(*list, from));
    list->length = from > 0 ? from - 1 : 0;
    return element;
}

/* RFC 9110 section 5.6.1: empty elements of a list do not count. */
static enum step judge_element(struct span element, struct address *client,
                               const struct network *networks, size_t network_count)
{
    struct address address;

    if (element.length == 0) {
        return STEP_ON;
    }
    if (!address_parse_node(element, &address)) {
        return STEP_FOUND; /* the last that could be read stands */
    }
    *client = address;
    return networks_have(networks, network_count, &address) ? STEP_ON : STEP_FOUND;
}

struct address forwarded_client(const struct forwarded *forwarded, const struct address *peer,
                                const struct network *networks, size_t network_count)
{
    struct address client = *peer;

    for (size_t i = forwarded->count; i > 0; i--) {
        struct span list = forwarded->lines[i - 1];
        while (list.length > 0) {
            struct span element = take_last(&list);
            if (judge_element(element, &client, networks, network_count) == STEP_FOUND) {
                return client;
            }
        }
    }
    return client;
}
