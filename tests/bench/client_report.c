/* SPDX-License-Identifier: MIT */
/*
 * client_report.c - what the kernel says about processes, and the line that sums up a run.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/client.h"

static void add_thread(struct cpu_sample *sample, const char *pid, const char *thread)
{
    char path[128];
    char line[128] = "";
    char *end = NULL;
    FILE *file = NULL;

    (void)snprintf(path, sizeof(path), "/proc/%.20s/task/%.20s/schedstat", pid, thread);
    file = fopen(path, "r");
    if (file == NULL) {
        return; /* a thread that has just ended */
    }
    if (fgets(line, sizeof(line), file) != NULL) {
        sample->cpu_ns += strtoll(line, &end, 10);
        sample->waited_ns += strtoll(end, NULL, 10);
    }
    (void)fclose(file); /* read only */
}

static void add_process(struct cpu_sample *sample, const char *pid)
{
    char path[64];
    DIR *threads = NULL;
    const struct dirent *entry = NULL;

    (void)snprintf(path, sizeof(path), "/proc/%.20s/task", pid);
    threads = opendir(path);
    if (threads == NULL) {
        bench_die(path);
    }
    while ((entry = readdir(threads)) != NULL) {
        if (entry->d_name[0] != '.') {
            add_thread(sample, pid, entry->d_name);
        }
    }
    (void)closedir(threads);
}

struct cpu_sample cpu_sample_take(const char *pids)
{
    struct cpu_sample sample = {.cpu_ns = 0};

    while (*pids != '\0') {
        char *end = NULL;
        long pid = strtol(pids, &end, 10);
        char name[24];

        (void)snprintf(name, sizeof(name), "%ld", pid);
        add_process(&sample, name);
        pids = *end == ',' ? end + 1 : "";
    }
    return sample;
}

static void print_histogram(const char *name, const struct histogram *histogram)
{
    (void)printf(", \"%s\": ", name);
    histogram_print(histogram, stdout);
}

void client_report(const struct client *client, const struct cpu_sample *spent, int64_t took_ns)
{
    const struct counters *counters = &client->counters;

    (void)printf("{\"seconds\": %.4f, \"requests\": %llu, \"tokens\": %llu, \"bytes\": %llu, "
                 "\"problems\": %llu, \"cpu_us\": %.1f, \"waited_us\": %.1f",
                 (double)took_ns / 1e9, (unsigned long long)counters->requests,
                 (unsigned long long)counters->tokens, (unsigned long long)counters->bytes,
                 (unsigned long long)client->problems, (double)spent->cpu_ns / 1e3,
                 (double)spent->waited_ns / 1e3);
    print_histogram("first_us", &counters->first);
    print_histogram("delay_us", &counters->delay);
    print_histogram("whole_us", &counters->whole);
    (void)printf("}\n");
}
