/* SPDX-License-Identifier: MIT */
/*
 * bug.c - counts, or in test builds dies of, what cannot happen.
 *
 * Two severities in one call: a test wants the stack at the first impossible
 * state, an edge with thousands of streams wants to lose one exchange at most.
 */
#include "base/bug.h"

#include <stdio.h>
#include <stdlib.h>

static unsigned long bugs_seen; /* one process, one thread: no lock */

bool bug_if(bool is_bug, const char *condition, const char *file, int line)
{
    if (!is_bug) {
        return false;
    }
    bugs_seen++;
#ifdef TIDEGATE_ABORT_ON_BUG
    fprintf(stderr, "%s:%d: impossible: %s\n", file, line, condition);
    abort();
#else
    (void)condition;
    (void)file;
    (void)line;
    return true;
#endif
}

unsigned long bug_count(void)
{
    return bugs_seen;
}
