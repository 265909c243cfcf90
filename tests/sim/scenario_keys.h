/* SPDX-License-Identifier: MIT */
/*
 * scenario_keys.h - every word of a scenario, one row each.
 *
 * A row is X(id, word, smallest, largest, default, choices, help). <choices> is a
 * "|"-separated list when the value is a word: the value is then its position in
 * the list. The same rows are the program's options, the words of a directive,
 * the text of --help, and are compared with README.md by a test.
 */
#ifndef TESTS_SIM_SCENARIO_KEYS_H
#define TESTS_SIM_SCENARIO_KEYS_H

#define SIM_OFF (-1)
#define SIM_COUNT_LARGEST INT64_C(1000000000000)
#define SIM_MS_LARGEST INT64_C(86400000)

/* clang-format off */
#define SCENARIO_KEYS(X)                                                                            \
    /* what is said */                                                                              \
    X(TOKENS, "tokens", 0, SIM_COUNT_LARGEST, SIM_OFF, NULL, "tokens of text; without it the text ends by itself") \
    X(SEED, "seed", 0, SIM_COUNT_LARGEST, 1, NULL, "the same seed gives the same text and the same cuts") \
    X(REASONING, "reasoning", 0, SIM_COUNT_LARGEST, 0, NULL, "this many reasoning deltas first")    \
    X(FIELD, "field", 0, 2, 0, "reasoning_content|reasoning|think", "where reasoning goes; think: <think> tags in the text") \
    X(TOOL, "tool", 0, 1, 0, NULL, "answer with fragments of a tool call instead of text")          \
    X(FINISH, "finish", 0, 5, 0, "stop|length|eos_token|none|tool_calls|content_filter", "the finish reason; none: no finish chunk") \
    X(USAGE, "usage", 0, 1, SIM_OFF, NULL, "usage chunk; without it as the request asks")           \
    X(DONE, "done", 0, 1, 1, NULL, "end with data: [DONE] (chat only)")                             \
    X(ROLE, "role", 0, 2, 0, "first|every|none", "which chunks carry the role")                     \
    X(PACK, "pack", 1, 1000, 1, NULL, "tokens per event (flood without it: 64)")                    \
    X(FLOOD, "flood", 0, SIM_COUNT_LARGEST, 0, NULL, "this many bytes of text, made only as fast as they are read") \
    X(GIANT_EVENT, "giant_event", 0, SIM_COUNT_LARGEST, 0, NULL, "one delta of this many bytes before the text") \
    /* when it is said */                                                                           \
    X(PACE, "pace", 0, SIM_MS_LARGEST, 25, NULL, "ms between tokens (between pieces of a tape)")    \
    X(FIRST, "first", 0, SIM_MS_LARGEST, 150, NULL, "ms before the first byte of the answer")       \
    X(AFTER_HEAD, "after_head", 0, SIM_MS_LARGEST, 0, NULL, "ms of silence between head and first event") \
    X(DRIP, "drip", 0, SIM_MS_LARGEST, 0, NULL, "one byte every so many ms, head included")         \
    X(COMMENT, "comment", 0, SIM_MS_LARGEST, 0, NULL, "the head at once and a comment line every so many ms of quiet") \
    /* how the event stream is written */                                                           \
    X(EOL, "eol", 0, 2, 0, "lf|crlf|cr", "line ends of the event stream")                           \
    X(SPACE, "space", 0, 1, 1, NULL, "a space after data:")                                         \
    X(BOM, "bom", 0, 1, 0, NULL, "a byte order mark first")                                         \
    X(NAMED, "named", 0, 1, 0, NULL, "event:, id: and retry: lines in every event")                 \
    X(MULTI, "multi", 0, 1, 0, NULL, "each event's JSON over two data: lines")                      \
    X(LAST_BLANK, "last_blank", 0, 1, 1, NULL, "0: the last event lacks its blank line")            \
    X(NUL, "nul", 0, 1, 0, NULL, "a raw NUL byte in the second token")                              \
    X(BAD_UTF8, "bad_utf8", 0, 1, 0, NULL, "bytes that are not UTF-8 in the second token")          \
    X(BAD_JSON_AFTER, "bad_json_after", 0, SIM_COUNT_LARGEST, SIM_OFF, NULL, "an event of broken JSON after this many tokens") \
    /* how it is framed */                                                                          \
    X(FRAMING, "framing", 0, 2, 0, "chunked|length|close", "chunked coding, Content-Length, or until close") \
    X(CHUNK, "chunk", 0, 65536, 0, NULL, "bytes of one HTTP chunk, cutting anywhere; 0: a chunk for each event") \
    X(SPLIT, "split", 0, 1, 0, "none|random", "random: chunks of random size, cutting anywhere")    \
    X(CLOSE, "close", 0, 1, 0, NULL, "Connection: close and a closed connection after the answer")  \
    X(DIE_IDLE, "die_idle", 0, SIM_MS_LARGEST, 0, NULL, "keep alive, then close after this many ms without a word") \
    X(EXTRA_BYTES, "extra_bytes", 0, 65536, 0, NULL, "bytes after the end of the answer, shaped like another answer") \
    X(NOTIFY, "notify", 0, 1, SIM_OFF, NULL, "TLS close_notify at close; without it after whole answers only") \
    X(EARLY, "early", 100, 199, SIM_OFF, NULL, "an interim answer of this status first")            \
    X(GIANT_HEADER, "giant_header", 0, SIM_COUNT_LARGEST, 0, NULL, "one header field of this many bytes") \
    X(WRONG_TYPE, "wrong_type", 0, 1, 0, NULL, "Content-Type: text/html")                           \
    X(ENCODING, "encoding", 0, 2, 0, "none|gzip|br", "a Content-Encoding that is not true")         \
    X(TE_CL, "te_cl", 0, 1, 0, NULL, "Transfer-Encoding and Content-Length together")               \
    X(DUP_CL, "dup_cl", 0, 1, 0, NULL, "two Content-Length fields that differ")                     \
    X(BAD_CHUNK, "bad_chunk", 0, 1, 0, NULL, "a chunk size that is not a number after the first event") \
    X(GARBAGE, "garbage", 0, 1, 0, NULL, "no HTTP at all")                                          \
    X(HTTP09, "http09", 0, 1, 0, NULL, "the body without a head")                                   \
    /* how it fails */                                                                              \
    X(STATUS, "status", 200, 599, 200, NULL, "answer this status with the body the Hub gives for it") \
    X(BODY, "body", 0, 7, 0, "hub|string|openai|array|fastapi|text|html|empty", "shape of the error body") \
    X(RETRY_AFTER, "retry_after", 0, SIM_MS_LARGEST, SIM_OFF, NULL, "Retry-After seconds")          \
    X(FAIL_FIRST, "fail_first", 0, SIM_COUNT_LARGEST, 0, NULL, "only the first so many requests since reset fail (status=, else 503)") \
    X(REDIRECT, "redirect", 0, 1, 0, NULL, "307 to another path")                                   \
    X(ERROR_AFTER, "error_after", 0, SIM_COUNT_LARGEST, SIM_OFF, NULL, "an error event after this many tokens") \
    X(SHAPE, "shape", 0, 6, 0, "auto|tgi|tgi_new|vllm|openrouter|llamacpp|event", "of the error event") \
    X(CUT_AFTER, "cut_after", 0, SIM_COUNT_LARGEST, SIM_OFF, NULL, "close without an end after this many tokens") \
    X(RESET_AFTER, "reset_after", 0, SIM_COUNT_LARGEST, SIM_OFF, NULL, "TCP reset after this many tokens") \
    X(STALL_AFTER, "stall_after", 0, SIM_COUNT_LARGEST, SIM_OFF, NULL, "silence after this many tokens, connection open") \
    X(STALL, "stall", 0, 2, 0, "none|head|half_head", "never a byte, or never more than half a head")
