/* SPDX-License-Identifier: MIT */
/*
 * log_sink.c - a descriptor that lines are written to without ever waiting.
 *
 * Standard error belongs to whoever started us, and several workers write to it.
 * Making it non-blocking would change it for everyone who shares it, a shell
 * included; asking poll() first leaves a gap in which another worker fills the
 * pipe. So a pipe or terminal is opened a second time through /proc: the new
 * open file has flags of its own. A pipe takes a line of at most PIPE_BUF bytes
 * whole or not at all, so lines of several writers never mix.
 *
 * What cannot be opened again (another user's pipe) is written to with a flag that forbids
 * the one write to wait, or, where the kernel has none for pipes (before Linux 6.5), after
 * poll() has said that there is room.
 */
/* For pwritev2(). */
#define _GNU_SOURCE
#include "gateway/log_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "gateway/log.h"

_Static_assert(LOG_LINE_BYTES_MAX < PIPE_BUF, "a line must fit a pipe's atomic write");

/* The same pipe or terminal, with its own flags; -1 when the system does not let us. */
static int open_again(int fd)
{
    char path[32];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | O_APPEND);
}

/* sd_journal_stream_fd(3), systemd.exec(5): JOURNAL_STREAM is device and inode of the socket. */
static bool is_journal(const struct stat *status)
{
    const char *named = getenv("JOURNAL_STREAM");
    char found[64];

    snprintf(found, sizeof(found), "%llu:%llu", (unsigned long long)status->st_dev,
             (unsigned long long)status->st_ino);
    return named != NULL && strcmp(named, found) == 0;
}

void log_sink_init(struct log_sink *sink, int fd)
{
    struct stat status;

    *sink = (struct log_sink){.kind = LOG_SINK_NONE, .fd = -1};
    if (fd < 0 || fstat(fd, &status) != 0) {
        return;
    }
    sink->fd = fd;
    sink->kind = LOG_SINK_OTHER;
    if (S_ISREG(status.st_mode)) {
        sink->kind = LOG_SINK_FILE;
    } else if (S_ISSOCK(status.st_mode)) {
        sink->kind = LOG_SINK_SOCKET;
        sink->is_journal = is_journal(&status);
    } else if (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode)) {
        int own = open_again(fd);
        int flags = fcntl(fd, F_GETFL);
        if (own >= 0) {
            *sink = (struct log_sink){.kind = LOG_SINK_NONBLOCKING, .fd = own, .is_own = true};
        } else if (flags >= 0 && (flags & O_NONBLOCK) != 0) {
            sink->kind = LOG_SINK_NONBLOCKING; /* a FIFO that access_log_open() made so */
        }
    }
}

void log_sink_fini(struct log_sink *sink)
{
    if (sink->is_own) {
        (void)close(sink->fd); /* nothing is buffered that could still fail */
    }
    *sink = (struct log_sink){.kind = LOG_SINK_NONE, .fd = -1};
}

/* Without waiting where the kernel can promise that, else on the word of poll(). */
static ssize_t write_at_once(int fd, const struct iovec *parts, int count)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
    ssize_t written = pwritev2(fd, parts, count, -1, RWF_NOWAIT);

    if (written >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS && errno != ESPIPE)) {
        return written;
    }
    return poll(&poll_fd, 1, 0) == 1 ? writev(fd, parts, count) : -1;
}

static ssize_t write_parts(const struct log_sink *sink, struct iovec *parts, size_t count)
{
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    ssize_t written;

    do {
        if (sink->kind == LOG_SINK_SOCKET) {
            written = sendmsg(sink->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        } else if (sink->kind == LOG_SINK_OTHER) {
            written = write_at_once(sink->fd, parts, (int)count);
        } else {
            written = writev(sink->fd, parts, (int)count);
        }
    } while (written < 0 && errno == EINTR);
    return written;
}

bool log_sink_write(struct log_sink *sink, struct span line)
{
    char line_feed = '\n';
    union {
        const char *borrowed;
        void *base;
    } bytes = {.borrowed = line.data}; /* an iovec to write from is not const */
    struct iovec parts[2] = {{.iov_base = &line_feed, .iov_len = 1},
                             {.iov_base = bytes.base, .iov_len = line.length}};
    size_t first = sink->is_torn ? 0 : 1;

    if (sink->kind == LOG_SINK_NONE) {
        return false;
    }
    ssize_t written = write_parts(sink, &parts[first], 2 - first);
    if (written < 0) {
        return false;
    }
    sink->is_torn = (size_t)written < line.length + (1 - first);
    return !sink->is_torn;
}
