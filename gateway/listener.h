/* SPDX-License-Identifier: MIT */
/*
 * listener.h - one listening socket: opened, or taken over from another process.
 */
#ifndef GATEWAY_LISTENER_H
#define GATEWAY_LISTENER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/attrs.h"
#include "gateway/config.h"
#include "gateway/inherit.h"

/*
 * A socket that shares its port with others of this user (SO_REUSEPORT). This and all
 * below that return a descriptor: -1 when it fails, and the reason has been logged.
 */
int listener_open_shared(const struct sockaddr_storage *address, socklen_t length,
                         const char *text) MUST_USE;

/*
 * Make <fd>, opened by another process, as good as one of ours. What was chosen there
 * for the bound address (SO_REUSEPORT, IPV6_V6ONLY) stays. Closes it when that fails.
 */
int listener_take_over(int fd, const char *text) MUST_USE;

/* The admin's socket, from <inherited> or opened; shares its port with nobody. */
int listener_open_admin(const struct config_address *address, struct inherited *inherited) MUST_USE;

/* False when somebody else listens on the port of <address> (the reason has been logged). */
bool listener_port_is_free(struct sockaddr_storage *address, socklen_t length,
                           const char *text) MUST_USE;

/* Where the port stands in an address, in network order. */
in_port_t *listener_port(struct sockaddr_storage *address);

/* Close what was handed over and matches nothing, with a warning for each. */
void listener_close_unused(struct inherited *inherited);

/* Log <event> with the address that <fd> is really bound to. */
void listener_log(const char *event, int fd);

#endif
