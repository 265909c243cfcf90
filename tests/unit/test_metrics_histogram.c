/* SPDX-License-Identifier: MIT */
/*
 * test_metrics_histogram.c - bounds, sums and text of histograms; places of models.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/metrics_histogram.h"
#include "gateway/metrics_model.h"

static const struct metrics_bounds bounds = {3, 1000000, {1000, 250000, 2000000}};

static char *rendered(const struct metrics_histogram *histogram, const char *labels)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    assert_non_null(out);
    metrics_histogram_render(histogram, &bounds, "x_seconds", labels, out);
    (void)fclose(out);
    return text;
}

static void a_value_on_a_bound_is_below_it(void **state)
{
    struct metrics_histogram histogram = {.sum = 0};
    char *text;

    (void)state;
    metrics_histogram_add(&histogram, &bounds, 1000, 1);
    metrics_histogram_add(&histogram, &bounds, 1001, 2);
    metrics_histogram_add(&histogram, &bounds, 9000000, 1);

    text = rendered(&histogram, "a=\"b\"");
    assert_string_equal(text, "x_seconds_bucket{a=\"b\",le=\"0.001\"} 1\n"
                              "x_seconds_bucket{a=\"b\",le=\"0.25\"} 3\n"
                              "x_seconds_bucket{a=\"b\",le=\"2\"} 3\n"
                              "x_seconds_bucket{a=\"b\",le=\"+Inf\"} 4\n"
                              "x_seconds_sum{a=\"b\"} 9.003002\n"
                              "x_seconds_count{a=\"b\"} 4\n");
    free(text);
}

static void an_empty_one_has_zeros_and_no_braces(void **state)
{
    const struct metrics_histogram histogram = {.sum = 0};
    char *text = rendered(&histogram, "");

    (void)state;
    assert_string_equal(text, "x_seconds_bucket{le=\"0.001\"} 0\n"
                              "x_seconds_bucket{le=\"0.25\"} 0\n"
                              "x_seconds_bucket{le=\"2\"} 0\n"
                              "x_seconds_bucket{le=\"+Inf\"} 0\n"
                              "x_seconds_sum 0\nx_seconds_count 0\n");
    free(text);
}

static void merging_adds_up(void **state)
{
    struct metrics_histogram one = {.sum = 0};
    struct metrics_histogram two = {.sum = 0};

    (void)state;
    metrics_histogram_add(&one, &bounds, 500, 3);
    metrics_histogram_add(&two, &bounds, 9999999, 2);
    metrics_histogram_merge(&one, &two);

    assert_int_equal(metrics_histogram_count(&one), 5);
    assert_int_equal(one.sum, 3 * 500 + 2 * 9999999);
}

static void a_row_keeps_its_place_and_late_ones_share(void **state)
{
    static struct metrics_model models[METRICS_MODELS];
    struct metrics_model *first = metrics_model(models, "maker0/*");
    char name[32];

    (void)state;
    for (int i = 0; i < METRICS_MODELS - 1; i++) {
        (void)snprintf(name, sizeof(name), "maker%d/*", i);
        assert_string_equal(metrics_model(models, name)->name, name);
    }
    assert_ptr_equal(metrics_model(models, "maker0/*"), first);
    assert_string_equal(metrics_model(models, "one-too-many/*")->name, "other");
}

static void a_name_too_long_for_a_label_is_other(void **state)
{
    static struct metrics_model models[METRICS_MODELS];
    char name[METRICS_MODEL_NAME_BYTES + 1];

    (void)state;
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_string_equal(metrics_model(models, name)->name, "other");
}

static void what_is_not_known_is_not_counted(void **state)
{
    struct metrics_model model = {.name = "m"};
    const struct metrics_answer answer = {.first_token_ms = -1,
                                          .streaming_ms = -1,
                                          .duration_ms = 7,
                                          .input_tokens = -1,
                                          .output_tokens = -1};

    (void)state;
    metrics_model_add(&model, &answer);
    assert_int_equal(metrics_histogram_count(&model.first_token), 0);
    assert_int_equal(metrics_histogram_count(&model.per_token), 0);
    assert_int_equal(metrics_histogram_count(&model.input_tokens), 0);
    assert_int_equal(metrics_histogram_count(&model.output_tokens), 0);
    assert_int_equal(metrics_histogram_count(&model.duration), 1);
}

static void packed_tokens_are_told_apart_by_the_usage(void **state)
{
    struct metrics_model model = {.name = "m"};
    const struct metrics_answer answer = {.first_token_ms = 1,
                                          .streaming_ms = 1000,
                                          .duration_ms = 1001,
                                          .input_tokens = 1,
                                          .output_tokens = 101,
                                          .deltas = 11};

    (void)state;
    metrics_model_add(&model, &answer);
    assert_int_equal(model.per_token.sum, 10000); /* 1 s for 100 gaps */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_on_a_bound_is_below_it),
        cmocka_unit_test(an_empty_one_has_zeros_and_no_braces),
        cmocka_unit_test(merging_adds_up),
        cmocka_unit_test(a_row_keeps_its_place_and_late_ones_share),
        cmocka_unit_test(a_name_too_long_for_a_label_is_other),
        cmocka_unit_test(what_is_not_known_is_not_counted),
        cmocka_unit_test(packed_tokens_are_told_apart_by_the_usage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
