/* SPDX-License-Identifier: MIT */
/*
 * file_limit.c - how many client connections the descriptors of this process allow.
 *
 * Counted before the first client comes: a cap that the kernel enforces by failing
 * accept() answers nobody, and takes the upstreams' descriptors as well.
 */
#include "gateway/file_limit.h"

#include <stdint.h>
#include <sys/resource.h>

#include "gateway/log.h"

/* Listeners, logs, epoll, signals, the admin port; and refused connections on their way out. */
#define DESCRIPTORS_BESIDE 192

static size_t soft_limit(void)
{
    struct rlimit limit = {0, 0};

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > (rlim_t)INT32_MAX) {
        return INT32_MAX;
    }
    return (size_t)limit.rlim_cur;
}

void file_limit_raise(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* refused: what there is has to do */
    }
}

/* Connections to upstreams that nobody uses at the moment keep their descriptors. */
static size_t beside_connections(const struct config *config)
{
    size_t count = DESCRIPTORS_BESIDE;

    for (size_t i = 0; i < config->upstream_count; i++) {
        count += (size_t)config->upstreams[i].max_idle;
    }
    return count;
}

static size_t wanted(const struct config *config)
{
    int64_t served = config->limits_exchanges < config->limits_connections
                         ? config->limits_exchanges
                         : config->limits_connections;

    return (size_t)(config->limits_connections + served) + beside_connections(config);
}

size_t file_limit_connections_within(const struct config *config, size_t limit)
{
    size_t exchanges = (size_t)config->limits_exchanges;
    size_t beside = beside_connections(config);
    size_t room = limit > beside ? limit - beside : 0;
    size_t fitting = room > 2 * exchanges ? room - exchanges : room / 2;

    if (wanted(config) <= limit) {
        return (size_t)config->limits_connections;
    }
    return fitting > 0 ? fitting : 1;
}

size_t file_limit_connections(const struct config *config)
{
    return file_limit_connections_within(config, soft_limit());
}

void file_limit_report(const struct config *config)
{
    size_t limit = soft_limit();
    struct log_line line;

    if (wanted(config) <= limit) {
        return;
    }
    log_begin(&line, LOG_WARN, "few_descriptors");
    log_int(&line, "limit", (int64_t)limit);
    log_int(&line, "wanted", (int64_t)wanted(config));
    log_int(&line, "limits.connections", config->limits_connections);
    log_int(&line, "connections_capped_to", (int64_t)file_limit_connections_within(config, limit));
    log_string(&line, "advice", "raise the limit on open files, or lower limits.connections");
    log_end(&line);
}
