/* SPDX-License-Identifier: MIT */
/*
 * evhttp_alone.c - a web server that is evhttp and nothing else.
 *
 * The yardstick of tests/e2e/test_http_strictness.py: what evhttp makes of bytes that
 * the gateway must refuse. Limits as the gateway sets them; every request that gets
 * through is answered 200, and the body says what evhttp took it for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <signal.h>
#include <sys/socket.h>

#define HEAD_BYTES_MAX 16384
#define BODY_BYTES_MAX 1048576

static const char *method_name(enum evhttp_cmd_type method)
{
    switch ((unsigned)method) {
    case EVHTTP_REQ_GET:
        return "GET";
    case EVHTTP_REQ_HEAD:
        return "HEAD";
    case EVHTTP_REQ_POST:
        return "POST";
    default:
        return "OTHER";
    }
}

static void on_request(struct evhttp_request *request, void *arg)
{
    struct evbuffer *body = evbuffer_new();
    size_t length = evbuffer_get_length(evhttp_request_get_input_buffer(request));

    (void)arg;
    if (body == NULL) {
        exit(EXIT_FAILURE);
    }
    (void)evbuffer_add_printf(body, "%s %s body=%zu\n",
                              method_name(evhttp_request_get_command(request)),
                              evhttp_request_get_uri(request), length);
    evhttp_send_reply(request, HTTP_OK, "OK", body);
    evbuffer_free(body);
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    (void)event_base_loopexit(arg, NULL);
}

static int bound_port(struct evhttp_bound_socket *bound)
{
    struct sockaddr_in address;
    socklen_t length = sizeof(address);

    if (getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&address, &length) != 0) {
        return -1;
    }
    return ntohs(address.sin_port);
}

int main(void)
{
    struct event_base *base = event_base_new();
    struct evhttp *http = base == NULL ? NULL : evhttp_new(base);
    struct event *end = base == NULL ? NULL : evsignal_new(base, SIGTERM, on_signal, base);
    struct evhttp_bound_socket *bound;

    if (http == NULL || end == NULL || event_add(end, NULL) != 0) {
        return EXIT_FAILURE;
    }
    evhttp_set_max_headers_size(http, HEAD_BYTES_MAX);
    evhttp_set_max_body_size(http, BODY_BYTES_MAX);
    evhttp_set_allowed_methods(http, EVHTTP_REQ_POST | EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
    evhttp_set_gencb(http, on_request, NULL);
    bound = evhttp_bind_socket_with_handle(http, "127.0.0.1", 0);
    if (bound == NULL) {
        return EXIT_FAILURE;
    }
    printf("evhttp listening on 127.0.0.1:%d\n", bound_port(bound));
    (void)fflush(stdout);
    (void)event_base_dispatch(base);
    evhttp_free(http);
    event_free(end);
    event_base_free(base);
    return EXIT_SUCCESS;
}
