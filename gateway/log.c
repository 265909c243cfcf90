/* SPDX-License-Identifier: MIT */
/*
 * log.c - one line per event, logfmt or JSON, never blocking.
 *
 * A field goes into the line whole or not at all; a line that lost one says so.
 * The state is per process, as standard error is: a child inherits it by fork.
 */
#include "gateway/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/clock.h"
#include "gateway/log_escape.h"
#include "gateway/log_repeat.h"
#include "gateway/log_sink.h"

#define MS_PER_S 1000
#define STAMP_BYTES sizeof("2026-01-01T00:00:00")
#define TAIL_BYTES 16 /* kept free for the mark of a cut line and the line's end */

static struct {
    enum log_level level;
    enum log_format format;
    bool is_set_up;
    unsigned long dropped;
    uint64_t *losses;                     /* borrowed; where they are counted as well, or NULL */
    unsigned long lost_main, lost_access; /* and not told yet */
    struct log_sink main;
    struct log_sink access;
    int64_t stamp_s; /* the second that <stamp> spells */
    char stamp[STAMP_BYTES];
    struct log_repeat repeat;
} log_state = {.level = LOG_INFO, .main = {.fd = -1}, .access = {.fd = -1}};

void log_setup(enum log_level level, enum log_format format)
{
    log_state.level = level;
    log_state.format = format;
    log_sink_fini(&log_state.main);
    log_sink_init(&log_state.main, STDERR_FILENO);
    log_state.is_set_up = true;
}

void log_setup_access(int fd)
{
    log_sink_fini(&log_state.access);
    log_sink_init(&log_state.access, fd);
}

bool log_is_enabled(enum log_level level)
{
    return level <= log_state.level;
}

unsigned long log_dropped(void)
{
    return log_state.dropped;
}

void log_count_losses(uint64_t *counter)
{
    log_state.losses = counter;
    log_state.dropped = 0;
    log_state.lost_main = 0;
    log_state.lost_access = 0;
}

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_ERROR:
        return "error";
    case LOG_WARN:
        return "warn";
    case LOG_INFO:
        return "info";
    case LOG_DEBUG:
        return "debug";
    }
    return "error";
}

/* RFC 3339 in UTC; the part down to the second is made once a second. */
static void stamp(char out[40])
{
    int64_t now_ms = clock_wall_unix_ms();
    int64_t now_s = now_ms / MS_PER_S;
    time_t seconds = (time_t)now_s;
    struct tm utc;

    if (now_s != log_state.stamp_s && gmtime_r(&seconds, &utc) != NULL &&
        strftime(log_state.stamp, sizeof(log_state.stamp), "%Y-%m-%dT%H:%M:%S", &utc) > 0) {
        log_state.stamp_s = now_s;
    }
    snprintf(out, 40, "%s.%03dZ", log_state.stamp, (int)(now_ms % MS_PER_S));
}

static struct log_room room_of(struct log_line *line)
{
    return (struct log_room){
        .bytes = line->bytes + line->prefix,
        .length = line->length,
        .capacity = sizeof(line->bytes) - line->prefix - TAIL_BYTES,
    };
}

static void keep(struct log_line *line, const struct log_room *room)
{
    if (room->is_full) {
        line->is_cut = true;
    } else {
        line->length = room->length;
    }
}

static void put_key(struct log_room *room, const char *key)
{
    if (log_state.format == LOG_JSON) {
        log_room_puts(room, room->length == 0 ? "{\"" : ",\"");
        log_room_puts(room, key);
        log_room_puts(room, "\":");
        return;
    }
    log_room_puts(room, room->length == 0 ? "" : " ");
    log_room_puts(room, key);
    log_room_puts(room, "=");
}

void log_span(struct log_line *line, const char *key, struct span value)
{
    char cut[LOG_VALUE_BYTES_MAX];
    struct log_room room = room_of(line);

    if (!line->is_open) {
        return;
    }
    if (value.length > LOG_VALUE_BYTES_MAX) {
        memcpy(cut, value.data, sizeof(cut) - 3);
        /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): a span, not a string */
        memcpy(cut + sizeof(cut) - 3, "...", 3);
        value = span_of(cut, sizeof(cut));
    }
    put_key(&room, key);
    if (log_state.format == LOG_JSON) {
        log_escape_json(&room, value);
    } else {
        log_escape_logfmt(&room, value);
    }
    keep(line, &room);
}

void log_string(struct log_line *line, const char *key, const char *value)
{
    if (value != NULL) {
        log_span(line, key, span_from_string(value));
    }
}

