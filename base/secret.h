/* SPDX-License-Identifier: MIT */
/*
 * secret.h - bytes that must not be seen: owned, wiped when released.
 *
 * Sources are "env:NAME" and "file:PATH"; a conf file never holds a value
 * itself. A file that its group or others can read is refused, unless it is
 * mounted read-only under /run/secrets (containers) or /run/credentials (systemd).
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stddef.h>

#include "base/attrs.h"
#include "base/span.h"

struct secret {
    char *bytes;   /* owned; NULL when empty; a NUL follows that is not counted */
    size_t length; /* bytes */
};

enum secret_status {
    SECRET_OK = 0,
    SECRET_BAD_SOURCE, /* neither env:NAME nor file:PATH */
    SECRET_ABSENT,     /* no such variable or file, or it cannot be read */
    SECRET_LOOSE_FILE, /* others than its owner may read the file */
    SECRET_EMPTY,      /* nothing in it */
    SECRET_TOO_LARGE,  /* more than SECRET_BYTES_MAX, or than the caller wants */
    SECRET_NO_MEMORY,
};

#define SECRET_BYTES_MAX 4096

/*
 * Read a secret from <source> ("env:NAME" or "file:PATH", NUL-terminated).
 * One line end at the end of a file is dropped. <secret> is written only on
 * SECRET_OK and is then the caller's, to be given to secret_fini().
 */
enum secret_status secret_load(const char *source, struct secret *secret) MUST_USE;

/*
 * The same for a file that may be larger, such as a key in PEM: <bytes_max> at most.
 * <is_private>: refuse it when others than its owner may read it.
 */
enum secret_status secret_load_file(const char *path, size_t bytes_max, bool is_private,
                                    struct secret *secret) MUST_USE;

/* What is wrong, in words, with no byte of the secret in them. Static text. */
const char *secret_status_text(enum secret_status status);

/* A copy of <bytes>; false when memory is out. */
bool secret_copy(struct span bytes, struct secret *secret) MUST_USE;

/* Wipes and frees; the struct is empty afterwards. Accepts an empty secret. */
void secret_fini(struct secret *secret);

static inline struct span secret_span(const struct secret *secret)
{
    return span_of(secret->bytes, secret->length);
}

#endif
