/* SPDX-License-Identifier: MIT */
/*
 * secret.c - reads a secret, keeps it in one place, wipes it.
 *
 * Type and mode are checked on the open file and not on its name, so that what
 * was checked is what is read.
 */
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/secret_variable.h"

/*
 * Where secrets are mounted for one program alone, in modes that look loose: container engines
 * let all inside the container read them, systemd names the reader in an access list, which
 * shows as the group's bits.
 */
static const char *const secret_stores[] = {"/run/secrets/", "/run/credentials/"};

const char *secret_status_text(enum secret_status status)
{
    switch (status) {
    case SECRET_OK:
        return "no problem";
    case SECRET_BAD_SOURCE:
        return "neither env:NAME nor file:PATH";
    case SECRET_ABSENT:
        return "no such variable or file, or it cannot be read";
    case SECRET_LOOSE_FILE:
        return "the file is open to its group or to others (chmod 600)";
    case SECRET_EMPTY:
        return "empty";
    case SECRET_TOO_LARGE:
        return "too large";
    case SECRET_NO_MEMORY:
        return "out of memory";
    }
    return "unknown problem";
}

bool secret_copy(struct span bytes, struct secret *secret)
{
    char *copy = NULL;

    if (bytes.length > 0) {
        copy = malloc(bytes.length + 1);
        if (copy == NULL) {
            return false;
        }
        memcpy(copy, bytes.data, bytes.length);
        copy[bytes.length] = '\0';
    }
    secret->bytes = copy;
    secret->length = bytes.length;
    return true;
}

void secret_fini(struct secret *secret)
{
    if (secret->bytes != NULL) {
        explicit_bzero(secret->bytes, secret->length);
        free(secret->bytes);
    }
    secret->bytes = NULL;
    secret->length = 0;
}

static enum secret_status accept_bytes(struct span bytes, size_t bytes_max, struct secret *secret)
{
    if (bytes.length == 0) {
        return SECRET_EMPTY;
    }
    if (bytes.length > bytes_max) {
        return SECRET_TOO_LARGE;
    }
    return secret_copy(bytes, secret) ? SECRET_OK : SECRET_NO_MEMORY;
}

static enum secret_status load_variable(const char *name, struct secret *secret)
{
    const char *value;

    if (name[0] == '\0') {
        return SECRET_BAD_SOURCE;
    }
    value = secret_variable_get(name);
    if (value == NULL) {
        return SECRET_ABSENT;
    }
    return accept_bytes(span_from_string(value), SECRET_BYTES_MAX, secret);
}

/* True when the file lies, links followed, in a secret store that is mounted read-only. */
static bool is_in_secret_store(const char *path, int fd)
{
    struct statvfs mount;
    char *real = realpath(path, NULL);
    bool is_inside = false;

    for (size_t i = 0; real != NULL && i < sizeof(secret_stores) / sizeof(secret_stores[0]); i++) {
        is_inside = is_inside || strncmp(real, secret_stores[i], strlen(secret_stores[i])) == 0;
    }
    free(real);
    return is_inside && fstatvfs(fd, &mount) == 0 && (mount.f_flag & ST_RDONLY) != 0;
}

static enum secret_status check_file(const char *path, int fd, bool is_private)
{
    const mode_t open_to_others = S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH;
    struct stat info;

    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        return SECRET_ABSENT; /* a directory, a pipe or a device is not a secret's file */
    }
    if (is_private && (info.st_mode & open_to_others) != 0 && !is_in_secret_store(path, fd)) {
        return SECRET_LOOSE_FILE;
    }
    return SECRET_OK;
}

/* Without one LF or CRLF at the end, which editors and echo leave. */
static struct span without_line_end(struct span bytes)
{
    if (bytes.length > 0 && bytes.data[bytes.length - 1] == '\n') {
        bytes.length--;
        if (bytes.length > 0 && bytes.data[bytes.length - 1] == '\r') {
            bytes.length--;
        }
    }
    return bytes;
}

/* Read until <size> bytes or the end of the file. False when it cannot be read. */
static bool read_all(int fd, char *bytes, size_t size, size_t *length)
{
    size_t filled = 0;

    while (filled < size) {
        ssize_t got = read(fd, bytes + filled, size - filled);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return false;
        }
        if (got == 0) {
            break;
        }
        filled += (size_t)got;
    }
    *length = filled;
    return true;
}

static enum secret_status read_file(int fd, size_t bytes_max, struct secret *secret)
{
    size_t room = bytes_max + 3; /* the largest, CRLF, and one to see that there is more */
    char *bytes = malloc(room);
    enum secret_status status = SECRET_ABSENT;
    size_t length = 0;

    if (bytes == NULL) {
        return SECRET_NO_MEMORY;
    }
    if (read_all(fd, bytes, room, &length)) {
        status = accept_bytes(without_line_end(span_of(bytes, length)), bytes_max, secret);
    }
    explicit_bzero(bytes, room);
    free(bytes);
    return status;
}

enum secret_status secret_load_file(const char *path, size_t bytes_max, bool is_private,
                                    struct secret *secret)
{
    enum secret_status status;
    int fd;

    if (path[0] == '\0') {
        return SECRET_BAD_SOURCE;
    }
    /* O_NONBLOCK: a pipe of that name must not hang the start. */
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return SECRET_ABSENT;
    }
    status = check_file(path, fd, is_private);
    if (status == SECRET_OK) {
        status = read_file(fd, bytes_max, secret);
    }
    close(fd);
    return status;
}

enum secret_status secret_load(const char *source, struct secret *secret)
{
    struct span s = span_from_string(source);

    if (span_starts_with(s, "env:")) {
        return load_variable(source + strlen("env:"), secret);
    }
    if (span_starts_with(s, "file:")) {
        return secret_load_file(source + strlen("file:"), SECRET_BYTES_MAX, true, secret);
    }
    return SECRET_BAD_SOURCE;
}
