/* SPDX-License-Identifier: MIT */
/*
 * config_tls.c - the certificates and keys of listeners.
 *
 * They are read and tried here, where the operator looks, and kept: a worker that is
 * started later serves just these, whatever has become of the files.
 */
#include "gateway/config_tls.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "gateway/tls_identity.h"

#define PEM_BYTES_MAX (256 * 1024) /* a chain of a hundred certificates */
#define WHERE_BYTES_MAX 64
#define PROBLEM_BYTES_MAX 256
#define SOON_S (7 * 24 * 60 * 60)

static const char key_allowed[] = "a file that only its owner can read";

/* One key of one listener's group, and where it stands. */
struct place {
    struct config_reader *reader;
    const config_setting_t *list; /* the whole of listen */
    size_t index;
    const char *member;
};

/* The value as it is written; NULL when it is not there. */
static const config_setting_t *written(const struct place *place)
{
    const config_setting_t *record = config_setting_get_elem(place->list, (unsigned)place->index);
    const config_setting_t *group = NULL;

    if (record != NULL && config_setting_is_group(record) != CONFIG_FALSE) {
        group = config_setting_get_member(record, "tls");
    }
    return group == NULL || config_setting_is_group(group) == CONFIG_FALSE
               ? NULL
               : config_setting_get_member(group, place->member);
}

static void complain(const struct place *place, const char *path, const char *words,
                     const char *allowed)
{
    char where[WHERE_BYTES_MAX] = "";
    char problem[PROBLEM_BYTES_MAX] = "";
    unsigned line = config_setting_source_line(written(place));

    (void)snprintf(where, sizeof where, "listen[%zu].tls.%s", place->index, place->member);
    (void)snprintf(problem, sizeof problem, "%.140s: %.100s", path, words);
    if (allowed == NULL) {
        config_reader_warn(place->reader, line, where, problem);
    } else {
        config_reader_complain(place->reader, line, where, problem, allowed);
    }
}

static bool read_pem(const struct place *place, const char *path, bool is_private,
                     struct secret *pem)
{
    enum secret_status status = SECRET_ABSENT;

    if (written(place) == NULL || path[0] == '\0') {
        return false; /* complained of when the key was read */
    }
    status = secret_load_file(path, PEM_BYTES_MAX, is_private, pem);
    if (status != SECRET_OK) {
        complain(place, path, secret_status_text(status),
                 is_private ? key_allowed : "a certificate in PEM, at most 256 KiB");
    }
    return status == SECRET_OK;
}

/* A certificate that is out of date is served all the same: some clients go on. */
static void check_dates(const struct place *place, const struct config_listener *listener)
{
    int64_t now_s = clock_wall_unix_s();
    int64_t from_s = 0;
    int64_t until_s = 0;

    if (!tls_identity_validity(secret_span(&listener->tls_certificate_pem), &from_s, &until_s)) {
        return; /* it has just been read, so this is about memory */
    }
    if (now_s >= until_s) {
        complain(place, listener->tls_certificate, "the certificate has expired", NULL);
    } else if (now_s < from_s) {
        complain(place, listener->tls_certificate, "the certificate is not valid yet", NULL);
    } else if (until_s - now_s < SOON_S) {
        complain(place, listener->tls_certificate, "the certificate expires within a week", NULL);
    }
}

static void load_listener(struct config_reader *reader, const config_setting_t *list, size_t index,
                          struct config_listener *listener)
{
    const struct place certificate = {reader, list, index, "certificate"};
    const struct place key = {reader, list, index, "key"};
    bool has_certificate =
        read_pem(&certificate, listener->tls_certificate, false, &listener->tls_certificate_pem);
    bool has_key = read_pem(&key, listener->tls_key, true, &listener->tls_key_pem);
    enum tls_identity_status status;

    if (!has_certificate || !has_key) {
        return;
    }
    const struct tls_identity identity = {
        .certificate = secret_span(&listener->tls_certificate_pem),
        .key = secret_span(&listener->tls_key_pem),
    };
    status = tls_identity_check(&identity);
    if (status == TLS_IDENTITY_OK) {
        check_dates(&certificate, listener);
    } else if (tls_identity_is_about_key(status)) {
        complain(&key, listener->tls_key, tls_identity_status_text(status),
                 "the certificate's private key in PEM, not encrypted");
    } else {
        complain(&certificate, listener->tls_certificate, tls_identity_status_text(status),
                 "certificates in PEM, the server's own first, RSA from 2048 bits on");
    }
}

void config_tls_load(struct config_reader *reader, const config_setting_t *root,
                     struct config *config)
{
    const config_setting_t *list = config_setting_get_member(root, "listen");

    for (size_t i = 0; list != NULL && i < config->listen_count; i++) {
        load_listener(reader, list, i, &config->listen[i]);
    }
}
