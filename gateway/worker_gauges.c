/* SPDX-License-Identifier: MIT */
/*
 * worker_gauges.c - see worker_gauges.h.
 */
#include "gateway/worker_gauges.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define US_PER_S 1000000

void worker_gauges_init(struct worker_gauges *gauges, struct metrics_slot *metrics)
{
    *gauges = (struct worker_gauges){
        .metrics = metrics,
        .statm_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC),
    };
}

void worker_gauges_fini(struct worker_gauges *gauges)
{
    if (gauges->statm_fd >= 0) {
        (void)close(gauges->statm_fd);
        gauges->statm_fd = -1;
    }
}

static uint64_t microseconds(struct timeval time)
{
    return (uint64_t)time.tv_sec * US_PER_S + (uint64_t)time.tv_usec;
}

/* "size resident ...", in pages (proc(5)). */
static uint64_t resident_bytes(int statm_fd)
{
    char text[128];
    ssize_t length = statm_fd < 0 ? -1 : pread(statm_fd, text, sizeof(text) - 1, 0);
    const char *second;
    long page_bytes = sysconf(_SC_PAGESIZE);

    if (length <= 0 || page_bytes <= 0) {
        return 0;
    }
    text[length] = '\0';
    second = strchr(text, ' ');
    return second == NULL ? 0 : strtoull(second, NULL, 10) * (uint64_t)page_bytes;
}

void worker_gauges_refresh(struct worker_gauges *gauges)
{
    struct rusage usage;

    metrics_store(&gauges->metrics->resident_bytes, resident_bytes(gauges->statm_fd));
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        uint64_t cpu_us = microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
        metrics_add(&gauges->metrics->cpu_us, cpu_us - gauges->cpu_us);
        gauges->cpu_us = cpu_us;
    }
}
