/* SPDX-License-Identifier: MIT */
/*
 * edge.h - where clients come in: listening sockets, the cap on connections, and
 * the wiring from a connection's events to the exchange that serves it.
 */
#ifndef GATEWAY_EDGE_H
#define GATEWAY_EDGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attrs.h"
#include "gateway/config.h"
#include "gateway/exchange.h"
#include "gateway/metrics.h"
#include "gateway/tls_tickets.h"
#include "gateway/turn.h"

struct edge;
struct event_base;

/* All borrowed for the edge's life. NULL when memory is out. */
struct edge *edge_new(struct event_base *base, struct turn *turn, const struct config *config,
                      struct metrics_slot *metrics, struct exchange_set *exchanges) MUST_USE;

/* Closes what is still open. Accepts NULL. */
void edge_free(struct edge *edge);

/*
 * Accept on <fd>, a listening socket, which becomes the edge's; what <settings> say
 * holds for the connections that come in there. <tickets> is looked at with TLS only.
 * Both are borrowed for the edge's life. On failure the reason has been logged, or
 * memory is out.
 */
bool edge_listen(struct edge *edge, int fd, const struct config_listener *settings,
                 struct tls_tickets *tickets) MUST_USE;

/*
 * Accept no more. The listening sockets stay open for a turn: their descriptions live on
 * in the supervisor, so libevent must take them out of epoll before edge_drain() closes
 * them, or this process is woken for every client of its successor.
 */
void edge_stop_accepting(struct edge *edge);

/* A turn later: close the sockets; quiet connections close, the others after their answer. */
void edge_drain(struct edge *edge);

size_t edge_connection_count(const struct edge *edge);

/* Steps of the end of a turn. */
void edge_flush(void *arg);
void edge_reap(void *arg);

#endif
