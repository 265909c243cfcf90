/* SPDX-License-Identifier: MIT */
/*
 * admission.h - caps on exchanges in flight, in all and for one subject. Pure.
 *
 * At a cap a request is refused; nothing ever queues.
 */
#ifndef GATEWAY_ADMISSION_H
#define GATEWAY_ADMISSION_H

#include <stddef.h>

#include "base/attrs.h"

struct admission;      /* per event loop */
struct admission_slot; /* one subject's entry, counted */

enum admission_verdict {
    ADMISSION_OK = 0,
    ADMISSION_FULL,         /* max_exchanges reached: 503 */
    ADMISSION_SUBJECT_FULL, /* max_exchanges_per_subject reached: 429 */
    ADMISSION_NO_MEMORY,
};

/* NULL when memory is out. Each maximum at least 1. */
struct admission *admission_new(size_t max_exchanges, size_t max_per_subject) MUST_USE;
void admission_free(struct admission *admission); /* every slot released; accepts NULL */

/* <subject> NUL-terminated, may be "". On ADMISSION_OK <slot> is to be released once. */
enum admission_verdict admission_acquire(struct admission *admission, const char *subject,
                                         struct admission_slot **slot) MUST_USE;
void admission_release(struct admission *admission, struct admission_slot *slot); /* NULL: no-op */

size_t admission_in_flight(const struct admission *admission);

#endif
