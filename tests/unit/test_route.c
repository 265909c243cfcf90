/* SPDX-License-Identifier: MIT */
/*
 * test_route.c - what a target asks for, and that it has one spelling only.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/route.h"

#define BASE "/api/ai/huggingface/"
#define NAME96                                                                                     \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
    "aaaa"
#define ID128                                                                                      \
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"                             \
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

struct row {
    const char *name;
    const char *target;
    enum route_id id;
    bool query, model; /* valid */
    const char *model_text, *chat_id, *format;
};

static const struct row rows[] = {
    {"plain", BASE "meta/llama/chat?chat_id=1", ROUTE_CHAT, true, true, "meta/llama", "1", ""},
    {"all characters", BASE "A.b_c-9/X.y_z-0/chat?chat_id=a.b_c~d-9", ROUTE_CHAT, true, true,
     "A.b_c-9/X.y_z-0", "a.b_c~d-9", ""},
    {"decoded once", BASE "met%61/lla%6Da/chat?chat_id=%31", ROUTE_CHAT, true, true, "meta/llama",
     "1", ""},
    {"not decoded twice", BASE "met%2561/llama/chat?chat_id=1", ROUTE_CHAT, true, false, NULL, "1",
     ""},
    {"provider", BASE "a/b:groq/chat?chat_id=1", ROUTE_CHAT, true, true, "a/b:groq", "1", ""},
    {"provider, colon encoded", BASE "a/b%3Agroq/chat?chat_id=1", ROUTE_CHAT, true, true,
     "a/b:groq", "1", ""},
    {"empty provider", BASE "a/b:/chat?chat_id=1", ROUTE_CHAT, true, false, NULL, "1", ""},
    {"two providers", BASE "a/b:c:d/chat?chat_id=1", ROUTE_CHAT, true, false, NULL, "1", ""},
    {"provider on the publisher", BASE "a:x/b/chat?chat_id=1", ROUTE_CHAT, true, false, NULL, "1",
     ""},
    {"encoded slash", BASE "a%2Fb/c/chat?chat_id=1", ROUTE_CHAT, true, false, NULL, "1", ""},
    {"encoded NUL", BASE "a%00/c/chat?chat_id=1", ROUTE_CHAT, true, false, NULL, "1", ""},
    {"dots", BASE "../x/chat?chat_id=1", ROUTE_CHAT, true, false, NULL, "1", ""},
    {"encoded dots", BASE "%2e%2e/x/chat?chat_id=1", ROUTE_CHAT, true, false, NULL, "1", ""},
    {"empty publisher", BASE "/x/chat?chat_id=1", ROUTE_CHAT, true, false, NULL, "1", ""},
    {"96 bytes", BASE NAME96 "/" NAME96 "/chat?chat_id=1", ROUTE_CHAT, true, true,
     NAME96 "/" NAME96, "1", ""},
    {"97 bytes", BASE NAME96 "a/x/chat?chat_id=1", ROUTE_CHAT, true, false, NULL, "1", ""},
    {"name of 97 bytes", BASE "x/" NAME96 "a/chat?chat_id=1", ROUTE_CHAT, true, false, NULL, "1",
     ""},
    {"other path", "/nope", ROUTE_UNKNOWN, false, false, NULL, NULL, NULL},
    {"slash behind", BASE "a/b/chat/?chat_id=1", ROUTE_UNKNOWN, false, false, NULL, NULL, NULL},
    {"case of the path", "/API/ai/huggingface/a/b/chat?chat_id=1", ROUTE_UNKNOWN, false, false,
     NULL, NULL, NULL},
    {"a segment more", BASE "a/b/c/chat?chat_id=1", ROUTE_UNKNOWN, false, false, NULL, NULL, NULL},
    {"encoded path", "/api/ai/hugging%66ace/a/b/chat?chat_id=1", ROUTE_UNKNOWN, false, false, NULL,
     NULL, NULL},
    {"no query", BASE "a/b/chat", ROUTE_CHAT, false, true, "a/b", NULL, NULL},
    {"empty chat_id", BASE "a/b/chat?chat_id=", ROUTE_CHAT, false, true, "a/b", NULL, NULL},
    {"chat_id without a value", BASE "a/b/chat?chat_id", ROUTE_CHAT, false, true, "a/b", NULL,
     NULL},
    {"chat_id twice", BASE "a/b/chat?chat_id=1&chat_id=1", ROUTE_CHAT, false, true, "a/b", NULL,
     NULL},
    {"chat_id twice, one name encoded", BASE "a/b/chat?chat_id=1&chat%5Fid=2", ROUTE_CHAT, false,
     true, "a/b", NULL, NULL},
    {"plus is no space", BASE "a/b/chat?chat_id=a+b", ROUTE_CHAT, false, true, "a/b", NULL, NULL},
    {"space", BASE "a/b/chat?chat_id=a%20b", ROUTE_CHAT, false, true, "a/b", NULL, NULL},
    {"128 bytes", BASE "a/b/chat?chat_id=" ID128, ROUTE_CHAT, true, true, "a/b", ID128, ""},
    {"129 bytes", BASE "a/b/chat?chat_id=" ID128 "b", ROUTE_CHAT, false, true, "a/b", NULL, NULL},
    {"unknown keys", BASE "a/b/chat?x=1&&chat_id=7&is_playground=true&%zz", ROUTE_CHAT, true, true,
     "a/b", "7", ""},
    {"format", BASE "a/b/chat?format=data&chat_id=7", ROUTE_CHAT, true, true, "a/b", "7", "data"},
    {"format twice", BASE "a/b/chat?format=data&chat_id=7&format=text", ROUTE_CHAT, false, true,
     "a/b", NULL, NULL},
    {"format too long", BASE "a/b/chat?format=aaaaaaaaaaaaaaaaa&chat_id=7", ROUTE_CHAT, false, true,
     "a/b", NULL, NULL},
    {"door", "/v1/chat/completions", ROUTE_COMPLETIONS, true, false, "", "", ""},
    {"door with chat_id", "/v1/chat/completions?chat_id=a%2Db&format=!", ROUTE_COMPLETIONS, true,
     false, "", "a-b", ""},
    {"door, chat_id twice", "/v1/chat/completions?chat_id=1&chat_id=1", ROUTE_COMPLETIONS, false,
     false, "", NULL, NULL},
    {"door, chat_id malformed", "/v1/chat/completions?chat_id=", ROUTE_COMPLETIONS, false, false,
     "", NULL, NULL},
    {"door of the path", BASE "a/b:c/chat/completions", ROUTE_CHAT_COMPLETIONS, true, true, "a/b:c",
     "", ""},
    {"door of the path, dots", BASE "../b/chat/completions", ROUTE_CHAT_COMPLETIONS, true, false,
     NULL, "", ""},
    {"beside that door", BASE "a/b/chat/completions/", ROUTE_UNKNOWN, false, false, NULL, NULL,
     NULL},
    {"slash behind the door", "/v1/chat/completions/", ROUTE_UNKNOWN, false, false, NULL, NULL,
     NULL},
    {"models", "/v1/models", ROUTE_MODELS, true, false, "", "", ""},
    {"models, slash behind", "/v1/models/", ROUTE_UNKNOWN, false, false, NULL, NULL, NULL},
    {"beside models", "/v1/modelsx", ROUTE_UNKNOWN, false, false, NULL, NULL, NULL},
    {"model", "/v1/models/a/b:c", ROUTE_MODEL, true, true, "a/b:c", "", ""},
    {"model, slash encoded", "/v1/models/a%2fb%3Ac", ROUTE_MODEL, true, true, "a/b:c", "", ""},
    {"model, slash encoded twice", "/v1/models/a%252fb", ROUTE_MODEL, true, false, NULL, "", ""},
    {"model without a publisher", "/v1/models/a", ROUTE_MODEL, true, false, NULL, "", ""},
    {"model, two slashes", "/v1/models/a%2fb%2fc", ROUTE_MODEL, true, false, NULL, "", ""},
    {"model, encoded NUL", "/v1/models/a%2fb%00", ROUTE_MODEL, true, false, NULL, "", ""},
    {"model of 96 and 96 bytes", "/v1/models/" NAME96 "%2f" NAME96, ROUTE_MODEL, true, true,
     NAME96 "/" NAME96, "", ""},
    {"model of 97 bytes", "/v1/models/" NAME96 "a%2fb", ROUTE_MODEL, true, false, NULL, "", ""},
    {"empty", "", ROUTE_UNKNOWN, false, false, NULL, NULL, NULL},
};

