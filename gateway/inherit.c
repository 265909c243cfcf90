/* SPDX-License-Identifier: MIT */
/*
 * inherit.c - listening sockets that come from, or go to, another process.
 *
 * See sd_listen_fds(3) for the protocol; it is small enough to need no library.
 */
#include "gateway/inherit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_FD 3
#define FDS_MAX 65536
#define NAME_BYTES 16 /* of ours, with the colon */

static const struct {
    const char *name;
    enum inherit_role role;
} names[] = {
    {"tidegate-listen", INHERIT_LISTEN},
    {"tidegate-admin", INHERIT_ADMIN},
    {"tidegate-ready", INHERIT_READY},
};

/* -- receiving -- */

/* A number in decimal and nothing else; 0 when it is none or out of range. */
static long variable_number(const char *name, long most)
{
    const char *text = getenv(name);
    char *end = NULL;
    long number;

    if (text == NULL || *text < '0' || *text > '9') {
        return 0;
    }
    errno = 0;
    number = strtol(text, &end, 10);
    return errno == 0 && *end == '\0' && number <= most ? number : 0;
}

static enum inherit_role role_of(const char *name)
{
    for (size_t i = 0; name != NULL && i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i].name) == 0) {
            return names[i].role;
        }
    }
    return INHERIT_UNKNOWN;
}

static void keep(struct inherited *inherited, int fd, enum inherit_role role)
{
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC); /* fails for a descriptor that is not open: no socket */
    if (role == INHERIT_READY) {
        inherited->ready_fd = fd;
        inherited->predecessor = getppid();
    } else {
        inherited->fds[inherited->count++] = (struct inherited_fd){.fd = fd, .role = role};
    }
}

static bool keep_all(struct inherited *inherited, size_t count)
{
    const char *listed = getenv("LISTEN_FDNAMES");
    char *copy = listed == NULL ? NULL : strdup(listed);
    char *rest = copy;

    inherited->fds = calloc(count, sizeof(*inherited->fds));
    if (inherited->fds == NULL || (listed != NULL && copy == NULL)) {
        free(copy);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const char *name = rest == NULL ? NULL : strsep(&rest, ":");
        keep(inherited, FIRST_FD + (int)i, role_of(name));
    }
    free(copy);
    return true;
}

bool inherit_receive(struct inherited *inherited)
{
    bool is_ours = variable_number("LISTEN_PID", INT_MAX) == getpid();
    long count = variable_number("LISTEN_FDS", FDS_MAX);
    bool is_kept = true;

    *inherited = (struct inherited){.ready_fd = -1};
    if (is_ours && count > 0) {
        is_kept = keep_all(inherited, (size_t)count);
    }
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    return is_kept;
}

/* -- finding -- */

/* Port 0 stands for any, in a socket that we have named ourselves: a stranger's would do for
 * the admin listener as well as for clients. */
static bool same_port(in_port_t wanted, in_port_t other, enum inherit_role other_role)
{
    return wanted == other || (wanted == 0 && other_role != INHERIT_UNKNOWN);
}

static bool same_place(const struct sockaddr_storage *a, const struct sockaddr_storage *b,
                       enum inherit_role role_b)
{
    if (a->ss_family != b->ss_family) {
        return false;
    }
    if (a->ss_family == AF_INET6) {
        const struct sockaddr_in6 *six_a = (const void *)a;
        const struct sockaddr_in6 *six_b = (const void *)b;
        return memcmp(&six_a->sin6_addr, &six_b->sin6_addr, sizeof(six_a->sin6_addr)) == 0 &&
               six_a->sin6_scope_id == six_b->sin6_scope_id &&
               same_port(six_a->sin6_port, six_b->sin6_port, role_b);
    }
    const struct sockaddr_in *four_a = (const void *)a;
    const struct sockaddr_in *four_b = (const void *)b;
    return four_a->sin_addr.s_addr == four_b->sin_addr.s_addr &&
           same_port(four_a->sin_port, four_b->sin_port, role_b);
}

static bool option_is(int fd, int name, int wanted)
{
    int value = 0;
    socklen_t length = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, name, &value, &length) == 0 && value == wanted;
}

/* The address of a TCP socket that listens or may begin to. */
static bool place_of(int fd, struct sockaddr_storage *address)
{
    socklen_t length = sizeof(*address);

    memset(address, 0, sizeof(*address));
    return option_is(fd, SO_TYPE, SOCK_STREAM) && option_is(fd, SO_PROTOCOL, IPPROTO_TCP) &&
           getsockname(fd, (struct sockaddr *)address, &length) == 0 &&
           (address->ss_family == AF_INET || address->ss_family == AF_INET6);
}

int inherit_take(struct inherited *inherited, enum inherit_role role,
                 struct sockaddr_storage *address)
{
    for (size_t i = 0; i < inherited->count; i++) {
        struct inherited_fd *entry = &inherited->fds[i];
        struct sockaddr_storage place;
        if (entry->fd >= 0 && (entry->role == role || entry->role == INHERIT_UNKNOWN) &&
            place_of(entry->fd, &place) && same_place(address, &place, entry->role)) {
            int fd = entry->fd;
            entry->fd = -1;
            *address = place;
            return fd;
        }
    }
    return -1;
}

int inherit_take_rest(struct inherited *inherited)
{
    for (size_t i = 0; i < inherited->count; i++) {
        if (inherited->fds[i].fd >= 0) {
            int fd = inherited->fds[i].fd;
            inherited->fds[i].fd = -1;
            return fd;
        }
    }
    return -1;
}

void inherit_fini(struct inherited *inherited)
{
    free(inherited->fds);
    inherited->fds = NULL;
    inherited->count = 0;
}

/* -- sending -- */

static const char *name_of(enum inherit_role role)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i].role == role) {
            return names[i].name;
        }
    }
    return "unknown";
}

static bool set_variables(const struct inherited_fd *fds, size_t count)
{
    char *list = calloc(count + 1, NAME_BYTES);
    char number[24];
    size_t length = 0;
    bool is_set;

    if (list == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        length += (size_t)snprintf(list + length, NAME_BYTES + 1, "%s%s", i == 0 ? "" : ":",
                                   name_of(fds[i].role));
    }
    snprintf(number, sizeof(number), "%zu", count);
    is_set = setenv("LISTEN_FDNAMES", list, 1) == 0 && setenv("LISTEN_FDS", number, 1) == 0;
    snprintf(number, sizeof(number), "%ld", (long)getpid());
    free(list);
    return is_set && setenv("LISTEN_PID", number, 1) == 0;
}

bool inherit_pass(const struct inherited_fd *fds, size_t count)
{
    int *out_of_the_way = calloc(count + 1, sizeof(*out_of_the_way));
    bool is_placed = out_of_the_way != NULL;

    /* First above all places, or one descriptor would land on another not yet moved. */
    for (size_t i = 0; is_placed && i < count; i++) {
        out_of_the_way[i] = fcntl(fds[i].fd, F_DUPFD_CLOEXEC, FIRST_FD + (int)count);
        is_placed = out_of_the_way[i] >= 0;
    }
    for (size_t i = 0; is_placed && i < count; i++) {
        is_placed = dup2(out_of_the_way[i], FIRST_FD + (int)i) >= 0; /* clears close-on-exec */
    }
    free(out_of_the_way);
    return is_placed && set_variables(fds, count);
}
