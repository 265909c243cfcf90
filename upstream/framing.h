/* SPDX-License-Identifier: MIT */
/*
 * framing.h - strict reading of a response's framing, ahead of evhttp. Pure.
 *
 * evhttp takes much that is not HTTP: chunk sizes with signs and words behind them, line
 * feeds alone, NUL, folded lines, any status line. Another hop on the way may read the
 * same bytes otherwise, and what is left over would be the next client's answer. So
 * every byte passes here first (RFC 9112 sections 4, 5 and 7.1), and each chunk is
 * bounded before evhttp, which hands out whole chunks only, begins to collect it.
 *
 *   framing_begin_head -> feed -> head whole -> framing_begin_body -> feed -> ended
 */
#ifndef UPSTREAM_FRAMING_H
#define UPSTREAM_FRAMING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/span.h"

enum framing_body {
    FRAMING_NO_BODY = 0,
    FRAMING_CHUNKED,
    FRAMING_COUNTED, /* Content-Length */
    FRAMING_OPEN,    /* up to the end of the connection */
};

struct framing {
    const char *problem; /* static text once the bytes are broken, else NULL */
    bool has_excess;     /* bytes came behind the end of the body */
    int state;           /* private from here */
    unsigned count;      /* bytes of the status line or of the trailer, or digits of a chunk size */
    uint64_t left;       /* of the chunk, or of the counted body */
    uint64_t chunk_bytes_max;
    bool is_trailer;
};

/* A response head comes now; also the one behind an interim response. */
void framing_begin_head(struct framing *framing);

/*
 * The head was whole and says how the body ends: <length> when it is counted, and the
 * bound for one chunk when it is chunked.
 */
void framing_begin_body(struct framing *framing, enum framing_body body, uint64_t length,
                        uint64_t chunk_bytes_max);

/*
 * Look at bytes, cut anywhere. Between the end of the head and framing_begin_body()
 * nothing is looked at: these bytes are to be fed again. False: broken, see <problem>.
 */
bool framing_feed(struct framing *framing, struct span bytes);

/*
 * The same, one run of the body's data after the other: consumes from <bytes> up to the
 * end of the next run and borrows that to <data>. False: there is no more data in them;
 * what is left then, of a body that is over, was not looked at.
 */
bool framing_next(struct framing *framing, struct span *bytes, struct span *data) MUST_USE;

/* True when the body has ended, whatever came behind it. */
bool framing_is_over(const struct framing *framing);

/* True when the body has ended as it should and nothing came behind it. */
bool framing_has_ended(const struct framing *framing);

#endif
