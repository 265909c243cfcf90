/* SPDX-License-Identifier: MIT */
/*
 * json_check.c - is this text JSON, exactly?
 *
 * One pass over the bytes, no recursion and no allocation: what is open is one
 * bit for each level (object or array), which is why depth is at most 64, and
 * what may come next is one of the seven values of enum want.
 *
 * Two readers that disagree about one text are how checks are dodged, so nothing
 * is forgiven here: RFC 8259 sections 2 to 6; strings are json_string.c's. A byte
 * order mark is refused, as RFC 8259 section 8.1 allows.
 *
 * The offset of a problem is that of the byte which may not stand there; of the
 * backslash or the lead byte when an escape or a UTF-8 sequence is wrong; and
 * the text's length when the text is cut off.
 */
#include "base/json_internal.h"

#include <limits.h>

/* What may stand at the next byte that is not white space. */
enum want {
    WANT_VALUE = 0,
    WANT_VALUE_OR_CLOSE, /* after '[' */
    WANT_NAME,           /* after ',' in an object */
    WANT_NAME_OR_CLOSE,  /* after '{' */
    WANT_COLON,
    WANT_COMMA_OR_CLOSE,
    WANT_NOTHING, /* the root value is complete */
};

struct check {
    const unsigned char *at;
    const unsigned char *end;
    enum want want;
    unsigned depth;     /* open arrays and objects */
    unsigned max_depth; /* at most JSON_DEPTH_MAX, the bits of <objects> */
    uint64_t objects;   /* bit 0 is the innermost level; set: it is an object */
    size_t tokens;      /* values and names so far */
};

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

/* One digit at least, then as many as there are. */
static enum json_problem check_digits(struct check *c)
{
    if (c->at == c->end) {
        return JSON_CUT_OFF;
    }
    if (!is_digit(*c->at)) {
        return JSON_SYNTAX;
    }
    while (c->at < c->end && is_digit(*c->at)) {
        c->at++;
    }
    return JSON_OK;
}

/* At a minus sign or a digit. RFC 8259 section 6. */
static enum json_problem check_number(struct check *c)
{
    enum json_problem problem = JSON_OK;

    if (*c->at == '-') {
        c->at++;
    }
    if (c->at < c->end && *c->at == '0') {
        c->at++;
        if (c->at < c->end && is_digit(*c->at)) {
            return JSON_SYNTAX; /* a leading zero */
        }
    } else {
        problem = check_digits(c);
    }
    if (problem == JSON_OK && c->at < c->end && *c->at == '.') {
        c->at++;
        problem = check_digits(c);
    }
    if (problem == JSON_OK && c->at < c->end && (*c->at == 'e' || *c->at == 'E')) {
        c->at++;
        if (c->at < c->end && (*c->at == '+' || *c->at == '-')) {
            c->at++;
        }
        problem = check_digits(c);
    }
    return problem;
}

static enum json_problem check_word(struct check *c, const char *word)
{
    for (; *word != '\0'; word++, c->at++) {
        if (c->at == c->end) {
            return JSON_CUT_OFF;
        }
        if (*c->at != (unsigned char)*word) {
            return JSON_SYNTAX;
        }
    }
    return JSON_OK;
}

static void value_complete(struct check *c)
{
    c->want = c->depth == 0 ? WANT_NOTHING : WANT_COMMA_OR_CLOSE;
}

static enum json_problem open_level(struct check *c, bool is_object)
{
    if (c->depth >= c->max_depth) {
        return JSON_TOO_DEEP;
    }
    c->depth++;
    c->objects = c->objects << 1 | (is_object ? 1 : 0);
    c->want = is_object ? WANT_NAME_OR_CLOSE : WANT_VALUE_OR_CLOSE;
    c->at++;
    return JSON_OK;
}

/* At a bracket that may close something, if it is the right kind. */
static enum json_problem close_level(struct check *c)
{
    bool in_object = (c->objects & 1) != 0;

