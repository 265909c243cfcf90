/* SPDX-License-Identifier: MIT */
/*
 * admin.c - the admin listener: metrics and health, by plain evhttp.
 *
 * It is not the edge: it listens where only operators reach it. Still everything
 * is bounded, so that a broken scraper costs nothing.
 */
#include "gateway/admin.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#include "gateway/config.h"
#include "gateway/confine.h"
#include "gateway/log.h"

#define IO_TIMEOUT_S 10
#define MAX_HEAD_BYTES 8192
#define MAX_BODY_BYTES 1024

struct admin {
    struct evhttp *http;           /* owned */
    const struct metrics *metrics; /* borrowed */
};

static void answer(struct evhttp_request *request, int status, const char *phrase, const char *type)
{
    struct evkeyvalq *fields = evhttp_request_get_output_headers(request);

    /* Constant names and values: adding them fails only without memory, and then they are missed. */
    (void)evhttp_add_header(fields, "Content-Type", type);
    (void)evhttp_add_header(fields, "Cache-Control", "no-store");
    evhttp_send_reply(request, status, phrase, NULL);
}

static void answer_words(struct evhttp_request *request, int status, const char *words)
{
    /* Without memory the body stays empty. */
    (void)evbuffer_add(evhttp_request_get_output_buffer(request), words, strlen(words));
    (void)evbuffer_add(evhttp_request_get_output_buffer(request), "\n", 1);
    answer(request, status, NULL, "text/plain; charset=utf-8"); /* the phrase that is usual */
}

static void free_text(const void *data, size_t length, void *text)
{
    (void)data;
    (void)length;
    free(text);
}

static void answer_metrics(struct evhttp_request *request, const struct admin *admin)
{
    size_t length = 0;
    char *text = metrics_render(admin->metrics, &length);

    if (text == NULL) {
        answer_words(request, HTTP_SERVUNAVAIL, "Service Unavailable");
        return;
    }
    if (evbuffer_add_reference(evhttp_request_get_output_buffer(request), text, length, free_text,
                               text) != 0) {
        free(text);
    }
    answer(request, HTTP_OK, "OK", "text/plain; version=0.0.4; charset=utf-8");
}

static void on_request(struct evhttp_request *request, void *arg)
{
    const struct admin *admin = arg;
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *path = uri == NULL ? NULL : evhttp_uri_get_path(uri);

    if (path == NULL) {
        path = "";
    }
    if (strcmp(path, "/metrics") == 0) {
        answer_metrics(request, admin);
    } else if (strcmp(path, "/livez") == 0) {
        answer_words(request, HTTP_OK, "live");
    } else if (strcmp(path, "/readyz") == 0) {
        enum metrics_readiness readiness = metrics_readiness(admin->metrics);
        answer_words(request, readiness == METRICS_READY ? HTTP_OK : HTTP_SERVUNAVAIL,
                     metrics_readiness_text(readiness));
    } else {
        answer_words(request, HTTP_NOTFOUND, "Not Found");
    }
}

struct admin *admin_new(struct event_base *base, int fd, const struct metrics *metrics)
{
    struct admin *admin = calloc(1, sizeof(*admin));
    int own_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0); /* evhttp closes what it accepts on */

    if (admin == NULL || own_fd < 0) {
        goto failed;
    }
    admin->metrics = metrics;
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

int admin_run(int fd, const struct metrics *metrics, struct config *config)
{
    struct event_base *base = event_base_new();
    struct event *terminate = base == NULL ? NULL : evsignal_new(base, SIGTERM, on_terminate, base);
    struct admin *admin = terminate == NULL ? NULL : admin_new(base, fd, metrics);
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
