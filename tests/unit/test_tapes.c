/* SPDX-License-Identifier: MIT */
/*
 * test_tapes.c - recorded answers of Hugging Face yield exactly what their facts say.
 *
 * The recordings are no part of this project: they are read where TIDEGATE_SHARED
 * says, or beside the source tree, and the test is skipped where they are not.
 * Streams are read cut in two at every place (short ones) or at many places, and
 * in pieces of random sizes, from a seed that is printed on failure.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/json.h"
#include "tests/unit/answer_run.h"
#include "upstream/classify.h"

#define PATH_BYTES_MAX 1024
/* Longer bodies are cut in two at this many places, evenly spread, and not at every one. */
#define CUTS_MAX 2000
#define RANDOM_RUNS 200
#define PIECE_BYTES_MAX 700
#define SEED 20261124

struct tape {
    const char *name;
    struct span body; /* owned */
    struct span meta; /* owned; behind <doc> */
    const struct json_doc *meta_doc;
    int status;
    char *text; /* owned; what the answer must yield */
    size_t text_length;
    bool must_fail; /* an error event is in the stream */
    bool is_complete;
    enum upstream_finish finish;
    struct upstream_usage usage;
};

static bool tapes_folder(char *folder, size_t size)
{
    const char *shared = getenv("TIDEGATE_SHARED");

    if (shared != NULL && shared[0] != '\0') {
        (void)snprintf(folder, size, "%s/tapes", shared); /* a cut path does not open */
    } else {
        (void)snprintf(folder, size, "%s/../shared/tapes", TIDEGATE_SOURCE_DIR);
    }
    DIR *directory = opendir(folder);
    if (directory == NULL) {
        return false;
    }
    (void)closedir(directory); /* only its existence mattered */
    return true;
}

static struct span load(const char *folder, const char *stem, const char *ending)
{
    char path[PATH_BYTES_MAX];

    (void)snprintf(path, sizeof(path), "%s/%s%s", folder, stem, ending); /* as above */
    return answer_load(path);
}

static enum upstream_finish finish_of(const struct json_doc *doc, json_ref at)
{
    static const struct {
        const char *word;
        enum upstream_finish finish;
    } words[] = {
        {"stop", UPSTREAM_FINISH_STOP},      {"eos", UPSTREAM_FINISH_STOP},
        {"eos_token", UPSTREAM_FINISH_STOP}, {"stop_sequence", UPSTREAM_FINISH_STOP},
        {"length", UPSTREAM_FINISH_LENGTH},  {"tool_calls", UPSTREAM_FINISH_TOOL_CALLS},
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (json_string_equals(doc, at, words[i].word)) {
            return words[i].finish;
        }
    }
    return json_is(doc, at, JSON_STRING) ? UPSTREAM_FINISH_OTHER : UPSTREAM_FINISH_NONE;
}

static int64_t number_of(const struct json_doc *doc, json_ref at)
{
    int64_t number = -1;

    return json_int64(doc, at, &number) ? number : -1;
}

/* True when the tape was read by this dialect. */
static bool has_dialect(const struct tape *tape, const char *word)
{
    const struct json_doc *doc = tape->meta_doc;
    json_ref dialects = json_member(doc, json_member(doc, 0, "facts"), "dialect");

    for (json_ref at = json_first(doc, dialects); at != JSON_NONE; at = json_next(doc, at)) {
        if (json_string_equals(doc, at, word)) {
            return true;
        }
    }
    return false;
}

/* Turn the facts into expectations. */
static void read_facts(struct tape *tape, struct json_doc *doc)
{
    assert_int_equal(json_parse(doc, tape->meta, JSON_DEPTH_MAX), JSON_OK);
    tape->meta_doc = doc;
    json_ref facts = json_member(doc, 0, "facts");
    json_ref text = json_member(doc, facts, "content_concat");
    json_ref usage = json_member(doc, facts, "usage");
    json_ref error = json_member(doc, facts, "error_event");

    if (text == JSON_NONE) {
        text = json_member(doc, facts, "text_nonspecial");
    }
    struct span raw = json_raw(doc, text);
    tape->status = (int)number_of(doc, json_member(doc, 0, "status"));
    tape->text = malloc(raw.length + 1);
    assert_non_null(tape->text);
    tape->text_length = json_unescape(raw, tape->text);
    tape->must_fail = error != JSON_NONE && !json_is(doc, error, JSON_NULL);
    tape->finish = finish_of(doc, json_member(doc, facts, "finish_reason"));
    tape->is_complete = tape->finish != UPSTREAM_FINISH_NONE ||
                        json_is(doc, json_member(doc, facts, "generated_text"), JSON_STRING) ||
                        json_is(doc, json_member(doc, facts, "has_done"), JSON_TRUE);
    tape->usage.prompt_tokens = number_of(doc, json_member(doc, usage, "prompt_tokens"));
    tape->usage.completion_tokens = number_of(doc, json_member(doc, usage, "completion_tokens"));
}

static bool run_fits(const struct tape *tape, const struct answer_run *run)
{
    bool has_failed = run->failure != UPSTREAM_OK;

    return span_equals(span_of(run->text.bytes, run->text.length),
                       span_of(tape->text, tape->text_length)) &&
           run->finish == tape->finish && has_failed == (tape->must_fail || !tape->is_complete) &&
           run->usage.prompt_tokens == tape->usage.prompt_tokens &&
           run->usage.completion_tokens == tape->usage.completion_tokens;
}

