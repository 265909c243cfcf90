/* SPDX-License-Identifier: MIT */
/*
 * access_log.c - one line per exchange, from exchange_end() alone.
 */
#include "gateway/access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "gateway/log.h"

#define LOG_MODE 0640 /* lines name subjects: not for everyone */

bool access_log_is_file(const char *where)
{
    return strcmp(where, "stderr") != 0 && strcmp(where, "off") != 0;
}

/*
 * A FIFO that nobody reads yet would be waited for, or with O_NONBLOCK refused: it is opened
 * for reading as well then, which waits for nobody. Nothing of this matters for a file.
 */
static int open_log(const char *path)
{
    int flags = O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    int fd = open(path, flags | O_WRONLY, LOG_MODE);

    return fd < 0 && errno == ENXIO ? open(path, flags | O_RDWR, LOG_MODE) : fd;
}

int access_log_open(const char *path)
{
    int fd = open_log(path);

    if (fd < 0) {
        struct log_line line;
        int problem = errno;
        log_begin(&line, LOG_ERROR, "access_log_failed");
        log_string(&line, "path", path);
        log_string(&line, "problem", strerror(problem));
        log_end(&line);
    }
    return fd;
}

static void log_text(struct log_line *line, const char *key, const char *value)
{
    if (value != NULL && value[0] != '\0') {
        log_string(line, key, value);
    }
}

static void log_known(struct log_line *line, const char *key, int64_t value)
{
    if (value >= 0) {
        log_int(line, key, value);
    }
}

static void log_trace(struct log_line *line, const struct trace *trace)
{
    char hex[2 * TRACE_ID_BYTES + 1];

    if (trace == NULL) {
        return;
    }
    trace_render_hex(trace->trace_id, TRACE_ID_BYTES, hex);
    log_string(line, "trace_id", hex);
    trace_render_hex(trace->span_id, TRACE_SPAN_BYTES, hex);
    log_string(line, "span_id", hex);
    if (trace->is_continued) {
        trace_render_hex(trace->parent_id, TRACE_SPAN_BYTES, hex);
        log_string(line, "parent_id", hex);
    }
}

static void log_upstream(struct log_line *line, const struct access_record *record)
{
    if (record->upstream == NULL && record->upstream_failure == NULL) {
        return;
    }
    log_text(line, "upstream", record->upstream);
    log_int(line, "upstream_status", record->upstream_status);
    log_text(line, "upstream_failure", record->upstream_failure);
    log_int(line, "attempts", (int64_t)record->upstream_attempts);
}

static void log_stream(struct log_line *line, const struct access_record *record)
{
    log_int(line, "deltas", (int64_t)record->deltas);
    log_int(line, "pauses", (int64_t)record->pauses);
    log_int(line, "paused_ms", record->paused_ms);
    log_known(line, "prompt_tokens", record->prompt_tokens);
    log_known(line, "completion_tokens", record->completion_tokens);
}

void access_log_exchange(const struct access_record *record)
{
    struct log_line line;

    log_begin_access(&line, "exchange");
    log_string(&line, "id", record->request_id);
    log_trace(&line, record->trace);
    log_text(&line, "peer", record->peer);
    log_text(&line, "via", record->via);
    log_text(&line, "tls", record->tls);
    log_text(&line, "sub", record->subject);
    if (record->method.length > 0) {
        log_span(&line, "method", record->method);
    }
    log_text(&line, "route", record->route);
    log_text(&line, "model", record->model);
    log_text(&line, "chat_id", record->chat_id);
    log_text(&line, "format", record->format);
    log_string(&line, "end", end_reason_token(record->reason));
    log_string(&line, "fault", end_reason_fault(record->reason));
    log_string(&line, "at", record->state);
    log_int(&line, "status", record->status);
    log_text(&line, "problem", record->problem);
    log_upstream(&line, record);
    log_known(&line, "first_byte_ms", record->first_byte_ms);
    log_int(&line, "total_ms", record->total_ms);
    log_int(&line, "in", (int64_t)record->bytes_in);
    log_int(&line, "out", (int64_t)record->bytes_out);
    if (record->first_byte_ms >= 0) {
        log_stream(&line, record);
    }
    log_end(&line);
}
