/* SPDX-License-Identifier: MIT */
/*
 * token_command.c - `tidegate token`: print one development token.
 *
 * It signs with the secret that the gateway itself will check with, taken from
 * the same conf file, so that a first request needs no other tool. The secret's
 * value is never an argument: command lines are seen by every user of a machine
 * and stay in shell histories.
 */
#include "gateway/token_command.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/auth.h"
#include "auth/keys.h"
#include "auth/mint.h"
#include "base/clock.h"
#include "base/secret.h"
#include "base/span.h"
#include "gateway/config.h"
#include "gateway/config_value.h"

#define EXIT_USAGE 2
#define TTL_DEFAULT_S 3600
#define TTL_MAX_S (87840LL * 60 * 60) /* ten years; longer is a mistake in the unit */

static const char help_text[] =
    "Usage: tidegate token -c FILE [OPTION]...\n"
    "       tidegate token --secret SOURCE [OPTION]...\n"
    "\n"
    "Print one signed token (JWT, HS256) on standard output, for development and tests.\n"
    "\n"
    "  -c, --config FILE    take the secret, the issuer and the audience from this conf file\n"
    "      --secret SOURCE  take the secret from env:NAME or file:PATH\n"
    "      --kid KID        with -c: sign with the secret of that name, not with the first;\n"
    "                       with --secret: write this name into the token\n"
    "      --sub SUBJECT    who the token is for, 1 to 128 characters (default: developer)\n"
    "      --iss ISSUER     issuer, instead of the conf file's\n"
    "      --aud AUDIENCE   audience, instead of the conf file's\n"
    "      --ttl DURATION   life time, as 90s, 15m or 8h (default: 1h)\n"
    "  -h, --help           print this help\n"
    "\n"
    "Exit status: 0 a token was printed, 1 it could not be made, 2 wrong usage or conf file.\n"
    "\n"
    "Example:\n"
    "  curl -H \"Authorization: Bearer $(tidegate token -c tidegate.conf)\" ...\n";

/* The command line. Everything borrowed from argv; NULL: not given. */
struct options {
    const char *config_path;
    const char *secret_source;
    const char *kid;
    const char *subject;
    const char *issuer;
    const char *audience;
    int64_t ttl_s;
    bool wants_help;
};

/* What to sign with and for whom. The spans are borrowed from the other members. */
struct material {
    struct config *config; /* owned, with -c */
    struct secret loaded;  /* owned, with --secret */
    struct span secret;
    struct span kid;
    struct span issuer;
    struct span audience;
};

/* Never prints an argument's value: it may be a secret in the wrong place. */
static bool complain(const char *problem)
{
    (void)fprintf(stderr, "tidegate token: %s\nTry 'tidegate token --help'.\n", problem);
    return false;
}

/* The syntax of the conf file's durations; whole seconds, as a token counts them. */
static bool parse_ttl(const char *text, int64_t *ttl_s)
{
    int64_t milliseconds = 0;

    if (config_parse_duration(text, &milliseconds) != CONFIG_VALUE_OK || milliseconds % 1000 != 0 ||
        milliseconds < 1000 || milliseconds / 1000 > TTL_MAX_S) {
        return complain("--ttl wants a duration in whole seconds, as 90s, 15m or 8h, up to 87840h");
    }
    *ttl_s = milliseconds / 1000;
    return true;
}

/* Take one option that getopt_long() found. */
static bool take_option(struct options *options, int option, const char *value)
{
    switch (option) {
    case 'c':
        options->config_path = value;
        return true;
    case 'S':
        options->secret_source = value;
        return true;
    case 'k':
        options->kid = value;
        return true;
    case 's':
        options->subject = value;
        return true;
    case 'i':
        options->issuer = value;
        return true;
    case 'a':
        options->audience = value;
        return true;
    case 't':
        return parse_ttl(value, &options->ttl_s);
    case 'h':
        options->wants_help = true;
        return true;
    case ':':
        return complain("an option lacks its value");
    default:
        return complain("unknown option");
    }
}

static bool is_printable(const char *text, size_t max_length)
{
    size_t length = 0;

    for (; text[length] != '\0'; length++) {
        if (text[length] < ' ' || text[length] > '~') {
            return false;
        }
    }
    return length >= 1 && length <= max_length;
}

/* What the gateway would refuse in a token is refused here, with words. */
static bool check_options(const struct options *options)
{
    if ((options->config_path == NULL) == (options->secret_source == NULL)) {
        return complain("give either -c FILE or --secret SOURCE");
    }
    if (!is_printable(options->subject, AUTH_SUBJECT_BYTES_MAX) ||
        span_is_empty(span_trim(span_from_string(options->subject)))) {
        return complain("--sub wants 1 to 128 printable ASCII characters");
    }
    if ((options->kid != NULL && !is_printable(options->kid, 128)) ||
        (options->issuer != NULL && !is_printable(options->issuer, 1024)) ||
        (options->audience != NULL && !is_printable(options->audience, 1024))) {
        return complain("--kid, --iss and --aud want printable ASCII characters");
    }
    return true;
}