static unsigned complain(const struct tape *tape, const struct answer_run *run, const char *how,
                         uint64_t at)
{
    print_error("tape %s, %s %llu: %s, finish %d, text '%.*s'\n", tape->name, how,
                (unsigned long long)at, upstream_failure_token(run->failure), (int)run->finish,
                (int)run->text.length, run->text.bytes);
    return 1;
}

static unsigned run_cut_in_two(const struct tape *tape, struct answer_run *run)
{
    size_t step = tape->body.length <= CUTS_MAX ? 1 : tape->body.length / CUTS_MAX;

    for (size_t cut = 0; cut <= tape->body.length; cut += step) {
        answer_run_reset(run);
        answer_run_feed(run, span_of(tape->body.data, cut));
        answer_run_feed(run, span_skip(tape->body, cut));
        answer_run_finish(run);
        if (!run_fits(tape, run)) {
            return complain(tape, run, "cut at", cut);
        }
    }
    return 0;
}

static unsigned run_in_random_pieces(const struct tape *tape, struct answer_run *run)
{
    for (uint64_t seed = SEED; seed < SEED + RANDOM_RUNS; seed++) {
        uint64_t state = seed;
        struct span rest = tape->body;
        answer_run_reset(run);
        while (!span_is_empty(rest)) {
            /* Mostly large pieces, at times a run of single bytes. */
            size_t most = answer_random(&state, 4) == 0 ? 3 : PIECE_BYTES_MAX;
            size_t length = 1 + answer_random(&state, most);
            length = length < rest.length ? length : rest.length;
            answer_run_feed(run, span_of(rest.data, length));
            rest = span_skip(rest, length);
        }
        answer_run_finish(run);
        if (!run_fits(tape, run)) {
            return complain(tape, run, "random pieces, seed", seed);
        }
    }
    return 0;
}

static unsigned check_stream(const struct tape *tape, const struct dialect *dialect)
{
    struct answer_run *run = answer_run_new(dialect);
    unsigned failures = run_cut_in_two(tape, run) + run_in_random_pieces(tape, run);

    answer_run_free(run);
    return failures;
}

/* What hf-wire 1.5 says about the recorded error answers, by status and words. */
static enum upstream_failure expected_failure(const struct tape *tape)
{
    static const struct {
        const char *name;
        enum upstream_failure failure;
    } named[] = {
        {"insufficient-quota", UPSTREAM_QUOTA},
        {"please-log-in", UPSTREAM_QUOTA},
        {"400-model-not-supported", UPSTREAM_MODEL_UNKNOWN},
    };

    for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
        if (strstr(tape->name, named[i].name) != NULL) {
            return named[i].failure;
        }
    }
    switch (tape->status) {
    case 404:
        return UPSTREAM_MODEL_UNKNOWN;
    case 410:
        return UPSTREAM_MODEL_RETIRED;
    case 429:
        return UPSTREAM_RATE_LIMITED;
    case 424:
    case 500:
    case 502:
    case 503:
    case 504:
        return UPSTREAM_BUSY;
    default:
        return UPSTREAM_STATUS;
    }
}

static unsigned check_answer(const struct tape *tape)
{
    struct json_doc *doc = json_doc_new();

    assert_non_null(doc);
    enum upstream_failure got = classify_answer(doc, tape->status, tape->body);
    enum upstream_failure expected = expected_failure(tape);
    json_doc_free(doc);
    if (got != expected) {
        print_error("tape %s: %s, expected %s\n", tape->name, upstream_failure_token(got),
                    upstream_failure_token(expected));
        return 1;
    }
    return 0;
}

static unsigned check_tape(const char *folder, const char *stem)
{
    struct tape tape = {.name = stem};
    struct json_doc *doc = json_doc_new();
    unsigned failures = 0;

    assert_non_null(doc);
    tape.meta = load(folder, stem, ".meta.json");
    tape.body = load(folder, stem, ".body");
    assert_true(tape.meta.length > 0);
    read_facts(&tape, doc);
    if (tape.status != 200) {
        failures += check_answer(&tape);
    } else {
        /* An answer that is one error event says nothing about its dialect: both must do. */
        bool is_tgi = has_dialect(&tape, "tgi-generate");
        bool is_chat = has_dialect(&tape, "chat");
        failures += is_chat ? 0 : check_stream(&tape, &dialect_tgi);
        failures += is_tgi ? 0 : check_stream(&tape, &dialect_chat);
    }
    free(tape.text);
    answer_unload(tape.body);
    answer_unload(tape.meta);
    json_doc_free(doc);
    return failures;
}

static void every_tape_yields_what_its_facts_say_however_it_is_cut(void **state)
{
    static const char ending[] = ".meta.json";
    char folder[PATH_BYTES_MAX];
    unsigned failures = 0;
    unsigned tapes = 0;
    (void)state;

    if (!tapes_folder(folder, sizeof(folder))) {
        print_message("no recorded answers here (TIDEGATE_SHARED names their place): skipped\n");
        skip();
    }
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        size_t length = strlen(entry->d_name);
        if (length < sizeof(ending) ||
            strcmp(entry->d_name + length - (sizeof(ending) - 1), ending) != 0) {
            continue;
        }
        entry->d_name[length - (sizeof(ending) - 1)] = '\0';
        failures += check_tape(folder, entry->d_name);
        tapes++;
    }
    (void)closedir(directory); /* read only */
    print_message("%u tapes\n", tapes);
    assert_int_equal(failures, 0);
    assert_int_not_equal(tapes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tape_yields_what_its_facts_say_however_it_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
