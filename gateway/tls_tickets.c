/* SPDX-License-Identifier: MIT */
/*
 * tls_tickets.c - the keys that session tickets are sealed with.
 *
 * The ticket is AES-256-CBC under HMAC-SHA-256, as RFC 5077 section 4 recommends; OpenSSL lays
 * it out, compares the MAC in constant time, and asks here only which keys to use.
 */
#include "gateway/tls_tickets.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "base/clock.h"

_Static_assert(TLS_TICKET_NAME_BYTES == 16, "OpenSSL's callback has a name of 16 bytes");

/* What OpenSSL's callback returns. */
enum ticket_answer {
    TICKET_ERROR = -1,  /* the handshake fails */
    TICKET_UNKNOWN = 0, /* a full handshake; when sealing: no ticket */
    TICKET_GOOD = 1,
    TICKET_RENEW = 2, /* good, and the client is to get a newer one */
};

static bool make_key(struct tls_ticket_key *key)
{
    return RAND_bytes(key->name, sizeof(key->name)) == 1 &&
           RAND_priv_bytes(key->cipher_key, sizeof(key->cipher_key)) == 1 &&
           RAND_priv_bytes(key->mac_key, sizeof(key->mac_key)) == 1;
}

bool tls_tickets_init(struct tls_tickets *tickets)
{
    *tickets = (struct tls_tickets){.since_ms = clock_now_ms()};
    return make_key(&tickets->newest);
}

bool tls_tickets_rotate(struct tls_tickets *next, struct tls_tickets *now)
{
    int64_t now_ms = clock_now_ms();

    if (!tls_tickets_grow_old(now, now_ms)) {
        return false;
    }
    *next = (struct tls_tickets){.former = now->newest, .has_former = true, .since_ms = now_ms};
    return make_key(&next->newest);
}

/* SHA-512 of a word and the whole key: nothing of it leads back. */
static bool hash_key(const struct tls_ticket_key *key, const char *word, unsigned char digest[64])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool is_done = context != NULL && EVP_DigestInit_ex(context, EVP_sha512(), NULL) == 1 &&
                   EVP_DigestUpdate(context, word, strlen(word)) == 1 &&
                   EVP_DigestUpdate(context, key->cipher_key, sizeof(key->cipher_key)) == 1 &&
                   EVP_DigestUpdate(context, key->mac_key, sizeof(key->mac_key)) == 1 &&
                   EVP_DigestFinal_ex(context, digest, NULL) == 1;

    EVP_MD_CTX_free(context); /* wipes */
    return is_done;
}

/* The key that comes after <key>, the same wherever it is made. */
static bool next_key(const struct tls_ticket_key *key, struct tls_ticket_key *next)
{
    unsigned char name[64];
    unsigned char keys[64];
    bool is_done = hash_key(key, "name", name) && hash_key(key, "keys", keys);

    if (is_done) {
        memcpy(next->name, name, sizeof(next->name));
        memcpy(next->cipher_key, keys, sizeof(next->cipher_key));
        memcpy(next->mac_key, keys + sizeof(next->cipher_key), sizeof(next->mac_key));
    }
    OPENSSL_cleanse(keys, sizeof(keys));
    return is_done;
}

bool tls_tickets_grow_old(struct tls_tickets *tickets, int64_t now_ms)
{
    struct tls_ticket_key next;

    while (now_ms - tickets->since_ms >= TLS_TICKET_KEY_AGE_MS) {
        if (!next_key(&tickets->newest, &next)) {
            return false;
        }
        tickets->former = tickets->newest;
        tickets->newest = next;
        tickets->has_former = true;
        tickets->since_ms += TLS_TICKET_KEY_AGE_MS;
        OPENSSL_cleanse(&next, sizeof(next));
    }
    return true;
}

void tls_tickets_fini(struct tls_tickets *tickets)
{
    OPENSSL_cleanse(tickets, sizeof(*tickets));
}

static bool set_keys(const struct tls_ticket_key *key, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int is_sealing)
{
    unsigned char mac_key[TLS_TICKET_KEY_BYTES]; /* OSSL_PARAM wants what is not const */
    char digest[] = "SHA256";
    OSSL_PARAM params[3];
    bool is_set;

    memcpy(mac_key, key->mac_key, sizeof(mac_key));
    params[0] = OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, mac_key, sizeof(mac_key));
    params[1] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0);
    params[2] = OSSL_PARAM_construct_end();
    is_set =
        EVP_MAC_CTX_set_params(mac, params) == 1 &&
        EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher_key, iv, is_sealing) == 1;
    OPENSSL_cleanse(mac_key, sizeof(mac_key));
    return is_set;
}

static bool has_name(const struct tls_ticket_key *key, const unsigned char *name)
{
    return memcmp(key->name, name, sizeof(key->name)) == 0; /* public bytes */
}

/* RFC 5077 section 4: the ticket begins with the name of its keys. */
/* NOLINTNEXTLINE(readability-function-size): the shape of the callback is OpenSSL's */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int is_sealing)
{
    struct tls_tickets *tickets = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    if (!tls_tickets_grow_old(tickets, clock_now_ms())) {
        return TICKET_ERROR;
    }
    if (is_sealing) {
        if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1 ||
            !set_keys(&tickets->newest, iv, cipher, mac, is_sealing)) {
            return TICKET_ERROR;
        }
        memcpy(name, tickets->newest.name, sizeof(tickets->newest.name));
        return TICKET_GOOD;
    }
    if (has_name(&tickets->newest, name)) {
        return set_keys(&tickets->newest, iv, cipher, mac, is_sealing) ? TICKET_GOOD : TICKET_ERROR;
    }
    if (tickets->has_former && has_name(&tickets->former, name)) {
        return set_keys(&tickets->former, iv, cipher, mac, is_sealing) ? TICKET_RENEW
                                                                       : TICKET_ERROR;
    }
    return TICKET_UNKNOWN;
}

bool tls_tickets_use(struct ssl_ctx_st *context, struct tls_tickets *tickets)
{
    return SSL_CTX_set_app_data(context, tickets) == 1 &&
           SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket) == 1;
}
