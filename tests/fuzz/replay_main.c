/* SPDX-License-Identifier: MIT */
/*
 * replay_main.c - runs a fuzz target over files, without libFuzzer.
 *
 * Arguments are files, or directories whose files are all run. Each input is
 * handed over in memory of exactly its size, so that a sanitizer sees any byte
 * that is read beyond it. No input at all is a failure: a corpus that was moved
 * must not look like one that passed.
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz_target.h"

/* The whole file, owned; NULL when it cannot be read. An empty file gives a pointer too. */
static uint8_t *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    struct stat info;
    uint8_t *bytes = NULL;

    if (file == NULL) {
        return NULL;
    }
    if (fstat(fileno(file), &info) == 0) {
        *size = (size_t)info.st_size;
        bytes = malloc(*size + (*size == 0)); /* malloc(0) may be NULL */
        if (bytes != NULL && fread(bytes, 1, *size, file) != *size) {
            free(bytes);
            bytes = NULL;
        }
    }
    fclose(file);
    return bytes;
}

/* Returns how many inputs were run: 1, or 0 when the file cannot be read. */
static unsigned long run_file(const char *path)
{
    size_t size = 0;
    uint8_t *bytes = read_file(path, &size);

    if (bytes == NULL) {
        fprintf(stderr, "%s: cannot be read: %s\n", path, strerror(errno));
        return 0;
    }
    /* Before the run: after a crash the last line names the input. */
    fprintf(stderr, "replay %s (%zu bytes)\n", path, size);
    (void)LLVMFuzzerTestOneInput(bytes, size); /* always 0 */
    free(bytes);
    return 1;
}

static unsigned long run_directory(const char *path)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, NULL, alphasort);
    unsigned long inputs = 0;

    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.') {
            char file[4096];
            snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
            inputs += run_file(file);
        }
        free(entries[i]);
    }
    free(entries);
    return inputs;
}

static bool is_directory(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

int main(int argc, char **argv)
{
    unsigned long inputs = 0;

    for (int i = 1; i < argc; i++) {
        inputs += is_directory(argv[i]) ? run_directory(argv[i]) : run_file(argv[i]);
    }
    fprintf(stderr, "%lu inputs\n", inputs);
    return inputs > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
