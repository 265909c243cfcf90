/* SPDX-License-Identifier: MIT */
/*
 * tape.h - recorded answers to replay: NAME.body with NAME.meta.json beside it.
 */
#ifndef TESTS_SIM_TAPE_H
#define TESTS_SIM_TAPE_H

#include <stddef.h>

#include "base/attrs.h"
#include "base/span.h"

struct tape {
    char *name; /* owned; file name without ".body" */
    char *body; /* owned */
    size_t length;
    int status;
    char content_type[128];
};

struct tapes;

/* Read every tape of a folder; NULL with a message on stderr when that fails. */
struct tapes *tapes_load(const char *folder) MUST_USE;
void tapes_free(struct tapes *tapes); /* accepts NULL */

/* The tape of this name, or the only one whose name begins so; else NULL. Accepts NULL. */
const struct tape *tapes_find(const struct tapes *tapes, const char *name);

#endif
