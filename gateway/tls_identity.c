/* SPDX-License-Identifier: MIT */
/*
 * tls_identity.c - the certificate chain and the key that a listener shows to clients.
 *
 * Why not SSL_CTX_use_certificate_chain_file(): it opens the file by itself, and asks
 * for the password of an encrypted key on the terminal.
 */
#include "gateway/tls_identity.h"

#include <limits.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

const char *tls_identity_status_text(enum tls_identity_status status)
{
    switch (status) {
    case TLS_IDENTITY_OK:
        return "no problem";
    case TLS_IDENTITY_NO_CERTIFICATE:
        return "no certificate in PEM in it";
    case TLS_IDENTITY_BAD_CHAIN:
        return "a certificate behind the first one cannot be read";
    case TLS_IDENTITY_WEAK:
        return "the certificate is refused, its key or its signature is too weak";
    case TLS_IDENTITY_NO_KEY:
        return "no private key in PEM in it";
    case TLS_IDENTITY_LOCKED_KEY:
        return "the private key is encrypted";
    case TLS_IDENTITY_OTHER_KEY:
        return "the private key does not belong to the certificate";
    case TLS_IDENTITY_NO_MEMORY:
        return "out of memory";
    }
    return "unknown problem";
}

bool tls_identity_is_about_key(enum tls_identity_status status)
{
    return status == TLS_IDENTITY_NO_KEY || status == TLS_IDENTITY_LOCKED_KEY ||
           status == TLS_IDENTITY_OTHER_KEY;
}

static BIO *open_bytes(struct span bytes)
{
    return bytes.length > INT_MAX ? NULL : BIO_new_mem_buf(bytes.data, (int)bytes.length);
}

/* The passphrase of an encrypted key: there is none, and it is noted that one was asked for. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the shape of the callback is OpenSSL's */
static int on_passphrase(char *room, int size, int is_writing, void *was_asked)
{
    (void)room;
    (void)size;
    (void)is_writing;
    *(bool *)was_asked = true;
    return -1;
}

static bool is_end_of_pem(void)
{
    unsigned long error = ERR_peek_last_error();

    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

/* All that follow the first one: what leads a client from it to a root. */
static enum tls_identity_status load_chain(SSL_CTX *context, BIO *pem)
{
    X509 *link;

    while ((link = PEM_read_bio_X509(pem, NULL, NULL, NULL)) != NULL) {
        if (SSL_CTX_add0_chain_cert(context, link) != 1) { /* on success the link is its */
            X509_free(link);
            return TLS_IDENTITY_WEAK;
        }
    }
    return is_end_of_pem() ? TLS_IDENTITY_OK : TLS_IDENTITY_BAD_CHAIN;
}

static enum tls_identity_status load_certificates(SSL_CTX *context, struct span bytes)
{
    BIO *pem = open_bytes(bytes);
    enum tls_identity_status status = TLS_IDENTITY_NO_CERTIFICATE;
    X509 *first = NULL;

    if (pem == NULL) {
        return TLS_IDENTITY_NO_MEMORY;
    }
    first = PEM_read_bio_X509_AUX(pem, NULL, NULL, NULL);
    if (first != NULL) {
        status = SSL_CTX_use_certificate(context, first) == 1 ? load_chain(context, pem)
                                                              : TLS_IDENTITY_WEAK;
    }
    X509_free(first);
    BIO_free(pem);
    return status;
}

static enum tls_identity_status load_key(SSL_CTX *context, struct span bytes)
{
    BIO *pem = open_bytes(bytes);
    enum tls_identity_status status = TLS_IDENTITY_OK;
    bool is_locked = false;
    EVP_PKEY *key;

    if (pem == NULL) {
        return TLS_IDENTITY_NO_MEMORY;
    }
    key = PEM_read_bio_PrivateKey(pem, NULL, on_passphrase, &is_locked);
    if (key == NULL) {
        status = is_locked ? TLS_IDENTITY_LOCKED_KEY : TLS_IDENTITY_NO_KEY;
    } else if (SSL_CTX_use_PrivateKey(context, key) != 1 ||
               SSL_CTX_check_private_key(context) != 1) {
        status = TLS_IDENTITY_OTHER_KEY;
    }
    EVP_PKEY_free(key);
    BIO_free(pem);
    return status;
}

enum tls_identity_status tls_identity_load(struct ssl_ctx_st *context,
                                           const struct tls_identity *identity)
{
    enum tls_identity_status status = load_certificates(context, identity->certificate);

    if (status == TLS_IDENTITY_OK) {
        status = load_key(context, identity->key);
    }
    ERR_clear_error();
    return status;
}

enum tls_identity_status tls_identity_check(const struct tls_identity *identity)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    enum tls_identity_status status = TLS_IDENTITY_NO_MEMORY;

    if (context != NULL) {
        status = tls_identity_load(context, identity);
    }
    SSL_CTX_free(context);
    return status;
}

static bool to_unix_s(const ASN1_TIME *when, int64_t *unix_s)
{
    struct tm parts;

    if (ASN1_TIME_to_tm(when, &parts) != 1) {
        return false;
    }
    *unix_s = timegm(&parts);
    return true;
}

bool tls_identity_validity(struct span certificate, int64_t *from_unix_s, int64_t *until_unix_s)
{
    BIO *pem = open_bytes(certificate);
    X509 *first = pem == NULL ? NULL : PEM_read_bio_X509_AUX(pem, NULL, NULL, NULL);
    bool is_read = first != NULL && to_unix_s(X509_get0_notBefore(first), from_unix_s) &&
                   to_unix_s(X509_get0_notAfter(first), until_unix_s);

    X509_free(first);
    BIO_free(pem);
    ERR_clear_error();
    return is_read;
}
