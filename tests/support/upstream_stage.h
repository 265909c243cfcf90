/* SPDX-License-Identifier: MIT */
/*
 * upstream_stage.h - upstream/ alone on the test's own event loop, before a scripted peer.
 *
 * A test plays a script, starts calls, turns the loop until something is so, and ends
 * with upstream_stage_fini(), which asserts that nothing is left.
 */
#ifndef TESTS_UPSTREAM_STAGE_H
#define TESTS_UPSTREAM_STAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/support/scripted_upstream.h"
#include "upstream/upstream.h"

#define PATIENCE_MS 10000

/* What a call did, and what its owner does about it. */
struct caller {
    struct stage *stage;
    struct upstream *call;
    char text[65536];
    size_t text_length;
    size_t bytes;    /* of text, ever */
    unsigned events; /* of any kind */
    unsigned deltas; /* with text */
    unsigned ends;
    struct upstream_end end;
    unsigned cancel_at_delta; /* cancel inside the n-th delta; 0: never */
    unsigned pause_at_delta;
    bool forget_text; /* only count: there is more than <text> can hold */
};

struct stage {
    struct event_base *base;
    struct event *turn_end;
    struct event *flush;
    struct upstream_context *context;
    struct upstream_origin *origin;
    struct upstream_settings settings;
    struct scripted_upstream *peer;
    char url[128];
};

/* One origin with one connection to <stage->peer>; settings that are small and quick. */
void stage_init(struct stage *stage);

/* The same before a peer that shows <served>, asked for as <host> by who trusts <trusted> alone. */
void stage_init_tls(struct stage *stage, const struct test_certificate *served,
                    const struct test_certificate *trusted, const char *host);

/* Asserts that no call and no lent connection is left. */
void stage_fini(struct stage *stage);

/* After upstream_origin_free(stage->origin) and a change of stage->settings. */
void make_origin(struct stage *stage);

/* Run the loop for a moment. */
void turn(struct stage *stage);

/* Turn until <CONDITION>, or fail. */
#define UNTIL(stage, CONDITION)                                                                    \
    do {                                                                                           \
        int64_t limit_ms = clock_now_ms() + PATIENCE_MS;                                           \
        while (!(CONDITION)) {                                                                     \
            assert_true(clock_now_ms() < limit_ms);                                                \
            turn(stage);                                                                           \
        }                                                                                          \
    } while (0)

/* Start a call for <caller>; nothing may fire at once. */
void start(struct stage *stage, struct caller *caller);

/* One call against <script> to its end and a little beyond; how it ended. */
enum upstream_failure run(struct stage *stage, struct caller *caller,
                          const struct peer_step *script);

struct upstream_counts counts_of(const struct stage *stage);
struct peer_report report_of(const struct stage *stage);

#endif
