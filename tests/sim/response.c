/* SPDX-License-Identifier: MIT */
/*
 * response.c - writes a planned answer: head, framing, tail, and what is wrong with them.
 */
#include "tests/sim/response.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "tests/sim/error_body.h"
#include "tests/sim/random.h"

#define FILL_BYTES 4096      /* of a giant header field or a blob, at a time */
#define LATE_MS_FORGIVEN 100 /* a stream that falls further behind does not catch up */

static int64_t get(const struct response *response, enum scenario_key key)
{
    return scenario_get(&response->scenario, key);
}

static bool is_set(const struct response *response, enum scenario_key key)
{
    return get(response, key) > 0;
}

static void add_date(struct bytes *out)
{
    static const char *const DAYS[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const MONTHS[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t now = (time_t)clock_wall_unix_s();
    struct tm utc = {0};

    if (gmtime_r(&now, &utc) != NULL) {
        bytes_printf(out, "Date: %s, %02d %s %d %02d:%02d:%02d GMT\r\n", DAYS[utc.tm_wday],
                     utc.tm_mday, MONTHS[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min,
                     utc.tm_sec);
    }
}

static void add_interim(const struct response *response, struct bytes *out)
{
    int status = (int)get(response, SIM_EARLY);

    if (status == 100) {
        bytes_add_string(out, "HTTP/1.1 100 Continue\r\n\r\n");
    } else if (status == 101) {
        bytes_add_string(out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: sim\r\n"
                              "Connection: Upgrade\r\n\r\n");
    } else if (status > 101) {
        bytes_printf(out, "HTTP/1.1 %d Interim\r\nLink: </style.css>; rel=preload\r\n\r\n", status);
    }
}

static void add_framing_fields(const struct response *response, struct bytes *out)
{
    if (response->framing == FRAMING_CHUNKED) {
        bytes_add_string(out, "Transfer-Encoding: chunked\r\n");
        if (is_set(response, SIM_TE_CL)) {
            bytes_add_string(out, "Content-Length: 10\r\n");
        }
    } else if (response->framing == FRAMING_LENGTH) {
        int64_t length =
            response->is_blob ? (int64_t)response->blob.length : answer_length(&response->answer);
        bytes_printf(out, "Content-Length: %lld\r\n", (long long)length);
        if (is_set(response, SIM_DUP_CL)) {
            bytes_printf(out, "Content-Length: %lld\r\n", (long long)length + 7);
        }
        if (is_set(response, SIM_TE_CL)) {
            bytes_add_string(out, "Transfer-Encoding: chunked\r\n");
        }
    }
    if (response->has_closing_head) {
        bytes_add_string(out, "Connection: close\r\n");
    }
}

static void add_head_end(const struct response *response, struct bytes *out)
{
    static const char *const ENCODINGS[] = {"", "gzip", "br"};

    add_date(out);
    bytes_printf(out, "Content-Type: %s\r\n",
                 is_set(response, SIM_WRONG_TYPE) ? "text/html" : response->content_type);
    bytes_printf(out, "X-Request-Id: Root=1-%08llx-hfsim\r\nX-Inference-Provider: hfsim\r\n",
                 (unsigned long long)response->answer.id);
    if (is_set(response, SIM_ENCODING)) {
        bytes_printf(out, "Content-Encoding: %s\r\n", ENCODINGS[get(response, SIM_ENCODING)]);
    }
    if (get(response, SIM_RETRY_AFTER) >= 0) {
        bytes_printf(out, "Retry-After: %lld\r\n", (long long)get(response, SIM_RETRY_AFTER));
    }
    if (response->status == 401) {
        bytes_add_string(out, "WWW-Authenticate: Bearer realm=\"hfsim\"\r\n");
    }
    if (response->location[0] != '\0') {
        bytes_printf(out, "Location: %s\r\n", response->location);
    }
    add_framing_fields(response, out);
    bytes_add_string(out, "\r\n");
}

/* Before the first byte: silence, then how the answer begins. */
static enum response_act next_first(struct response *response, struct bytes *out, int64_t now_ms)
{
    if (get(response, SIM_STALL) == STALL_HEAD) {
        return RESPONSE_STALL;
    }
    if (now_ms < response->due_ms && !is_set(response, SIM_COMMENT)) {
        response->wait_until_ms = response->due_ms;
        return RESPONSE_WAIT;
    }
    if (get(response, SIM_STALL) == STALL_HALF_HEAD) {
        response->stage = STAGE_OVER;
        response->ending = RESPONSE_STALL;
        bytes_add_string(out, "HTTP/1.1 200 OK\r\nContent-Ty");
        return RESPONSE_MORE;
    }
    if (is_set(response, SIM_GARBAGE)) {
        response->stage = STAGE_OVER;
        bytes_add_string(out, "SSH-2.0-hfsim\r\n");
        bytes_add(out, "\x16\x03\x00\x00\xff\xfe not HTTP\n", 17);
        return RESPONSE_MORE;
    }
    if (!is_set(response, SIM_HTTP09)) {
        add_interim(response, out);
    }
    response->stage = is_set(response, SIM_HTTP09) ? STAGE_BODY : STAGE_HEAD;
    return RESPONSE_MORE;
}

static enum response_act next_head(struct response *response, struct bytes *out, int64_t now_ms)
{
    int64_t fill = response->left < FILL_BYTES ? response->left : FILL_BYTES;

    if (response->stage == STAGE_HEAD) {
        bytes_printf(out, "HTTP/1.1 %d %s\r\n", response->status, error_reason(response->status));
        response->stage = STAGE_HEAD_END;
        if (is_set(response, SIM_GIANT_HEADER)) {
            bytes_add_string(out, "X-Giant: ");
            response->left = get(response, SIM_GIANT_HEADER);
            response->stage = STAGE_HEAD_FILL;
        }
        return RESPONSE_MORE;
    }
    if (response->stage == STAGE_HEAD_FILL && response->left > 0) {
        bytes_add_fill(out, 'h', (size_t)fill);
        response->left -= fill;
        return RESPONSE_MORE;
    }
    if (response->stage == STAGE_HEAD_FILL) {
        bytes_add_string(out, "\r\n");
        response->left = (int64_t)response->blob.length;
    }
    add_head_end(response, out);
    response->stage = STAGE_BODY;
    if (response->due_ms < now_ms) {
        response->due_ms = now_ms;
    }
    response->due_ms += get(response, SIM_AFTER_HEAD);
    return RESPONSE_WRITE;
}

/* How many of the bytes made go into the next chunk. */
static size_t cut_size(struct response *response)
{
    size_t wanted = (size_t)get(response, SIM_CHUNK);

    if (is_set(response, SIM_SPLIT)) {
        /* Mostly small pieces, some of one to three bytes, a few large ones. */
        static const uint64_t LARGEST[] = {3, 64, 64, 1024};
        wanted = 1 + random_below(&response->cuts, LARGEST[random_below(&response->cuts, 4)]);
    }
    return wanted == 0 || wanted > response->body.length ? response->body.length : wanted;
}

static enum response_act frame(struct response *response, struct bytes *out, int64_t now_ms)
{
    bool is_cut = is_set(response, SIM_CHUNK) || is_set(response, SIM_SPLIT);
    size_t size = cut_size(response);
    struct span piece = span_of(bytes_span(&response->body).data, size);

    if (response->framing == FRAMING_CHUNKED) {
        bytes_printf(out, "%zx\r\n", size);
        bytes_add_span(out, piece);
        bytes_add_string(out, "\r\n");
        if (is_set(response, SIM_BAD_CHUNK) && !response->was_bad_chunk_sent) {
            bytes_add_string(out, "zz\r\nnot a chunk\r\n");
            response->was_bad_chunk_sent = true;
        }
    } else {
        bytes_add_span(out, piece);
    }
    bytes_drop(&response->body, size);
    if (response->is_tape && is_set(response, SIM_PACE)) {
        response->due_ms = now_ms + get(response, SIM_PACE);
        return RESPONSE_WRITE;
    }
    return is_cut ? RESPONSE_WRITE : RESPONSE_MORE;
}

static enum answer_step next_piece(struct response *response)
{
    int64_t size = response->left < FILL_BYTES ? response->left : FILL_BYTES;

    if (!response->is_blob) {
        return answer_next(&response->answer, &response->body);
    }
    if (size == 0) {
        return ANSWER_END;
    }
    bytes_add(&response->body, response->blob.data + response->blob.length - response->left,
              (size_t)size);
    response->left -= size;
    return ANSWER_MORE;
}

static bool wants_comments(const struct response *response)
{
    return is_set(response, SIM_COMMENT) && !response->is_blob &&
           answer_is_event_stream(&response->answer);
}

/* The next piece is not due: a comment when quiet has lasted, else wait. */
static enum response_act keep_quiet(struct response *response, int64_t now_ms)
{
    if (wants_comments(response)) {
        if (now_ms >= response->comment_due_ms) {
            answer_comment(&response->answer, &response->body);
            response->comment_due_ms = now_ms + get(response, SIM_COMMENT);
            return RESPONSE_MORE;
        }
        if (response->comment_due_ms < response->due_ms) {
            response->wait_until_ms = response->comment_due_ms;
            return RESPONSE_WAIT;
        }
    }
    if (response->due_ms == INT64_MAX) {
        return RESPONSE_STALL;
    }
    response->wait_until_ms = response->due_ms;
    return RESPONSE_WAIT;
}

static void set_pace(struct response *response, int64_t now_ms)
{
    if (response->due_ms < now_ms - LATE_MS_FORGIVEN) {
        response->due_ms = now_ms;
    }
    response->due_ms += get(response, SIM_PACE);
}

/* Make the next piece of the body. */
static enum response_act make_piece(struct response *response, int64_t now_ms)
{
    size_t before = response->body.length;
    enum answer_step step = next_piece(response);

    if (response->body.length > before) {
        response->events++;
        response->comment_due_ms = now_ms + get(response, SIM_COMMENT);
    }
    switch (step) {
    case ANSWER_MORE:
        return RESPONSE_MORE;
    case ANSWER_PACED:
        set_pace(response, now_ms);
        return RESPONSE_MORE;
    case ANSWER_END:
        response->is_body_over = true;
        return RESPONSE_MORE;
    case ANSWER_STALL:
        response->due_ms = INT64_MAX;
        return RESPONSE_MORE;
    case ANSWER_CUT:
    case ANSWER_RESET:
        response->stage = STAGE_OVER;
        response->ending = step == ANSWER_CUT ? RESPONSE_CUT : RESPONSE_RESET;
        return RESPONSE_MORE;
    }
    return RESPONSE_CUT;
}

static enum response_act next_body(struct response *response, struct bytes *out, int64_t now_ms)
{
    bool is_due = now_ms >= response->due_ms;

    /* A tape's cuts are paced; an answer's events are, whatever they are cut into. */
    if (response->body.length > 0 && (is_due || !response->is_tape)) {
        return frame(response, out, now_ms);
    }
    if (response->is_body_over) {
        response->stage = STAGE_TAIL;
        return RESPONSE_MORE;
    }
    return is_due ? make_piece(response, now_ms) : keep_quiet(response, now_ms);
}

/* The end of the framing, and bytes that have no business after it. */
static enum response_act next_tail(struct response *response, struct bytes *out)
{
    static const char fake[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                               "Content-Length: 48\r\n\r\ndata: {\"choices\":[{\"delta\":"
                               "{\"content\":\"POISON\"}}]}\n\n";
    size_t left = (size_t)get(response, SIM_EXTRA_BYTES);

    if (response->framing == FRAMING_CHUNKED) {
        bytes_add_string(out, "0\r\n\r\n");
    }
    while (left > 0) {
        size_t length = left < sizeof(fake) - 1 ? left : sizeof(fake) - 1;
        bytes_add(out, fake, length);
        left -= length;
    }
    response->stage = STAGE_OVER;
    return RESPONSE_MORE;
}

enum response_act response_next(struct response *response, struct bytes *out, int64_t now_ms)
{
    switch (response->stage) {
    case STAGE_FIRST:
        return next_first(response, out, now_ms);
    case STAGE_HEAD:
    case STAGE_HEAD_FILL:
    case STAGE_HEAD_END:
        return next_head(response, out, now_ms);
    case STAGE_BODY:
        return next_body(response, out, now_ms);
    case STAGE_TAIL:
        return next_tail(response, out);
    case STAGE_OVER:
        return response->ending;
    }
    return RESPONSE_CUT;
}
