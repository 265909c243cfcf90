/* SPDX-License-Identifier: MIT */
/*
 * gateway_stage.h - a whole gateway in the test's own event loop: edge, exchanges and a
 * scripted upstream, with raw clients and the access lines caught in a pipe.
 */
#ifndef TESTS_GATEWAY_STAGE_H
#define TESTS_GATEWAY_STAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/config.h"
#include "gateway/edge.h"
#include "gateway/exchange.h"
#include "gateway/metrics.h"
#include "gateway/tls_tickets.h"
#include "tests/support/scripted_upstream.h"

struct event_base;

struct gateway_stage {
    struct event_base *base;
    struct turn *turn;
    struct config *config;
    struct metrics *metrics;
    struct auth_keys *keys;
    struct auth_checker *checker;
    struct upstream_context *upstreams;
    struct upstream_origin *origin;
    struct exchange_set *exchanges;
    struct edge *edge;
    struct tls_tickets tickets;
    struct scripted_upstream *peer; /* NULL when the upstream is another process */
    struct event *turn_end;
    int upstream_port;
    int port;
    int log_pipe[2];
    char log[16384]; /* access lines so far */
    size_t log_length;
    char *token; /* a valid one */
};

/* One raw client. */
struct stage_client {
    int fd;
    char *received; /* owned, NUL-terminated */
    size_t length;
    size_t capacity;
    bool is_closed; /* the gateway has closed */
    bool is_reset;  /* with RST */
    bool is_frozen; /* does not read */
};

/* <extra>: conf lines put behind the stage's own, such as "stream: { buffer = \"8k\"; };". */
void gateway_stage_init(struct gateway_stage *stage, const char *extra);

/* The same with an upstream that is another process, on 127.0.0.1:<upstream_port>. */
void gateway_stage_init_with_upstream(struct gateway_stage *stage, const char *extra,
                                      int upstream_port);

/* After upstream_origin_free(stage->origin) and a change of stage->config->upstreams[0]. */
void gateway_stage_remake_origin(struct gateway_stage *stage);

/* Ends what is left and asserts that nothing is: exchanges, slots, calls, connections, bytes. */
void gateway_stage_fini(struct gateway_stage *stage);

void client_connect(struct gateway_stage *stage, struct stage_client *client);
void client_close(struct stage_client *client);
void client_send(struct stage_client *client, const char *text);

/* A whole valid chat request; <content> is put into the message as it is. */
void client_send_chat(struct gateway_stage *stage, struct stage_client *client,
                      const char *content);

/* Only its head, promising <body_bytes> of body. */
void client_send_head(struct gateway_stage *stage, struct stage_client *client, size_t body_bytes);

/* Run the loop for a moment; clients that are not frozen read. */
void stage_turn(struct gateway_stage *stage, struct stage_client *client);

/* Run until it is so, for 10 s at most; false when it never was. <client> may be NULL. */
bool until_received(struct gateway_stage *stage, struct stage_client *client, const char *text);
bool until_closed(struct gateway_stage *stage, struct stage_client *client);
bool until_logged(struct gateway_stage *stage, struct stage_client *client, const char *text);
bool until_live(struct gateway_stage *stage, struct stage_client *client, size_t exchanges);
/* The access line and the counter of this end have come. */
void expect_end(struct gateway_stage *stage, enum end_reason reason);

bool until_upstream_requests(struct gateway_stage *stage, unsigned count);
bool until_upstream_open(struct gateway_stage *stage, struct stage_client *client, unsigned count);

#endif
