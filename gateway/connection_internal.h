/* SPDX-License-Identifier: MIT */
/*
 * connection_internal.h - the object itself, shared by connection.c (while evhttp
 * has the callbacks, and its end) and connection_held.c (while a holder has them).
 * Nobody else includes this.
 */
#ifndef GATEWAY_CONNECTION_INTERNAL_H
#define GATEWAY_CONNECTION_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/bufferevent.h>
#include <event2/util.h>

#include "gateway/connection.h"
#include "gateway/watch.h"

struct event;
struct evbuffer_cb_entry;
struct evhttp_connection;

enum stage {
    STAGE_EVHTTP = 0, /* evhttp has the callbacks; the watch looks on */
    STAGE_HELD,       /* a holder has it */
    STAGE_FINISHING,  /* released; bytes still to be written */
    STAGE_LINGERING,  /* FIN sent; reading what the client had sent */
    STAGE_DEAD,       /* on the dead list until the end of the turn */
};

struct connection {
    TAILQ_ENTRY(connection) link;       /* all or dead */
    TAILQ_ENTRY(connection) dirty_link; /* when is_dirty */
    struct connection_set *set;         /* borrowed */
    struct bufferevent *bev;            /* owned by evcon */
    struct evhttp_connection *evcon;    /* owned by evhttp in STAGE_EVHTTP, else by us */
    struct evbuffer_cb_entry *input_watch;
    struct evbuffer_cb_entry *output_watch; /* while held or finishing */
    struct event *deadline;                 /* owned */
    bufferevent_data_cb evhttp_read;        /* while a head is incomplete: taken from evhttp */
    struct watch watch;
    const struct connection_holder *holder; /* borrowed, in STAGE_HELD */
    void *holder_arg;
    struct evhttp_request *request; /* to complete when finished; owned by evcon */
    void *user;                     /* borrowed */
    evutil_socket_t fd;
    enum stage stage;
    enum connection_release how;
    size_t excess_bytes; /* read and dropped since held */
    int64_t progress_ms;
    uint64_t bytes_sent;
    bool is_announced; /* on_head has been called for this request */
    bool is_dirty;
    bool was_used; /* an answer has been given on it */
    bool is_tls;
    bool is_tls_noted; /* the end of its handshake, good or bad, has been counted */
    char peer[64];
};

TAILQ_HEAD(connection_list, connection);

struct connection_set {
    struct event_base *base;
    struct turn *turn;
    struct connection_settings settings;
    struct connection_list all;
    struct connection_list dirty;
    struct connection_list dead;
    struct connection **by_fd; /* owned; index: descriptor */
    size_t by_fd_count;
    size_t count;
    bool is_draining;
};

/* Start the one timer of the connection. */
void connection_arm(struct connection *connection, int64_t timeout_ms);

/* Take it off the list of those with bytes to write. */
void connection_unmark(struct connection *connection);

/* To the dead list; freed at the end of the turn. */
void connection_discard(struct connection *connection);

/* The same for one that is quiet: it says so if it can. */
void connection_leave(struct connection *connection);

/* The same with RST: frees the kernel's buffers at once and cannot look like a good end. */
void connection_reset(struct connection *connection);

#endif
