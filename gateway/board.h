/* SPDX-License-Identifier: MIT */
/*
 * board.h - a text that one process shows to the processes forked from it.
 *
 * In shared memory, as the metrics are: what is shown now is seen by children that were
 * there before. One writer; readers never hold it up.
 */
#ifndef GATEWAY_BOARD_H
#define GATEWAY_BOARD_H

#include <stddef.h>

#include "base/attrs.h"

struct board;

/* Room for texts of <capacity> bytes; memory is taken only for what is shown. NULL: no memory. */
struct board *board_new(size_t capacity) MUST_USE;
void board_free(struct board *board); /* accepts NULL */

/* Show <text>; one that is too long is not shown, and then nothing is. */
void board_show(struct board *board, const char *text, size_t length);

/*
 * A copy of what is shown, NUL-terminated, owned by the caller; "" when nothing is. NULL when
 * memory is out.
 */
char *board_read(const struct board *board) MUST_USE;

#endif
