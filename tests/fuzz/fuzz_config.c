/* SPDX-License-Identifier: MIT */
/*
 * fuzz_config.c - any bytes as a conf file: a conf or problems, never both, never neither.
 *
 * What loads is printed, and what was printed loads again to the same.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/config.h"
#include "tests/fuzz/fuzz_target.h"

/* libconfig 1.5 loses its string buffer when a text with strings does not parse. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:libconfig.so";
}

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static struct config *load(struct span text, size_t *problem_bytes)
{
    char *problems = NULL;
    FILE *out = open_memstream(&problems, problem_bytes);
    struct config *config;

    require(out != NULL);
    config = config_load_text("fuzz.conf", text, out);
    (void)fclose(out);
    free(problems);
    return config;
}

static char *print(const struct config *config, size_t *length)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, length);

    require(out != NULL);
    config_print(config, out);
    (void)fclose(out);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t problem_bytes = 0;
    size_t first_length = 0;
    size_t second_length = 0;
    struct config *config;
    char *first;
    char *second;

    require(setenv("FUZZ_SECRET", "a-secret-that-is-long-enough-for-hs256", 1) == 0);
    config = load(span_of((const char *)data, size), &problem_bytes);
    require((config == NULL) == (problem_bytes > 0));
    if (config == NULL) {
        return 0;
    }
    first = print(config, &first_length);
    config_free(config);
    config = load(span_of(first, first_length), &problem_bytes);
    require(config != NULL);
    second = print(config, &second_length);
    config_free(config);
    require(first_length == second_length && memcmp(first, second, first_length) == 0);
    free(first);
    free(second);
    return 0;
}
