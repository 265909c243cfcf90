/* SPDX-License-Identifier: MIT */
/*
 * test_json.c - what is JSON and what is not (base/json_check.c, json_string.c).
 *
 * Rows in the spirit of the public JSON conformance suites. Every row is also
 * run right before an unreadable page, through the tokenizer, and with each of
 * its prefixes, which must be refused unless they are listed as JSON themselves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "tests/unit/guard_page.h"

#define TEXT(literal) SPAN_LITERAL(literal)
#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

enum {
    ROOM_BYTES = 4096
};

struct accepted {
    const char *name;
    struct span text;
    const char *clause;
};

struct refused {
    const char *name;
    struct span text;
    enum json_problem problem;
    size_t problem_at;
    const char *clause;
};

/* clang-format off */
static const struct accepted accepted[] = {
    {"the number zero", TEXT("0"), "RFC 8259 section 6"},
    {"one digit", TEXT("7"), "RFC 8259 section 6"},
    {"minus zero", TEXT("-0"), "RFC 8259 section 6"},
    {"a negative number", TEXT("-12"), "RFC 8259 section 6"},
    {"many digits", TEXT("123456789012345678901234567890"), "RFC 8259 section 6"},
    {"a fraction", TEXT("1.25"), "RFC 8259 section 6"},
    {"a fraction of zeros", TEXT("0.000"), "RFC 8259 section 6"},
    {"an exponent", TEXT("1e5"), "RFC 8259 section 6"},
    {"a capital exponent", TEXT("1E5"), "RFC 8259 section 6"},
    {"a plus in the exponent", TEXT("1e+5"), "RFC 8259 section 6"},
    {"a minus in the exponent", TEXT("1e-5"), "RFC 8259 section 6"},
    {"zeros in front in the exponent", TEXT("1e005"), "RFC 8259 section 6"},
    {"fraction and exponent", TEXT("-1.5e+10"), "RFC 8259 section 6"},
    {"zero with an exponent", TEXT("0e1"), "RFC 8259 section 6"},
    {"a huge exponent", TEXT("1e400"), "RFC 8259 section 6"},
    {"a number inside an array", TEXT("[-0.1]"), "RFC 8259 section 6"},
    {"true", TEXT("true"), "RFC 8259 section 3"},
    {"false", TEXT("false"), "RFC 8259 section 3"},
    {"null", TEXT("null"), "RFC 8259 section 3"},
    {"words in an array", TEXT("[true,false,null]"), "RFC 8259 section 3"},
    {"blanks around the root", TEXT(" \t\r\n1 \t\r\n"), "RFC 8259 section 2"},
    {"blanks around the marks", TEXT(" [ 1 , 2 ] "), "RFC 8259 section 2"},
    {"blanks around a member", TEXT("{ \"a\" : 1 }"), "RFC 8259 section 2"},
    {"line ends inside", TEXT("{\r\n\"a\":\n[]\r}"), "RFC 8259 section 2"},
    {"an empty object", TEXT("{}"), "RFC 8259 section 4"},
    {"a member", TEXT("{\"a\":1}"), "RFC 8259 section 4"},
    {"members", TEXT("{\"a\":1,\"b\":2}"), "RFC 8259 section 4"},
    {"an empty name", TEXT("{\"\":0}"), "RFC 8259 section 4"},
    {"a repeated name", TEXT("{\"a\":1,\"a\":2}"), "RFC 8259 section 4"},
    {"an escaped name", TEXT("{\"\\u0061\":1}"), "RFC 8259 section 4"},
    {"objects in objects", TEXT("{\"a\":{\"b\":{}}}"), "RFC 8259 section 4"},
    {"a name that looks like a mark", TEXT("{\"}\":\"{\"}"), "RFC 8259 section 4"},
    {"an empty array", TEXT("[]"), "RFC 8259 section 5"},
    {"arrays in an array", TEXT("[[],[[]],[]]"), "RFC 8259 section 5"},
    {"mixed elements", TEXT("[1,\"a\",null,{},[]]"), "RFC 8259 section 5"},
    {"an object in an array", TEXT("[{\"a\":[{}]}]"), "RFC 8259 section 5"},
    {"an empty string", TEXT("\"\""), "RFC 8259 section 7"},
    {"plain text", TEXT("\"hello\""), "RFC 8259 section 7"},
    {"exactly eight plain bytes", TEXT("\"12345678\""), "RFC 8259 section 7"},
    {"text longer than the fast scan", TEXT("\"the quick brown fox jumps over the lazy dog\""), "RFC 8259 section 7"},
    {"every short escape", TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), "RFC 8259 section 7"},
    {"a unicode escape", TEXT("\"\\u00e9\""), "RFC 8259 section 7"},
    {"capital hex digits", TEXT("\"\\uABCD\\uabcd\""), "RFC 8259 section 7"},
    {"the NUL escape", TEXT("\"\\u0000\""), "RFC 8259 section 7"},
    {"a surrogate pair", TEXT("\"\\ud83d\\ude00\""), "RFC 8259 section 7"},
    {"the first pair", TEXT("\"\\uD800\\uDC00\""), "RFC 8259 section 7"},
    {"the last pair", TEXT("\"\\uDBFF\\uDFFF\""), "RFC 8259 section 7"},
    {"escapes next to the surrogates", TEXT("\"\\ud7ff\\ue000\""), "RFC 8259 section 7"},
    {"the delete character", TEXT("\"a\x7f\""), "RFC 8259 section 7"},
    {"escape after eight bytes", TEXT("\"12345678\\n\""), "RFC 8259 section 7"},
    {"an escaped backslash before the end", TEXT("\"a\\\\\""), "RFC 8259 section 7"},
    {"non-character escape", TEXT("\"\\uFFFF\""), "RFC 8259 section 7"},
    {"brackets in a string", TEXT("\"[{]}\""), "RFC 8259 section 7"},
    {"a slash unescaped", TEXT("\"/\""), "RFC 8259 section 7"},
    {"two byte characters", TEXT("\"\xC2\x80\xDF\xBF\""), "RFC 3629 section 4"},
    {"the lowest three byte character", TEXT("\"\xE0\xA0\x80\""), "RFC 3629 section 4"},
    {"below the surrogates", TEXT("\"\xED\x9F\xBF\""), "RFC 3629 section 4"},
    {"above the surrogates", TEXT("\"\xEE\x80\x80\""), "RFC 3629 section 4"},
    {"the highest three byte character", TEXT("\"\xEF\xBF\xBF\""), "RFC 3629 section 4"},
    {"the lowest four byte character", TEXT("\"\xF0\x90\x80\x80\""), "RFC 3629 section 4"},
    {"the highest character", TEXT("\"\xF4\x8F\xBF\xBF\""), "RFC 3629 section 4"},
    {"a character after seven bytes", TEXT("\"1234567\xC3\xA9\""), "RFC 3629 section 4"},
    {"a byte order mark in a string", TEXT("\"\xEF\xBB\xBF\""), "RFC 3629 section 4"},
    {"a non-ASCII name", TEXT("{\"\xC3\xA9\":1}"), "RFC 3629 section 4"},
};