/* A dozen of these are in every access line; printf() costs twenty times as much. */
static void put_int(struct log_room *room, int64_t value)
{
    char digits[20]; /* 19 of the smallest number, and its sign */
    size_t at = sizeof(digits);
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0) {
        digits[--at] = '-';
    }
    log_room_put(room, digits + at, sizeof(digits) - at);
}

void log_int(struct log_line *line, const char *key, int64_t value)
{
    struct log_room room = room_of(line);

    if (!line->is_open) {
        return;
    }
    put_key(&room, key);
    put_int(&room, value);
    keep(line, &room);
}

/* sd-daemon(3): a priority of syslog(3) in front of a line. Returns its length. */
static size_t put_priority(char *out, enum log_level level)
{
    static const char priorities[] = {
        [LOG_ERROR] = '3', [LOG_WARN] = '4', [LOG_INFO] = '6', [LOG_DEBUG] = '7'};

    out[0] = '<';
    out[1] = priorities[level];
    out[2] = '>';
    return 3;
}

static void open_line(struct log_line *line, enum log_level level, const char *event)
{
    bool is_for_journal = line->is_access ? log_state.access.is_journal : log_state.main.is_journal;
    char now[40];

    line->prefix = is_for_journal ? put_priority(line->bytes, level) : 0;
    line->length = 0;
    line->is_cut = false;
    line->is_open = true;
    if (!is_for_journal) {
        stamp(now);
        log_string(line, "ts", now);
    }
    log_string(line, "lvl", level_name(level));
    log_string(line, "ev", event);
    log_int(line, "pid", getpid());
}

static void report_suppressed(void)
{
    struct log_line line;
    struct log_repeat_summary summary;

    while (log_repeat_next_summary(&log_state.repeat, clock_now_ms(), &summary)) {
        line.is_access = false;
        open_line(&line, LOG_WARN, "repeats_suppressed");
        log_string(&line, "of", summary.event);
        log_int(&line, "count", (int64_t)summary.count);
        log_end(&line);
    }
}

void log_begin(struct log_line *line, enum log_level level, const char *event)
{
    if (!log_state.is_set_up) {
        log_setup(log_state.level, log_state.format);
    }
    report_suppressed();
    line->prefix = 0;
    line->is_access = false;
    line->is_open = false;
    if (!log_is_enabled(level) ||
        (level == LOG_WARN && !log_repeat_admit(&log_state.repeat, event, clock_now_ms()))) {
        return;
    }
    open_line(line, level, event);
}

void log_begin_access(struct log_line *line, const char *event)
{
    line->prefix = 0;
    line->is_access = true;
    line->is_open = false;
    if (log_state.access.kind != LOG_SINK_NONE) {
        open_line(line, LOG_INFO, event);
    }
}

static void close_line(struct log_line *line)
{
    bool is_json = log_state.format == LOG_JSON;
    struct log_room room = room_of(line);

    line->is_open = false;
    room.capacity += TAIL_BYTES;
    if (line->is_cut) {
        log_room_puts(&room, is_json ? ",\"cut\":true" : " cut=true");
    }
    log_room_puts(&room, is_json ? "}\n" : "\n");
    BUG_IF(room.is_full);
    line->length = room.length;
}

static bool write_line(const struct log_line *line)
{
    return log_sink_write(line->is_access ? &log_state.access : &log_state.main,
                          span_of(line->bytes, line->prefix + line->length));
}

/* Whatever the level: it stands for lines that were to be written. False: still nobody reads. */
static bool tell_losses(bool is_access)
{
    unsigned long *lost = is_access ? &log_state.lost_access : &log_state.lost_main;
    struct log_line line;

    if (*lost == 0) {
        return true;
    }
    line.is_access = is_access;
    open_line(&line, LOG_WARN, "log_lines_dropped");
    log_int(&line, "count", (int64_t)*lost);
    close_line(&line);
    if (!write_line(&line)) {
        return false;
    }
    *lost = 0;
    return true;
}

void log_tell_losses(void)
{
    (void)tell_losses(false); /* if not now, then later */
    (void)tell_losses(true);
}

static void count_loss(bool is_access)
{
    log_state.dropped++;
    if (is_access) {
        log_state.lost_access++;
    } else {
        log_state.lost_main++;
    }
    if (log_state.losses != NULL) {
        (void)__atomic_fetch_add(log_state.losses, 1, __ATOMIC_RELAXED);
    }
}

void log_end(struct log_line *line)
{
    if (!line->is_open) {
        return;
    }
    close_line(line);
    if (!tell_losses(line->is_access) || !write_line(line)) {
        count_loss(line->is_access);
    }
}

void log_event(enum log_level level, const char *event, const char *key, const char *value)
{
    struct log_line line;

    log_begin(&line, level, event);
    log_string(&line, key, value);
    log_end(&line);
}