static bool same(const char *text, const char *expected)
{
    return expected == NULL || strcmp(text, expected) == 0;
}

static void each_target_is_read_as_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        struct route route;
        route_parse(span_from_string(row->target), &route);
        if (route.id != row->id || route.query_is_valid != row->query ||
            route.model_is_valid != row->model || !same(route.model, row->model_text) ||
            (row->query &&
             (!same(route.chat_id, row->chat_id) || !same(route.format, row->format)))) {
            fail_msg("row '%s': id %d query %d model %d '%s' chat_id '%s' format '%s'", row->name,
                     (int)route.id, route.query_is_valid, route.model_is_valid, route.model,
                     route.chat_id, route.format);
        }
    }
}

static void every_prefix_of_a_target_is_safe_to_read(void **state)
{
    static const char target[] = BASE "met%61/llama:x/chat?chat_id=%31&format=data";
    struct route route;

    (void)state;
    for (size_t length = 0; length < sizeof(target); length++) {
        char copy[sizeof(target)];
        memcpy(copy, target, length);
        route_parse(span_of(copy, length), &route);
        assert_true(strlen(route.model) < sizeof(route.model));
    }
}

static void a_model_of_a_body_is_read_as_one_of_a_path(void **state)
{
    static const struct {
        const char *text;
        size_t length;
        bool is_valid;
    } models[] = {
        {"a/b", 3, true},    {"a/b:c", 5, true},  {"a", 1, false},          {"", 0, false},
        {"a/", 2, false},    {"/b", 2, false},    {"a/b/c", 5, false},      {"a/b:", 4, false},
        {"a%2fb", 5, false}, {"a/b\0", 4, false}, {"a/\0", 3, false},       {"a/..", 4, false},
        {"a\0/b", 4, false}, {"a/b c", 5, false}, {"a/\xC3\xA9", 4, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
        struct route route = {.id = ROUTE_COMPLETIONS};
        route_parse_model(span_of(models[i].text, models[i].length), &route);
        if (route.model_is_valid != models[i].is_valid) {
            fail_msg("'%s'", models[i].text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_target_is_read_as_the_table_says),
        cmocka_unit_test(every_prefix_of_a_target_is_safe_to_read),
        cmocka_unit_test(a_model_of_a_body_is_read_as_one_of_a_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
