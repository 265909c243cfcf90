/* SPDX-License-Identifier: MIT */
/*
 * scenario.c - the words of a scenario: table, parser, ready-made names.
 */
#include "tests/sim/scenario.h"

#include <stdlib.h>
#include <string.h>

struct key_row {
    const char *word;
    int64_t smallest;
    int64_t largest;
    int64_t initial;
    const char *choices; /* "|"-separated, or NULL for numbers */
    const char *help;
};

static const struct key_row KEYS[] = {
#define X(id, word, smallest, largest, initial, choices, help)                                     \
    {word, smallest, largest, initial, choices, help},
    SCENARIO_KEYS(X)
#undef X
};

_Static_assert(sizeof(KEYS) / sizeof(KEYS[0]) == SIM_KEY_COUNT, "one row per key");

/* Scenarios with a name of their own, for model names that may not hold "=". */
static const struct {
    const char *name;
    const char *words;
    const char *help;
} READY_MADE[] = {
    {"default", "", "the program's own options"},
    {"fast", "pace=0,first=0", "no waiting"},
    {"slow", "pace=400,first=3000", "a tired model"},
    {"reasoning", "reasoning=40", "a thinking model"},
    {"think", "reasoning=40,field=think", "a model that thinks inside its text"},
    {"tool", "tool=1,finish=tool_calls", "a tool call"},
    {"flood", "flood=67108864", "64 MiB as fast as they are read"},
    {"cut", "cut_after=10", "closed in the middle"},
    {"reset", "reset_after=10", "reset in the middle"},
    {"stall", "stall_after=10", "silent in the middle"},
    {"mute", "stall=head", "never answers"},
    {"drip", "drip=20", "a byte at a time"},
    {"error", "error_after=10", "an error event in the middle"},
    {"overloaded", "status=429,retry_after=2", "429"},
    {"loading", "status=503", "503, model is loading"},
    {"gateway_timeout", "status=504,body=html", "504 with a page of HTML"},
    {"torn", "split=random,eol=crlf", "cut at random, CRLF"},
};

enum {
    READY_MADE_COUNT = sizeof(READY_MADE) / sizeof(READY_MADE[0]),
};

void scenario_init(struct scenario *scenario)
{
    *scenario = (struct scenario){0};
    for (size_t i = 0; i < SIM_KEY_COUNT; i++) {
        scenario->value[i] = KEYS[i].initial;
    }
}

static bool take_text(struct scenario *scenario, const char *text, size_t length)
{
    char *copy = malloc(length + 1);

    if (copy == NULL) {
        return false;
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    free(scenario->text);
    scenario->text = copy;
    scenario->text_length = length;
    return true;
}

void scenario_copy(struct scenario *copy, const struct scenario *from)
{
    *copy = *from;
    copy->text = NULL;
    copy->text_length = 0;
    memset(copy->is_given, 0, sizeof(copy->is_given));
    copy->is_given[SIM_TOKENS] = from->is_given[SIM_TOKENS]; /* it outranks max_tokens */
    if (from->text != NULL && !take_text(copy, from->text, from->text_length)) {
        copy->text = NULL; /* out of memory: the made-up text serves */
    }
}

void scenario_fini(struct scenario *scenario)
{
    free(scenario->text);
    scenario->text = NULL;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
        return (c | 0x20) - 'a' + 10;
    }
    return -1;
}

/* Percent-decode into <out>, which has room for <value>.length bytes. False on a bad escape. */
static bool percent_decode(struct span value, char *out, size_t *length)
{
    size_t n = 0;

    for (size_t i = 0; i < value.length; i++) {
        char c = value.data[i];
        if (c == '%') {
            int high = i + 2 < value.length ? hex_value(value.data[i + 1]) : -1;
            int low = i + 2 < value.length ? hex_value(value.data[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            c = (char)(unsigned char)(high * 16 + low);
            i += 2;
        }
        out[n] = c;
        n++;
    }
    *length = n;
    return true;
}

static bool set_text(struct scenario *scenario, struct span value)
{
    char *decoded = NULL;
    size_t length = 0;
    bool is_good = false;

    if (value.length > SCENARIO_TEXT_BYTES_MAX * 3) {
        return false;
    }
    decoded = malloc(value.length + 1);
    is_good = decoded != NULL && percent_decode(value, decoded, &length) &&
              length <= SCENARIO_TEXT_BYTES_MAX && take_text(scenario, decoded, length);
    free(decoded);
    return is_good;
}

static bool set_tape(struct scenario *scenario, struct span value)
{
    if (value.length >= sizeof(scenario->tape)) {
        return false;
    }
    memcpy(scenario->tape, value.data, value.length);
    scenario->tape[value.length] = '\0';
    return true;
}

/* Position of <value> in a "|"-separated list, or -1. */
static int64_t choice_index(const char *choices, struct span value)
{
    int64_t index = 0;

    for (const char *at = choices; *at != '\0'; index++) {
        size_t length = strcspn(at, "|");
        if (span_equals(span_of(at, length), value)) {
            return index;
        }
        at += length;
        at += *at == '|' ? 1 : 0;
    }
    return -1;
}

static bool number_value(struct span text, int64_t *value)
{
    int64_t sum = 0;

    if (text.length == 0 || text.length > 15) { /* 15 digits cannot overflow */
        return false;
    }
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        sum = sum * 10 + (text.data[i] - '0');
    }
    *value = sum;
    return true;
}

static bool word_equals(struct span word, const char *known)
{
    if (word.length != strlen(known)) {
        return false;
    }
    for (size_t i = 0; i < word.length; i++) {
        char c = word.data[i] == '-' ? '_' : word.data[i];
        if (c != known[i]) {
            return false;
        }
    }
    return true;
}

static bool set_key(struct scenario *scenario, size_t key, struct span value, char *problem,
                    size_t room)
{
    const struct key_row *row = &KEYS[key];
    int64_t number = -1;

    if (row->choices != NULL) {
        number = choice_index(row->choices, value);
        if (number < 0) {
            (void)snprintf(problem, room, "%s: one of %s", row->word, row->choices);
            return false;
        }
    } else if (!number_value(value, &number) || number < row->smallest || number > row->largest) {
        (void)snprintf(problem, room, "%s: a number from %lld to %lld", row->word,
                       (long long)row->smallest, (long long)row->largest);
        return false;
    }
    scenario->value[key] = number;
    scenario->is_given[key] = true;
    return true;
}

bool scenario_set(struct scenario *scenario, struct span word, struct span value, char *problem,
                  size_t room)
{
    if (word_equals(word, "text")) {
        (void)snprintf(problem, room, "text: percent-encoded, at most %d bytes",
                       SCENARIO_TEXT_BYTES_MAX);
        return set_text(scenario, value);
    }
    if (word_equals(word, "tape")) {
        (void)snprintf(problem, room, "tape: a name, or the beginning of one");
        return set_tape(scenario, value);
    }
    for (size_t i = 0; i < SIM_KEY_COUNT; i++) {
        if (word_equals(word, KEYS[i].word)) {
            return set_key(scenario, i, value, problem, room);
        }
    }
    (void)snprintf(problem, room, "unknown word \"%.*s\" (hfsim --help lists them)",
                   (int)(word.length > 40 ? 40 : word.length), word.data);
    return false;
}

static bool is_word_end(char c, char separator)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '<' || c == '[' ||
           c == separator;
}

