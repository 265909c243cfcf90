/* SPDX-License-Identifier: MIT */
/*
 * attrs.h - compiler attributes used in declarations.
 */
#ifndef BASE_ATTRS_H
#define BASE_ATTRS_H

#include <stdbool.h>

/* The result tells success from failure: ignoring it is a bug. */
#define MUST_USE __attribute__((warn_unused_result))

/* A sanitizer is built in: it looks into its own process in ways that we forbid otherwise. */
#if defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_SANITIZED true
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED false
#endif

/* Arguments are checked like printf's: FORMAT and FIRST are 1-based positions. */
#define PRINTF_LIKE(FORMAT, FIRST) __attribute__((format(printf, FORMAT, FIRST)))

#endif
