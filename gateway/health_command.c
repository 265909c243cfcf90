/* SPDX-License-Identifier: MIT */
/*
 * health_command.c - `tidegate health`: ask a running gateway how it is.
 *
 * A container image without a shell has no other program that could ask, so the
 * gateway asks itself: one request to the admin listener, with one deadline over
 * connect, write and read.
 */
#include "gateway/health_command.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/attrs.h"
#include "base/clock.h"
#include "base/span.h"
#include "gateway/config.h"
#include "gateway/config_value.h"

#define EXIT_USAGE 2
#define TIMEOUT_DEFAULT_MS 2000
#define TIMEOUT_MAX_MS 60000
#define ANSWER_BYTES_MAX 4096

static const char help_text[] =
    "Usage: tidegate health -c FILE [OPTION]...\n"
    "       tidegate health --admin ADDRESS:PORT [OPTION]...\n"
    "\n"
    "Ask a running gateway how it is, over its admin listener. For a container's HEALTHCHECK,\n"
    "an exec probe, or a script.\n"
    "\n"
    "  -c, --conf FILE           take the admin listener's address from this conf file\n"
    "      --admin ADDRESS:PORT  the address itself, instead of a conf file\n"
    "      --live                ask whether it lives (/livez), not whether it is ready (/readyz)\n"
    "      --timeout DURATION    give up after this time, as 500ms or 2s (default: 2s)\n"
    "  -h, --help                print this help\n"
    "\n"
    "Exit status: 0 it is well; 1 it is not, or does not answer; 2 wrong usage or conf file.\n";

/* The command line. Everything borrowed from argv; NULL: not given. */
struct options {
    const char *config_path;
    const char *admin;
    const char *path;
    int64_t timeout_ms;
    bool wants_help;
};

static bool complain(const char *problem)
{
    (void)fprintf(stderr, "tidegate health: %s\nTry 'tidegate health --help'.\n", problem);
    return false;
}

static bool parse_timeout(const char *text, int64_t *timeout_ms)
{
    if (config_parse_duration(text, timeout_ms) != CONFIG_VALUE_OK || *timeout_ms < 1 ||
        *timeout_ms > TIMEOUT_MAX_MS) {
        return complain("--timeout wants a duration, as 500ms or 2s, up to 60s");
    }
    return true;
}

/* Take one option that getopt_long() found. */
static bool take_option(struct options *options, int option, const char *value)
{
    switch (option) {
    case 'c':
        options->config_path = value;
        return true;
    case 'a':
        options->admin = value;
        return true;
    case 'l':
        options->path = "/livez";
        return true;
    case 't':
        return parse_timeout(value, &options->timeout_ms);
    case 'h':
        options->wants_help = true;
        return true;
    case ':':
        return complain("an option lacks its value");
    default:
        return complain("unknown option");
    }
}

static bool parse_options(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {
        {"conf", required_argument, NULL, 'c'},
        {"config", required_argument, NULL, 'c'},
        {"admin", required_argument, NULL, 'a'},
        {"live", no_argument, NULL, 'l'},
        {"timeout", required_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option = 0;

    optind = 0; /* start afresh: the program may have read its own options before */
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":c:h", known, NULL)) != -1) {
        if (!take_option(options, option, optarg)) {
            return false;
        }
    }
    if (options->wants_help) {
        return true;
    }
    if (optind < argc) {
        return complain("unexpected argument after the options");
    }
    if ((options->config_path == NULL) == (options->admin == NULL)) {
        return complain("give either -c FILE or --admin ADDRESS:PORT");
    }
    return true;
}

/* Where to ask; <address> owns its text afterwards. */
static bool find_address(const struct options *options, struct config_address *address)
{
    struct config *config;
    const char *text = options->admin;
    enum config_value_status status = CONFIG_VALUE_NO_MEMORY;

    if (text != NULL) {
        status = config_parse_address(text, address);
        return status == CONFIG_VALUE_OK || complain(config_value_status_text(status));
    }
    config = config_load(options->config_path, stderr);
    if (config == NULL) {
        return false;
    }
    if (config->admin.socket_address_length == 0) {
        config_free(config);
        return complain("the conf file turns the admin listener off (admin = \"off\")");
    }
    status = config_parse_address(config->admin.text, address);
    config_free(config);
    return status == CONFIG_VALUE_OK || complain(config_value_status_text(status));
}

