/* SPDX-License-Identifier: MIT */
/*
 * config_keys.h - one row for each key of the conf file.
 *
 * A row is the only place where a key is described. From the rows come the fields
 * of struct config, the parser and its checks, the dump of `tidegate -t`,
 * conf/tidegate.conf and docs/configuration.md. To add a key, add a row.
 *
 *   section    group of the conf file, "" for the top level (records: always "")
 *   kind       how the text is read; config_key.c has one branch for each kind
 *   field      member of the struct; its type follows from the kind
 *   min, max   milliseconds, bytes, a count, or the length of a text
 *   default    as written in the conf file. REQUIRED rows have no default: the text
 *              is then an example, for the default file and the page
 *   applies    RELOAD: a reload (SIGHUP) applies it. RESTART: only a restart does
 */
#ifndef GATEWAY_CONFIG_KEYS_H
#define GATEWAY_CONFIG_KEYS_H

#define CONFIG_TIMEOUT_MS_MIN 10
#define CONFIG_TIMEOUT_MS_MAX (24 * 60 * 60 * 1000)
#define CONFIG_KIB 1024
#define CONFIG_MIB (1024 * 1024)
#define CONFIG_UPSTREAMS_MAX 8
#define CONFIG_UPSTREAM_NAME_BYTES_MAX 64

