/* SPDX-License-Identifier: MIT */
/*
 * tls.c - TLS to one origin: trust, names, resumption.
 *
 * libevent can reconnect a TLS bufferevent by itself but then never resumes, so
 * each connection gets a new SSL, and the newest ticket is kept here. read_ahead
 * stays off: with it libevent's bufferevent stalls. An end without close_notify
 * stays an error: HTTP framing tells ends from cuts, and a cut must be seen.
 */
#include "upstream/tls.h"

#include <arpa/inet.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tls {
    SSL_CTX *ssl_context; /* owned */
    SSL_SESSION *session; /* owned: the newest ticket; NULL before the first */
    char *host;           /* owned */
    bool is_address;      /* <host> is numeric: no SNI (RFC 6066 section 3) */
};

/* RFC 7301: one protocol, with its length in front. */
static const unsigned char alpn[] = "\x08http/1.1";

static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    if (tls == NULL) {
        return 0; /* the origin is gone: OpenSSL keeps the reference */
    }
    SSL_SESSION_free(tls->session);
    tls->session = session;
    return 1; /* the reference is ours now */
}

static bool is_numeric_address(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

static bool set_up(SSL_CTX *ssl_context, const char *ca_file)
{
    bool has_roots;

    if (ca_file != NULL && ca_file[0] != '\0') {
        has_roots = SSL_CTX_load_verify_locations(ssl_context, ca_file, NULL) == 1;
    } else {
        has_roots = SSL_CTX_set_default_verify_paths(ssl_context) == 1;
    }
    SSL_CTX_set_verify(ssl_context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(ssl_context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(ssl_context, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_session_cache_mode(ssl_context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ssl_context, on_new_session);
    return has_roots && SSL_CTX_set_min_proto_version(ssl_context, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_alpn_protos(ssl_context, alpn, sizeof(alpn) - 1) == 0;
}

struct tls *tls_new(const char *host, const char *ca_file, char *problem, size_t problem_size)
{
    struct tls *tls = calloc(1, sizeof(*tls));

    if (tls != NULL) {
        tls->host = strdup(host);
        tls->is_address = is_numeric_address(host);
        tls->ssl_context = SSL_CTX_new(TLS_client_method());
    }
    if (tls == NULL || tls->host == NULL || tls->ssl_context == NULL) {
        (void)snprintf(problem, problem_size, "out of memory for TLS");
        tls_free(tls);
        return NULL;
    }
    SSL_CTX_set_app_data(tls->ssl_context, tls);
    if (!set_up(tls->ssl_context, ca_file)) {
        (void)snprintf(problem, problem_size, "cannot read trust roots from %s",
                       ca_file != NULL && ca_file[0] != '\0' ? ca_file : "the system's store");
        ERR_clear_error();
        tls_free(tls);
        return NULL;
    }
    ERR_clear_error();
    return tls;
}

void tls_free(struct tls *tls)
{
    if (tls == NULL) {
        return;
    }
    if (tls->ssl_context != NULL) {
        /* libevent frees the last SSLs a turn later; they must not find us. */
        SSL_CTX_set_app_data(tls->ssl_context, NULL);
    }
    SSL_SESSION_free(tls->session);
    SSL_CTX_free(tls->ssl_context);
    free(tls->host);
    free(tls);
}

/* RFC 9110 section 4.3.4: the certificate must be for the host of the URL. */
static bool expect_host(const struct tls *tls, SSL *ssl)
{
    if (tls->is_address) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), tls->host) == 1;
    }
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, tls->host) == 1 && SSL_set_tlsext_host_name(ssl, tls->host) == 1;
}

struct bufferevent *tls_bufferevent_new(struct tls *tls, struct event_base *base)
{
    SSL *ssl = SSL_new(tls->ssl_context);

    if (ssl == NULL || !expect_host(tls, ssl)) {
        SSL_free(ssl);
        return NULL;
    }
    if (tls->session != NULL && SSL_SESSION_is_resumable(tls->session)) {
        /* Failure only costs a full handshake. */
        (void)SSL_set_session(ssl, tls->session);
    }
    /* Frees <ssl> on failure, too. */
    return bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_CONNECTING,
                                          BEV_OPT_CLOSE_ON_FREE);
}

bool tls_is_resumed(struct bufferevent *bev)
{
    return SSL_session_reused(bufferevent_openssl_get_ssl(bev)) == 1;
}

bool tls_has_refused(struct bufferevent *bev)
{
    unsigned long error;

    /* The list also holds SSL_get_error() codes and errno values: these have no library. */
    while ((error = bufferevent_get_openssl_error(bev)) != 0) {
        int library = ERR_GET_LIB(error);
        bool is_cut =
            library == ERR_LIB_SSL && ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING;

        if (library > ERR_LIB_NONE && library != ERR_LIB_SYS && !is_cut) {
            return true;
        }
    }
    return false;
}

void tls_keep_session(struct bufferevent *bev)
{
    SSL *ssl = bufferevent_openssl_get_ssl(bev);

    if (ssl != NULL) {
        SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    }
}
