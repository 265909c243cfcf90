/* SPDX-License-Identifier: MIT */
/*
 * head_fields.h - what the fields of a request head mean to the gateway. Pure.
 *
 * The second half of head_lexer.c, which finds the lines and calls here.
 */
#ifndef GATEWAY_HEAD_FIELDS_H
#define GATEWAY_HEAD_FIELDS_H

#include <stdbool.h>

#include "base/attrs.h"
#include "gateway/head_lexer.h"

/* The method, METHOD_OTHER before it is complete. */
enum head_method head_fields_method(const struct head_lexer *lexer);

/*
 * Name what has come of the method, the target and the origin in lexer->head: answers to
 * broken heads depend on them too.
 */
void head_fields_name_known(struct head_lexer *lexer);

/* The line of lexer->field is complete, its value being the item in hand. False: refused. */
bool head_fields_end_line(struct head_lexer *lexer) MUST_USE;

/* The head is complete: judge it as a whole and fill lexer->head. False: refused. */
bool head_fields_end(struct head_lexer *lexer) MUST_USE;

#endif