/* clang-format off */
/*    section   key                      kind             field                          min  max  default  presence  applies  help */
#define CONFIG_KEYS(X)                                                                                                           \
    X("",       "workers",               WORKERS,         workers,                       1, 64, "auto", OPTIONAL, RESTART,       \
      "Worker processes: \"auto\" is one for each processor this process may use.")                                              \
    X("",       "admin",                 ADDRESS_OR_OFF,  admin,                         0, 0, "127.0.0.1:9090", OPTIONAL, RESTART, \
      "Where /metrics, /livez, /readyz and /status are served. Never make it public. \"off\": nowhere.")                                  \
    X("",       "upstream_errors",       UPSTREAM_ERRORS, upstream_errors_as_gateway,    0, 0, "documented", OPTIONAL, RELOAD,   \
      "What a client sees when the upstream fails before the first byte: one 500 for all, as documented, or 502, 503 and 504 as HTTP means them (\"gateway\").") \
    X("",       "trace",                 TRACE,           trace,                         0, 0, "accept", OPTIONAL, RELOAD,       \
      "Distributed tracing (W3C Trace Context), to the upstreams and in the access line: \"accept\" goes on with the trace that a client names, and begins one where none is named; \"new\" believes no client; \"off\" neither logs nor sends one.") \
    X("",       "drain_timeout",         DURATION,        drain_timeout_ms,              CONFIG_TIMEOUT_MS_MIN, CONFIG_TIMEOUT_MS_MAX, "60s", OPTIONAL, RELOAD, \
      "How long running answers may take to finish at a shutdown or a reload; then they are cut, visibly.")                      \
    X("",       "user",                  USER,            user,                          0, 128, "", OPTIONAL, RELOAD,            \
      "Whom the workers become when the gateway is started as root: USER or USER:GROUP, by name or number. Empty: nobody (65534). Started as another user, they stay that one.") \
    X("",       "sandbox",               SANDBOX,         sandbox,                       0, 0, "auto", OPTIONAL, RELOAD,         \
      "Whether workers give up system calls (seccomp), files and ports (Landlock) that they do not need: \"auto\" takes what the kernel has, \"on\" insists on both, \"off\" is for debugging.") \
    X("",       "upgrade_timeout",       DURATION,        upgrade_timeout_ms,            CONFIG_TIMEOUT_MS_MIN, CONFIG_TIMEOUT_MS_MAX, "60s", OPTIONAL, RELOAD, \
      "How long the program that SIGUSR2 starts may take until it is ready to serve; then the running one goes on.")             \
    X("",       "playground",            SWITCH,          playground,                    0, 0, "false", OPTIONAL, RELOAD,         \
      "Whether GET / answers with a page on which a person with a token can chat and look at the requests. The page itself is given to anybody.") \
    X("auth",   "issuer",                TEXT,            auth_issuer,                   0, 256, "", OPTIONAL, RELOAD,            \
      "What the token's \"iss\" must be. Empty: not checked.")                                                                   \
    X("auth",   "audience",              TEXT,            auth_audience,                 0, 256, "", OPTIONAL, RELOAD,            \
      "What the token's \"aud\" must be or hold. Empty: not checked.")                                                           \
    X("auth",   "leeway",                WHOLE_SECONDS,   auth_leeway_ms,                0, 300 * 1000, "30s", OPTIONAL, RELOAD,  \
      "How far the clocks of the issuer and of this machine may be apart, for exp, nbf and iat.")                                \
    X("stream", "format",                FORMAT,          stream_format,                 0, 0, "text", OPTIONAL, RELOAD,         \
      "How an answer is written when the request names no format: the text and nothing else, the AI SDK's data stream (data) or UI message stream (ui), or OpenAI's chat completion chunks; see formats.md.")                         \
    X("stream", "reasoning",             REASONING,       stream_reasoning,              0, 0, "auto", OPTIONAL, RELOAD,         \
      "What becomes of the thinking of a reasoning model, in fields of its own or in <think> before the answer: \"auto\" passes it where the format has a place for it (data, ui) and drops it from text, \"keep\" keeps it in text too, \"drop\" drops it from all three. openai passes every chunk as it is.") \
    X("stream", "buffer",                SIZE,            stream_buffer_bytes,           4 * CONFIG_KIB, 16 * CONFIG_MIB, "64k", OPTIONAL, RELOAD, \
      "Bytes that may wait for one client. Above it the upstream is not read any more until the client has caught up.")          \
    X("stream", "heartbeat",             DURATION_OR_OFF, stream_heartbeat_ms,           CONFIG_TIMEOUT_MS_MIN, CONFIG_TIMEOUT_MS_MAX, "15s", OPTIONAL, RELOAD, \
      "How long an answer that has begun may be quiet until the client gets a sign of life: an empty part (data) or a comment (ui, openai). Bare text has none.") \
    X("stream", "coalesce",              DURATION,        stream_coalesce_ms,            0, 1000, "0ms", OPTIONAL, RELOAD,       \
      "How long a piece of an answer may wait for the next ones, to leave in one packet with them: fewer system calls and packets, later tokens. The first piece and the end never wait. 0ms: none does.") \
    X("stream", "write_timeout",         DURATION,        stream_write_timeout_ms,       CONFIG_TIMEOUT_MS_MIN, CONFIG_TIMEOUT_MS_MAX, "30s", OPTIONAL, RELOAD, \
      "How long a client may take no byte at all although some wait for it.")                                                    \
    X("stream", "total_timeout",         DURATION_OR_OFF, stream_total_timeout_ms,       CONFIG_TIMEOUT_MS_MIN, CONFIG_TIMEOUT_MS_MAX, "off", OPTIONAL, RELOAD, \
      "How long a whole exchange may last.")                                                                                     \
    X("limits", "connections",           COUNT,           limits_connections,            1, 1000000, "10000", OPTIONAL, RELOAD,   \
      "Client connections at once, for each worker. Above it they are refused with 503.")                                        \
    X("limits", "connections_per_address", COUNT,         limits_connections_per_address, 0, 1000000, "0", OPTIONAL, RELOAD,     \
      "The same for one client address (IPv6: for one /64). Above it: 429. Behind a trusted proxy the requests in flight for the address it names are counted instead. 0: no cap.") \
    X("limits", "exchanges",             COUNT,           limits_exchanges,              1, 1000000, "5000", OPTIONAL, RELOAD,    \
      "Requests being answered at once, for each worker. Above it they are refused with 503.")                                   \
    X("limits", "exchanges_per_subject", COUNT,           limits_exchanges_per_subject,  1, 1000000, "1000", OPTIONAL, RELOAD,    \
      "The same for one subject (the token's \"sub\"). Above it requests are refused with 429.")                                 \
    X("limits", "waiting",               COUNT,           limits_waiting,                1, 1000000, "5000", OPTIONAL, RELOAD,    \
      "Requests that wait for their first piece of text at once, for each worker: when upstreams go silent, this many are let in to wait. Above it requests are refused with 503.") \
    X("limits", "max_body",              SIZE,            limits_max_body_bytes,         16, 64 * CONFIG_MIB, "1m", OPTIONAL, RELOAD, \
      "Largest request body. Above it: 413.")                                                                                    \
    X("limits", "max_head",              SIZE,            limits_max_head_bytes,         256, 256 * CONFIG_KIB, "16k", OPTIONAL, RELOAD, \
      "Largest request head (request line and header fields). Above it: 431, or 414 when the target alone is too long.")         \
    X("limits", "max_messages",          COUNT,           limits_max_messages,           1, 100000, "1024", OPTIONAL, RELOAD,     \
      "Most messages of one request.")                                                                                           \
    X("limits", "max_collected",         SIZE,            limits_max_collected_bytes,    CONFIG_KIB, 64 * CONFIG_MIB, "1m", OPTIONAL, RELOAD, \
      "Largest answer that is gathered for a client of /v1/chat/completions that wants it in one piece (\"stream\": false). Above it: 502.") \
    X("limits", "head_timeout",          DURATION,        limits_head_timeout_ms,        CONFIG_TIMEOUT_MS_MIN, CONFIG_TIMEOUT_MS_MAX, "10s", OPTIONAL, RELOAD, \
      "From the accept, or from a kept-alive connection's next first byte, to a whole request head. Absolute.")                  \
    X("limits", "body_timeout",          DURATION,        limits_body_timeout_ms,        CONFIG_TIMEOUT_MS_MIN, CONFIG_TIMEOUT_MS_MAX, "30s", OPTIONAL, RELOAD, \
      "From the end of the head to the end of the body. Absolute.")                                                              \
    X("limits", "keepalive_timeout",     DURATION,        limits_keepalive_timeout_ms,   CONFIG_TIMEOUT_MS_MIN, CONFIG_TIMEOUT_MS_MAX, "60s", OPTIONAL, RELOAD, \
      "How long a connection may be quiet between an answer and the next request.")                                              \
    X("models", "unknown_parameters",    UNKNOWN_PARAMETERS, models_refuses_unknown,     0, 0, "pass", OPTIONAL, RELOAD,         \
      "What becomes of parameters of /v1/chat/completions that the gateway does not know: \"pass\" hands them on to the provider as they are, \"refuse\" answers 400.") \
    X("cors",   "max_age",               WHOLE_SECONDS,   cors_max_age_ms,               0, 24 * 60 * 60 * 1000, "10m", OPTIONAL, RELOAD, \
      "How long a browser may remember what a preflight was told. Browsers have shorter limits of their own.")                   \
    X("log",    "level",                 LOG_LEVEL,       log_level,                     0, 0, "info", OPTIONAL, RELOAD,         \
      "Least important kind of line that is written to standard error.")                                                         \
    X("log",    "format",                LOG_FORMAT,      log_format,                    0, 0, "logfmt", OPTIONAL, RELOAD,       \
      "How a line is written.")                                                                                                  \
    X("log",    "access",                LOG_SINK,        log_access,                    1, 4096, "stderr", OPTIONAL, RELOAD,    \
      "Where the one line for each exchange goes: \"stderr\", \"off\", or a file.")

