/* SPDX-License-Identifier: MIT */
/*
 * openai_error.h - how the OpenAI-compatible doors say what is wrong. Pure.
 *
 *   {"error":{"message":"...","type":"...","param":null,"code":"..."}}
 *
 * The status is HTTP's own: nothing is folded into 500 as at the documented endpoint.
 */
#ifndef GATEWAY_OPENAI_ERROR_H
#define GATEWAY_OPENAI_ERROR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attrs.h"
#include "gateway/end_reason.h"

#define OPENAI_ERROR_BYTES_MAX 1024

/* Texts in ASCII; borrowed. */
struct openai_error {
    int status;
    const char *type;
    const char *code;
    const char *param;   /* the member of the body that is to blame; NULL: none */
    const char *message; /* what is wrong, where, and what is allowed */
};

/* What is said of an end that has no more to be said about it. */
void openai_error_of(enum end_reason reason, struct openai_error *error);

/* Write the body to <out>, cut nowhere but inside message and param; returns its length. */
size_t openai_error_render(const struct openai_error *error,
                           char out[OPENAI_ERROR_BYTES_MAX]) MUST_USE;

#endif
