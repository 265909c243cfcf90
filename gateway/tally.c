/* SPDX-License-Identifier: MIT */
/*
 * tally.c - a hash table of counters, chained; an entry lives while its count is not 0.
 */
#include "gateway/tally.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>

#include "base/bug.h"

#define BUCKETS                                                                                    \
    4096 /* a power of two; some entries in each when every connection has its own key */

struct tally_slot {
    LIST_ENTRY(tally_slot) link;
    size_t count; /* at least 1 */
    size_t length;
    char key[];
};

LIST_HEAD(tally_bucket, tally_slot);

struct tally {
    size_t cap;
    size_t keys;
    uint64_t seed;
    struct tally_bucket buckets[BUCKETS];
};

/* FNV-1a, seeded. */
static struct tally_bucket *bucket_of(struct tally *tally, struct span key)
{
    uint64_t hash = tally->seed ^ UINT64_C(14695981039346656037);

    for (size_t i = 0; i < key.length; i++) {
        hash = (hash ^ (unsigned char)key.data[i]) * UINT64_C(1099511628211);
    }
    hash ^= hash >> 32;
    return &tally->buckets[hash & (BUCKETS - 1)];
}

struct tally *tally_new(size_t cap)
{
    struct tally *tally = calloc(1, sizeof(*tally));

    if (tally == NULL) {
        return NULL;
    }
    tally->cap = cap;
    if (getrandom(&tally->seed, sizeof(tally->seed), 0) != sizeof(tally->seed)) {
        free(tally);
        return NULL;
    }
    return tally;
}

void tally_free(struct tally *tally)
{
    if (tally == NULL) {
        return;
    }
    (void)BUG_IF(tally->keys != 0);
    free(tally);
}

static struct tally_slot *find(struct tally_bucket *bucket, struct span key)
{
    struct tally_slot *slot;

    LIST_FOREACH(slot, bucket, link)
    {
        /* cppcheck-suppress uninitvar ; it does not see through LIST_FOREACH */
        if (span_equals(span_of(slot->key, slot->length), key)) {
            return slot;
        }
    }
    return NULL;
}

static struct tally_slot *add(struct tally *tally, struct tally_bucket *bucket, struct span key)
{
    struct tally_slot *slot = malloc(sizeof(*slot) + key.length);

    if (slot == NULL) {
        return NULL;
    }
    slot->count = 0;
    slot->length = key.length;
    if (key.length > 0) {
        memcpy(slot->key, key.data, key.length);
    }
    LIST_INSERT_HEAD(bucket, slot, link);
    tally->keys++;
    return slot;
}

enum tally_verdict tally_acquire(struct tally *tally, struct span key, struct tally_slot **slot)
{
    struct tally_bucket *bucket = bucket_of(tally, key);
    struct tally_slot *found = find(bucket, key);

    if (found != NULL && found->count >= tally->cap) {
        return TALLY_FULL;
    }
    if (found == NULL) {
        found = add(tally, bucket, key);
    }
    if (found == NULL) {
        return TALLY_NO_MEMORY;
    }
    found->count++;
    *slot = found;
    return TALLY_OK;
}

void tally_release(struct tally *tally, struct tally_slot *slot)
{
    if (slot == NULL) {
        return;
    }
    slot->count--;
    if (slot->count == 0) {
        LIST_REMOVE(slot, link);
        free(slot);
        tally->keys--;
    }
}

size_t tally_keys(const struct tally *tally)
{
    return tally->keys;
}