static const struct refused refused[] = {
    {"no text", TEXT(""), JSON_EMPTY, 0, "RFC 8259 section 2"},
    {"only blanks", TEXT(" \r\n\t "), JSON_EMPTY, 5, "RFC 8259 section 2"},
    {"a form feed", TEXT("\f1"), JSON_SYNTAX, 0, "RFC 8259 section 2"},
    {"a vertical tab", TEXT("1\v"), JSON_TRAILING, 1, "RFC 8259 section 2"},
    {"a no-break space", TEXT("\xC2\xA0""1"), JSON_SYNTAX, 0, "RFC 8259 section 2"},
    {"a NUL before the value", TEXT("\0""1"), JSON_SYNTAX, 0, "RFC 8259 section 2"},
    {"a NUL after the value", TEXT("1\0"), JSON_TRAILING, 1, "RFC 8259 section 2"},
    {"a NUL between elements", TEXT("[1,\0""2]"), JSON_SYNTAX, 3, "RFC 8259 section 2"},
    {"a comment", TEXT("/**/1"), JSON_SYNTAX, 0, "RFC 8259 section 2"},
    {"a comment behind", TEXT("1//"), JSON_TRAILING, 1, "RFC 8259 section 2"},
    {"a comment inside", TEXT("[1/**/]"), JSON_SYNTAX, 2, "RFC 8259 section 2"},
    {"a hash comment", TEXT("#\n1"), JSON_SYNTAX, 0, "RFC 8259 section 2"},
    {"a byte order mark", TEXT("\xEF\xBB\xBF""1"), JSON_SYNTAX, 0, "RFC 8259 section 8.1"},
    {"a byte order mark alone", TEXT("\xEF\xBB\xBF"), JSON_SYNTAX, 0, "RFC 8259 section 8.1"},
    {"UTF-16", TEXT("[\0]\0"), JSON_SYNTAX, 1, "RFC 8259 section 8.1"},
    {"UTF-16 byte order mark", TEXT("\xFF\xFE[\0"), JSON_SYNTAX, 0, "RFC 8259 section 8.1"},
    {"a zero in front", TEXT("01"), JSON_SYNTAX, 1, "RFC 8259 section 6"},
    {"two zeros", TEXT("00"), JSON_SYNTAX, 1, "RFC 8259 section 6"},
    {"minus and a zero in front", TEXT("-01"), JSON_SYNTAX, 2, "RFC 8259 section 6"},
    {"a plus sign", TEXT("+1"), JSON_SYNTAX, 0, "RFC 8259 section 6"},
    {"a minus alone", TEXT("-"), JSON_CUT_OFF, 1, "RFC 8259 section 6"},
    {"two minus signs", TEXT("--1"), JSON_SYNTAX, 1, "RFC 8259 section 6"},
    {"minus and a letter", TEXT("-a"), JSON_SYNTAX, 1, "RFC 8259 section 6"},
    {"no digit before the point", TEXT(".5"), JSON_SYNTAX, 0, "RFC 8259 section 6"},
    {"no digit after the point", TEXT("1."), JSON_CUT_OFF, 2, "RFC 8259 section 6"},
    {"no digit after the point in an array", TEXT("[1.]"), JSON_SYNTAX, 3, "RFC 8259 section 6"},
    {"two points", TEXT("1.2.3"), JSON_TRAILING, 3, "RFC 8259 section 6"},
    {"no exponent digit", TEXT("1e"), JSON_CUT_OFF, 2, "RFC 8259 section 6"},
    {"an exponent sign alone", TEXT("1e+"), JSON_CUT_OFF, 3, "RFC 8259 section 6"},
    {"a letter in the exponent", TEXT("1ex"), JSON_SYNTAX, 2, "RFC 8259 section 6"},
    {"a fraction in the exponent", TEXT("1e1.5"), JSON_TRAILING, 3, "RFC 8259 section 6"},
    {"point then exponent", TEXT("1.e1"), JSON_SYNTAX, 2, "RFC 8259 section 6"},
    {"hexadecimal", TEXT("0x10"), JSON_TRAILING, 1, "RFC 8259 section 6"},
    {"hexadecimal in an array", TEXT("[0x10]"), JSON_SYNTAX, 2, "RFC 8259 section 6"},
    {"NaN", TEXT("NaN"), JSON_SYNTAX, 0, "RFC 8259 section 6"},
    {"Infinity", TEXT("Infinity"), JSON_SYNTAX, 0, "RFC 8259 section 6"},
    {"minus Infinity", TEXT("-Infinity"), JSON_SYNTAX, 1, "RFC 8259 section 6"},
    {"two numbers", TEXT("1 2"), JSON_TRAILING, 2, "RFC 8259 section 6"},
    {"a blank inside a number", TEXT("[1 2]"), JSON_SYNTAX, 3, "RFC 8259 section 6"},
    {"a full-width digit", TEXT("\xEF\xBC\x91"), JSON_SYNTAX, 0, "RFC 8259 section 6"},
    {"a number with a suffix", TEXT("[1L]"), JSON_SYNTAX, 2, "RFC 8259 section 6"},
    {"digit groups", TEXT("[1_000]"), JSON_SYNTAX, 2, "RFC 8259 section 6"},
    {"a capital word", TEXT("True"), JSON_SYNTAX, 0, "RFC 8259 section 3"},
    {"a word in capitals", TEXT("NULL"), JSON_SYNTAX, 0, "RFC 8259 section 3"},
    {"half a word", TEXT("tru"), JSON_CUT_OFF, 3, "RFC 8259 section 3"},
    {"half a word in an array", TEXT("[nul]"), JSON_SYNTAX, 4, "RFC 8259 section 3"},
    {"a wrong letter", TEXT("nurl"), JSON_SYNTAX, 2, "RFC 8259 section 3"},
    {"a word with a tail", TEXT("nullx"), JSON_TRAILING, 4, "RFC 8259 section 3"},
    {"undefined", TEXT("undefined"), JSON_SYNTAX, 0, "RFC 8259 section 3"},
    {"a bare word", TEXT("abc"), JSON_SYNTAX, 0, "RFC 8259 section 3"},
    {"words run together", TEXT("[truefalse]"), JSON_SYNTAX, 5, "RFC 8259 section 3"},
    {"an open object", TEXT("{"), JSON_CUT_OFF, 1, "RFC 8259 section 4"},
    {"a name without value", TEXT("{\"a\"}"), JSON_SYNTAX, 4, "RFC 8259 section 4"},
    {"a colon without value", TEXT("{\"a\":}"), JSON_SYNTAX, 5, "RFC 8259 section 4"},
    {"no colon", TEXT("{\"a\" 1}"), JSON_SYNTAX, 5, "RFC 8259 section 4"},
    {"two colons", TEXT("{\"a\"::1}"), JSON_SYNTAX, 5, "RFC 8259 section 4"},
    {"a comma instead of a colon", TEXT("{\"a\",1}"), JSON_SYNTAX, 4, "RFC 8259 section 4"},
    {"an unquoted name", TEXT("{a:1}"), JSON_SYNTAX, 1, "RFC 8259 section 4"},
    {"a single-quoted name", TEXT("{'a':1}"), JSON_SYNTAX, 1, "RFC 8259 section 4"},
    {"a number as name", TEXT("{1:1}"), JSON_SYNTAX, 1, "RFC 8259 section 4"},
    {"an array as name", TEXT("{[]:1}"), JSON_SYNTAX, 1, "RFC 8259 section 4"},
    {"a comma at the end of an object", TEXT("{\"a\":1,}"), JSON_SYNTAX, 7, "RFC 8259 section 4"},
    {"a comma at the front of an object", TEXT("{,\"a\":1}"), JSON_SYNTAX, 1, "RFC 8259 section 4"},
    {"two commas in an object", TEXT("{\"a\":1,,\"b\":2}"), JSON_SYNTAX, 7, "RFC 8259 section 4"},
    {"no comma between members", TEXT("{\"a\":1 \"b\":2}"), JSON_SYNTAX, 7, "RFC 8259 section 4"},
    {"an object closed as an array", TEXT("{\"a\":1]"), JSON_SYNTAX, 6, "RFC 8259 section 4"},
    {"an object closed twice", TEXT("{}}"), JSON_TRAILING, 2, "RFC 8259 section 4"},
    {"a name cut off", TEXT("{\"a"), JSON_CUT_OFF, 3, "RFC 8259 section 4"},
    {"a member cut off", TEXT("{\"a\":"), JSON_CUT_OFF, 5, "RFC 8259 section 4"},
    {"a close without open", TEXT("}"), JSON_SYNTAX, 0, "RFC 8259 section 4"},
    {"a member in an array", TEXT("[\"a\":1]"), JSON_SYNTAX, 4, "RFC 8259 section 4"},
    {"two objects", TEXT("{}{}"), JSON_TRAILING, 2, "RFC 8259 section 4"},
    {"an open array", TEXT("["), JSON_CUT_OFF, 1, "RFC 8259 section 5"},
    {"an array cut off after a value", TEXT("[1"), JSON_CUT_OFF, 2, "RFC 8259 section 5"},
    {"an array cut off after a comma", TEXT("[1,"), JSON_CUT_OFF, 3, "RFC 8259 section 5"},
    {"a comma at the end of an array", TEXT("[1,]"), JSON_SYNTAX, 3, "RFC 8259 section 5"},
    {"a comma at the front of an array", TEXT("[,1]"), JSON_SYNTAX, 1, "RFC 8259 section 5"},
    {"only a comma", TEXT("[,]"), JSON_SYNTAX, 1, "RFC 8259 section 5"},
    {"two commas in an array", TEXT("[1,,2]"), JSON_SYNTAX, 3, "RFC 8259 section 5"},
    {"no comma between elements", TEXT("[1 true]"), JSON_SYNTAX, 3, "RFC 8259 section 5"},
    {"an array closed as an object", TEXT("[1}"), JSON_SYNTAX, 2, "RFC 8259 section 5"},
    {"an empty array closed as an object", TEXT("[}"), JSON_SYNTAX, 1, "RFC 8259 section 5"},
    {"an array closed twice", TEXT("[]]"), JSON_TRAILING, 2, "RFC 8259 section 5"},
    {"an inner array left open", TEXT("[[]"), JSON_CUT_OFF, 3, "RFC 8259 section 5"},
    {"a bracket without open", TEXT("]"), JSON_SYNTAX, 0, "RFC 8259 section 5"},
    {"crossed brackets", TEXT("[{]}"), JSON_SYNTAX, 2, "RFC 8259 section 5"},
    {"a colon in an array", TEXT("[1:2]"), JSON_SYNTAX, 2, "RFC 8259 section 5"},
    {"a semicolon", TEXT("[1;2]"), JSON_SYNTAX, 2, "RFC 8259 section 5"},
    {"a comma behind the root", TEXT("[],"), JSON_TRAILING, 2, "RFC 8259 section 5"},
    {"a comma alone", TEXT(","), JSON_SYNTAX, 0, "RFC 8259 section 5"},
    {"an open string", TEXT("\""), JSON_CUT_OFF, 1, "RFC 8259 section 7"},
    {"a string cut off", TEXT("\"abc"), JSON_CUT_OFF, 4, "RFC 8259 section 7"},
    {"a string cut off in an escape", TEXT("\"a\\"), JSON_CUT_OFF, 3, "RFC 8259 section 7"},
    {"a string cut off in hex", TEXT("\"\\u00"), JSON_CUT_OFF, 5, "RFC 8259 section 7"},
    {"an escaped quote at the end", TEXT("\"a\\\""), JSON_CUT_OFF, 4, "RFC 8259 section 7"},
    {"single quotes", TEXT("'a'"), JSON_SYNTAX, 0, "RFC 8259 section 7"},
    {"an unknown escape", TEXT("\"\\x\""), JSON_BAD_ESCAPE, 1, "RFC 8259 section 7"},
    {"an escaped single quote", TEXT("\"\\'\""), JSON_BAD_ESCAPE, 1, "RFC 8259 section 7"},
    {"an escaped NUL byte", TEXT("\"\\\0\""), JSON_BAD_ESCAPE, 1, "RFC 8259 section 7"},
    {"a capital U escape", TEXT("\"\\U0041\""), JSON_BAD_ESCAPE, 1, "RFC 8259 section 7"},
    {"an octal escape", TEXT("\"\\061\""), JSON_BAD_ESCAPE, 1, "RFC 8259 section 7"},
    {"an escaped line end", TEXT("\"\\\n\""), JSON_BAD_ESCAPE, 1, "RFC 8259 section 7"},
    {"three hex digits", TEXT("\"\\u004\""), JSON_BAD_ESCAPE, 1, "RFC 8259 section 7"},
    {"a letter in hex", TEXT("\"\\u00g0\""), JSON_BAD_ESCAPE, 1, "RFC 8259 section 7"},
    {"a sign in hex", TEXT("\"\\u+041\""), JSON_BAD_ESCAPE, 1, "RFC 8259 section 7"},
    {"an escape alone outside a string", TEXT("[\\n]"), JSON_SYNTAX, 1, "RFC 8259 section 7"},
    {"an escaped non-ASCII byte", TEXT("\"\\\xC3\xA9\""), JSON_BAD_ESCAPE, 1, "RFC 8259 section 7"},
    {"a high surrogate alone", TEXT("\"\\ud83d\""), JSON_BAD_ESCAPE, 1, "RFC 8259 section 7"},
    {"a low surrogate alone", TEXT("\"\\ude00\""), JSON_BAD_ESCAPE, 1, "RFC 8259 section 7"},
    {"surrogates in the wrong order", TEXT("\"\\ude00\\ud83d\""), JSON_BAD_ESCAPE, 1, "RFC 8259 section 7"},
    {"two high surrogates", TEXT("\"\\ud83d\\ud83d\""), JSON_BAD_ESCAPE, 1, "RFC 8259 section 7"},
    {"a high surrogate before text", TEXT("\"\\ud83dabcdef\""), JSON_BAD_ESCAPE, 1, "RFC 8259 section 7"},
    {"a high surrogate before another escape", TEXT("\"\\ud83d\\n\""), JSON_BAD_ESCAPE, 1, "RFC 8259 section 7"},
    {"a pair cut off", TEXT("\"\\ud83d\\u"), JSON_CUT_OFF, 9, "RFC 8259 section 7"},
    {"a bad digit in a pair", TEXT("\"\\ud83d\\udx00\""), JSON_BAD_ESCAPE, 1, "RFC 8259 section 7"},
    {"a raw line end", TEXT("\"a\nb\""), JSON_CONTROL, 2, "RFC 8259 section 7"},
    {"a raw tab", TEXT("\"\t\""), JSON_CONTROL, 1, "RFC 8259 section 7"},
    {"a raw NUL", TEXT("\"\0\""), JSON_CONTROL, 1, "RFC 8259 section 7"},
    {"the highest control character", TEXT("\"\x1F\""), JSON_CONTROL, 1, "RFC 8259 section 7"},
    {"a control character after eight bytes", TEXT("\"12345678\x01\""), JSON_CONTROL, 9, "RFC 8259 section 7"},
    {"a control character in the fast scan", TEXT("\"1234567\x01""12345678\""), JSON_CONTROL, 8, "RFC 8259 section 7"},
    {"a control character in a name", TEXT("{\"\n\":1}"), JSON_CONTROL, 2, "RFC 8259 section 7"},
    {"text after a string", TEXT("\"a\"b"), JSON_TRAILING, 3, "RFC 8259 section 7"},
    {"a continuation byte alone", TEXT("\"\x80\""), JSON_BAD_UTF8, 1, "RFC 3629 section 4"},
    {"a two byte overlong form", TEXT("\"\xC0\xAF\""), JSON_BAD_UTF8, 1, "RFC 3629 section 4"},
    {"an overlong NUL", TEXT("\"\xC0\x80\""), JSON_BAD_UTF8, 1, "RFC 3629 section 4"},
    {"another two byte overlong form", TEXT("\"\xC1\xBF\""), JSON_BAD_UTF8, 1, "RFC 3629 section 4"},
    {"a three byte overlong form", TEXT("\"\xE0\x9F\xBF\""), JSON_BAD_UTF8, 1, "RFC 3629 section 4"},
    {"a four byte overlong form", TEXT("\"\xF0\x8F\xBF\xBF\""), JSON_BAD_UTF8, 1, "RFC 3629 section 4"},
    {"the first surrogate in UTF-8", TEXT("\"\xED\xA0\x80\""), JSON_BAD_UTF8, 1, "RFC 3629 section 4"},
    {"the last surrogate in UTF-8", TEXT("\"\xED\xBF\xBF\""), JSON_BAD_UTF8, 1, "RFC 3629 section 4"},
    {"beyond the last character", TEXT("\"\xF4\x90\x80\x80\""), JSON_BAD_UTF8, 1, "RFC 3629 section 4"},
    {"lead byte F5", TEXT("\"\xF5\x80\x80\x80\""), JSON_BAD_UTF8, 1, "RFC 3629 section 4"},
    {"byte FE", TEXT("\"\xFE\""), JSON_BAD_UTF8, 1, "RFC 3629 section 4"},
    {"byte FF", TEXT("\"\xFF\""), JSON_BAD_UTF8, 1, "RFC 3629 section 4"},
    {"two bytes of three", TEXT("\"\xE2\x82\""), JSON_BAD_UTF8, 1, "RFC 3629 section 4"},
    {"three bytes of four", TEXT("\"\xF0\x9F\x98\""), JSON_BAD_UTF8, 1, "RFC 3629 section 4"},
    {"a lead byte before a quote", TEXT("\"\xC3\""), JSON_BAD_UTF8, 1, "RFC 3629 section 4"},
    {"a lead byte twice", TEXT("\"\xC3\xC3\xA9\""), JSON_BAD_UTF8, 1, "RFC 3629 section 4"},
    {"Latin-1", TEXT("\"caf\xE9\""), JSON_BAD_UTF8, 4, "RFC 3629 section 4"},
    {"the text ends in a sequence", TEXT("\"\xE2\x82"), JSON_CUT_OFF, 3, "RFC 3629 section 4"},
    {"bad bytes after eight good ones", TEXT("\"12345678\xFF\""), JSON_BAD_UTF8, 9, "RFC 3629 section 4"},
};
/* clang-format on */

