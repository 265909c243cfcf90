/* SPDX-License-Identifier: MIT */
/*
 * circuit.h - whether an upstream is worth asking now. Pure: the time is handed in.
 *
 *             <failures> in a row                     its time is over, and a call comes
 *   CLOSED ----------------------> OPEN <-----------. ,--------------------> HALF_OPEN
 *     ^  everybody passes            nobody passes  | `-- probe cancelled --- | |  that one
 *     |                                             `-- probe failed: longer -' |  call passes
 *     `---------------- the probe is answered --------------------------------- '
 *
 * What is counted. Failures before any text, and failures after some, are counted apart:
 * an upstream that cuts every answer begins each of them well, and one count would hide
 * the other. Of answers that are cut only those count that began after the last cut: a
 * front door that restarts cuts all its streams in one moment, and that is one failure.
 *
 * Who gives up. A client that leaves says nothing of the upstream, but the silence that it
 * was left in does: it adds up over calls that ended before any text, and as much of it as
 * one call may have at most is a failure. Short waits are left out, as they are usual.
 *
 * Who is heard. A call tells of the state in which it was let through. Streams that began
 * before the circuit opened go on undisturbed, and however they end, they neither open
 * it again nor close it.
 *
 * How long. The first time, then twice as long each time until an answer was good to its
 * end; plus up to a quarter, by chance, so that the workers do not probe in step.
 */
#ifndef UPSTREAM_CIRCUIT_H
#define UPSTREAM_CIRCUIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "upstream/failure.h"
#include "upstream/upstream.h"

struct circuit {
    enum circuit_state state;
    unsigned failures;       /* in a row that open it; 0: it never opens */
    int64_t open_first_ms;   /* length of the first opening */
    int64_t open_most_ms;    /* and of the longest */
    unsigned round;          /* number of the state: each change adds one */
    unsigned failed_starts;  /* in a row, before any text */
    unsigned failed_streams; /* in a row, after some */
    int64_t last_cut_ms;     /* when the last of those was counted */
    int64_t silence_ms;      /* of calls given up, since the last text; not counted yet */
    int64_t heard_ms;        /* when a call last had its first text, or ended well */
    int64_t open_ms;         /* length of the last opening; 0: an answer was good since */
    int64_t open_until_ms;   /* valid in OPEN */
};

/* What a call that was let through holds until it leaves. All zero: nothing. */
struct circuit_pass {
    unsigned round; /* of the circuit when it was let through */
    int64_t since_ms;
    bool is_held;
    bool is_probe;
    bool has_text;
};

/* Closed. <open_most_ms> below <open_first_ms> counts as that. */
void circuit_init(struct circuit *circuit, unsigned failures, int64_t open_first_ms,
                  int64_t open_most_ms);

/*
 * Milliseconds until a call would be let through: 0 is now, less than 0 "not before the
 * probe under way is answered".
 */
int64_t circuit_wait_ms(const struct circuit *circuit, int64_t now_ms);

/* Ask to be let through. <pass> is written only then. */
bool circuit_enter(struct circuit *circuit, int64_t now_ms, struct circuit_pass *pass) MUST_USE;

/* The first text has come: of a probe, this closes the circuit. */
void circuit_note_text(struct circuit *circuit, struct circuit_pass *pass, int64_t now_ms);

/*
 * The attempt is over; gives the pass back, and does nothing without one. <asked_ms> is
 * how long the upstream wants to be left alone, when it said so, else -1: the circuit
 * does not close earlier if it opens now, within <open_most_ms>.
 */
void circuit_leave(struct circuit *circuit, struct circuit_pass *pass, enum upstream_health health,
                   int64_t asked_ms, int64_t now_ms);

/*
 * The same for an attempt that we have given up, when the upstream had said nothing at all
 * for <silent_ms>. <patience_ms>, more than 0, is how long it may be silent before its first
 * text.
 */
void circuit_give_up(struct circuit *circuit, struct circuit_pass *pass, int64_t silent_ms,
                     int64_t patience_ms, int64_t now_ms);

#endif