/* clang-format on */

/* Values of the keys that take words, in the order of their lists. */
enum sim_field {
    FIELD_REASONING_CONTENT = 0,
    FIELD_REASONING,
    FIELD_THINK,
};
enum sim_finish {
    FINISH_STOP = 0,
    FINISH_LENGTH,
    FINISH_EOS_TOKEN,
    FINISH_NONE,
    FINISH_TOOL_CALLS,
    FINISH_CONTENT_FILTER,
};
enum sim_role {
    ROLE_FIRST = 0,
    ROLE_EVERY,
    ROLE_NONE,
};
enum sim_eol {
    EOL_LF = 0,
    EOL_CRLF,
    EOL_CR,
};
enum sim_framing {
    FRAMING_CHUNKED = 0,
    FRAMING_LENGTH,
    FRAMING_CLOSE,
};
enum sim_body {
    BODY_HUB = 0,
    BODY_STRING,
    BODY_OPENAI,
    BODY_ARRAY,
    BODY_FASTAPI,
    BODY_TEXT,
    BODY_HTML,
    BODY_EMPTY,
};
enum sim_shape {
    SHAPE_AUTO = 0,
    SHAPE_TGI,
    SHAPE_TGI_NEW,
    SHAPE_VLLM,
    SHAPE_OPENROUTER,
    SHAPE_LLAMACPP,
    SHAPE_EVENT,
};
enum sim_stall {
    STALL_NONE = 0,
    STALL_HEAD,
    STALL_HALF_HEAD,
};

#endif
