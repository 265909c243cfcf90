/* SPDX-License-Identifier: MIT */
/*
 * client_tls.c - TLS towards clients, by libevent's OpenSSL bufferevent.
 *
 * What is offered is Mozilla's "intermediate" without finite-field Diffie-Hellman: TLS 1.2
 * and 1.3, forward secrecy and AEAD only. There is no early data: a replayed chat costs
 * money. read_ahead stays off: with it libevent's bufferevent stalls.
 *
 * OpenSSL keeps its errors in one queue for the whole thread, so whoever calls it here
 * empties the queue; the next connection would read them as its own.
 */
#include "gateway/client_tls.h"

#include <stdlib.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/bufferevent_struct.h>
#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "gateway/log.h"

/* RFC 8446 section 5.1: the most that one record holds. */
#define RECORD_BYTES_MAX 16384
/* RFC 8446 section 4.6.1 allows a week; a stolen ticket key should open less. */
#define SESSION_S (2 * 60 * 60)
/* Of a plain request, read so that its sender sees the answer and no reset. */
#define PLAIN_BYTES_MAX (64 * 1024)
#define PLAIN_BODY "{\n  \"statusCode\": 400,\n  \"statusMessage\": \"Bad Request.\"\n}"
_Static_assert(sizeof(PLAIN_BODY) - 1 == 58, "its Content-Length");

static const char tls12_ciphers[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                                    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char tls13_ciphers[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
static char groups[] = "X25519:P-256:P-384"; /* not const: OpenSSL's macro casts that away */

/* RFC 7301 section 3.2: one protocol is spoken; who offers only others is told so. */
/* NOLINTNEXTLINE(readability-function-size): the shape of the callback is OpenSSL's */
static int on_alpn(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_length,
                   const unsigned char *offered, unsigned offered_length, void *arg)
{
    static const unsigned char spoken[] = "\x08http/1.1";
    unsigned char *found = NULL;

    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&found, chosen_length, spoken, sizeof(spoken) - 1, offered,
                              offered_length) != OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
}

static bool set_protocol(SSL_CTX *context)
{
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_security_level(context, 2); /* 112 bits: no RSA key below 2048 */
    SSL_CTX_set_alpn_select_cb(context, on_alpn, NULL);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(context, tls12_ciphers) == 1 &&
           SSL_CTX_set_ciphersuites(context, tls13_ciphers) == 1 &&
           SSL_CTX_set1_groups_list(context, groups) == 1;
}

/* A resumed session is the same client with the same server: bound to the certificate. */
static bool set_sessions(SSL_CTX *context, struct tls_tickets *tickets)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;

    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* tickets alone */
    (void)SSL_CTX_set_timeout(context, SESSION_S);
    return X509_digest(SSL_CTX_get0_certificate(context), EVP_sha256(), digest, &length) == 1 &&
           SSL_CTX_set_session_id_context(context, digest, length) == 1 &&
           tls_tickets_use(context, tickets);
}

struct ssl_ctx_st *client_tls_context_new(const struct tls_identity *identity,
                                          struct tls_tickets *tickets, const char **problem)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    enum tls_identity_status status = TLS_IDENTITY_NO_MEMORY;

    if (context != NULL && set_protocol(context)) {
        status = tls_identity_load(context, identity);
    }
    if (status != TLS_IDENTITY_OK || !set_sessions(context, tickets)) {
        *problem =
            tls_identity_status_text(status == TLS_IDENTITY_OK ? TLS_IDENTITY_NO_MEMORY : status);
        SSL_CTX_free(context);
        context = NULL;
    }
    ERR_clear_error();
    return context;
}

void client_tls_context_free(struct ssl_ctx_st *context)
{
    SSL_CTX_free(context);
}

struct bufferevent *client_tls_bufferevent_new(struct ssl_ctx_st *context, struct event_base *base)
{
    SSL *ssl = SSL_new(context);
    struct bufferevent *bev = NULL;

    if (ssl != NULL) {
        /* Frees <ssl> on failure, too. */
        bev = bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                             BEV_OPT_CLOSE_ON_FREE);
    }
    ERR_clear_error();
    return bev;
}

bool client_tls_is_on(struct bufferevent *bev)
{
    return bufferevent_openssl_get_ssl(bev) != NULL;
}