static void expect_problem(struct span text, enum json_problem problem, size_t problem_at,
                           const char *name, const char *clause)
{
    size_t at = SIZE_MAX;
    enum json_problem got = json_check(text, JSON_DEPTH_MAX, &at);

    if (got != problem) {
        fail_msg("%s (%s): %s, expected %s", name, clause, json_problem_text(got),
                 json_problem_text(problem));
    }
    if (problem != JSON_OK && at != problem_at) {
        fail_msg("%s (%s): problem at %zu, expected %zu", name, clause, at, problem_at);
    }
}

/* The tokenizer must agree with the check: json_parse() dies of a BUG_IF when it does not. */
static void expect_parse(struct span text, enum json_problem problem, const char *name)
{
    struct json_doc *doc = json_doc_new();

    assert_non_null(doc);
    if (json_parse(doc, text, JSON_DEPTH_MAX) != problem) {
        fail_msg("%s: json_parse() and json_check() differ", name);
    }
    if ((json_raw(doc, 0).data != NULL) != (problem == JSON_OK)) {
        fail_msg("%s: a root value exists exactly when the text was accepted", name);
    }
    json_doc_free(doc);
}

static void json_is_accepted(void **state)
{
    struct guard_page guard = guard_page_new(ROOM_BYTES);

    (void)state;
    for (size_t i = 0; i < ROWS(accepted); i++) {
        struct span text = guard_page_place(&guard, accepted[i].text);
        expect_problem(text, JSON_OK, 0, accepted[i].name, accepted[i].clause);
        expect_parse(text, JSON_OK, accepted[i].name);
    }
    guard_page_free(&guard);
}

