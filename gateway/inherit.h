/* SPDX-License-Identifier: MIT */
/*
 * inherit.h - listening sockets that come from, or go to, another process.
 *
 * The words are systemd's, so one way serves both socket activation and the
 * upgrade of a running gateway: LISTEN_FDS sockets from descriptor 3 on, meant for
 * the process LISTEN_PID, named by LISTEN_FDNAMES. Our own names tell a socket for
 * clients from the admin's, which an address with port 0 could not.
 */
#ifndef GATEWAY_INHERIT_H
#define GATEWAY_INHERIT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/attrs.h"

enum inherit_role {
    INHERIT_UNKNOWN = 0, /* named by somebody else: goes by its address alone */
    INHERIT_LISTEN,
    INHERIT_ADMIN,
    INHERIT_READY, /* no socket: the pipe in which a successor says that it is ready */
};

struct inherited_fd {
    int fd; /* -1: taken */
    enum inherit_role role;
};

struct inherited {
    struct inherited_fd *fds; /* owned */
    size_t count;
    int ready_fd;      /* -1: nobody waits for us to be ready */
    pid_t predecessor; /* who does, while ready_fd is open */
};

/*
 * Take what was handed to this process; nothing, when LISTEN_PID names another one.
 * The variables are removed in any case, and every descriptor is closed on execution.
 * False when memory is out.
 */
bool inherit_receive(struct inherited *inherited) MUST_USE;

/*
 * A listening TCP socket that is bound to <address>, or -1. Port 0 stands for any that a
 * predecessor hands over; the one found is written into <address>. The descriptor becomes the caller's.
 */
int inherit_take(struct inherited *inherited, enum inherit_role role,
                 struct sockaddr_storage *address) MUST_USE;

/* Any descriptor that is left, or -1. */
int inherit_take_rest(struct inherited *inherited) MUST_USE;

/* Forget the list. What was not taken stays open. */
void inherit_fini(struct inherited *inherited);

/*
 * In a forked child that is about to execute another program: place the descriptors
 * and set the variables. False when the system refuses (errno says why).
 */
bool inherit_pass(const struct inherited_fd *fds, size_t count) MUST_USE;

#endif
