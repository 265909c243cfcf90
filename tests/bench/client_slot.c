/* SPDX-License-Identifier: MIT */
/*
 * client_slot.c - one stream after another; see client.h.
 */
#include <stdio.h>
#include <string.h>

#include "tests/bench/client.h"

#define READ_SIZE (64 * 1024)
#define PROBLEMS_SHOWN 3

static void watch(struct client *client, struct slot *slot, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data = {.ptr = slot}};

    if (epoll_ctl(client->epoll_fd, operation, slot->wire.fd, &event) != 0) {
        bench_die("epoll_ctl");
    }
}

static void finish(struct client *client, struct slot *slot)
{
    heap_remove(&client->timers, &slot->due);
    wire_close(&slot->wire);
    client->open -= 1;
}

/* An answer that is not what it must be: the slot is over, and so is the run's worth. */
static void fail(struct client *client, struct slot *slot, const char *problem)
{
    client->problems += 1;
    if (client->problems <= PROBLEMS_SHOWN) {
        (void)fprintf(stderr, "bench_client: stream %u, %lld of %lld tokens: %.300s\n",
                      slot->number, (long long)slot->reader.tokens, (long long)slot->plan->tokens,
                      problem);
    }
    if (slot->reader.tokens > 0) {
        client->answering -= 1;
    }
    finish(client, slot);
}

static void send_request(struct client *client, struct slot *slot)
{
    const struct plan *plan = slot->plan;

    answer_reader_begin(&slot->reader, client->is_text);
    slot->reader.delays =
        plan->pause_ns == 0 && client->is_measuring ? &client->counters.delay : NULL;
    if (wire_write(&slot->wire, plan->request, plan->length) != (ssize_t)plan->length) {
        fail(client, slot, "the request could not be sent");
    }
}

static void set_reading(struct client *client, struct slot *slot, bool is_read)
{
    if (slot->is_read != is_read) {
        slot->is_read = is_read;
        watch(client, slot, EPOLL_CTL_MOD, is_read ? EPOLLIN : 0);
    }
}

static void open_connection(struct client *client, struct slot *slot)
{
    slot->wire.fd = wire_connect(&client->to, slot->number, (int)(8 * slot->plan->read_bytes));
    slot->is_connected = false;
    slot->is_read = false;
    if (client->tls != NULL) {
        wire_start_tls(&slot->wire, client->tls, false);
    }
    watch(client, slot, EPOLL_CTL_ADD, EPOLLOUT | (client->tls != NULL ? EPOLLIN : 0));
}

void slot_next(struct client *client, struct slot *slot)
{
    if (client->is_stopping ||
        (client->requests_max != 0 && client->requests_begun >= client->requests_max)) {
        finish(client, slot);
        return;
    }
    client->requests_begun += 1;
    slot->began_ns = bench_now_ns();
    if (slot->wire.fd < 0) {
        open_connection(client, slot);
    } else {
        send_request(client, slot);
    }
}

static void on_connecting(struct client *client, struct slot *slot)
{
    ssize_t result = wire_handshake(&slot->wire);

    if (result == WIRE_AGAIN) {
        watch(client, slot, EPOLL_CTL_MOD, EPOLLIN);
        return;
    }
    if (result == WIRE_BROKEN) {
        answer_reader_begin(&slot->reader, client->is_text);
        fail(client, slot, "no TLS");
        return;
    }
    slot->is_connected = true;
    set_reading(client, slot, true);
    send_request(client, slot);
}

static void on_complete(struct client *client, struct slot *slot, int64_t now_ns)
{
    if (slot->reader.tokens != slot->plan->tokens) {
        fail(client, slot, "the wrong number of tokens");
        return;
    }
    client->answering -= 1;
    if (client->is_measuring) {
        client->counters.requests += 1;
        histogram_add(&client->counters.whole, now_ns - slot->began_ns);
    }
    if (client->closes || slot->reader.closes) {
        wire_close(&slot->wire);
    }
    slot_next(client, slot);
}

static void on_bytes(struct client *client, struct slot *slot, const char *bytes, size_t length)
{
    struct answer_reader *reader = &slot->reader;
    int64_t before = reader->tokens;
    int64_t now_ns = bench_now_ns();

    if (!client->is_measuring || slot->plan->pause_ns != 0) {
        reader->delays = NULL;
    } else if (reader->delays == NULL) {
        reader->delays = &client->counters.delay; /* measuring began in the midst of it */
    }
    answer_reader_feed(reader, bytes, length, now_ns);
    client->answering += before == 0 && reader->tokens > 0;
    if (client->is_measuring) {
        client->counters.bytes += length;
        client->counters.tokens += (uint64_t)(reader->tokens - before);
        if (before == 0 && reader->tokens > 0 && slot->plan->pause_ns == 0) {
            histogram_add(&client->counters.first, now_ns - slot->began_ns);
        }
    }
    if (reader->problem != NULL) {
        fail(client, slot, reader->problem);
    } else if (reader->place == ANSWER_COMPLETE) {
        on_complete(client, slot, now_ns);
    }
}

void slot_on_socket(struct client *client, struct slot *slot)
{
    static char bytes[READ_SIZE];
    const struct plan *plan = slot->plan;
    size_t size = plan->pause_ns == 0 ? sizeof(bytes) : (size_t)plan->read_bytes;
    bool goes_on = true;

    if (!slot->is_connected) {
        on_connecting(client, slot);
        return;
    }
    while (goes_on) {
        ssize_t got = wire_read(&slot->wire, bytes, size);

        if (got == WIRE_AGAIN) {
            return;
        }
        if (got <= 0) {
            fail(client, slot,
                 got == WIRE_EOF ? "the connection was closed" : "the connection broke");
            return;
        }
        if (plan->pause_ns != 0) {
            set_reading(client, slot, false);
            heap_set(&client->timers, &slot->due, bench_now_ns() + plan->pause_ns);
        }
        /* What TLS has read ahead makes no event; a plain socket tells again. */
        goes_on = slot->wire.ssl != NULL && plan->pause_ns == 0;
        on_bytes(client, slot, bytes, (size_t)got);
        goes_on = goes_on && slot->wire.ssl != NULL && slot->is_connected;
    }
}

void slot_on_timer(struct client *client, struct slot *slot)
{
    if (slot->wire.fd < 0) {
        slot_next(client, slot);
    } else {
        set_reading(client, slot, true);
    }
}