static bool parse_options(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {
        {"config", required_argument, NULL, 'c'},
        {"secret", required_argument, NULL, 'S'},
        {"kid", required_argument, NULL, 'k'},
        {"sub", required_argument, NULL, 's'},
        {"iss", required_argument, NULL, 'i'},
        {"aud", required_argument, NULL, 'a'},
        {"ttl", required_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option = 0;

    optind = 0; /* start afresh: the program may have read its own options before */
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":c:h", known, NULL)) != -1) {
        if (!take_option(options, option, optarg)) {
            return false;
        }
    }
    if (options->wants_help) {
        return true;
    }
    if (optind < argc) {
        return complain("unexpected argument after the options");
    }
    return check_options(options);
}

/* The conf file's secret of this name, or its first when <kid> is NULL. */
static const struct config_secret *pick_secret(const struct config *config, const char *kid)
{
    for (size_t i = 0; i < config->secret_count; i++) {
        if (kid == NULL || strcmp(config->secrets[i].kid, kid) == 0) {
            return &config->secrets[i];
        }
    }
    return NULL;
}

/* Returns an exit status, like the two below. */
static int load_from_config(const struct options *options, struct material *material)
{
    const struct config_secret *secret = NULL;

    material->config = config_load(options->config_path, stderr);
    if (material->config == NULL) {
        return EXIT_USAGE;
    }
    secret = pick_secret(material->config, options->kid);
    if (secret == NULL) {
        (void)complain(options->kid == NULL ? "the conf file has no auth.secrets"
                                            : "the conf file has no secret with that kid");
        return EXIT_USAGE;
    }
    material->secret = secret_span(&secret->secret);
    material->kid = span_from_string(secret->kid);
    material->issuer = span_from_string(material->config->auth_issuer);
    material->audience = span_from_string(material->config->auth_audience);
    return EXIT_SUCCESS;
}

static int load_from_source(const struct options *options, struct material *material)
{
    enum secret_status status = secret_load(options->secret_source, &material->loaded);

    if (status == SECRET_BAD_SOURCE) {
        (void)complain("--secret wants env:NAME or file:PATH, never the secret itself");
        return EXIT_USAGE;
    }
    if (status != SECRET_OK) {
        (void)fprintf(stderr, "tidegate token: --secret: %s\n", secret_status_text(status));
        return EXIT_FAILURE;
    }
    material->secret = secret_span(&material->loaded);
    material->kid = span_from_string(options->kid);
    return EXIT_SUCCESS;
}

static int print_token(const struct options *options, const struct material *material)
{
    const int64_t now_unix_s = clock_wall_unix_s();
    const struct mint_claims claims = {
        .subject = span_from_string(options->subject),
        .issuer = options->issuer == NULL ? material->issuer : span_from_string(options->issuer),
        .audience =
            options->audience == NULL ? material->audience : span_from_string(options->audience),
        .issued_unix_s = now_unix_s,
        .expires_unix_s = now_unix_s + options->ttl_s,
    };
    char *token = NULL;
    int status = EXIT_SUCCESS;

    if (material->secret.length < AUTH_SECRET_BYTES_MIN) {
        (void)fprintf(stderr, "tidegate token: the secret has %zu bytes, at least %d are needed\n",
                      material->secret.length, AUTH_SECRET_BYTES_MIN);
        return EXIT_FAILURE;
    }
    token = mint_token(material->secret, material->kid, &claims);
    if (token == NULL) {
        (void)fputs("tidegate token: the token could not be made\n", stderr);
        return EXIT_FAILURE;
    }
    if (printf("%s\n", token) < 0 || fflush(stdout) != 0) {
        (void)fputs("tidegate token: the token could not be written\n", stderr);
        status = EXIT_FAILURE;
    }
    free(token);
    return status;
}

int token_command(int argc, char **argv)
{
    struct options options = {.subject = "developer", .ttl_s = TTL_DEFAULT_S};
    struct material material = {0};
    int status = EXIT_SUCCESS;

    if (!parse_options(argc, argv, &options)) {
        return EXIT_USAGE;
    }
    if (options.wants_help) {
        return fputs(help_text, stdout) < 0 || fflush(stdout) != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    }
    status = options.config_path != NULL ? load_from_config(&options, &material)
                                         : load_from_source(&options, &material);
    if (status == EXIT_SUCCESS) {
        status = print_token(&options, &material);
    }
    secret_fini(&material.loaded);
    config_free(material.config);
    return status;
}