static void what_is_not_json_is_refused_with_its_problem_and_place(void **state)
{
    struct guard_page guard = guard_page_new(ROOM_BYTES);

    (void)state;
    for (size_t i = 0; i < ROWS(refused); i++) {
        const struct refused *row = &refused[i];
        struct span text = guard_page_place(&guard, row->text);
        expect_problem(text, row->problem, row->problem_at, row->name, row->clause);
        expect_parse(text, row->problem, row->name);
    }
    guard_page_free(&guard);
}

/* The prefixes that are JSON: cut numbers, and a whole value without the blanks behind it. */
static bool prefix_may_pass(struct span text, size_t length)
{
    bool is_number = true;

    for (size_t i = 0; i < text.length; i++) {
        is_number = is_number && strchr("0123456789+-.eE", text.data[i]) != NULL;
    }
    return (is_number && text.data[length - 1] >= '0' && text.data[length - 1] <= '9') ||
           strspn(text.data + length, " \t\r\n") == text.length - length;
}

static void expect_prefixes(const struct guard_page *guard, const struct accepted *row)
{
    for (size_t length = 0; length < row->text.length; length++) {
        struct span text = guard_page_place(guard, span_of(row->text.data, length));
        enum json_problem problem = json_check(text, JSON_DEPTH_MAX, NULL);
        bool may_pass = length > 0 && prefix_may_pass(row->text, length);
        bool is_cut = problem == JSON_CUT_OFF || problem == JSON_EMPTY;
        if (may_pass ? problem != JSON_OK : !is_cut) {
            fail_msg("%s: the prefix of %zu bytes gives: %s", row->name, length,
                     json_problem_text(problem));
        }
        expect_parse(text, problem, row->name);
    }
}

