/* SPDX-License-Identifier: MIT */
/*
 * admission.c - two counters for all, and a tally for the subjects.
 */
#include "gateway/admission.h"

#include <stdlib.h>

#include "base/bug.h"
#include "base/span.h"
#include "gateway/tally.h"

struct admission {
    struct admission_caps caps;
    size_t in_flight;
    size_t waiting;
    struct tally *subjects; /* owned */
};

struct admission *admission_new(const struct admission_caps *caps)
{
    struct admission *admission = calloc(1, sizeof(*admission));

    if (admission == NULL) {
        return NULL;
    }
    admission->caps = *caps;
    admission->subjects = tally_new(caps->per_subject);
    if (admission->subjects == NULL) {
        free(admission);
        return NULL;
    }
    return admission;
}

void admission_free(struct admission *admission)
{
    if (admission == NULL) {
        return;
    }
    (void)BUG_IF(admission->in_flight != 0 || admission->waiting != 0);
    tally_free(admission->subjects);
    free(admission);
}

enum admission_verdict admission_acquire(struct admission *admission, const char *subject,
                                         struct tally_slot **slot)
{
    if (admission->in_flight >= admission->caps.exchanges) {
        return ADMISSION_FULL;
    }
    switch (tally_acquire(admission->subjects, span_from_string(subject), slot)) {
    case TALLY_OK:
        break;
    case TALLY_FULL:
        return ADMISSION_SUBJECT_FULL;
    case TALLY_NO_MEMORY:
        return ADMISSION_NO_MEMORY;
    }
    admission->in_flight++;
    return ADMISSION_OK;
}

void admission_release(struct admission *admission, struct tally_slot *slot)
{
    if (slot == NULL) {
        return;
    }
    admission->in_flight--;
    tally_release(admission->subjects, slot);
}

size_t admission_in_flight(const struct admission *admission)
{
    return admission->in_flight;
}

bool admission_may_wait(const struct admission *admission)
{
    return admission->waiting < admission->caps.waiting;
}

void admission_begin_wait(struct admission *admission)
{
    admission->waiting++;
}

void admission_end_wait(struct admission *admission)
{
    if (!BUG_IF(admission->waiting == 0)) {
        admission->waiting--;
    }
}

size_t admission_waiting(const struct admission *admission)
{
    return admission->waiting;
}
