/* SPDX-License-Identifier: MIT */
/*
 * config_reader.h - the bytes of a conf file, and the list of what is wrong with it.
 *
 * libconfig does the grammar. This module stands in front of it, because libconfig
 * lets an integer wrap round silently, follows @include, and stops at a NUL byte.
 */
#ifndef GATEWAY_CONFIG_READER_H
#define GATEWAY_CONFIG_READER_H

#include <libconfig.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/attrs.h"
#include "base/span.h"

/* A conf file larger than this is not one. */
#define CONFIG_FILE_BYTES_MAX (1024 * 1024)

struct config_reader {
    const char *path; /* borrowed; as the operator wrote it */
    char *directory;  /* owned; what relative paths are relative to */
    FILE *problems;   /* borrowed */
    size_t problem_count;
};

/* False when memory is out. */
bool config_reader_init(struct config_reader *reader, const char *path, FILE *problems) MUST_USE;
void config_reader_fini(struct config_reader *reader);

/*
 * Write "path:line: key: problem (allowed: ...)" and count it. <key> and <allowed> may be
 * NULL, then that part is left out.
 */
void config_reader_complain(struct config_reader *reader, unsigned line, const char *key,
                            const char *problem, const char *allowed);

/* The same words with "warning: " in front, which do not count. */
void config_reader_warn(struct config_reader *reader, unsigned line, const char *key,
                        const char *problem);

/* The bytes of the file, owned by the caller, NUL-terminated; NULL after a complaint. */
char *config_reader_read_file(struct config_reader *reader, size_t *length) MUST_USE;

/*
 * Parse <text> into <tree>, which has been through config_init(). False after at least
 * one complaint.
 */
bool config_reader_parse(struct config_reader *reader, struct span text, config_t *tree) MUST_USE;

#endif