static void every_prefix_of_json_is_refused_unless_it_is_json(void **state)
{
    struct guard_page guard = guard_page_new(ROOM_BYTES);

    (void)state;
    for (size_t i = 0; i < ROWS(accepted); i++) {
        expect_prefixes(&guard, &accepted[i]);
    }
    guard_page_free(&guard);
}

/* Refused texts have prefixes too: whatever the answer, no byte behind them may be read. */
static void every_prefix_of_a_refused_text_is_read_within_its_bounds(void **state)
{
    struct guard_page guard = guard_page_new(ROOM_BYTES);

    (void)state;
    for (size_t i = 0; i < ROWS(refused); i++) {
        for (size_t length = 0; length < refused[i].text.length; length++) {
            struct span text = guard_page_place(&guard, span_of(refused[i].text.data, length));
            expect_parse(text, json_check(text, JSON_DEPTH_MAX, NULL), refused[i].name);
        }
    }
    guard_page_free(&guard);
}

static void expect_byte(const struct guard_page *guard, unsigned byte, size_t place)
{
    bool is_plain = byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
    char text[34];
    struct span placed;

    memset(text, 'a', sizeof(text));
    text[0] = '"';
    text[sizeof(text) - 1] = '"';
    text[place] = (char)byte;
    placed = guard_page_place(guard, span_of(text, sizeof(text)));
    if ((json_check(placed, 1, NULL) == JSON_OK) != is_plain) {
        fail_msg("byte 0x%02X at %zu", byte, place);
    }
}

