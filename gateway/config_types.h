/* SPDX-License-Identifier: MIT */
/*
 * config_types.h - struct config: the conf file as the program sees it.
 *
 * The fields that hold one value are the rows of config_keys.h. A header of its own,
 * below config.h, so that the modules that fill the struct need not include the one
 * that drives them.
 */
#ifndef GATEWAY_CONFIG_TYPES_H
#define GATEWAY_CONFIG_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/secret.h"
#include "gateway/address.h"
#include "gateway/config_keys.h"
#include "gateway/log.h"
#include "upstream/upstream.h"

struct format;

enum config_sandbox {
    CONFIG_SANDBOX_AUTO = 0, /* what the kernel has */
    CONFIG_SANDBOX_ON,       /* all of it, or the gateway does not start */
    CONFIG_SANDBOX_OFF,
};

enum config_trace {
    CONFIG_TRACE_ACCEPT = 0, /* the client's trace goes on, where it sends one */
    CONFIG_TRACE_NEW,        /* each exchange begins one */
    CONFIG_TRACE_OFF,        /* none is logged or sent */
};

enum config_reasoning {
    CONFIG_REASONING_AUTO = 0, /* shown where the format has a place for it */
    CONFIG_REASONING_KEEP,     /* shown everywhere */
    CONFIG_REASONING_DROP,     /* shown where events are passed on as they are */
};

/* The type of a key's field follows from its kind; see config_keys.h. */
#define CONFIG_FIELD_WORKERS(field) int64_t field; /* resolved: at least 1 */
#define CONFIG_FIELD_ADDRESS(field) struct config_address field;
#define CONFIG_FIELD_ADDRESS_OR_OFF(field) struct config_address field;
#define CONFIG_FIELD_UPSTREAM_ERRORS(field) bool field;
#define CONFIG_FIELD_SWITCH(field) bool field;
#define CONFIG_FIELD_UNKNOWN_PARAMETERS(field) bool field; /* refuse */
#define CONFIG_FIELD_DURATION(field) int64_t field;
#define CONFIG_FIELD_DURATION_OR_OFF(field) int64_t field; /* 0: off */
#define CONFIG_FIELD_WHOLE_SECONDS(field) int64_t field;   /* milliseconds all the same */
#define CONFIG_FIELD_SIZE(field) size_t field;
#define CONFIG_FIELD_COUNT(field) int64_t field;
#define CONFIG_FIELD_TEXT(field) char *field;  /* owned, never NULL; so are all texts below */
#define CONFIG_FIELD_ASCII(field) char *field; /* printable */
#define CONFIG_FIELD_NAME(field) char *field;
#define CONFIG_FIELD_URL(field) char *field;
#define CONFIG_FIELD_MODEL(field) char *field;
#define CONFIG_FIELD_PATTERN(field) char *field;
#define CONFIG_FIELD_SOURCE(field) char *field; /* "env:NAME", "file:PATH" as written, or "" */
#define CONFIG_FIELD_READABLE_FILE(field) char *field; /* path that this process can open, or "" */
#define CONFIG_FIELD_PRIVATE_FILE(field) char *field;  /* path, or "" */
#define CONFIG_FIELD_LOG_SINK(field) char *field;      /* "stderr", "off", or a path */
#define CONFIG_FIELD_PROMPT_TEMPLATE(field) char *field;
#define CONFIG_FIELD_FORMAT(field) const struct format *field;
#define CONFIG_FIELD_LOG_LEVEL(field) enum log_level field;
#define CONFIG_FIELD_LOG_FORMAT(field) enum log_format field;
#define CONFIG_FIELD_DIALECT(field) enum upstream_dialect field;
#define CONFIG_FIELD_USER(field) char *field; /* config_user.h reads it */
#define CONFIG_FIELD_REASONING(field) enum config_reasoning field;
#define CONFIG_FIELD_SANDBOX(field) enum config_sandbox field;
#define CONFIG_FIELD_TRACE(field) enum config_trace field;
#define CONFIG_FIELD(section, key, kind, field, ...) CONFIG_FIELD_##kind(field)

struct config_address {
    char *text; /* as written, owned */
    struct sockaddr_storage socket_address;
    socklen_t socket_address_length; /* 0: not set */
};

/* address, tls_certificate, tls_key; what was read from these; and what else holds for the connections that come in there. */
struct config_listener {
    CONFIG_LISTEN_KEYS(CONFIG_FIELD)
    struct secret tls_certificate_pem; /* empty: plain HTTP */
    struct secret tls_key_pem;
};

/* kid, source; and what was read from the source. */
struct config_secret {
    CONFIG_SECRET_KEYS(CONFIG_FIELD)
    struct secret secret;
};

/* name, url, dialect, token_source, connect_timeout_ms, ...; and the token that was read. */
struct config_upstream {
    CONFIG_UPSTREAM_KEYS(CONFIG_FIELD)
    struct secret token; /* empty: none is sent */
};

struct config_alias {
    CONFIG_ALIAS_KEYS(CONFIG_FIELD)
};

struct config_model_format {
    CONFIG_MODEL_FORMAT_KEYS(CONFIG_FIELD)
};

/* Owned by whoever loaded it; nothing in it changes afterwards. */
struct config {
    char *path; /* owned */

    /* workers, admin, drain_timeout_ms, auth_issuer, stream_format, limits_connections, ... */
    CONFIG_KEYS(CONFIG_FIELD)

    /* The keys that hold several values. All owned. */
    struct config_listener *listen;
    size_t listen_count;
    struct network *trusted_proxies;
    size_t trusted_proxy_count;
    struct config_upstream *upstreams;
    size_t upstream_count;
    struct config_secret *secrets;
    size_t secret_count;
    bool require_exp, require_sub, require_nbf, require_iat;
    char **models_allow;
    size_t models_allow_count;
    char **models_retired;
    size_t models_retired_count;
    char **cors_origins; /* "*" stands alone */
    size_t cors_origin_count;
    struct config_alias *aliases;
    size_t alias_count;
    struct config_model_format *model_formats;
    size_t model_format_count;
};

#endif
