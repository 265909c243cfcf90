/* SPDX-License-Identifier: MIT */
/*
 * attrs.h - compiler attributes used in declarations.
 */
#ifndef BASE_ATTRS_H
#define BASE_ATTRS_H

/* The result tells success from failure: ignoring it is a bug. */
#define MUST_USE __attribute__((warn_unused_result))

/* Arguments are checked like printf's: FORMAT and FIRST are 1-based positions. */
#define PRINTF_LIKE(FORMAT, FIRST) __attribute__((format(printf, FORMAT, FIRST)))

#endif
