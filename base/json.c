/* SPDX-License-Identifier: MIT */
/*
 * json.c - tokens of a checked text, and the readers over them.
 *
 * jsmn makes the tokens. Two things it does not do are added here: a root value
 * that is not an array or object (strict jsmn refuses a number at the very end
 * of the text), and <after>, which lets a walk step over a whole subtree, so
 * that no walk is quadratic however a stranger nests his values.
 *
 * A member is a name token (a string with one child) directly followed by its
 * value's token.
 */
#include "base/json_internal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"

/* Without parent links jsmn searches its tokens backwards: quadratic for [[],[],...]. */
#define JSMN_PARENT_LINKS
#define JSMN_STATIC
#define JSMN_STRICT
#include <jsmn.h>

/* The arena of a larger document is not kept: 64 Ki tokens are 1.5 MiB. */
enum {
    TOKENS_FIRST = 64,
    TOKENS_KEPT_MAX = 64 * 1024,
};

enum {
    MEMBERS_ON_STACK = 32, /* more than an ordinary token or message has */
};

struct json_doc {
    struct span text;  /* borrowed */
    jsmntok_t *tokens; /* owned; NULL when <capacity> is 0 */
    int *after;        /* owned; index of the first token behind each token's subtree */
    size_t capacity;   /* of both arrays */
    int count;         /* tokens of the current document; 0: there is none */
};

const char *json_problem_text(enum json_problem problem)
{
    switch (problem) {
    case JSON_OK:
        return "no problem";
    case JSON_EMPTY:
        return "empty text";
    case JSON_SYNTAX:
        return "not JSON grammar";
    case JSON_BAD_UTF8:
        return "not valid UTF-8";
    case JSON_BAD_ESCAPE:
        return "bad escape in a string";
    case JSON_CONTROL:
        return "control character in a string";
    case JSON_TOO_DEEP:
        return "nested too deep";
    case JSON_TRAILING:
        return "bytes after the value";
    case JSON_CUT_OFF:
        return "cut off in the middle of a value";
    case JSON_TOO_LARGE:
        return "too large";
    case JSON_NO_MEMORY:
        return "out of memory";
    }
    return "unknown problem";
}

struct json_doc *json_doc_new(void)
{
    return calloc(1, sizeof(struct json_doc));
}

static void arena_release(struct json_doc *doc)
{
    free(doc->tokens);
    free(doc->after);
    doc->tokens = NULL;
    doc->after = NULL;
    doc->capacity = 0;
}

void json_doc_free(struct json_doc *doc)
{
    if (doc == NULL) {
        return;
    }
    arena_release(doc);
    free(doc);
}

/* Room for <tokens>. What was there is not kept; on failure the arena is empty. */
static bool arena_reserve(struct json_doc *doc, size_t tokens)
{
    size_t capacity = doc->capacity > 0 ? doc->capacity : TOKENS_FIRST;

    if (tokens <= doc->capacity) {
        return true;
    }
    arena_release(doc);
    while (capacity < tokens && capacity < TOKENS_KEPT_MAX) {
        capacity *= 2;
    }
    capacity = capacity < tokens ? tokens : capacity;
    doc->tokens = calloc(capacity, sizeof(*doc->tokens));
    doc->after = calloc(capacity, sizeof(*doc->after));
    if (doc->tokens == NULL || doc->after == NULL) {
        arena_release(doc);
        return false;
    }
    doc->capacity = capacity;
    return true;
}

static bool is_white(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The root is a string, number or word: it spans all but the white space around it. */
static int tokenize_scalar(struct json_doc *doc)
{
    struct span s = doc->text;
    bool is_string;
    int start;

    while (is_white(s.data[0])) {
        s = span_skip(s, 1);
    }
    while (is_white(s.data[s.length - 1])) {
        s.length--;
    }
    is_string = s.data[0] == '"';
    start = (int)(s.data - doc->text.data) + (is_string ? 1 : 0);
    doc->tokens[0] = (jsmntok_t){
        .type = is_string ? JSMN_STRING : JSMN_PRIMITIVE,
        .start = start,
        .end = start + (int)s.length - (is_string ? 2 : 0),
        .parent = -1,
    };
    return 1;
}

static int tokenize(struct json_doc *doc, size_t tokens)
{
    jsmn_parser parser;
    size_t first = 0;

    while (is_white(doc->text.data[first])) {
        first++;
    }
    if (doc->text.data[first] != '{' && doc->text.data[first] != '[') {
        return tokenize_scalar(doc);
    }
    jsmn_init(&parser);
    return jsmn_parse(&parser, doc->text.data, doc->text.length, doc->tokens, (unsigned)tokens);
}

/* A subtree ends where its last child's does; children stand behind their parents. */
static void link_subtrees(struct json_doc *doc)
{
    for (int i = 0; i < doc->count; i++) {
        doc->after[i] = i + 1;
    }
    for (int i = doc->count - 1; i > 0; i--) {
        int parent = doc->tokens[i].parent;
        if (doc->after[parent] < doc->after[i]) {
            doc->after[parent] = doc->after[i];
        }
    }
}

enum json_problem json_parse(struct json_doc *doc, struct span text, unsigned max_depth)
{
    struct json_facts facts;
    enum json_problem problem = json_check_facts(text, max_depth, &facts);

    doc->count = 0;
    if (doc->capacity > TOKENS_KEPT_MAX) {
        arena_release(doc);
    }
    if (problem != JSON_OK) {
        return problem;
    }
    if (!arena_reserve(doc, facts.tokens)) {
        return JSON_NO_MEMORY;
    }
    doc->text = text;
    if (BUG_IF(tokenize(doc, facts.tokens) != (int)facts.tokens)) {
        return JSON_SYNTAX; /* jsmn and the strict pass disagree: trust neither */
    }
    doc->count = (int)facts.tokens;
    link_subtrees(doc);
    return JSON_OK;
}

/* The token at <at>, or NULL when there is no such value. */
static const jsmntok_t *token_at(const struct json_doc *doc, json_ref at)
{
    return at >= 0 && at < doc->count ? &doc->tokens[at] : NULL;
}

/* A name has one child, its value; a string that is a value has none. */
static bool is_name(const jsmntok_t *token)
{
    return token->type == JSMN_STRING && token->size == 1;
}

enum json_type json_type_of(const struct json_doc *doc, json_ref at)
{
    const jsmntok_t *token = token_at(doc, at);

    if (token == NULL) {
        return JSON_NULL;
    }
    switch (doc->text.data[token->start - (token->type == JSMN_STRING ? 1 : 0)]) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
        return JSON_TRUE;
    case 'f':
        return JSON_FALSE;
    case 'n':
        return JSON_NULL;
    default:
        return JSON_NUMBER;
    }
}

