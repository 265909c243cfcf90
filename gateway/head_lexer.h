/* SPDX-License-Identifier: MIT */
/*
 * head_lexer.h - strict RFC 9112 request head, byte by byte. Pure.
 *
 * It watches the bytes before evhttp parses them and refuses whatever two
 * parsers could read in two ways: bare LF or CR, space before the colon, folded
 * lines, NUL and control bytes, any Transfer-Encoding but exactly "chunked", a
 * Content-Length that is not plain digits or stands beside it, a repeated Host,
 * Content-Length, Authorization or Content-Type, a target that is not origin
 * form (or "OPTIONS *"). What the gateway needs of the head is captured on the way, so nobody
 * parses it again.
 */
#ifndef GATEWAY_HEAD_LEXER_H
#define GATEWAY_HEAD_LEXER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/span.h"
#include "gateway/end_reason.h"
#include "gateway/forwarded.h"
#include "gateway/trace.h"

struct head_limits {
    size_t max_head_bytes;   /* request line + fields; above: 431 */
    size_t max_target_bytes; /* above: 414 */
    unsigned max_fields;     /* above: 431 */
    uint64_t max_body_bytes; /* Content-Length above: 413 */
};

enum head_method {
    METHOD_OTHER = 0, /* a valid token that is none of these */
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    METHOD_OPTIONS,
};

enum body_framing {
    BODY_NONE = 0,
    BODY_LENGTH,
    BODY_CHUNKED,
};

/*
 * What a complete head says. Spans point into the lexer's own store and live
 * until head_lexer_reset() or _fini(). An absent field has data NULL.
 */
struct request_head {
    enum head_method method;
    struct span method_name; /* its first 32 bytes */
    struct span target;      /* origin form, as it came; or "*" with OPTIONS */
    struct span host;
    struct span authorization;
    struct span content_type;
    struct span origin;
    struct span traceparent; /* empty, too, when it came twice */
    struct span user_agent;
    struct span requested_method;  /* Access-Control-Request-Method, of a preflight */
    struct span requested_fields;  /* Access-Control-Request-Headers */
    struct forwarded forwarded;    /* X-Forwarded-For: the last lines of it */
    struct trace_state tracestate; /* all lines of it; none, when they are too many */
    enum body_framing framing;
    uint64_t content_length; /* bytes, when BODY_LENGTH */
    bool expects_continue;   /* Expect: 100-continue */
    bool wants_close;        /* Connection: close */
};

enum head_status {
    HEAD_MORE = 0, /* all bytes taken, more wanted */
    HEAD_DONE,     /* the head is complete; the bytes after it were not taken */
    HEAD_REFUSED,  /* see refusal; the connection's framing is lost */
};

/* Private: the spans of struct request_head. */
#define HEAD_PIECES (10 + FORWARDED_LINES_MAX + TRACE_STATE_LINES_MAX)

struct head_lexer {
    /* result */
    struct request_head head; /* valid after HEAD_DONE; after HEAD_REFUSED the method, the target
                                 and the origin are, as far as they had come */
    enum end_reason refusal;  /* after HEAD_REFUSED */
    const char *problem;      /* after HEAD_REFUSED: what and where, static text for the log */

    /* progress; private */
    const struct head_limits *limits; /* borrowed */
    int state;
    int field;    /* which field's value is being read */
    bool has_tab; /* in the white space before that value */
    unsigned field_count;
    unsigned forwarded_count; /* lines of X-Forwarded-For kept */
    unsigned state_count;     /* lines of tracestate that have come */
    unsigned seen;            /* bit set of the fields that have come */
    size_t head_bytes;
    char *store; /* owned: captured bytes, NULL while nothing is captured */
    size_t store_length, store_capacity;
    size_t mark; /* where the item being read begins in the store */
    struct {
        uint32_t at, length; /* in the store, which may still move */
    } pieces[HEAD_PIECES];
};

/* <limits> is borrowed for the lexer's life. Allocates nothing yet. */
void head_lexer_init(struct head_lexer *lexer, const struct head_limits *limits);

/* Ready for the next head; gives the store back to the heap, so idle costs nothing. */
void head_lexer_reset(struct head_lexer *lexer);
void head_lexer_fini(struct head_lexer *lexer);

/* True when no byte of a head has come since init or reset. */
bool head_lexer_is_fresh(const struct head_lexer *lexer);

/* Feed bytes; <taken> receives how many were used. */
enum head_status head_lexer_feed(struct head_lexer *lexer, struct span bytes,
                                 size_t *taken) MUST_USE;

#endif
