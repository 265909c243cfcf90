/* SPDX-License-Identifier: MIT */
/*
 * options.h - "--name value" pairs of the bench programs, by a table.
 */
#ifndef TESTS_BENCH_OPTIONS_H
#define TESTS_BENCH_OPTIONS_H

#include <stdint.h>

/* One option: <text> or <number> is set, the other one is NULL. */
struct option_row {
    const char *name; /* with the dashes; NULL ends the table */
    const char **text;
    int64_t *number;
};

/* Set what <argv> names; anything that is not in the table ends the program. */
void options_read(char **argv, const struct option_row *rows);

#endif
