/* SPDX-License-Identifier: MIT */
/*
 * handover.c - an open file, from the supervisor to a worker: SCM_RIGHTS, unix(7).
 *
 * Packets, so that one file is one message whatever else waits in the socket.
 */
#include "gateway/handover.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for one descriptor, aligned as the kernel wants it. */
union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

bool handover_open(int *supervisor_end, int *worker_end)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
        return false;
    }
    *supervisor_end = ends[0];
    *worker_end = ends[1];
    return true;
}

bool handover_send(int supervisor_end, int fd)
{
    char byte = 'f'; /* a packet without a byte reads as the end */
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    union control control = {.bytes = {0}};
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof(control.bytes),
    };

    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    return sendmsg(supervisor_end, &message, MSG_NOSIGNAL) == 1;
}

enum handover_status handover_take(int worker_end, int *fd)
{
    char byte;
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    union control control = {.bytes = {0}};
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof(control.bytes),
    };
    ssize_t got = recvmsg(worker_end, &message, MSG_CMSG_CLOEXEC);
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    if (got < 0) {
        return errno == EAGAIN || errno == EINTR ? HANDOVER_NOTHING : HANDOVER_OVER;
    }
    if (got == 0) {
        return HANDOVER_OVER;
    }
    if (header == NULL || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
        header->cmsg_len != CMSG_LEN(sizeof(int))) {
        return HANDOVER_NOTHING; /* the kernel could not give us the file: no descriptor left */
    }
    memcpy(fd, CMSG_DATA(header), sizeof(*fd));
    return HANDOVER_TAKEN;
}
