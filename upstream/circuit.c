/* SPDX-License-Identifier: MIT */
/*
 * circuit.c - counts failures in a row, opens, probes, closes.
 */
#include "upstream/circuit.h"

#include <event2/util.h>

/* The dice add at most this part of the time. */
#define JITTER_PART 4
/* Of the time that an upstream has for its first text: less is no silence yet. */
#define SILENCE_PART 4

void circuit_init(struct circuit *circuit, unsigned failures, int64_t open_first_ms,
                  int64_t open_most_ms)
{
    *circuit = (struct circuit){
        .state = CIRCUIT_CLOSED,
        .failures = failures,
        .open_first_ms = open_first_ms,
        .open_most_ms = open_most_ms > open_first_ms ? open_most_ms : open_first_ms,
        .last_cut_ms = INT64_MIN,
        .heard_ms = INT64_MIN,
    };
}

static void enter(struct circuit *circuit, enum circuit_state state)
{
    circuit->state = state;
    circuit->round++;
    circuit->failed_starts = 0;
    circuit->failed_streams = 0;
    circuit->silence_ms = 0;
}

static int64_t jitter(int64_t length_ms)
{
    uint32_t dice;

    evutil_secure_rng_get_bytes(&dice, sizeof(dice));
    return dice % (length_ms / JITTER_PART + 1);
}

static void open_up(struct circuit *circuit, int64_t asked_ms, int64_t now_ms)
{
    int64_t length_ms = circuit->open_ms == 0 ? circuit->open_first_ms : circuit->open_ms * 2;

    if (length_ms > circuit->open_most_ms) {
        length_ms = circuit->open_most_ms;
    }
    circuit->open_ms = length_ms;
    length_ms += jitter(length_ms);
    if (asked_ms > circuit->open_most_ms) {
        asked_ms = circuit->open_most_ms;
    }
    circuit->open_until_ms = now_ms + (asked_ms > length_ms ? asked_ms : length_ms);
    enter(circuit, CIRCUIT_OPEN);
}

int64_t circuit_wait_ms(const struct circuit *circuit, int64_t now_ms)
{
    switch (circuit->state) {
    case CIRCUIT_CLOSED:
        return 0;
    case CIRCUIT_OPEN:
        return circuit->open_until_ms > now_ms ? circuit->open_until_ms - now_ms : 0;
    case CIRCUIT_HALF_OPEN:
        break;
    }
    return -1;
}

bool circuit_enter(struct circuit *circuit, int64_t now_ms, struct circuit_pass *pass)
{
    bool is_probe = circuit->state != CIRCUIT_CLOSED;

    if (circuit_wait_ms(circuit, now_ms) != 0) {
        return false;
    }
    if (is_probe) {
        enter(circuit, CIRCUIT_HALF_OPEN);
    }
    *pass = (struct circuit_pass){
        .round = circuit->round, .since_ms = now_ms, .is_held = true, .is_probe = is_probe};
    return true;
}

void circuit_note_text(struct circuit *circuit, struct circuit_pass *pass, int64_t now_ms)
{
    pass->has_text = true;
    circuit->heard_ms = now_ms;
    if (!pass->is_held || pass->round != circuit->round) {
        return;
    }
    circuit->failed_starts = 0;
    circuit->silence_ms = 0;
    if (circuit->state == CIRCUIT_HALF_OPEN) {
        enter(circuit, CIRCUIT_CLOSED);
        pass->round = circuit->round; /* how it goes on is news of the closed circuit */
    }
}

static void count_failure(struct circuit *circuit, const struct circuit_pass *pass, int64_t now_ms)
{
    if (!pass->has_text) {
        circuit->failed_starts++;
    } else if (pass->since_ms >= circuit->last_cut_ms) {
        circuit->failed_streams++;
        circuit->last_cut_ms = now_ms;
    }
}

static void take_good_news(struct circuit *circuit, const struct circuit_pass *pass, int64_t now_ms)
{
    circuit->heard_ms = now_ms;
    circuit->open_ms = 0;
    circuit->failed_starts = 0;
    circuit->silence_ms = 0;
    if (pass->has_text) {
        circuit->failed_streams = 0;
    }
    if (circuit->state == CIRCUIT_HALF_OPEN) {
        enter(circuit, CIRCUIT_CLOSED);
    }
}

static void take_bad_news(struct circuit *circuit, const struct circuit_pass *pass,
                          int64_t asked_ms, int64_t now_ms)
{
    if (circuit->failures == 0) {
        return;
    }
    count_failure(circuit, pass, now_ms);
    if (circuit->state == CIRCUIT_HALF_OPEN || circuit->failed_starts >= circuit->failures ||
        circuit->failed_streams >= circuit->failures) {
        open_up(circuit, asked_ms, now_ms);
    }
}

void circuit_leave(struct circuit *circuit, struct circuit_pass *pass, enum upstream_health health,
                   int64_t asked_ms, int64_t now_ms)
{
    if (!pass->is_held) {
        return;
    }
    pass->is_held = false;
    if (pass->round != circuit->round) {
        return;
    }
    switch (health) {
    case UPSTREAM_ALIVE:
        take_good_news(circuit, pass, now_ms);
        break;
    case UPSTREAM_SICK:
        take_bad_news(circuit, pass, asked_ms, now_ms);
        break;
    case UPSTREAM_UNTOLD:
        if (circuit->state == CIRCUIT_HALF_OPEN) {
            /* The place of the probe is free again, for the next call that comes. */
            circuit->open_until_ms = now_ms;
            enter(circuit, CIRCUIT_OPEN);
        }
        break;
    }
}

void circuit_give_up(struct circuit *circuit, struct circuit_pass *pass, int64_t silent_ms,
                     int64_t patience_ms, int64_t now_ms)
{
    bool is_heard = pass->is_held && pass->round == circuit->round && !pass->has_text &&
                    circuit->state == CIRCUIT_CLOSED;

    /* Who speaks to others meanwhile is not silent, however many do not wait for him. */
    if (circuit->heard_ms > now_ms - silent_ms) {
        silent_ms = now_ms - circuit->heard_ms;
    }
    if (!is_heard || silent_ms < patience_ms / SILENCE_PART) {
        circuit_leave(circuit, pass, UPSTREAM_UNTOLD, -1, now_ms);
        return;
    }
    pass->is_held = false;
    circuit->silence_ms += silent_ms;
    while (circuit->state == CIRCUIT_CLOSED && circuit->silence_ms >= patience_ms) {
        circuit->silence_ms -= patience_ms;
        take_bad_news(circuit, pass, -1, now_ms);
    }
}
