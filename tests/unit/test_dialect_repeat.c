/* SPDX-License-Identifier: MIT */
/*
 * test_dialect_repeat.c - reading an event by its likeness to another one must never say
 * anything else than reading it in full.
 *
 * Every event below is learnt, and then every one is read both ways. Which pairs are alike
 * is in the table, too: a short cut that is never taken would pass any comparison.
 */
#include "upstream/dialect_repeat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define A(content) "{\"id\":\"a\",\"choices\":[{\"delta\":{\"content\":\"" content "\"}}]}"
#define B(content) "{\"id\":\"b\",\"choices\":[{\"delta\":{\"content\":\"" content "\"}}]}"

enum {
    NOT_LEARNT = 0,
    LIKE_A,
    LIKE_B,
    LIKE_TWICE,
    LIKE_TGI,
    LIKE_ITSELF, /* and no other row */
    LIKE_ITSELF_TOO,
};

struct row {
    const struct dialect *dialect;
    const char *data;
    int teaches; /* what is known once it has been read in full */
    int fits;    /* what must be known for it to be read by its likeness */
};

#define CHAT (&dialect_chat)
#define TGI (&dialect_tgi)
#define TOKEN(text, special)                                                                       \
    "{\"token\":{\"id\":1,\"text\":\"" text "\",\"special\":" special "},\"details\":null}"
#define TWICE(first, second)                                                                       \
    "{\"choices\":[{\"delta\":{\"content\":\"" first "\",\"content\":\"" second "\"}}]}"

/* clang-format off */
static const struct row rows[] = {
    {CHAT, A(" fox"), LIKE_A, LIKE_A},
    {CHAT, A("a longer piece of text than the others"), LIKE_A, LIKE_A},
    {CHAT, A("\xC3\xA9\xF0\x9F\x8C\x8A"), LIKE_A, LIKE_A},
    {CHAT, A("}}]}"), LIKE_A, LIKE_A},
    {CHAT, A("\\n\\\"\\u00e9\\ud83c\\udf0a"), NOT_LEARNT, LIKE_A},
    {CHAT, A("\\\""), NOT_LEARNT, LIKE_A},
    {CHAT, A(""), NOT_LEARNT, NOT_LEARNT},
    {CHAT, B(" dog"), LIKE_B, LIKE_B},
    /* Not JSON, or other JSON, between the same bytes. */
    {CHAT, A("\xC3"), NOT_LEARNT, NOT_LEARNT},
    {CHAT, A("\x01"), NOT_LEARNT, NOT_LEARNT},
    {CHAT, A("\\"), NOT_LEARNT, NOT_LEARNT},
    {CHAT, A("\\x"), NOT_LEARNT, NOT_LEARNT},
    {CHAT, A("\\ud83c"), NOT_LEARNT, NOT_LEARNT},
    {CHAT, A("\"x"), NOT_LEARNT, NOT_LEARNT},
    {CHAT, A("a\",\"content\":\"b"), LIKE_ITSELF, LIKE_ITSELF},
    {CHAT, A("\"}}],\"error\":{\"message\":\"no\"},\"x\":[{\"y\":{\"z\":\""), NOT_LEARNT, NOT_LEARNT},
    /* What says more than a text. */
    {CHAT, "{\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}", NOT_LEARNT, NOT_LEARNT},
    {CHAT, "{\"choices\":[{\"delta\":{\"content\":\"x\"}}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}", NOT_LEARNT, NOT_LEARNT},
    {CHAT, "{\"choices\":[{\"delta\":{\"reasoning\":\"x\",\"content\":\"y\"}}]}", NOT_LEARNT, NOT_LEARNT},
    {CHAT, "{\"choices\":[{\"delta\":{\"content\":\"y\",\"tool_calls\":[{}]}}]}", NOT_LEARNT, NOT_LEARNT},
    {CHAT, "{\"error\":\"x\"}", NOT_LEARNT, NOT_LEARNT},
    {CHAT, "[DONE]", NOT_LEARNT, NOT_LEARNT},
    {CHAT, "", NOT_LEARNT, NOT_LEARNT},
    /* The text is the last of two. */
    {CHAT, TWICE("a", "b"), LIKE_TWICE, LIKE_TWICE},
    {CHAT, TWICE("a", "c"), LIKE_TWICE, LIKE_TWICE},
    {CHAT, TWICE("c", "b"), LIKE_ITSELF_TOO, LIKE_ITSELF_TOO},
    {TGI, TOKEN("x", "false"), LIKE_TGI, LIKE_TGI},
    {TGI, TOKEN("longer", "false"), LIKE_TGI, LIKE_TGI},
    {TGI, TOKEN("x", "true"), NOT_LEARNT, NOT_LEARNT},
};
/* clang-format on */

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static struct sse_event event_of(const struct row *row)
{
    return (struct sse_event){.data = span_from_string(row->data)};
}