/* Until <fd> is ready for <events>; false when the deadline comes first. */
static bool wait_for(int fd, short events, int64_t deadline_ms)
{
    for (;;) {
        struct pollfd poll_fd = {.fd = fd, .events = events};
        int64_t left_ms = deadline_ms - clock_now_ms();
        int ready = left_ms <= 0 ? 0 : poll(&poll_fd, 1, (int)left_ms);
        if (ready > 0) {
            return true;
        }
        if (ready == 0 || errno != EINTR) {
            errno = ready == 0 ? ETIMEDOUT : errno;
            return false;
        }
    }
}

/* A connected, non-blocking socket; -1 and errno. */
static int connect_to(const struct config_address *address, int64_t deadline_ms)
{
    int fd =
        socket(address->socket_address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int problem = 0;
    socklen_t size = sizeof(problem);

    if (fd < 0) {
        return -1;
    }
    if (connect(fd, (const struct sockaddr *)&address->socket_address,
                address->socket_address_length) == 0) {
        return fd;
    }
    if (errno == EINPROGRESS && wait_for(fd, POLLOUT, deadline_ms) &&
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &size) == 0) {
        if (problem == 0) {
            return fd;
        }
        errno = problem;
    }
    problem = errno;
    (void)close(fd);
    errno = problem;
    return -1;
}

/* Reads until the end, the room's end or the deadline; false when nothing good came. */
static bool read_answer(int fd, int64_t deadline_ms, char answer[ANSWER_BYTES_MAX])
{
    size_t length = 0;

    while (length < ANSWER_BYTES_MAX - 1 && wait_for(fd, POLLIN, deadline_ms)) {
        ssize_t count = read(fd, answer + length, ANSWER_BYTES_MAX - 1 - length);
        if (count == 0) {
            answer[length] = '\0';
            return true;
        }
        if (count < 0 && errno != EAGAIN && errno != EINTR) {
            return false;
        }
        length += count > 0 ? (size_t)count : 0;
    }
    return false;
}

static bool ask(const struct config_address *address, const struct options *options,
                char answer[ANSWER_BYTES_MAX])
{
    int64_t deadline_ms = clock_now_ms() + options->timeout_ms;
    int fd = connect_to(address, deadline_ms);
    char request[128];
    bool is_answered = false;

    if (fd < 0) {
        return false;
    }
    int length =
        snprintf(request, sizeof(request),
                 "GET %s HTTP/1.1\r\nHost: tidegate\r\nConnection: close\r\n\r\n", options->path);
    /* So few bytes go into a fresh socket's buffer in one piece. */
    if (send(fd, request, (size_t)length, MSG_NOSIGNAL) == length) {
        is_answered = read_answer(fd, deadline_ms, answer);
    }
    int problem = errno;
    (void)close(fd);
    errno = problem;
    return is_answered;
}

/* The first line of the body, or of the head when there is none; printable bytes only. */
static void print_words(const char *answer)
{
    const char *body = strstr(answer, "\r\n\r\n");
    const char *words = body == NULL || body[4] == '\0' ? answer : body + 4;

    for (size_t i = 0; words[i] >= ' ' && words[i] <= '~'; i++) {
        (void)putchar(words[i]);
    }
    (void)putchar('\n');
}

static int probe(const struct options *options, const struct config_address *address)
{
    char answer[ANSWER_BYTES_MAX];
    static const char good[] = "HTTP/1.1 200 ";

    if (!ask(address, options, answer)) {
        (void)fprintf(stderr, "tidegate health: %s: %s\n", address->text, strerror(errno));
        return EXIT_FAILURE;
    }
    print_words(answer);
    return strncmp(answer, good, sizeof(good) - 1) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int health_command(int argc, char **argv)
{
    struct options options = {.path = "/readyz", .timeout_ms = TIMEOUT_DEFAULT_MS};
    struct config_address address = {.text = NULL};
    int status = EXIT_USAGE;

    if (!parse_options(argc, argv, &options)) {
        return EXIT_USAGE;
    }
    if (options.wants_help) {
        return fputs(help_text, stdout) < 0 || fflush(stdout) != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    }
    if (find_address(&options, &address)) {
        status = probe(&options, &address);
    }
    free(address.text);
    return status;
}