/* One byte of each kind at each place of the word-wise scan. */
static void the_fast_scan_misses_no_byte_at_any_place(void **state)
{
    struct guard_page guard = guard_page_new(ROOM_BYTES);

    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        for (size_t place = 1; place <= 32; place++) {
            expect_byte(&guard, byte, place);
        }
    }
    guard_page_free(&guard);
}

/* Every scalar value of Unicode passes, every other sequence of up to four bytes does not. */
static void utf8_is_exactly_the_table_of_rfc_3629(void **state)
{
    unsigned long passed = 0;
    char text[6] = {'"', 0, 0, 0, 0, '"'};

    (void)state;
    for (unsigned lead = 0x80; lead < 0x100; lead++) {
        for (unsigned second = 0x7F; second <= 0xC0; second++) {
            /* The bounds of later bytes are the same for all, so few values show them. */
            static const unsigned char later[] = {0x7F, 0x80, 0xBF, 0xC0};
            for (unsigned mix = 0; mix < 16; mix++) {
                text[1] = (char)lead;
                text[2] = (char)second;
                text[3] = (char)later[mix & 3];
                text[4] = (char)later[mix >> 2];
                passed += json_check(span_of(text, sizeof(text)), 1, NULL) == JSON_OK;
            }
        }
    }
    /* Four byte forms: F0 has 48 seconds, F1 to F3 have 64 each, F4 has 16; two by two later
     * bytes. Three byte forms (DEL behind them): E0 has 32, ED has 32, the other 14 have 64;
     * two later bytes. Two byte forms: 30 leads, 64 seconds, then DEL twice. */
    assert_int_equal(passed, (48 + 3 * 64 + 16) * 4 + (32 + 32 + 14 * 64) * 2 + 30 * 64);
}