/* Each record of listen. */
#define CONFIG_LISTEN_KEYS(X)                                                                                                    \
    X("",       "address",               ADDRESS,         address,                       0, 0, "0.0.0.0:8080", REQUIRED, RESTART, \
      "Where to listen. Port 0 lets the kernel pick one.")                                                                       \
    X("",       "proxy_protocol",        SWITCH,          proxy_protocol,                0, 0, "false", OPTIONAL, RELOAD,         \
      "Whether every connection begins with a PROXY protocol header, version 1 or 2, that names the client. Whoever can connect here is believed; when trusted_proxies is not empty, only those may connect.") \
    X("tls",    "certificate",           READABLE_FILE,   tls_certificate,               1, 4096, "/etc/tidegate/cert.pem", REQUIRED, RELOAD, \
      "With the group tls, TLS 1.2 and 1.3 are spoken here and nothing else. The certificate in PEM, with what leads from it to a root behind it.") \
    X("tls",    "key",                   PRIVATE_FILE,    tls_key,                       1, 4096, "/etc/tidegate/key.pem", REQUIRED, RELOAD, \
      "Its private key in PEM, not encrypted. Only the owner may be able to read the file.")

/* Each record of auth.secrets. */
#define CONFIG_SECRET_KEYS(X)                                                                                                    \
    X("",       "kid",                   ASCII,           kid,                           0, 128, "", OPTIONAL, RELOAD,            \
      "Name of the secret: the token's \"kid\" picks it. A token without one is tried against every secret.")                    \
    X("",       "secret",                SOURCE,          source,                        1, 4096, "file:/run/secrets/jwt_hs256", REQUIRED, RELOAD, \
      "Where the HS256 secret is, at least 32 bytes: env:NAME or file:PATH, never the value itself. Only the owner may be able to read the file.")

