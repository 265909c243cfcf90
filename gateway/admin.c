/* SPDX-License-Identifier: MIT */
/*
 * admin.c - the admin listener: metrics, health and status, by plain evhttp.
 *
 * It is not the edge: it listens where only operators reach it. Still everything
 * is bounded, so that a broken scraper costs nothing.
 */
#include "gateway/admin.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#include "gateway/accept.h"
#include "gateway/config.h"
#include "gateway/confine.h"
#include "gateway/log.h"
#include "gateway/page.h"

#define IO_TIMEOUT_S 10
#define MAX_HEAD_BYTES 32768 /* a browser brings the cookies of every port of a host */
#define MAX_BODY_BYTES 1024

struct admin {
    struct evhttp *http;  /* owned */
    struct status status; /* what it shows; borrowed */
};

/* -- answers -- */

/* Constant names and values: adding them fails only without memory, and then they are missed. */
static void add_field(struct evhttp_request *request, const char *name, const char *value)
{
    (void)evhttp_add_header(evhttp_request_get_output_headers(request), name, value);
}

/* What stands in the output goes out as the body; for HEAD only its length (RFC 9110 section 9.3.2). */
static void answer(struct evhttp_request *request, int status, const char *type)
{
    struct evbuffer *body = evhttp_request_get_output_buffer(request);
    char length[32];

    add_field(request, "Content-Type", type);
    add_field(request, "Cache-Control", "no-store");
    add_field(request, "X-Content-Type-Options", "nosniff");
    if (evhttp_request_get_command(request) == EVHTTP_REQ_HEAD) {
        (void)snprintf(length, sizeof(length), "%zu", evbuffer_get_length(body));
        add_field(request, "Content-Length", length);
        (void)evbuffer_drain(body, evbuffer_get_length(body));
    }
    evhttp_send_reply(request, status, NULL, NULL); /* with the usual phrase */
}

static void answer_words(struct evhttp_request *request, int status, const char *words)
{
    /* Without memory the body stays empty. */
    (void)evbuffer_add(evhttp_request_get_output_buffer(request), words, strlen(words));
    (void)evbuffer_add(evhttp_request_get_output_buffer(request), "\n", 1);
    answer(request, status, "text/plain; charset=utf-8");
}

static void free_text(const void *data, size_t length, void *text)
{
    (void)data;
    (void)length;
    free(text);
}

/* <text> becomes ours; NULL: there was no memory for it. */
static void answer_text(struct evhttp_request *request, char *text, size_t length, const char *type)
{
    if (text == NULL) {
        answer_words(request, HTTP_SERVUNAVAIL, "Service Unavailable");
        return;
    }
    if (evbuffer_add_reference(evhttp_request_get_output_buffer(request), text, length, free_text,
                               text) != 0) {
        free(text);
    }
    answer(request, HTTP_OK, type);
}

/* -- what there is -- */

static void answer_metrics(struct evhttp_request *request, const struct admin *admin)
{
    size_t length = 0;
    char *text = metrics_render(admin->status.metrics, &length);

    answer_text(request, text, length, "text/plain; version=0.0.4; charset=utf-8");
}

static void answer_live(struct evhttp_request *request, const struct admin *admin)
{
    (void)admin;
    answer_words(request, HTTP_OK, "live");
}

static void answer_ready(struct evhttp_request *request, const struct admin *admin)
{
    enum metrics_readiness readiness = metrics_readiness(admin->status.metrics);

    answer_words(request, readiness == METRICS_READY ? HTTP_OK : HTTP_SERVUNAVAIL,
                 metrics_readiness_text(readiness));
}

static void answer_status_data(struct evhttp_request *request, const struct admin *admin)
{
    size_t length = 0;
    char *text = status_render(&admin->status, &length);

    answer_text(request, text, length, "application/json");
}

static void answer_page(struct evhttp_request *request, const struct page *page)
{
    /* The page is constant; without memory the body stays empty. */
    (void)evbuffer_add_reference(evhttp_request_get_output_buffer(request), page->bytes,
                                 page->length, NULL, NULL);
    add_field(request, "Content-Security-Policy", page->policy);
    add_field(request, "X-Frame-Options", "DENY");
    add_field(request, "Referrer-Policy", "no-referrer");
    add_field(request, "Cross-Origin-Resource-Policy", "same-origin");
    answer(request, HTTP_OK, "text/html; charset=utf-8");
}

