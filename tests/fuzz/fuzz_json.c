/* SPDX-License-Identifier: MIT */
/*
 * fuzz_json.c - any bytes through the strict pass, the tokenizer and all readers.
 *
 * Besides the sanitizers these must hold: the pass and the tokenizer agree, every
 * value is reached once by walking, every value lies inside the text, and what
 * was accepted is accepted again when cut out of it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "tests/fuzz/fuzz_target.h"

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void read_string(const struct json_doc *doc, json_ref at)
{
    struct span raw = json_raw(doc, at);
    char *value = malloc(raw.length + 1);
    size_t length;

    if (value == NULL) {
        abort();
    }
    length = json_unescape(raw, value);
    value[length] = '\0';
    must(length <= raw.length);
    must(!json_string_is_plain(doc, at) || length == raw.length);
    must(json_string_equals(doc, at, value) == (strlen(value) == length));
    free(value);
}

static void read_value(const struct json_doc *doc, json_ref at)
{
    struct span raw = json_raw(doc, at);
    int64_t value = 0;

    if (json_is(doc, at, JSON_STRING)) {
        read_string(doc, at);
        return;
    }
    must(json_check(raw, JSON_DEPTH_MAX, NULL) == JSON_OK);
    if (json_int64(doc, at, &value) && json_number_is_integer(doc, at)) {
        char digits[32] = "";
        must(raw.length < sizeof(digits)); /* 19 digits and a sign; no zeros stand in front */
        memcpy(digits, raw.data, raw.length);
        must(value == strtoll(digits, NULL, 10));
    }
}

/* Returns how many tokens lie below <at>. Depth is bounded, so this may recurse. */
static size_t read_tree(const struct json_doc *doc, json_ref at)
{
    size_t below = 0;
    size_t children = 0;

    read_value(doc, at);
    for (json_ref child = json_first(doc, at); child != JSON_NONE; child = json_next(doc, child)) {
        json_ref value = json_value_of(doc, child);
        must((value != JSON_NONE) == json_is(doc, at, JSON_OBJECT));
        if (value != JSON_NONE) {
            read_string(doc, child);
            below++;
        }
        below += 1 + read_tree(doc, value == JSON_NONE ? child : value);
        children++;
    }
    must(children == json_count(doc, at));
    (void)json_has_duplicate_members(doc, at); /* any answer; the sanitizers watch */
    (void)json_member(doc, at, "messages");
    return below;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = span_of((const char *)data, size);
    struct json_doc *doc = json_doc_new();
    size_t problem_at = 0;
    enum json_problem problem = json_check(text, JSON_DEPTH_MAX, &problem_at);

    must(doc != NULL);
    must(problem_at <= size);
    must(json_parse(doc, text, JSON_DEPTH_MAX) == problem);
    must(json_is(doc, 0, json_type_of(doc, 0)) == (problem == JSON_OK));
    if (problem == JSON_OK) {
        size_t tokens = 1 + read_tree(doc, 0);
        must(json_raw(doc, (json_ref)tokens - 1).data != NULL);
        must(json_raw(doc, (json_ref)tokens).data == NULL);
    }
    json_doc_free(doc);
    return 0;
}
