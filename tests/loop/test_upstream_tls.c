/* SPDX-License-Identifier: MIT */
/*
 * test_upstream_tls.c - towards a peer that is not who it says it is, or speaks too old a TLS.
 *
 * What is refused is refused before a byte of the request, and so of the token, is sent.
 */
#include "tests/support/upstream_stage.h"

#include <string.h>

#include <openssl/ssl.h>

#include "tests/support/stage_answers.h"

struct row {
    const char *name;
    const char *host; /* what the conf file says */
    enum test_certificate_kind kind;
    int tls_max;     /* the newest version that the peer speaks; 0: any */
    bool is_trusted; /* the peer's certificate is a trust root of ours */
    enum upstream_failure failure;
};

static const struct row rows[] = {
    {"the right one", "localhost", CERTIFICATE_GOOD, 0, true, UPSTREAM_OK},
    {"the right one by its address", "127.0.0.1", CERTIFICATE_GOOD, 0, true, UPSTREAM_OK},
    {"TLS 1.2", "localhost", CERTIFICATE_GOOD, TLS1_2_VERSION, true, UPSTREAM_OK},
    {"TLS 1.1", "localhost", CERTIFICATE_GOOD, TLS1_1_VERSION, true, UPSTREAM_TLS},
    {"TLS 1.0", "localhost", CERTIFICATE_GOOD, TLS1_VERSION, true, UPSTREAM_TLS},
    {"for another host", "localhost", CERTIFICATE_OTHER_HOST, 0, true, UPSTREAM_TLS},
    {"for another address", "127.0.0.1", CERTIFICATE_OTHER_HOST, 0, true, UPSTREAM_TLS},
    {"expired", "localhost", CERTIFICATE_EXPIRED, 0, true, UPSTREAM_TLS},
    {"self-signed by a stranger", "localhost", CERTIFICATE_GOOD, 0, false, UPSTREAM_TLS},
};

static void a_peer_in_doubt_gets_no_byte_of_the_request(void **state)
{
    static const struct peer_step script[] = {EXPECT, SEND(STREAM_HEAD HELLO FINISH LAST), END};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct test_certificate *served = test_certificate_new(rows[i].kind);
        struct test_certificate *other = test_certificate_new(CERTIFICATE_GOOD);
        struct caller caller = {.deltas = 0};
        struct stage stage;

        if (rows[i].tls_max != 0) {
            SSL_CTX *server = test_certificate_server(served);
            SSL_CTX_set_security_level(server, 0); /* or it would not offer the old ones */
            assert_int_equal(SSL_CTX_set_max_proto_version(server, rows[i].tls_max), 1);
        }
        stage_init_tls(&stage, served, rows[i].is_trusted ? served : other, rows[i].host);
        enum upstream_failure failure = run(&stage, &caller, script);
        if (failure != rows[i].failure) {
            print_error("row '%s': %s\n", rows[i].name, upstream_failure_token(failure));
        }
        assert_int_equal(failure, rows[i].failure);
        assert_int_equal(report_of(&stage).requests, failure == UPSTREAM_OK ? 1 : 0);
        stage_fini(&stage);
        test_certificate_free(other);
        test_certificate_free(served);
    }
}

/* RFC 8446 section 6.1: an end without close_notify is no end; framing has to say it. */
static void an_end_without_goodbye_is_a_cut(void **state)
{
    static const struct peer_step script[] = {
        EXPECT,
        SEND("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
             "data: "
             "{\"choices\":[{\"delta\":{\"content\":\"Hello\"},\"finish_reason\":\"stop\"}]}\n\n"),
        CLOSE, END};
    struct test_certificate *certificate = test_certificate_new(CERTIFICATE_GOOD);
    struct caller caller = {.deltas = 0};
    struct stage stage;

    (void)state;
    stage_init_tls(&stage, certificate, certificate, "localhost");
    assert_int_equal(run(&stage, &caller, script), UPSTREAM_TRUNCATED);
    assert_string_equal(caller.text, "Hello");
    stage_fini(&stage);
    test_certificate_free(certificate);
}

/* The handshake is done, and what follows is no HTTP. */
static void nonsense_inside_tls_is_nonsense(void **state)
{
    static const struct peer_step script[] = {EXPECT, SEND("\x15\x03\x03\r\n\r\n"), CLOSE, END};
    struct test_certificate *certificate = test_certificate_new(CERTIFICATE_GOOD);
    struct caller caller = {.deltas = 0};
    struct stage stage;

    (void)state;
    stage_init_tls(&stage, certificate, certificate, "localhost");
    assert_int_equal(run(&stage, &caller, script), UPSTREAM_NONSENSE);
    stage_fini(&stage);
    test_certificate_free(certificate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_in_doubt_gets_no_byte_of_the_request),
        cmocka_unit_test(an_end_without_goodbye_is_a_cut),
        cmocka_unit_test(nonsense_inside_tls_is_nonsense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
