/* SPDX-License-Identifier: MIT */
/*
 * pem_maker.h - certificates and keys in PEM files, made anew for each test, so that no
 * key lies in the tree and none can expire there.
 */
#ifndef TESTS_PEM_MAKER_H
#define TESTS_PEM_MAKER_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#define PEM_DAY_S (24L * 60 * 60)

static inline EVP_PKEY *pem_key_new(void)
{
    return EVP_EC_gen("P-256");
}

static inline EVP_PKEY *pem_weak_key_new(void)
{
    return EVP_RSA_gen(1024);
}

/* Self-signed, for <key>, valid from <from_s> to <until_s> seconds from now. */
static inline X509 *pem_certificate_new(EVP_PKEY *key, long from_s, long until_s)
{
    X509 *x509 = X509_new();
    X509_NAME *name = X509_get_subject_name(x509);

    if (X509_set_version(x509, 2) != 1 || ASN1_INTEGER_set(X509_get_serialNumber(x509), 1) != 1 ||
        X509_gmtime_adj(X509_getm_notBefore(x509), from_s) == NULL ||
        X509_gmtime_adj(X509_getm_notAfter(x509), until_s) == NULL ||
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1,
                                   -1, 0) != 1 ||
        X509_set_issuer_name(x509, name) != 1 || X509_set_pubkey(x509, key) != 1 ||
        X509_sign(x509, key, EVP_sha256()) == 0) {
        abort();
    }
    return x509;
}

static inline FILE *pem_open(const char *path, mode_t mode)
{
    FILE *file = fopen(path, "w");

    if (file == NULL || chmod(path, mode) != 0) {
        abort();
    }
    return file;
}

static inline void pem_write_certificate(const char *path, X509 *x509)
{
    FILE *file = pem_open(path, 0644);

    if (PEM_write_X509(file, x509) != 1) {
        abort();
    }
    (void)fclose(file);
}

/* <passphrase> NULL: not encrypted. */
static inline void pem_write_key(const char *path, EVP_PKEY *key, mode_t mode, char *passphrase)
{
    FILE *file = pem_open(path, mode);

    if (PEM_write_PrivateKey(file, key, passphrase == NULL ? NULL : EVP_aes_256_cbc(), NULL, 0,
                             NULL, passphrase) != 1) {
        abort();
    }
    (void)fclose(file);
}

static inline void pem_write_text(const char *path, const char *text, mode_t mode)
{
    FILE *file = pem_open(path, mode);

    (void)fputs(text, file);
    (void)fclose(file);
}

#endif
