/* SPDX-License-Identifier: MIT */
/*
 * admission.h - caps on exchanges: in flight in all, for one subject, and waiting for
 * their first token. Pure.
 *
 * At a cap a request is refused; nothing ever queues.
 */
#ifndef GATEWAY_ADMISSION_H
#define GATEWAY_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attrs.h"

struct admission; /* per event loop */
struct tally_slot;

/* Each at least 1. */
struct admission_caps {
    size_t exchanges;
    size_t per_subject;
    size_t waiting;
};

enum admission_verdict {
    ADMISSION_OK = 0,
    ADMISSION_FULL,         /* caps.exchanges reached: 503 */
    ADMISSION_SUBJECT_FULL, /* caps.per_subject reached: 429 */
    ADMISSION_NO_MEMORY,
};

/* NULL when memory is out. */
struct admission *admission_new(const struct admission_caps *caps) MUST_USE;
void admission_free(struct admission *admission); /* every slot released; accepts NULL */

/* <subject> NUL-terminated, may be "". On ADMISSION_OK <slot> is to be released once. */
enum admission_verdict admission_acquire(struct admission *admission, const char *subject,
                                         struct tally_slot **slot) MUST_USE;
void admission_release(struct admission *admission, struct tally_slot *slot); /* NULL: no-op */

size_t admission_in_flight(const struct admission *admission);

/* True while one more may wait for its first token. */
bool admission_may_wait(const struct admission *admission);

/* One more waits, one fewer does: in pairs. */
void admission_begin_wait(struct admission *admission);
void admission_end_wait(struct admission *admission);

size_t admission_waiting(const struct admission *admission);

#endif
