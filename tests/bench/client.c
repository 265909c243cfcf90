/* SPDX-License-Identifier: MIT */
/*
 * client.c - many streams at once against one address; every answer is checked to its end.
 *
 *   bench_client --to 127.0.0.1:8080 --path /... --streams 300 --tokens 150 --gap 20000
 *
 * Measures from `--skip` to `--skip` plus `--time` (milliseconds), or over `--requests` many
 * requests; the streams begin at random moments of the first `--ramp` milliseconds. Prints one
 * JSON line. Status 1: an answer was not complete, the figures are worth nothing.
 */
#define _GNU_SOURCE /* epoll_pwait2() */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/client.h"
#include "tests/bench/options.h"

#define EVENTS 512
#define MS 1000000LL
#define GRACE_NS (30000 * MS) /* for the answers that run when the time is over */

struct settings {
    const char *to;
    const char *path;
    const char *token;
    const char *header;  /* one more, without line end; "": none */
    const char *members; /* of the JSON object, before the messages, with the comma */
    const char *format;  /* text or events */
    const char *pids;    /* whose CPU time is measured */
    const char *ca;      /* trust roots; set: TLS */
    int64_t streams;
    int64_t tokens;
    int64_t gap_us;
    int64_t first_us;
    int64_t requests;
    int64_t skip_ms;
    int64_t time_ms;
    int64_t ramp_ms;
    int64_t close;
    int64_t hold; /* when every stream has begun, say so and stay until stdin ends */
    int64_t slow; /* so many more streams that read slowly, unpaced */
    int64_t slow_tokens;
    int64_t slow_bytes; /* taken at once, each 20 ms */
};

static struct settings settings = {.path = "/",
                                   .token = "",
                                   .header = "",
                                   .members = "",
                                   .format = "events",
                                   .pids = "",
                                   .streams = 1,
                                   .tokens = 1,
                                   .time_ms = 1000,
                                   .slow_tokens = 2000,
                                   .slow_bytes = 2048};

static void read_settings(char **argv)
{
    const struct option_row rows[] = {{"--to", &settings.to, NULL},
                                      {"--path", &settings.path, NULL},
                                      {"--token", &settings.token, NULL},
                                      {"--header", &settings.header, NULL},
                                      {"--members", &settings.members, NULL},
                                      {"--format", &settings.format, NULL},
                                      {"--pids", &settings.pids, NULL},
                                      {"--ca", &settings.ca, NULL},
                                      {"--streams", NULL, &settings.streams},
                                      {"--tokens", NULL, &settings.tokens},
                                      {"--gap", NULL, &settings.gap_us},
                                      {"--first", NULL, &settings.first_us},
                                      {"--requests", NULL, &settings.requests},
                                      {"--skip", NULL, &settings.skip_ms},
                                      {"--time", NULL, &settings.time_ms},
                                      {"--ramp", NULL, &settings.ramp_ms},
                                      {"--close", NULL, &settings.close},
                                      {"--hold", NULL, &settings.hold},
                                      {"--slow", NULL, &settings.slow},
                                      {"--slow-tokens", NULL, &settings.slow_tokens},
                                      {"--slow-bytes", NULL, &settings.slow_bytes},
                                      {NULL, NULL, NULL}};

    options_read(argv, rows);
}

static void make_plan(struct plan *plan, int64_t tokens, int64_t gap_us)
{
    char body[1024];
    const char *colon = settings.header[0] == '\0' ? "" : "\r\n";
    int length = snprintf(body, sizeof(body),
                          "{%s\"messages\":[{\"role\":\"user\",\"content\":\"@bench tokens=%lld "
                          "gap=%lld first=%lld Why are there two tides each day, when the moon "
                          "passes overhead once? Please explain it to a child of ten.\"}]}",
                          settings.members, (long long)tokens, (long long)gap_us,
                          (long long)settings.first_us);

    length =
        snprintf(plan->request, sizeof(plan->request),
                 "POST %s HTTP/1.1\r\nHost: bench.example\r\nUser-Agent: bench\r\n"
                 "Accept: */*\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"
                 "Content-Length: %d%s%s%s\r\n\r\n%s",
                 settings.path, settings.token, length, colon, settings.header,
                 settings.close != 0 ? "\r\nConnection: close" : "", body);
    if (length >= (int)sizeof(plan->request)) {
        bench_die("the request is too long");
    }
    plan->length = (size_t)length;
    plan->tokens = tokens;
}

static void open_tls(struct client *client)
{
    client->tls = SSL_CTX_new(TLS_client_method());
    if (client->tls == NULL || SSL_CTX_load_verify_locations(client->tls, settings.ca, NULL) != 1) {
        bench_die(settings.ca);
    }
    SSL_CTX_set_verify(client->tls, SSL_VERIFY_PEER, NULL);
    (void)SSL_CTX_set_mode(client->tls, SSL_MODE_AUTO_RETRY);
}

