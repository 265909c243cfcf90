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

#include "gateway/address.h"
#include "gateway/connection.h"
#include "gateway/watch.h"

struct event;
struct evbuffer_cb_entry;
struct evhttp_connection;
struct proxy_wait;
struct tally;
struct tally_slot;

TAILQ_HEAD(connection_list, connection);

enum stage {
    STAGE_PROXY = 0, /* a PROXY protocol header is awaited; nothing else reads the socket */
    STAGE_EVHTTP,    /* evhttp has the callbacks; the watch looks on */
    STAGE_HELD,      /* a holder has it */
    STAGE_FINISHING, /* released; bytes still to be written */
    STAGE_LINGERING, /* FIN sent; reading what the client had sent */
    STAGE_DEAD,      /* on the dead list until the end of the turn */
};

struct connection {
    TAILQ_ENTRY(connection) link;       /* all or dead */
    TAILQ_ENTRY(connection) dirty_link; /* when is_dirty or is_patient */
    TAILQ_ENTRY(connection) queue_link; /* when queue is not NULL */
    struct connection_list *queue;      /* of those that may make room: one of the set's, or NULL */
    int64_t queued_ms;
    struct connection_set *set;      /* borrowed */
    struct bufferevent *bev;         /* owned by evcon */
    struct evhttp_connection *evcon; /* owned by evhttp in STAGE_EVHTTP, else by us */
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
    bool is_patient; /* what it has to write may wait; never both */
    bool was_used;   /* an answer has been given on it */
    bool is_tls;
    bool is_tls_noted;             /* the end of its handshake, good or bad, has been counted */
    bool is_refused;               /* above a cap: it is there only to be told so */
    bool is_proxy;                 /* the peer is a trusted proxy */
    struct proxy_wait *proxy_wait; /* owned, in STAGE_PROXY */
    struct address carrier;        /* who named the peer by the PROXY protocol */
    struct address peer;
    struct address client;    /* of the request in hand: the peer, or whom the peer speaks for */
    struct tally_slot *share; /* of its address's connections; NULL when nothing is charged */
    enum end_reason verdict;  /* END_DONE, or why its address gets no more */
    char client_text[ADDRESS_TEXT_BYTES_MAX];
    char via_text[ADDRESS_TEXT_BYTES_MAX];
};

struct connection_set {
    struct event_base *base;
    struct turn *turn;
    struct connection_settings settings;
    struct connection_list all;
    struct connection_list dirty;
    struct connection_list patient; /* connection_coalesce.c */
    struct event *coalesced;        /* owned: pending while anything waits; NULL: nothing does */
    struct connection_list dead;
    struct connection_list headless;  /* no whole head yet, by the time they began to owe one */
    struct connection_list lingering; /* by the time of their FIN */
    struct tally *addresses;          /* owned; NULL: no cap for one address */
    struct connection **by_fd;        /* owned; index: descriptor */
    size_t by_fd_count;
    size_t count;         /* the dead included */
    size_t live_count;    /* on the list of all */
    size_t refused_count; /* is_refused */
    bool is_draining;
};

/* Start the one timer of the connection. */
void connection_arm(struct connection *connection, int64_t timeout_ms);

/* Take it off the lists of those with bytes to write. */
void connection_unmark(struct connection *connection);

/* connection_coalesce.c; false when memory is out. */
bool connection_coalesce_init(struct connection_set *set) MUST_USE;
void connection_coalesce_fini(struct connection_set *set);

/* On a list of those that may make room, and off it. connection_queue.c */
void connection_enqueue(struct connection *connection, struct connection_list *queue);
void connection_dequeue(struct connection *connection);

/* True when bytes wait in the kernel: then a request is on its way and will be served. */
bool connection_has_unread(const struct connection *connection);

/* connection_client.c: whose connection it is; whom the request in hand is from, by its head. */
void connection_name_peer(struct connection *connection, const struct address *peer);
void connection_name_client(struct connection *connection);

/* Charge the client's address; sets the verdict. Give back what was charged. */
void connection_charge(struct connection *connection);
void connection_uncharge(struct connection *connection);

/*
 * connection_proxy.c: wait for a PROXY protocol header before anything is read. False when
 * memory is out. Late: the head's clock has run out in STAGE_PROXY.
 */
bool connection_proxy_expect(struct connection *connection) MUST_USE;
void connection_proxy_late(struct connection *connection);
void connection_proxy_free(struct connection *connection); /* no-op when nothing is awaited */

/* The request in hand has been answered. */
void connection_end_request(struct connection *connection);

/* To the dead list; freed at the end of the turn. */
void connection_discard(struct connection *connection);

/* The same for one that is quiet: it says so if it can. */
void connection_leave(struct connection *connection);

/* The same with RST: frees the kernel's buffers at once and cannot look like a good end. */
void connection_reset(struct connection *connection);

#endif
