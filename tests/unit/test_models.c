/* SPDX-License-Identifier: MIT */
/*
 * test_models.c - aliases, the retired list and the allow-list.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/models.h"

/* The conf's texts are not const. */
#define TEXT(literal) ((char[]){literal})

static char *allow[] = {TEXT("meta-llama/*"), TEXT("Qwen/Qwen?-7B"), TEXT("acme/exact"),
                        TEXT("acme/only:groq"), TEXT("*/open")};
static char *retired[] = {TEXT("OpenAssistant/*"), TEXT("meta-llama/old")};
static struct config_alias aliases[] = {
    {TEXT("meta/llama"), TEXT("meta-llama/Llama-3.1-8B-Instruct")},
    {TEXT("short/pinned"), TEXT("acme/only:groq")},
    {TEXT("gone/model"), TEXT("OpenAssistant/x")},
    {TEXT("a/loop"), TEXT("meta/llama")},
};
static const struct config config = {
    .models_allow = allow,
    .models_allow_count = sizeof(allow) / sizeof(allow[0]),
    .models_retired = retired,
    .models_retired_count = sizeof(retired) / sizeof(retired[0]),
    .aliases = aliases,
    .alias_count = sizeof(aliases) / sizeof(aliases[0]),
};

struct row {
    const char *model;
    enum models_verdict verdict;
    const char *upstream; /* when allowed */
};

static const struct row rows[] = {
    {"meta-llama/Llama-3", MODELS_ALLOWED, "meta-llama/Llama-3"},
    {"meta-llama/Llama-3:groq", MODELS_ALLOWED, "meta-llama/Llama-3:groq"},
    {"Meta-Llama/Llama-3", MODELS_UNKNOWN, NULL}, /* case matters */
    {"xmeta-llama/Llama-3", MODELS_UNKNOWN, NULL},
    {"Qwen/Qwen3-7B", MODELS_ALLOWED, "Qwen/Qwen3-7B"},
    {"Qwen/Qwen33-7B", MODELS_UNKNOWN, NULL}, /* "?" is one byte */
    {"Qwen/Qwen-7B", MODELS_UNKNOWN, NULL},
    {"acme/exact", MODELS_ALLOWED, "acme/exact"},
    {"acme/exact2", MODELS_UNKNOWN, NULL},
    {"acme/exac", MODELS_UNKNOWN, NULL},
    {"acme/only:groq", MODELS_ALLOWED, "acme/only:groq"},
    {"acme/only:other", MODELS_UNKNOWN, NULL}, /* a pattern with a colon means its provider */
    {"acme/only", MODELS_UNKNOWN, NULL},
    {"anybody/open", MODELS_ALLOWED, "anybody/open"},
    {"OpenAssistant/oasst", MODELS_RETIRED, NULL},
    {"OpenAssistant/oasst:groq", MODELS_RETIRED, NULL},
    {"meta-llama/old", MODELS_RETIRED, NULL}, /* retired goes before allow */
    {"meta/llama", MODELS_ALLOWED, "meta-llama/Llama-3.1-8B-Instruct"},
    {"meta/llama:together", MODELS_ALLOWED, "meta-llama/Llama-3.1-8B-Instruct:together"},
    {"short/pinned", MODELS_ALLOWED, "acme/only:groq"},
    {"short/pinned:x", MODELS_ALLOWED, "acme/only:groq"}, /* the alias has its own provider */
    {"gone/model", MODELS_RETIRED, NULL},
    {"a/loop", MODELS_UNKNOWN, NULL}, /* applied once */
    {"nobody/nothing", MODELS_UNKNOWN, NULL},
};

static void each_model_gets_its_verdict(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char room[300];
        struct span upstream = span_of(NULL, 0);
        enum models_verdict verdict =
            models_resolve(&config, span_from_string(rows[i].model), room, sizeof(room), &upstream);
        if (verdict != rows[i].verdict ||
            (rows[i].upstream != NULL && !span_equals_string(upstream, rows[i].upstream))) {
            fail_msg("row '%s': verdict %d, upstream '%.*s'", rows[i].model, (int)verdict,
                     (int)upstream.length, upstream.data);
        }
    }
}

static void a_pattern_of_many_stars_takes_no_time(void **state)
{
    static char *stars[] = {TEXT("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b")};
    const struct config many = {.models_allow = stars, .models_allow_count = 1};
    char model[250];
    char room[300];
    struct span upstream;

    (void)state;
    memset(model, 'a', sizeof(model));
    /* With backtracking over every star this would outlive the test's time limit. */
    assert_int_equal(
        models_resolve(&many, span_of(model, sizeof(model)), room, sizeof(room), &upstream),
        MODELS_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_model_gets_its_verdict),
        cmocka_unit_test(a_pattern_of_many_stars_takes_no_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