static void depth_is_counted_and_bounded(void **state)
{
    char text[2 * (JSON_DEPTH_MAX + 1)]; /* one level too many */
    struct span deepest = span_of(text + 1, sizeof(text) - 2);
    size_t at = 0;

    (void)state;
    memset(text, '[', JSON_DEPTH_MAX + 1);
    memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);

    assert_int_equal(json_check(deepest, JSON_DEPTH_MAX, NULL), JSON_OK);
    assert_int_equal(json_check(span_of(text, sizeof(text)), JSON_DEPTH_MAX, &at), JSON_TOO_DEEP);
    assert_int_equal(at, JSON_DEPTH_MAX);
    assert_int_equal(json_check(span_of(text, sizeof(text)), JSON_DEPTH_MAX + 9, &at),
                     JSON_TOO_DEEP);
    assert_int_equal(json_check(span_from_string("[]"), 0, NULL), JSON_TOO_DEEP);
    assert_int_equal(json_check(span_from_string("1"), 0, NULL), JSON_OK);
    assert_int_equal(json_check(span_from_string("[[],[],{}]"), 2, NULL), JSON_OK);
    assert_int_equal(json_check(span_from_string("[{\"a\":[]}]"), 2, &at), JSON_TOO_DEEP);
    assert_int_equal(at, 6);
}

