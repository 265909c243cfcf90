/* SPDX-License-Identifier: MIT */
/*
 * log_repeat.c - when the same warning comes too often, a count instead of lines.
 *
 * A small table of recent events, searched in order: warnings are rare, and when
 * they are not, the same one is.
 */
#include "gateway/log_repeat.h"

#include <stdio.h>
#include <string.h>

static bool is_over(const struct log_repeat_entry *entry)
{
    return entry->lines > LOG_REPEAT_LINES_MAX;
}

static bool has_expired(const struct log_repeat_entry *entry, int64_t now_ms)
{
    return entry->lines == 0 || now_ms - entry->window_from_ms >= LOG_REPEAT_WINDOW_MS;
}

/* The entry of <event>, or one to be taken over, or NULL when all are busy. */
static struct log_repeat_entry *find(struct log_repeat *repeat, const char *event, int64_t now_ms)
{
    struct log_repeat_entry *spare = NULL;

    for (size_t i = 0; i < LOG_REPEAT_EVENTS; i++) {
        struct log_repeat_entry *entry = &repeat->entries[i];
        if (entry->lines > 0 && strncmp(entry->event, event, LOG_REPEAT_NAME_BYTES_MAX) == 0) {
            return entry;
        }
        if (spare == NULL && has_expired(entry, now_ms) && !is_over(entry)) {
            spare = entry;
        }
    }
    return spare;
}

bool log_repeat_admit(struct log_repeat *repeat, const char *event, int64_t now_ms)
{
    struct log_repeat_entry *entry = find(repeat, event, now_ms);

    if (entry == NULL) {
        return true; /* more kinds of warning than places: better a line too many */
    }
    if (has_expired(entry, now_ms) && !is_over(entry)) {
        snprintf(entry->event, sizeof(entry->event), "%s", event);
        entry->window_from_ms = now_ms;
        entry->lines = 0;
    }
    entry->lines++;
    if (entry->lines == LOG_REPEAT_LINES_MAX + 1) {
        repeat->over++;
    }
    return !is_over(entry);
}

bool log_repeat_next_summary(struct log_repeat *repeat, int64_t now_ms,
                             struct log_repeat_summary *summary)
{
    for (size_t i = 0; repeat->over > 0 && i < LOG_REPEAT_EVENTS; i++) {
        struct log_repeat_entry *entry = &repeat->entries[i];
        if (is_over(entry) && has_expired(entry, now_ms)) {
            memcpy(summary->event, entry->event, sizeof(summary->event));
            summary->count = entry->lines - LOG_REPEAT_LINES_MAX;
            entry->lines = 0;
            repeat->over--;
            return true;
        }
    }
    return false;
}