static void answer_status(struct evhttp_request *request, const struct admin *admin)
{
    struct evkeyvalq *fields = evhttp_request_get_input_headers(request);

    add_field(request, "Vary", "Accept");
    if (accept_prefers_html(evhttp_find_header(fields, "Accept"))) {
        answer_page(request, &page_status);
    } else {
        answer_status_data(request, admin);
    }
}

/* A person who types the address alone means the page. */
static void answer_root(struct evhttp_request *request, const struct admin *admin)
{
    (void)admin;
    add_field(request, "Location", "/status");
    answer_words(request, HTTP_MOVETEMP, "/status");
}

static const struct route {
    const char *path;
    void (*answer)(struct evhttp_request *request, const struct admin *admin);
} routes[] = {
    {"/metrics", answer_metrics},
    {"/livez", answer_live},
    {"/readyz", answer_ready},
    {"/status", answer_status},
    {"/status.json", answer_status_data},
    {"/", answer_root},
};

static void on_request(struct evhttp_request *request, void *arg)
{
    const struct admin *admin = arg;
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *path = uri == NULL ? NULL : evhttp_uri_get_path(uri);

    for (size_t i = 0; path != NULL && i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (strcmp(path, routes[i].path) == 0) {
            routes[i].answer(request, admin);
            return;
        }
    }
    answer_words(request, HTTP_NOTFOUND, "Not Found");
}

/* -- life -- */

struct admin *admin_new(struct event_base *base, int fd, const struct status *status)
{
    struct admin *admin = calloc(1, sizeof(*admin));
    int own_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0); /* evhttp closes what it accepts on */

    if (admin == NULL || own_fd < 0) {
        goto failed;
    }
    admin->status = *status;
    admin->http = evhttp_new(base);
    if (admin->http == NULL) {
        goto failed;
    }
    evhttp_set_allowed_methods(admin->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
    evhttp_set_max_headers_size(admin->http, MAX_HEAD_BYTES);
    evhttp_set_max_body_size(admin->http, MAX_BODY_BYTES);
    evhttp_set_timeout(admin->http, IO_TIMEOUT_S);
    evhttp_set_default_content_type(admin->http, NULL);
    evhttp_set_gencb(admin->http, on_request, admin);
    if (evhttp_accept_socket(admin->http, own_fd) != 0) {
        goto failed;
    }
    return admin;

failed:
    if (own_fd >= 0) {
        (void)close(own_fd);
    }
    admin_free(admin);
    return NULL;
}

void admin_free(struct admin *admin)
{
    if (admin == NULL) {
        return;
    }
    if (admin->http != NULL) {
        evhttp_free(admin->http);
    }
    free(admin);
}

static void on_terminate(evutil_socket_t signal_number, short what, void *base)
{
    (void)signal_number;
    (void)what;
    (void)event_base_loopexit(base, NULL); /* fails only for a base that does not run */
}

int admin_run(int fd, const struct status *shown, struct config *config)
{
    struct event_base *base = event_base_new();
    struct event *terminate = base == NULL ? NULL : evsignal_new(base, SIGTERM, on_terminate, base);
    struct admin *admin = terminate == NULL ? NULL : admin_new(base, fd, shown);
    int status = EXIT_FAILURE;
    const struct confine_plan plan = {.config = config, .is_sanitized = IS_SANITIZED};

    config_forget_secrets(config); /* nothing here needs them */
    if (admin == NULL || event_add(terminate, NULL) != 0) {
        log_event(LOG_ERROR, "admin_failed", "problem", "no memory");
        goto out;
    }
    if (confine(&plan)) {
        status = event_base_dispatch(base) >= 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    }

out:
    admin_free(admin);
    if (terminate != NULL) {
        event_free(terminate);
    }
    if (base != NULL) {
        event_base_free(base);
    }
    return status;
}