/* The slots, each to begin at its own moment: a pattern would make the peers' turns one too. */
static struct slot *make_slots(struct client *client, const struct plan *plans, int64_t now_ns)
{
    size_t fast = (size_t)settings.streams;
    struct slot *slots = bench_alloc(fast + (size_t)settings.slow, sizeof(struct slot));
    uint64_t random = 88172645463325252ULL; /* the same moments in every run */

    client->open = fast + (size_t)settings.slow;
    for (size_t i = 0; i < client->open; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        slots[i].number = (unsigned)i;
        slots[i].wire.fd = -1;
        slots[i].plan = i < fast ? &plans[0] : &plans[1];
        heap_set(&client->timers, &slots[i].due,
                 now_ns + (int64_t)(random % (uint64_t)(settings.ramp_ms * MS + 1)));
    }
    return slots;
}

static void turn(struct client *client, int64_t latest_ns)
{
    struct epoll_event events[EVENTS];
    int64_t now_ns = bench_now_ns();
    int64_t wait_ns = heap_wait_ns(&client->timers, now_ns);
    int64_t bound_ns = latest_ns > now_ns ? latest_ns - now_ns : 0;
    struct timespec wait;
    int count = 0;
    struct due *due = NULL;

    wait_ns = wait_ns < 0 || wait_ns > bound_ns ? bound_ns : wait_ns;
    wait = (struct timespec){.tv_sec = wait_ns / 1000000000, .tv_nsec = wait_ns % 1000000000};
    count = epoll_pwait2(client->epoll_fd, events, EVENTS, &wait, NULL);
    for (int i = 0; i < count; i++) {
        slot_on_socket(client, events[i].data.ptr);
    }
    while ((due = heap_take(&client->timers, bench_now_ns())) != NULL) {
        slot_on_timer(client, (struct slot *)due);
    }
}

static void run_until(struct client *client, int64_t end_ns)
{
    while (client->open > 0 && bench_now_ns() < end_ns) {
        turn(client, end_ns);
    }
}

/* Every stream open and quiet: somebody else looks at the gateway's memory meanwhile. */
static void hold(struct client *client, int64_t began_ns)
{
    char byte = 0;

    while (client->answering < client->open && bench_now_ns() < began_ns + GRACE_NS) {
        turn(client, bench_now_ns() + 100 * MS);
    }
    (void)printf("{\"holding\": %zu, \"open\": %zu, \"problems\": %llu}\n", client->answering,
                 client->open, (unsigned long long)client->problems);
    (void)fflush(stdout);
    if (read(STDIN_FILENO, &byte, 1) < 0) {
        bench_die("stdin");
    }
}

static void measure(struct client *client, int64_t began_ns)
{
    struct cpu_sample before;
    struct cpu_sample after;
    int64_t from_ns = 0;
    int64_t took_ns = 0;

    run_until(client, began_ns + settings.skip_ms * MS);
    client->is_measuring = true;
    before = cpu_sample_take(settings.pids);
    from_ns = bench_now_ns();
    run_until(client,
              settings.requests != 0 ? from_ns + 10 * GRACE_NS : from_ns + settings.time_ms * MS);
    after = cpu_sample_take(settings.pids);
    took_ns = bench_now_ns() - from_ns;
    client->is_measuring = false;
    client->is_stopping = true;
    run_until(client, bench_now_ns() + GRACE_NS);
    if (client->open > 0) {
        (void)fprintf(stderr, "bench_client: %zu streams did not end\n", client->open);
        client->problems += client->open;
    }
    after.cpu_ns -= before.cpu_ns;
    after.waited_ns -= before.waited_ns;
    client_report(client, &after, took_ns);
}

int main(int argc, char **argv)
{
    static struct client client;
    static struct plan plans[2];
    int64_t began_ns = bench_now_ns();
    struct slot *slots = NULL;

    (void)argc;
    read_settings(argv);
    client.to = wire_address(settings.to == NULL ? "" : settings.to);
    client.is_text = strcmp(settings.format, "text") == 0;
    client.closes = settings.close != 0;
    client.requests_max = settings.requests;
    client.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    make_plan(&plans[0], settings.tokens, settings.gap_us);
    make_plan(&plans[1], settings.slow_tokens, 0);
    plans[1].pause_ns = 20 * MS;
    plans[1].read_bytes = settings.slow_bytes;
    if (settings.ca != NULL) {
        open_tls(&client);
    }
    slots = make_slots(&client, plans, began_ns);
    if (settings.hold != 0) {
        hold(&client, began_ns);
    } else {
        measure(&client, began_ns);
    }
    free(slots);
    return client.problems == 0 ? 0 : 1;
}