    if (*c->at != (in_object ? '}' : ']')) {
        return JSON_SYNTAX;
    }
    c->depth--;
    c->objects >>= 1;
    c->at++;
    value_complete(c);
    return JSON_OK;
}

static enum json_problem check_value(struct check *c)
{
    enum json_problem problem = JSON_SYNTAX;
    unsigned char first = *c->at;

    c->tokens++;
    if (first == '{' || first == '[') {
        return open_level(c, first == '{');
    }
    if (first == '"') {
        problem = json_string_check(&c->at, c->end);
    } else if (first == '-' || is_digit(first)) {
        problem = check_number(c);
    } else if (first == 't') {
        problem = check_word(c, "true");
    } else if (first == 'f') {
        problem = check_word(c, "false");
    } else if (first == 'n') {
        problem = check_word(c, "null");
    }
    value_complete(c);
    return problem;
}

static enum json_problem check_name(struct check *c)
{
    if (*c->at != '"') {
        return JSON_SYNTAX;
    }
    c->tokens++;
    c->want = WANT_COLON;
    return json_string_check(&c->at, c->end);
}

static enum json_problem check_comma_or_close(struct check *c)
{
    if (*c->at != ',') {
        return close_level(c);
    }
    c->at++;
    c->want = (c->objects & 1) != 0 ? WANT_NAME : WANT_VALUE;
    return JSON_OK;
}

/* One step of the grammar; <at> is at a byte that is not white space. */
static enum json_problem check_next(struct check *c)
{
    switch (c->want) {
    case WANT_VALUE:
        return check_value(c);
    case WANT_VALUE_OR_CLOSE:
        return *c->at == ']' ? close_level(c) : check_value(c);
    case WANT_NAME:
        return check_name(c);
    case WANT_NAME_OR_CLOSE:
        return *c->at == '}' ? close_level(c) : check_name(c);
    case WANT_COLON:
        if (*c->at != ':') {
            return JSON_SYNTAX;
        }
        c->at++;
        c->want = WANT_VALUE;
        return JSON_OK;
    case WANT_COMMA_OR_CLOSE:
        return check_comma_or_close(c);
    case WANT_NOTHING:
        return JSON_TRAILING;
    }
    return JSON_SYNTAX;
}

/* White space of RFC 8259 section 2, which is less than isspace(). */
static void skip_white(struct check *c)
{
    while (c->at < c->end &&
           (*c->at == ' ' || *c->at == '\n' || *c->at == '\r' || *c->at == '\t')) {
        c->at++;
    }
}

static enum json_problem check_all(struct check *c)
{
    skip_white(c);
    if (c->at == c->end) {
        return JSON_EMPTY;
    }
    while (c->at < c->end) {
        enum json_problem problem = check_next(c);
        if (problem != JSON_OK) {
            return problem;
        }
        skip_white(c);
    }
    return c->want == WANT_NOTHING ? JSON_OK : JSON_CUT_OFF;
}

enum json_problem json_check_facts(struct span text, unsigned max_depth, struct json_facts *facts)
{
    static const unsigned char nothing[1] = {0}; /* the empty span may have no pointer */
    const unsigned char *start = text.length == 0 ? nothing : (const unsigned char *)text.data;
    struct check c = {.at = start,
                      .end = start + text.length,
                      .max_depth = max_depth < JSON_DEPTH_MAX ? max_depth : JSON_DEPTH_MAX};
    enum json_problem problem = JSON_TOO_LARGE;

    /* jsmn counts in int. */
    if (text.length < INT_MAX) {
        problem = check_all(&c);
    }
    facts->tokens = c.tokens;
    facts->problem_at = problem == JSON_CUT_OFF ? text.length : (size_t)(c.at - start);
    return problem;
}

enum json_problem json_check(struct span text, unsigned max_depth, size_t *problem_at)
{
    struct json_facts facts;
    enum json_problem problem = json_check_facts(text, max_depth, &facts);

    if (problem != JSON_OK && problem_at != NULL) {
        *problem_at = facts.problem_at;
    }
    return problem;
}
