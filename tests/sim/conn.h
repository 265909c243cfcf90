/* SPDX-License-Identifier: MIT */
/*
 * conn.h - one client connection: reads requests, writes answers, one at a time.
 */
#ifndef TESTS_SIM_CONN_H
#define TESTS_SIM_CONN_H

#include <openssl/ssl.h>

#include "tests/sim/server.h"

/*
 * Take over an accepted descriptor. <ssl> is NULL for a plain connection and is
 * then ours. The connection joins server->live and leaves it by itself.
 */
void conn_open(struct server *server, int fd, SSL *ssl);

/* Close every live connection; they are freed by conn_free_dead(). */
void conn_close_all(struct server *server);
void conn_free_dead(struct server *server);

#endif