/* Each record of upstreams. */
#define CONFIG_UPSTREAM_KEYS(X)                                                                                                  \
    X("",       "name",                  NAME,            name,                          1, CONFIG_UPSTREAM_NAME_BYTES_MAX, "huggingface", REQUIRED, RELOAD,  \
      "A word for logs and metrics.")                                                                                            \
    X("",       "url",                   URL,             url,                           1, 2048, "https://router.huggingface.co/v1/chat/completions", REQUIRED, RELOAD, \
      "Where requests go, with the whole path. http:// is for loopback and private networks.")                                   \
    X("",       "dialect",               DIALECT,         dialect,                       0, 0, "chat", OPTIONAL, RELOAD,         \
      "What it speaks: chat completions, or the generate_stream of text-generation-inference.")                                  \
    X("",       "token",                 SOURCE,          token_source,                  0, 4096, "env:HF_TOKEN", OPTIONAL, RELOAD, \
      "Where the provider's token is: env:NAME or file:PATH. Empty: none is sent.")                                              \
    X("",       "bill_to",               ASCII,           bill_to,                       0, 128, "", OPTIONAL, RELOAD,            \
      "Organisation that pays, sent as X-HF-Bill-To. Empty: not sent.")                                                          \
    X("",       "ca_file",               READABLE_FILE,   ca_file,                       0, 4096, "", OPTIONAL, RELOAD,           \
      "Trust roots in PEM. Empty: the system's.")                                                                                \
    X("",       "prompt_template",       PROMPT_TEMPLATE, prompt_template,               0, 0, "plain", OPTIONAL, RELOAD,        \
      "How messages become one prompt; for the dialect tgi only.")                                                               \
    X("",       "connect_timeout",       DURATION,        connect_timeout_ms,            CONFIG_TIMEOUT_MS_MIN, CONFIG_TIMEOUT_MS_MAX, "5s", OPTIONAL, RELOAD, \
      "Name resolution, connect and TLS handshake together, for all addresses of the host that are tried.")                      \
    X("",       "first_token_timeout",   DURATION,        first_token_timeout_ms,        CONFIG_TIMEOUT_MS_MIN, CONFIG_TIMEOUT_MS_MAX, "60s", OPTIONAL, RELOAD, \
      "From the request to the first piece of text or thinking, whatever else comes, retries included. Reasoning models are silent for long. Each upstream that is tried has its own.") \
    X("",       "idle_timeout",          DURATION,        idle_timeout_ms,               CONFIG_TIMEOUT_MS_MIN, CONFIG_TIMEOUT_MS_MAX, "60s", OPTIONAL, RELOAD, \
      "Between two signs of life; without text or thinking for ten times as long, other signs (comments) do not help. Stands still while the gateway is the one that does not read.")                                \
    X("",       "max_event",             SIZE,            max_event_bytes,               256, 16 * CONFIG_MIB, "256k", OPTIONAL, RELOAD, \
      "Largest single event of an answer.")                                                                                      \
    X("",       "max_answer",            SIZE,            max_answer_bytes,              CONFIG_KIB, 1024 * CONFIG_MIB, "64m", OPTIONAL, RELOAD, \
      "Largest whole answer.")                                                                                                   \
    X("",       "max_connections",       COUNT,           max_connections,               1, 100000, "5000", OPTIONAL, RELOAD,     \
      "Connections at once, for each worker.")                                                                                   \
    X("",       "max_idle",              COUNT,           max_idle,                      0, 100000, "64", OPTIONAL, RELOAD,       \
      "Connections kept open for the next request, for each worker.")                                                            \
    X("",       "retries",               COUNT,           retries,                       0, 5, "1", OPTIONAL, RELOAD,             \
      "Further attempts after a failure that may pass, only while nothing has been sent to the client.")                         \
    X("",       "retry_budget",          COUNT,           retry_budget,                  0, 100, "20", OPTIONAL, RELOAD,          \
      "Most retries, in percent of the requests, besides one each second and ten saved ones, for each worker. When everything fails, retries must not double the load.") \
    X("",       "failures",              COUNT,           failures,                      0, 1000, "10", OPTIONAL, RELOAD,         \
      "Failed attempts in a row that open its circuit: it is not asked then, but passed over, for each worker by itself. What counts: no connection, no TLS, silence (also that of several calls together which clients did not sit out), 5xx, nonsense, cut answers. 0: never.") \
    X("",       "open_time",             DURATION,        open_time_ms,                  CONFIG_TIMEOUT_MS_MIN, CONFIG_TIMEOUT_MS_MAX, "1s", OPTIONAL, RELOAD, \
      "How long the circuit is open the first time; twice as long each further time, until an answer is good again. Then one request finds out; up to a quarter is added by chance.") \
    X("",       "open_time_max",         DURATION,        open_time_max_ms,              CONFIG_TIMEOUT_MS_MIN, CONFIG_TIMEOUT_MS_MAX, "30s", OPTIONAL, RELOAD, \
      "The longest that open_time grows to, and that a Retry-After of the upstream can make it.")                                \
    X("",       "max_new_tokens",        COUNT,           max_new_tokens,                0, 1000000, "0", OPTIONAL, RELOAD,       \
      "Longest answer that is asked for, in tokens. 0: the provider's own bound.")