static bool is_key_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* Length of the key when <word> is shaped key=value, else 0. */
static size_t key_length(struct span word)
{
    size_t n = 0;

    while (n < word.length && is_key_byte(word.data[n])) {
        n++;
    }
    return n < word.length && word.data[n] == '=' ? n : 0;
}

/* Takes words off the front of <rest> while they are shaped key=value. */
static bool apply_words(struct scenario *scenario, struct span *rest, char separator, char *problem,
                        size_t room)
{
    for (;;) {
        size_t length = 0;
        size_t key = 0;

        while (rest->length > 0 && (rest->data[0] == ' ' || rest->data[0] == '\t' ||
                                    rest->data[0] == '\n' || rest->data[0] == separator)) {
            *rest = span_skip(*rest, 1);
        }
        while (length < rest->length && !is_word_end(rest->data[length], separator)) {
            length++;
        }
        key = key_length(span_of(rest->data, length));
        if (key == 0) {
            return true;
        }
        if (!scenario_set(scenario, span_of(rest->data, key),
                          span_of(rest->data + key + 1, length - key - 1), problem, room)) {
            return false;
        }
        *rest = span_skip(*rest, length);
    }
}

/* The text after the first "@sim" that is followed by a blank; false when there is none. */
static bool after_mark(struct span text, struct span *rest)
{
    static const char mark[] = "@sim";
    size_t length = sizeof(mark) - 1;

    for (size_t i = 0; i + length < text.length; i++) {
        if (memcmp(text.data + i, mark, length) == 0 &&
            (text.data[i + length] == ' ' || text.data[i + length] == '\t' ||
             text.data[i + length] == '\n')) {
            *rest = span_skip(text, i + length);
            return true;
        }
    }
    return false;
}

bool scenario_apply_text(struct scenario *scenario, struct span text, char *problem, size_t room)
{
    struct span rest = text;

    while (after_mark(rest, &rest)) {
        if (!apply_words(scenario, &rest, ' ', problem, room)) {
            return false;
        }
    }
    return true;
}

struct span scenario_find_directive(struct span text)
{
    struct span rest = text;

    if (!after_mark(text, &rest)) {
        return span_of(text.data, 0);
    }
    return span_of(rest.data - 4, rest.length + 4); /* from the mark on */
}

bool scenario_apply_model(struct scenario *scenario, struct span model, char *problem, size_t room)
{
    struct span rest;

    if (!span_starts_with(model, "sim/")) {
        return true;
    }
    rest = span_skip(model, 4);
    for (size_t i = 0; i < READY_MADE_COUNT; i++) {
        if (span_equals_string(rest, READY_MADE[i].name)) {
            rest = span_from_string(READY_MADE[i].words);
            return apply_words(scenario, &rest, ',', problem, room);
        }
    }
    if (!apply_words(scenario, &rest, ',', problem, room)) {
        return false;
    }
    if (rest.length > 0) {
        (void)snprintf(problem, room, "no scenario of that name (hfsim --help lists them)");
        return false;
    }
    return true;
}

void scenario_print_help(FILE *out)
{
    (void)fprintf(out, "  %-15s %s\n", "text=TEXT", "exactly this text, percent-encoded");
    (void)fprintf(out, "  %-15s %s\n", "tape=NAME", "replay a file of --tapes");
    for (size_t i = 0; i < SIM_KEY_COUNT; i++) {
        char word[64];
        (void)snprintf(word, sizeof(word), "%s=", KEYS[i].word);
        (void)fprintf(
            out, "  %-15s %s%s%s%s\n", word, KEYS[i].help, KEYS[i].choices == NULL ? "" : " (",
            KEYS[i].choices == NULL ? "" : KEYS[i].choices, KEYS[i].choices == NULL ? "" : ")");
    }
    (void)fprintf(out, "\nReady-made, as a model's name:\n");
    for (size_t i = 0; i < READY_MADE_COUNT; i++) {
        (void)fprintf(out, "  sim/%-15s %s\n", READY_MADE[i].name, READY_MADE[i].help);
    }
}
