/* SPDX-License-Identifier: MIT */
/*
 * bug.h - "this cannot happen", said in code.
 *
 * In test builds (TIDEGATE_ABORT_ON_BUG defined) a true condition aborts, so
 * that a test sees it. In release builds it is counted and the condition is
 * returned, so that the caller can leave by a safe way.
 */
#ifndef BASE_BUG_H
#define BASE_BUG_H

#include <stdbool.h>

/*
 * True when <condition> holds, which it never should.
 * Use as: if (BUG_IF(x)) { return; }
 */
#define BUG_IF(condition) bug_if((condition), #condition, __FILE__, __LINE__)

bool bug_if(bool is_bug, const char *condition, const char *file, int line);

/* How many impossible things happened in this process so far. */
unsigned long bug_count(void);

#endif
