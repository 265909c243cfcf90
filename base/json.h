/* SPDX-License-Identifier: MIT */
/*
 * json.h - strict JSON for bytes that strangers send.
 *
 * jsmn finds token boundaries but accepts much that is not JSON, so one strict
 * pass runs first: RFC 8259 grammar, one root value, UTF-8 without overlongs
 * or surrogates, escapes whose surrogates pair up, no control characters, no
 * NUL, bounded depth. It does not recurse and allocates nothing. Only text that
 * passed is tokenized; the readers below then walk tokens and need no error
 * handling of their own.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/span.h"

enum json_problem {
    JSON_OK = 0,
    JSON_EMPTY,      /* nothing but white space */
    JSON_SYNTAX,     /* not RFC 8259 grammar */
    JSON_BAD_UTF8,   /* RFC 3629: overlong, surrogate, beyond U+10FFFF, cut off */
    JSON_BAD_ESCAPE, /* unknown escape, bad hex, or an unpaired surrogate */
    JSON_CONTROL,    /* a control character inside a string, NUL included */
    JSON_TOO_DEEP,
    JSON_TRAILING,  /* bytes after the root value */
    JSON_CUT_OFF,   /* the text ends in the middle of a value */
    JSON_TOO_LARGE, /* more text or tokens than the caller allows */
    JSON_NO_MEMORY,
};

/* Static text for logs; never holds input bytes. */
const char *json_problem_text(enum json_problem problem);

/*
 * The strict pass alone. <max_depth> counts nested arrays and objects, at most
 * JSON_DEPTH_MAX. On failure <problem_at>, when not NULL, receives the offset of
 * the first offending byte.
 */
#define JSON_DEPTH_MAX 64
enum json_problem json_check(struct span text, unsigned max_depth, size_t *problem_at) MUST_USE;

enum json_type {
    JSON_OBJECT = 0,
    JSON_ARRAY,
    JSON_STRING,
    JSON_NUMBER,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL,
};

/* Index of a value in a document; JSON_NONE means "there is no such value". */
typedef int json_ref; /* the one typedef: a plain int that must not be mixed with counts */
#define JSON_NONE (-1)

/*
 * A parsed text. The tokens live in a reusable arena so that parsing a small
 * event allocates nothing after the first time. Owned by whoever parses often
 * (a worker's upstream context, the request parser); one document at a time.
 */
struct json_doc;

struct json_doc *json_doc_new(void) MUST_USE; /* NULL when memory is out */
void json_doc_free(struct json_doc *doc);     /* accepts NULL */

/*
 * Check and tokenize. <text> is borrowed and must stay until the next parse or
 * free. Tokens are bounded by the text's length. The root is value 0.
 */
enum json_problem json_parse(struct json_doc *doc, struct span text, unsigned max_depth) MUST_USE;

/*
 * Readers. <at> may be JSON_NONE everywhere: the answer is then JSON_NONE, 0,
 * false or the empty span, so look-ups chain.
 */
enum json_type json_type_of(const struct json_doc *doc, json_ref at); /* JSON_NULL for JSON_NONE */
bool json_is(const struct json_doc *doc, json_ref at, enum json_type type);
size_t json_count(const struct json_doc *doc, json_ref at); /* members or elements */

/* First element of an array (or first name of an object), and the one after <at>. */
json_ref json_first(const struct json_doc *doc, json_ref container);
json_ref json_next(const struct json_doc *doc, json_ref at);
/* In an object's walk: the value that belongs to the name at <name>. */
json_ref json_value_of(const struct json_doc *doc, json_ref name);

/* Value of member <name>, compared after unescaping; the last one if it is repeated. */
json_ref json_member(const struct json_doc *doc, json_ref object, const char *name);

/* True when two members of this object have the same name after unescaping. */
bool json_has_duplicate_members(const struct json_doc *doc, json_ref object);

/* The first object of the document that has two members of one name; JSON_NONE: none has. */
json_ref json_find_duplicates(const struct json_doc *doc);

/* The value's text as it came; for strings without the quotes, escapes kept. */
struct span json_raw(const struct json_doc *doc, json_ref at);

/* True when a string needs no unescaping: then json_raw() is its value. */
bool json_string_is_plain(const struct json_doc *doc, json_ref at);

/* True when <raw> could stand between the quotes of a lawful string, as it is. */
bool json_is_string_inside(struct span raw);

/*
 * Unescape the inside of a checked JSON string into <out>, which has room for
 * raw.length bytes (the result is never longer). Returns the length in bytes.
 */
size_t json_unescape(struct span raw, char *out);

/* True when the string at <at>, unescaped, equals <text>. */
bool json_string_equals(const struct json_doc *doc, json_ref at, const char *text);

/*
 * A number as int64, rounded towards minus infinity when it has a fraction.
 * False when it is not a number or does not fit (then nothing is written).
 * Exponents of any length are handled without overflow.
 */
bool json_int64(const struct json_doc *doc, json_ref at, int64_t *value) MUST_USE;

/* True when the number is written without fraction and exponent. */
bool json_number_is_integer(const struct json_doc *doc, json_ref at);

#endif