static size_t append(char *text, size_t length, const char *piece)
{
    while (*piece != '\0') {
        text[length++] = *piece++;
    }
    return length;
}

/* Objects and arrays take turns, so that a wrong bit on any level shows. */
static void every_level_remembers_what_it_is(void **state)
{
    char text[1024];

    (void)state;
    for (unsigned wrong = 0; wrong <= JSON_DEPTH_MAX; wrong++) {
        size_t length = 0;
        for (unsigned level = 0; level < JSON_DEPTH_MAX; level++) {
            length = append(text, length, level % 2 == 0 ? "[" : "{\"a\":");
        }
        text[length++] = '1';
        for (unsigned level = JSON_DEPTH_MAX; level-- > 0;) {
            bool is_array = level % 2 == 0;
            text[length++] = is_array == (level != wrong) ? ']' : '}';
        }
        assert_int_equal(json_check(span_of(text, length), JSON_DEPTH_MAX, NULL),
                         wrong == JSON_DEPTH_MAX ? JSON_OK : JSON_SYNTAX);
    }
}

static void a_text_larger_than_jsmn_can_count_is_refused(void **state)
{
    size_t at = 1;

    (void)state;
    /* The length alone decides: nothing may be read. */
    assert_int_equal(json_check(span_of("1", (size_t)INT32_MAX), 1, &at), JSON_TOO_LARGE);
    assert_int_equal(at, 0);
}

static void every_problem_has_its_own_words(void **state)
{
    (void)state;
    for (int left = JSON_OK; left <= JSON_NO_MEMORY; left++) {
        for (int right = JSON_OK; right < left; right++) {
            assert_string_not_equal(json_problem_text((enum json_problem)left),
                                    json_problem_text((enum json_problem)right));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_accepted),
        cmocka_unit_test(what_is_not_json_is_refused_with_its_problem_and_place),
        cmocka_unit_test(every_prefix_of_json_is_refused_unless_it_is_json),
        cmocka_unit_test(every_prefix_of_a_refused_text_is_read_within_its_bounds),
        cmocka_unit_test(the_fast_scan_misses_no_byte_at_any_place),
        cmocka_unit_test(utf8_is_exactly_the_table_of_rfc_3629),
        cmocka_unit_test(depth_is_counted_and_bounded),
        cmocka_unit_test(every_level_remembers_what_it_is),
        cmocka_unit_test(a_text_larger_than_jsmn_can_count_is_refused),
        cmocka_unit_test(every_problem_has_its_own_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