/* Each record of models.alias. */
#define CONFIG_ALIAS_KEYS(X)                                                                                                     \
    X("",       "from",                  MODEL,           from,                          1, 258, "meta/llama", REQUIRED, RELOAD,  \
      "publisher/name as clients ask for it.")                                                                                   \
    X("",       "to",                    MODEL,           to,                            1, 258, "meta-llama/Llama-3.1-8B-Instruct", REQUIRED, RELOAD, \
      "publisher/name, with an optional :provider, as it is sent on. It must be allowed itself.")

/* Each record of models.formats. */
#define CONFIG_MODEL_FORMAT_KEYS(X)                                                                                              \
    X("",       "model",                 PATTERN,         model,                         1, 258, "Qwen/*", REQUIRED, RELOAD,      \
      "Shell pattern over publisher/name, as in models.allow.")                                                                  \
    X("",       "format",                FORMAT,          format,                        0, 0, "openai", REQUIRED, RELOAD,        \
      "The format of their answers.")

/*
 * Keys that hold several values: texts in [ ], records in ( ). Where a record may be a
 * text, the text is its first key and the others are at their defaults.
 *    section   key          id           item            least most default items      presence  applies  help
 */
#define CONFIG_LISTS(X)                                                                                                          \
    X("",       "listen",    LISTEN,      "listener",     1,    16,  "0.0.0.0:8080",     OPTIONAL, RESTART,                            \
      "Where clients come in: addresses, or records with an address and what else holds for it: ( \"127.0.0.1:8080\", { address = \"0.0.0.0:8443\"; tls = { certificate = \"cert.pem\"; key = \"key.pem\"; }; } ).") \
    X("",       "trusted_proxies", TRUSTED_PROXIES, "network", 0, 256, "",             OPTIONAL, RELOAD,                             \
      "Networks of the proxies in front, such as 10.0.0.0/8 or fd00::/8. From them, and from nobody else, X-Forwarded-For is believed: its rightmost address that is not in the list is the client.") \
    X("",       "upstreams", UPSTREAMS,   "record",       1,    CONFIG_UPSTREAMS_MAX, "",                 REQUIRED, RELOAD,                             \
      "Where answers come from.")                                                                                                \
    X("auth",   "secrets",   SECRETS,     "record",       1,    16,  "",                 REQUIRED, RELOAD,                             \
      "Secrets that tokens may be signed with. Several may be live at once, so that one can be replaced without a gap.")         \
    X("auth",   "require",   REQUIRE,     "claim",        0,    4,   "exp sub",          OPTIONAL, RELOAD,                             \
      "Claims that a token must have, out of exp, sub, nbf, iat.")                                                               \
    X("models", "allow",     ALLOW,       "pattern",      1,    1024, "meta-llama/* Qwen/* mistralai/Mistral-7B-Instruct-v0.3", REQUIRED, RELOAD,                             \
      "Models that may be asked for: shell patterns over publisher/name, case matters. * matches anything, / included; ? one character.") \
    X("models", "retired",   RETIRED,     "pattern",      0,    1024, "",                OPTIONAL, RELOAD,                             \
      "Models that were served once: the client is told that they are gone. Looked at before allow.")                            \
    X("cors",   "origins",   ORIGINS,     "origin",       0,    256,  "",                OPTIONAL, RELOAD,                             \
      "Origins of the pages that may read answers in a browser, such as https://chat.example.org, compared byte for byte; or \"*\" alone for any page. Answers to others say nothing of it, and their browsers withhold them.") \
    X("models", "alias",     ALIAS,       "record",       0,    1024, "",                OPTIONAL, RELOAD,                             \
      "Other names for models. Applied first, once, and only to the whole name.")                                                \
    X("models", "formats",   MODEL_FORMATS, "record",     0,    1024, "",                OPTIONAL, RELOAD,                             \
      "Models whose answers have another format than stream.format when the request names none. The first that matches counts; aliases are applied before.")

/*    name      help */
#define CONFIG_SECTIONS(X)                                                                                                       \
    X("auth",   "Who may ask: HS256 tokens (RFC 7519).")                                                                         \
    X("models", "What may be asked for.")                                                                                        \
    X("stream", "The answer on its way to the client.")                                                                          \
    X("limits", "Caps. At a cap a request is refused; nothing queues.")                                                          \
    X("cors",   "Browsers: which pages may use the gateway (CORS). Credentials are never allowed: the token is the page's own.") \
    X("log",    "What is written down. Never a token, a prompt or an answer.")
/* clang-format on */

#endif
