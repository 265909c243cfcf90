/* SPDX-License-Identifier: MIT */
/*
 * transport.c - plain sockets and OpenSSL behind the same five calls.
 */
#include "tests/sim/transport.h"

#include <errno.h>
#include <limits.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

static enum transport_status tls_status(struct transport *t, int result)
{
    switch (SSL_get_error(t->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return TRANSPORT_WANTS_READ;
    case SSL_ERROR_WANT_WRITE:
        return TRANSPORT_WANTS_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return TRANSPORT_EOF;
    default:
        return TRANSPORT_FAILED;
    }
}

static enum transport_status plain_status(enum transport_status wanted)
{
    return errno == EAGAIN || errno == EINTR ? wanted : TRANSPORT_FAILED;
}

enum transport_status transport_handshake(struct transport *t)
{
    int result = 0;

    if (t->ssl == NULL) {
        return TRANSPORT_DONE;
    }
    ERR_clear_error();
    result = SSL_accept(t->ssl);
    return result == 1 ? TRANSPORT_DONE : tls_status(t, result);
}

enum transport_status transport_read(struct transport *t, char *out, size_t room, size_t *got)
{
    ssize_t count = 0;

    if (t->ssl != NULL) {
        ERR_clear_error();
        if (SSL_read_ex(t->ssl, out, room, got) == 1) {
            return TRANSPORT_DONE;
        }
        return tls_status(t, 0);
    }
    count = recv(t->fd, out, room, 0);
    if (count < 0) {
        return plain_status(TRANSPORT_WANTS_READ);
    }
    *got = (size_t)count;
    return count == 0 ? TRANSPORT_EOF : TRANSPORT_DONE;
}

enum transport_status transport_write(struct transport *t, const char *data, size_t length,
                                      size_t *sent)
{
    ssize_t count = 0;

    if (t->ssl != NULL) {
        ERR_clear_error();
        if (SSL_write_ex(t->ssl, data, length, sent) == 1) {
            return TRANSPORT_DONE;
        }
        return tls_status(t, 0);
    }
    count = send(t->fd, data, length, MSG_NOSIGNAL);
    if (count < 0) {
        return plain_status(TRANSPORT_WANTS_WRITE);
    }
    *sent = (size_t)count;
    return TRANSPORT_DONE;
}

void transport_end_writes(struct transport *t)
{
    if (t->ssl != NULL) {
        ERR_clear_error();
        (void)SSL_shutdown(t->ssl); /* one side is enough */
    }
    (void)shutdown(t->fd, SHUT_WR); /* the peer may have gone already */
}

size_t transport_unacknowledged(const struct transport *t)
{
    int count = 0;

    return ioctl(t->fd, SIOCOUTQ, &count) == 0 && count > 0 ? (size_t)count : 0;
}

void transport_close(struct transport *t, enum transport_leave how)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    if (t->ssl != NULL) {
        if (how == LEAVE_PROPERLY && SSL_is_init_finished(t->ssl)) {
            ERR_clear_error();
            (void)SSL_shutdown(t->ssl); /* the peer may have gone already */
        } else {
            /* A cut connection's session may still be resumed. */
            SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        }
        SSL_free(t->ssl);
        t->ssl = NULL;
    }
    if (how == LEAVE_BY_RESET) {
        (void)setsockopt(t->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    }
    (void)close(t->fd); /* nothing to do about a failure */
    t->fd = -1;
}