static void assert_spans_equal(struct span a, struct span b)
{
    assert_int_equal(a.length, b.length);
    if (a.length > 0) {
        assert_memory_equal(a.data, b.data, a.length);
    }
}

static void assert_results_equal(const struct dialect_result *a, const struct dialect_result *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_spans_equal(a->delta.text, b->delta.text);
    assert_spans_equal(a->delta.reasoning, b->delta.reasoning);
    assert_spans_equal(a->delta.data, b->delta.data);
    assert_int_equal(a->delta.is_chunk, b->delta.is_chunk);
    assert_int_equal(a->delta.is_usage_only, b->delta.is_usage_only);
    assert_int_equal(a->delta.has_tool_call, b->delta.has_tool_call);
    assert_int_equal(a->finish, b->finish);
    assert_int_equal(a->is_complete, b->is_complete);
    assert_int_equal(a->has_usage, b->has_usage);
    assert_int_equal(a->usage.prompt_tokens, b->usage.prompt_tokens);
    assert_int_equal(a->usage.completion_tokens, b->usage.completion_tokens);
    assert_int_equal(a->failure, b->failure);
}

struct readers {
    struct dialect_scratch *quick; /* two, as a result lives until the next read */
    struct dialect_scratch *full;
};

static void teach(const struct readers *readers, struct dialect_repeat *repeat,
                  const struct row *row)
{
    struct sse_event event = event_of(row);
    struct dialect_result result;

    row->dialect->read(readers->full, &event, &result);
    dialect_repeat_learn(repeat, &event, &result);
    assert_int_equal(repeat->before > 0, row->teaches != NOT_LEARNT);
}

static void read_after(const struct readers *readers, const struct dialect_repeat *repeat,
                       const struct row *known, const struct row *row)
{
    struct sse_event event = event_of(row);
    struct dialect_result quick;
    struct dialect_result full;
    bool is_alike = dialect_repeat_read(repeat, readers->quick, &event, &quick);

    assert_int_equal(is_alike, known->teaches != NOT_LEARNT && known->teaches == row->fits);
    if (is_alike) {
        row->dialect->read(readers->full, &event, &full);
        assert_results_equal(&quick, &full);
    }
    event.is_error_event = true;
    assert_false(dialect_repeat_read(repeat, readers->quick, &event, &quick));
    event = event_of(row);
    event.has_error_field = true;
    assert_false(dialect_repeat_read(repeat, readers->quick, &event, &quick));
}

static void test_every_pair(void **state)
{
    const struct readers readers = {dialect_scratch_new(), dialect_scratch_new()};

    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        struct dialect_repeat repeat = {.bytes = NULL};
        teach(&readers, &repeat, &rows[i]);
        for (size_t j = 0; j < ROWS; j++) {
            read_after(&readers, &repeat, &rows[i], &rows[j]);
        }
        dialect_repeat_fini(&repeat);
    }
    dialect_scratch_free(readers.quick);
    dialect_scratch_free(readers.full);
}

/* A new answer may be of another kind: nothing of the last one may be taken for known. */
static void test_reset_forgets(void **state)
{
    const struct readers readers = {dialect_scratch_new(), dialect_scratch_new()};
    struct dialect_repeat repeat = {.bytes = NULL};
    struct sse_event event = event_of(&rows[0]);
    struct dialect_result result;

    (void)state;
    teach(&readers, &repeat, &rows[0]);
    assert_true(dialect_repeat_read(&repeat, readers.quick, &event, &result));
    dialect_repeat_reset(&repeat);
    assert_false(dialect_repeat_read(&repeat, readers.quick, &event, &result));
    dialect_repeat_fini(&repeat);
    dialect_scratch_free(readers.quick);
    dialect_scratch_free(readers.full);
}

/* An event that would hold much memory for each open answer is not learnt. */
static void test_large_events_are_not_kept(void **state)
{
    const struct readers readers = {dialect_scratch_new(), dialect_scratch_new()};
    struct dialect_repeat repeat = {.bytes = NULL};
    char data[2048];
    struct sse_event event;
    struct dialect_result result;

    (void)state;
    (void)snprintf(data, sizeof(data),
                   "{\"id\":\"%01100d\",\"choices\":[{\"delta\":{"
                   "\"content\":\"x\"}}]}",
                   0);
    event = (struct sse_event){.data = span_from_string(data)};
    dialect_chat.read(readers.full, &event, &result);
    assert_int_equal(result.kind, DIALECT_DELTA);
    dialect_repeat_learn(&repeat, &event, &result);
    assert_false(dialect_repeat_read(&repeat, readers.quick, &event, &result));
    assert_null(repeat.bytes);
    dialect_scratch_free(readers.quick);
    dialect_scratch_free(readers.full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_pair),
        cmocka_unit_test(test_reset_forgets),
        cmocka_unit_test(test_large_events_are_not_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
