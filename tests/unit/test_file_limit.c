/* SPDX-License-Identifier: MIT */
/*
 * test_file_limit.c - what is promised to clients fits into the descriptors there are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "gateway/file_limit.h"

struct row {
    int64_t connections;
    int64_t exchanges;
    size_t limit;
    size_t allowed;
};

/* 192 descriptors beside, 64 for idle connections to the one upstream. */
static const struct row rows[] = {
    {10000, 5000, 20000, 10000}, /* the defaults */
    {10000, 5000, 15256, 10000}, /* exactly */
    {10000, 5000, 15255, 9999},  {10000, 5000, 10257, 5001},
    {10000, 5000, 4096, 1920}, /* each connection may be served: two for each */
    {10000, 5000, 1024, 384},    {100, 5000, 456, 100},
    {100, 5000, 455, 99},        {10000, 5000, 256, 1},
    {10000, 5000, 0, 1},         {1, 1, 1000, 1},
};

static void connections_and_their_upstreams_fit(void **state)
{
    struct config_upstream upstream = {.max_idle = 64};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct config config = {
            .limits_connections = rows[i].connections,
            .limits_exchanges = rows[i].exchanges,
            .upstreams = &upstream,
            .upstream_count = 1,
        };
        size_t allowed = file_limit_connections_within(&config, rows[i].limit);

        if (allowed != rows[i].allowed) {
            fail_msg("%zu descriptors: %zu connections, not %zu", rows[i].limit, allowed,
                     rows[i].allowed);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_and_their_upstreams_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
