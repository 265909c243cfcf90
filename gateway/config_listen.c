/* SPDX-License-Identifier: MIT */
/*
 * config_listen.c - the listeners of two conf files, one after the other.
 */
#include "gateway/config_listen.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/config_list.h"
#include "gateway/tls_identity.h"

static bool has_address(const struct config_listener *listener, const char *text)
{
    return strcmp(listener->address.text, text) == 0;
}

bool config_listen_is_same(const struct config *a, const struct config *b)
{
    if (a->listen_count != b->listen_count) {
        return false;
    }
    for (size_t i = 0; i < a->listen_count; i++) {
        if (!has_address(&a->listen[i], b->listen[i].address.text)) {
            return false;
        }
    }
    return true;
}

/* A deep copy; false when memory is out, with <to> fit for being cleared. */
static bool copy_listener(struct config_listener *to, const struct config_listener *from)
{
    *to = *from;
    to->address.text = strdup(from->address.text);
    to->tls_certificate = strdup(from->tls_certificate);
    to->tls_key = strdup(from->tls_key);
    to->tls_certificate_pem = (struct secret){.bytes = NULL};
    to->tls_key_pem = (struct secret){.bytes = NULL};
    return to->address.text != NULL && to->tls_certificate != NULL && to->tls_key != NULL &&
           secret_copy(secret_span(&from->tls_certificate_pem), &to->tls_certificate_pem) &&
           secret_copy(secret_span(&from->tls_key_pem), &to->tls_key_pem);
}

/* The listener of <config> at this address that is not in <taken> yet; NULL: none. */
static const struct config_listener *find(const struct config *config, const bool *taken,
                                          const char *address_text)
{
    for (size_t i = 0; i < config->listen_count; i++) {
        if (!taken[i] && has_address(&config->listen[i], address_text)) {
            return &config->listen[i];
        }
    }
    return NULL;
}

static void clear_listeners(struct config_listener *listeners, size_t count)
{
    struct config holder = {.listen = listeners, .listen_count = count};

    config_list_clear(config_list_of(CONFIG_LIST_LISTEN), &holder);
}

/* The listeners as they are to be, into <kept>; false when memory is out. */
static bool copy_all(const struct config *next, const struct config *now,
                     struct config_listener *kept, bool *taken)
{
    for (size_t i = 0; i < now->listen_count; i++) {
        const struct config_listener *from = find(next, taken, now->listen[i].address.text);
        if (from != NULL) {
            taken[from - next->listen] = true;
        } else {
            from = &now->listen[i];
        }
        if (!copy_listener(&kept[i], from)) {
            return false;
        }
    }
    return true;
}

bool config_listen_keep(struct config *next, const struct config *now)
{
    struct config_listener *kept = calloc(now->listen_count, sizeof *kept);
    bool *taken = calloc(next->listen_count, sizeof *taken);
    bool is_done = kept != NULL && taken != NULL && copy_all(next, now, kept, taken);

    if (is_done) {
        clear_listeners(next->listen, next->listen_count);
        next->listen = kept;
        next->listen_count = now->listen_count;
    } else if (kept != NULL) {
        clear_listeners(kept, now->listen_count);
    }
    free(taken);
    return is_done;
}

int64_t config_listen_expiry_unix_s(const struct config *config)
{
    int64_t first_s = 0;

    for (size_t i = 0; i < config->listen_count; i++) {
        struct span certificate = secret_span(&config->listen[i].tls_certificate_pem);
        int64_t from_s = 0;
        int64_t until_s = 0;
        if (certificate.length > 0 && tls_identity_validity(certificate, &from_s, &until_s) &&
            (first_s == 0 || until_s < first_s)) {
            first_s = until_s;
        }
    }
    return first_s;
}