bool json_is(const struct json_doc *doc, json_ref at, enum json_type type)
{
    return token_at(doc, at) != NULL && json_type_of(doc, at) == type;
}

static bool is_container(const jsmntok_t *token)
{
    return token != NULL && (token->type == JSMN_OBJECT || token->type == JSMN_ARRAY);
}

size_t json_count(const struct json_doc *doc, json_ref at)
{
    const jsmntok_t *token = token_at(doc, at);

    return is_container(token) ? (size_t)token->size : 0;
}

json_ref json_first(const struct json_doc *doc, json_ref container)
{
    return json_count(doc, container) > 0 ? container + 1 : JSON_NONE;
}

json_ref json_next(const struct json_doc *doc, json_ref at)
{
    const jsmntok_t *token = token_at(doc, at);
    const jsmntok_t *next = token == NULL ? NULL : token_at(doc, doc->after[at]);

    return next != NULL && next->parent == token->parent ? doc->after[at] : JSON_NONE;
}

json_ref json_value_of(const struct json_doc *doc, json_ref name)
{
    const jsmntok_t *token = token_at(doc, name);

    return token != NULL && is_name(token) ? name + 1 : JSON_NONE;
}

/* Most names differ in their first byte already, and only an escape can hide that. */
static bool may_match(struct span raw, const char *name)
{
    return raw.length == 0 || raw.data[0] == name[0] || raw.data[0] == '\\';
}

/* Asked dozens of times for each event of an answer, so it walks the tokens themselves. */
json_ref json_member(const struct json_doc *doc, json_ref object, const char *name)
{
    const jsmntok_t *token = token_at(doc, object);
    json_ref found = JSON_NONE;
    json_ref at = object + 1;

    if (token == NULL || token->type != JSMN_OBJECT) {
        return JSON_NONE;
    }
    for (int left = token->size; left > 0; left--) {
        const jsmntok_t *member = &doc->tokens[at];
        struct span raw =
            span_of(doc->text.data + member->start, (size_t)(member->end - member->start));
        if (may_match(raw, name) && json_string_matches(raw, name)) {
            found = at + 1; /* no break: the last one counts */
        }
        at = doc->after[at];
    }
    return found;
}

static int compare_names(const void *left, const void *right)
{
    const struct span *a = left;
    const struct span *b = right;

    return json_string_compare(*a, *b);
}

/*
 * Sorted and not hashed: comparing costs at most the names' own length at each
 * level of the sort, and no choice of names makes it worse.
 */
static bool has_duplicate(struct span *names, size_t count)
{
    qsort(names, count, sizeof(*names), compare_names);
    for (size_t i = 1; i < count; i++) {
        if (compare_names(&names[i - 1], &names[i]) == 0) {
            return true;
        }
    }
    return false;
}

bool json_has_duplicate_members(const struct json_doc *doc, json_ref object)
{
    struct span few[MEMBERS_ON_STACK];
    struct span *many = NULL;
    size_t count = json_is(doc, object, JSON_OBJECT) ? json_count(doc, object) : 0;
    struct span *names = few;
    size_t filled = 0;
    bool found;

    if (count > MEMBERS_ON_STACK) {
        many = calloc(count, sizeof(*many));
        if (many == NULL) {
            return true; /* callers refuse duplicates, and so what cannot be checked */
        }
        names = many;
    }
    for (json_ref at = count > 0 ? json_first(doc, object) : JSON_NONE; at != JSON_NONE;
         at = json_next(doc, at)) {
        names[filled++] = json_raw(doc, at);
    }
    found = has_duplicate(names, filled);
    free(many);
    return found;
}

json_ref json_find_duplicates(const struct json_doc *doc)
{
    for (json_ref at = 0; at < doc->count; at++) {
        if (doc->tokens[at].type == JSMN_OBJECT && json_has_duplicate_members(doc, at)) {
            return at;
        }
    }
    return JSON_NONE;
}

struct span json_raw(const struct json_doc *doc, json_ref at)
{
    const jsmntok_t *token = token_at(doc, at);

    if (token == NULL) {
        return span_of(NULL, 0);
    }
    return span_of(doc->text.data + token->start, (size_t)(token->end - token->start));
}

bool json_string_is_plain(const struct json_doc *doc, json_ref at)
{
    struct span raw = json_raw(doc, at);

    return json_is(doc, at, JSON_STRING) &&
           (raw.length == 0 || memchr(raw.data, '\\', raw.length) == NULL);
}

bool json_string_equals(const struct json_doc *doc, json_ref at, const char *text)
{
    return json_is(doc, at, JSON_STRING) && json_string_matches(json_raw(doc, at), text);
}