const char *client_tls_version(struct bufferevent *bev)
{
    const SSL *ssl = bufferevent_openssl_get_ssl(bev);

    return SSL_get_current_cipher(ssl) == NULL ? NULL : SSL_get_version(ssl);
}

/*
 * libevent makes one record of each piece of the output, so what a turn has added is
 * joined first. Not more than one record's worth: a slow client's backlog would be copied
 * in every turn. Then the bufferevent's own write callback is called, as if the socket had
 * just become writable: it is the only one that knows where its SSL_write() stands.
 */
void client_tls_write(struct bufferevent *bev)
{
    struct evbuffer *output = bufferevent_get_output(bev);
    size_t length = evbuffer_get_length(output);
    size_t joined = length < RECORD_BYTES_MAX ? length : RECORD_BYTES_MAX;

    (void)evbuffer_pullup(output, (ev_ssize_t)joined); /* failing only costs records */
    bufferevent_enable(bev, EV_WRITE);
    event_get_callback (&bev->ev_write)(bufferevent_getfd(bev), EV_WRITE,
                                        event_get_callback_arg(&bev->ev_write));
}

void client_tls_say_end(struct bufferevent *bev)
{
    SSL *ssl = bufferevent_openssl_get_ssl(bev);

    if (SSL_is_init_finished(ssl)) {
        (void)SSL_shutdown(ssl); /* a client that is gone cannot be told */
    }
    ERR_clear_error();
}

void client_tls_note_open(struct bufferevent *bev, struct metrics_slot *metrics)
{
    metrics_add(&metrics->tls_handshakes, 1);
    if (SSL_session_reused(bufferevent_openssl_get_ssl(bev)) == 1) {
        metrics_add(&metrics->tls_resumed, 1);
    }
}

/* What made the handshake fail; 0 when the peer just closed. */
static unsigned long take_error(struct bufferevent *bev)
{
    unsigned long found = 0;
    unsigned long error;

    while ((error = bufferevent_get_openssl_error(bev)) != 0) {
        found = found == 0 ? error : found;
    }
    return found;
}

static const char *problem_text(unsigned long error, bool by_us)
{
    const char *text = error == 0 ? NULL : ERR_reason_error_string(error);

    if (text != NULL) {
        return text;
    }
    return by_us ? "not done in time" : "the client closed";
}

static bool is_plain_http(unsigned long error)
{
    return ERR_GET_LIB(error) == ERR_LIB_SSL &&
           (ERR_GET_REASON(error) == SSL_R_HTTP_REQUEST ||
            ERR_GET_REASON(error) == SSL_R_HTTPS_PROXY_REQUEST);
}

/*
 * The one thing that goes to the socket itself: no TLS has begun on it, none will. What the
 * client had sent is read first, or the kernel's reset would overtake the answer.
 */
static void answer_plainly(int fd)
{
    static const char answer[] = "HTTP/1.1 400 Bad Request\r\n"
                                 "Content-Type: application/json\r\n"
                                 "Content-Length: 58\r\n"
                                 "Connection: close\r\n"
                                 "X-Tidegate-Reason: bad_request\r\n\r\n" PLAIN_BODY;
    char unread[4096];
    size_t total = 0;
    ssize_t got;

    while (total < PLAIN_BYTES_MAX && (got = recv(fd, unread, sizeof(unread), MSG_DONTWAIT)) > 0) {
        total += (size_t)got;
    }
    /* Short enough for any socket's buffer; a client that is gone cannot be told. */
    (void)send(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void client_tls_note_close(struct bufferevent *bev, struct metrics_slot *metrics, const char *peer,
                           bool by_us)
{
    SSL *ssl = bufferevent_openssl_get_ssl(bev);
    unsigned long error = take_error(bev);
    struct log_line line;

    if (SSL_is_init_finished(ssl)) {
        client_tls_note_open(bev, metrics);
        return;
    }
    if (BIO_number_read(SSL_get_rbio(ssl)) == 0 && !by_us) {
        return; /* connected and left: a probe of the port */
    }
    metrics_add(&metrics->tls_failed, 1);
    log_begin(&line, LOG_DEBUG, "tls_handshake_failed");
    log_string(&line, "peer", peer);
    log_string(&line, "problem", problem_text(error, by_us));
    log_end(&line);
    if (is_plain_http(error)) {
        answer_plainly(bufferevent_getfd(bev));
    }
}
