/* SPDX-License-Identifier: MIT */
/*
 * scenario.h - how one answer is to go: its text, its pace and its faults.
 *
 * The program's options make the scenario everybody starts from. A request
 * changes its own copy by the words after "@sim" in its last user message, or
 * by a model name "sim/NAME". The words are in scenario_keys.h.
 */
#ifndef TESTS_SIM_SCENARIO_H
#define TESTS_SIM_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/attrs.h"
#include "base/span.h"
#include "tests/sim/scenario_keys.h"

enum scenario_key {
#define X(id, word, smallest, largest, initial, choices, help) SIM_##id,
    SCENARIO_KEYS(X)
#undef X
};

enum {
/* NOLINTNEXTLINE(bugprone-macro-parentheses): a term of a sum */
#define X(id, word, smallest, largest, initial, choices, help) +1
    SIM_KEY_COUNT = (0 SCENARIO_KEYS(X))
#undef X
};

#define SCENARIO_TEXT_BYTES_MAX 65536

struct scenario {
    int64_t value[SIM_KEY_COUNT];
    bool is_given[SIM_KEY_COUNT]; /* said by the request or an option, not a default */
    char *text;                   /* owned; exact text to answer, or NULL */
    size_t text_length;           /* bytes; may hold NUL */
    char tape[128];               /* name of the tape to replay, or empty */
};

/* Every key at its default. */
void scenario_init(struct scenario *scenario);

/* A copy in which nothing counts as given by the request. */
void scenario_copy(struct scenario *copy, const struct scenario *from);
void scenario_fini(struct scenario *scenario);

/*
 * Set one word. <word> may be written with "-" for "_". On failure the scenario
 * is as before and <problem> (room for <room> bytes) says what is wrong.
 */
bool scenario_set(struct scenario *scenario, struct span word, struct span value, char *problem,
                  size_t room) MUST_USE;

/*
 * Apply the directives in <text>: after each "@sim", the words shaped key=value
 * up to the first that is not. Words also end at "<" and "[", which is where
 * chat templates begin. Nothing to do is success.
 */
bool scenario_apply_text(struct scenario *scenario, struct span text, char *problem,
                         size_t room) MUST_USE;

/*
 * Apply a model name: "sim/NAME" where NAME is a ready-made scenario or words
 * shaped key=value with "," between them. Other names are success and change
 * nothing.
 */
bool scenario_apply_model(struct scenario *scenario, struct span model, char *problem,
                          size_t room) MUST_USE;

/* Where in <text> the directive from "@sim" on lies; empty when there is none. */
struct span scenario_find_directive(struct span text);

/* One line for each key, and one for each ready-made scenario. */
void scenario_print_help(FILE *out);

static inline int64_t scenario_get(const struct scenario *scenario, enum scenario_key key)
{
    return scenario->value[key];
}

#endif
