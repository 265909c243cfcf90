/* SPDX-License-Identifier: MIT */
/*
 * stage_answers.h - pieces of an upstream's answer, for scripts of the stage.
 */
#ifndef TESTS_STAGE_ANSWERS_H
#define TESTS_STAGE_ANSWERS_H

#define STREAM_HEAD                                                                                \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
/* 0x33 bytes: data: {"choices":[{"delta":{"content":"Hello"}}]} and a blank line. */
#define HELLO "33\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"Hello\"}}]}\n\n\r\n"
#define FINISH "39\r\ndata: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\r\n"
#define LAST "0\r\n\r\n"

#endif
