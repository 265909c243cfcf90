/* SPDX-License-Identifier: MIT */
/*
 * admission.c - a counter for all, and a hash table of counters for the subjects that
 * have something in flight.
 */
#include "gateway/admission.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>

#include "base/bug.h"

#define BUCKETS 1024 /* a power of two */

struct admission_slot {
    LIST_ENTRY(admission_slot) link;
    size_t count; /* in flight for this subject, at least 1 */
    char subject[];
};

LIST_HEAD(bucket, admission_slot);

struct admission {
    size_t max_exchanges;
    size_t max_per_subject;
    size_t in_flight;
    uint64_t seed; /* subjects come from strangers; they must not choose their bucket */
    struct bucket buckets[BUCKETS];
};

/* FNV-1a, seeded. */
static struct bucket *bucket_of(struct admission *admission, const char *subject)
{
    uint64_t hash = admission->seed ^ UINT64_C(14695981039346656037);

    for (const char *at = subject; *at != '\0'; at++) {
        hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
    }
    hash ^= hash >> 32;
    return &admission->buckets[hash & (BUCKETS - 1)];
}

struct admission *admission_new(size_t max_exchanges, size_t max_per_subject)
{
    struct admission *admission = calloc(1, sizeof(*admission));

    if (admission == NULL) {
        return NULL;
    }
    admission->max_exchanges = max_exchanges;
    admission->max_per_subject = max_per_subject;
    if (getrandom(&admission->seed, sizeof(admission->seed), 0) != sizeof(admission->seed)) {
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
    (void)BUG_IF(admission->in_flight != 0);
    free(admission);
}

static struct admission_slot *find(struct bucket *bucket, const char *subject)
{
    struct admission_slot *slot;

    LIST_FOREACH(slot, bucket, link)
    {
        if (strcmp(slot->subject, subject) == 0) {
            return slot; /* cppcheck-suppress uninitvar ; it does not see through LIST_FOREACH */
        }
    }
    return NULL;
}

static struct admission_slot *add(struct bucket *bucket, const char *subject)
{
    size_t size = strlen(subject) + 1;
    struct admission_slot *slot = malloc(sizeof(*slot) + size);

    if (slot == NULL) {
        return NULL;
    }
    slot->count = 0;
    memcpy(slot->subject, subject, size);
    LIST_INSERT_HEAD(bucket, slot, link);
    return slot;
}

enum admission_verdict admission_acquire(struct admission *admission, const char *subject,
                                         struct admission_slot **slot)
{
    struct bucket *bucket = bucket_of(admission, subject);
    struct admission_slot *found = find(bucket, subject);

    if (admission->in_flight >= admission->max_exchanges) {
        return ADMISSION_FULL;
    }
    if (found != NULL && found->count >= admission->max_per_subject) {
        return ADMISSION_SUBJECT_FULL;
    }
    if (found == NULL) {
        found = add(bucket, subject);
    }
    if (found == NULL) {
        return ADMISSION_NO_MEMORY;
    }
    found->count++;
    admission->in_flight++;
    *slot = found;
    return ADMISSION_OK;
}

void admission_release(struct admission *admission, struct admission_slot *slot)
{
    if (slot == NULL) {
        return;
    }
    admission->in_flight--;
    slot->count--;
    if (slot->count == 0) {
        LIST_REMOVE(slot, link);
        free(slot);
    }
}

size_t admission_in_flight(const struct admission *admission)
{
    return admission->in_flight;
}
