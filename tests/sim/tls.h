/* SPDX-License-Identifier: MIT */
/*
 * tls.h - the server side of TLS, with certificates made up on the spot.
 */
#ifndef TESTS_SIM_TLS_H
#define TESTS_SIM_TLS_H

#include <stdbool.h>

#include <openssl/ssl.h>

#include "base/attrs.h"

struct tls_options {
    const char *cert_file; /* PEM; NULL: make a throw-away CA and certificate */
    const char *key_file;
    const char *ca_out; /* where to write the throw-away CA's PEM, or NULL */
    const char *name;   /* the only name of the made-up certificate; NULL: this machine's */
    bool is_expired;
    int max_version; /* TLS1_1_VERSION ..., 0 for no limit */
};

/* A context, or NULL with a message on stderr. Owned by the caller: SSL_CTX_free(). */
SSL_CTX *tls_context_new(const struct tls_options *options) MUST_USE;

#endif
