/* SPDX-License-Identifier: MIT */
/*
 * scratch.h - the memory that a token check works in, made once and used again.
 *
 * A token is at most AUTH_TOKEN_BYTES_MAX long, and neither base64url nor JSON
 * escapes ever decode to more than they took, so both rooms are of that size and
 * a check allocates nothing but what a larger JSON text makes json_doc grow by.
 */
#ifndef AUTH_SCRATCH_H
#define AUTH_SCRATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/verdict.h"
#include "base/attrs.h"
#include "base/json.h"
#include "base/span.h"

struct scratch {
    struct json_doc *doc;                  /* owned; the header first, then the claims */
    uint8_t decoded[AUTH_TOKEN_BYTES_MAX]; /* header, claims and MAC, one after the other */
    char unescaped[AUTH_TOKEN_BYTES_MAX];  /* one JSON string at a time */
};

bool scratch_init(struct scratch *scratch) MUST_USE; /* false when memory is out */
void scratch_fini(struct scratch *scratch);

/*
 * The string at <at> of scratch->doc, unescaped. <text> is borrowed from the
 * document's text or from the scratch memory, valid until the next call or parse.
 * False when it is no string, or longer than any in a token can be.
 */
bool scratch_string(struct scratch *scratch, json_ref at, struct span *text) MUST_USE;

#endif
