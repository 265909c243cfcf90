/* SPDX-License-Identifier: MIT */
/*
 * tls_identity.h - the certificate chain and the key that a listener shows to clients.
 *
 * Both are bytes that are at hand already: a worker that has given up its rights must
 * not need the files again. One function checks them at a conf check and loads them in
 * a worker, so that what was checked is what is served.
 */
#ifndef GATEWAY_TLS_IDENTITY_H
#define GATEWAY_TLS_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/span.h"

struct ssl_ctx_st; /* OpenSSL's SSL_CTX */

enum tls_identity_status {
    TLS_IDENTITY_OK = 0,
    TLS_IDENTITY_NO_CERTIFICATE, /* no certificate in PEM */
    TLS_IDENTITY_BAD_CHAIN,      /* what follows the first certificate cannot be read */
    TLS_IDENTITY_WEAK,           /* OpenSSL's security level refuses the certificate */
    TLS_IDENTITY_NO_KEY,         /* no private key in PEM */
    TLS_IDENTITY_LOCKED_KEY,     /* the key is encrypted; nobody is there to be asked */
    TLS_IDENTITY_OTHER_KEY,      /* the key is not the certificate's */
    TLS_IDENTITY_NO_MEMORY,
};

/* The PEM of the chain, the server's own certificate first; and that of its key. */
struct tls_identity {
    struct span certificate;
    struct span key;
};

/* Make <context> show it. On failure the context is of no use. */
enum tls_identity_status tls_identity_load(struct ssl_ctx_st *context,
                                           const struct tls_identity *identity) MUST_USE;

/* The same into a context of its own, which is thrown away. */
enum tls_identity_status tls_identity_check(const struct tls_identity *identity) MUST_USE;

/* True for those that are the key's fault and not the certificate's. */
bool tls_identity_is_about_key(enum tls_identity_status status);

/* What is wrong, in words. Static text. */
const char *tls_identity_status_text(enum tls_identity_status status);

/* The days in which the first certificate may be used; false when it cannot be read. */
bool tls_identity_validity(struct span certificate, int64_t *from_unix_s,
                           int64_t *until_unix_s) MUST_USE;

#endif
