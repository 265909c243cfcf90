/* SPDX-License-Identifier: MIT */
/*
 * options.c - see options.h.
 */
#include "tests/bench/options.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/wire.h"

static void set(const struct option_row *row, const char *value)
{
    char *end = NULL;

    if (row->text != NULL) {
        *row->text = value;
        return;
    }
    *row->number = strtoll(value, &end, 10);
    if (*value == '\0' || *end != '\0' || *row->number < 0) {
        errno = EINVAL;
        bench_die(row->name);
    }
}

void options_read(char **argv, const struct option_row *rows)
{
    for (size_t i = 1; argv[i] != NULL; i += 2) {
        const struct option_row *row = rows;

        while (row->name != NULL && strcmp(row->name, argv[i]) != 0) {
            row += 1;
        }
        if (row->name == NULL || argv[i + 1] == NULL) {
            errno = EINVAL;
            bench_die(argv[i]);
        }
        set(row, argv[i + 1]);
    }
}
