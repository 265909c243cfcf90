/* SPDX-License-Identifier: MIT */
/*
 * test_models.c - aliases, the retired list and the allow-list.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/models.h"

static const char *const allow[] = {"meta-llama/*", "Qwen/Qwen?-7B", "acme/exact", "acme/only:groq",
                                    "*/open"};
static const char *const retired[] = {"OpenAssistant/*", "meta-llama/old"};
static const struct {
    const char *from, *to;
} aliases[] = {
    {"meta/llama", "meta-llama/Llama-3.1-8B-Instruct"},
    {"short/pinned", "acme/only:groq"},
    {"gone/model", "OpenAssistant/x"},
    {"a/loop", "meta/llama"},
};
/* The conf owns its texts, so its fields are not const; the lists of the test are. */
static char *owned[16];
static struct config_alias owned_aliases[8];
static struct config config;

static char **own(const char *const *texts, size_t count)
{
    static size_t used;
    char **first = &owned[used];

    for (size_t i = 0; i < count; i++) {
        owned[used] = strdup(texts[i]);
        assert_non_null(owned[used]);
        used++;
    }
    return first;
}

static int make_config(void **state)
{
    (void)state;
    config.models_allow_count = sizeof(allow) / sizeof(allow[0]);
    config.models_allow = own(allow, config.models_allow_count);
    config.models_retired_count = sizeof(retired) / sizeof(retired[0]);
    config.models_retired = own(retired, config.models_retired_count);
    config.alias_count = sizeof(aliases) / sizeof(aliases[0]);
    config.aliases = owned_aliases;
    for (size_t i = 0; i < config.alias_count; i++) {
        owned_aliases[i].from = strdup(aliases[i].from);
        owned_aliases[i].to = strdup(aliases[i].to);
    }
    return 0;
}

static int free_config(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++) {
        free(owned[i]);
    }
    for (size_t i = 0; i < config.alias_count; i++) {
        free(owned_aliases[i].from);
        free(owned_aliases[i].to);
    }
    return 0;
}

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
        struct models_choice choice = {.upstream_model = span_of(NULL, 0)};
        enum models_verdict verdict =
            models_resolve(&config, span_from_string(rows[i].model), room, sizeof(room), &choice);
        struct span upstream = choice.upstream_model;
        if (verdict != rows[i].verdict ||
            (rows[i].upstream != NULL && !span_equals_string(upstream, rows[i].upstream))) {
            fail_msg("row '%s': verdict %d, upstream '%.*s'", rows[i].model, (int)verdict,
                     (int)upstream.length, upstream.data);
        }
    }
}

static void a_pattern_of_many_stars_takes_no_time(void **state)
{
    static const char *const stars[] = {"*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b"};
    const struct config many = {.models_allow = own(stars, 1), .models_allow_count = 1};
    char model[250];
    char room[300];
    struct models_choice choice;

    (void)state;
    memset(model, 'a', sizeof(model));
    /* With backtracking over every star this would outlive the test's time limit. */
    assert_int_equal(
        models_resolve(&many, span_of(model, sizeof(model)), room, sizeof(room), &choice),
        MODELS_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_model_gets_its_verdict),
        cmocka_unit_test(a_pattern_of_many_stars_takes_no_time),
    };

    return cmocka_run_group_tests(tests, make_config, free_config);
}
