# SPDX-License-Identifier: MIT
"""What evhttp alone lets through, row by row, and what the gateway answers instead.

Each row is sent twice: to a bare evhttp in a process of its own, which shows why the
gateway's lexer is needed, and to the gateway. Behind each stands a second request.
An evhttp that behaves in another way one day fails here as well, and the row goes.
"""

import pytest
from support import waiting
from support.evhttp_alone import EvhttpAlone
from support.refusal import expect_refusal
from support.world import BUILD


@pytest.fixture(scope="module")
def gateway(shared_world):
    limits = {"max_head": "16k", "max_body": "64k", "head_timeout": "8s", "body_timeout": "8s"}
    return shared_world.gateway(limits=limits)


@pytest.fixture(scope="module")
def evhttp(shared_world):
    alone = EvhttpAlone(shared_world, BUILD)
    yield alone
    alone.stop()


@pytest.fixture(scope="module")
def token(shared_world):
    return shared_world.token()


# --- the table ------------------------------------------------------------------

LINE = b"POST /api/ai/huggingface/test/model/chat?chat_id=1 HTTP/1.1\r\n"
HOST = b"Host: gateway.test\r\n"
HEAD = LINE + HOST + b"Authorization: Bearer TOKEN\r\nContent-Type: application/json\r\n"
SECOND = b"GET /second HTTP/1.1\r\nHost: gateway.test\r\nConnection: close\r\n\r\n"


def length(value, name=b"Content-Length", body=b"abc"):
    """A chat request whose field <name> is written as <value>, the colon included."""
    return HEAD + name + value + b"\r\n\r\n" + body


def coding(value, name=b"Transfer-Encoding", body=b"3\r\nabc\r\n0\r\n\r\n"):
    return HEAD + name + value + b"\r\n\r\n" + body


def chunks(body):
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body


def field(line):
    return HEAD + line + b"\r\nContent-Length: 3\r\n\r\nabc"


def target(text):
    return (b"POST " + text + b" HTTP/1.1\r\n" + HOST + b"Authorization: Bearer TOKEN\r\n"
            b"Content-Length: 3\r\n\r\nabc")


def version(text):
    return HEAD.replace(b"HTTP/1.1", text, 1) + b"Content-Length: 3\r\n\r\nabc"


# The statuses of evhttp alone: it serves the first request, the second one as well, or more.
ONE, TWO, THREE = (200,), (200, 200), (200, 200, 200)

# name, bytes before the second request, what evhttp alone answers, status and reason of ours.
ROWS = [
    # Content-Length
    ("lengths_that_differ", length(b": 3\r\nContent-Length: 4"), TWO, 400, "bad_request"),
    ("lengths_that_agree", length(b": 3\r\nContent-Length: 3"), TWO, 400, "bad_request"),
    ("lengths_in_other_case", length(b": 3\r\ncontent-length: 4"), TWO, 400, "bad_request"),
    ("length_with_plus", length(b": +3"), TWO, 400, "bad_request"),
    ("length_behind_a_tab", length(b":\t3"), TWO, 400, "bad_request"),
    ("length_behind_a_vertical_tab", length(b": \x0b3"), TWO, 400, "bad_request"),
    ("length_behind_a_form_feed", length(b": \x0c3"), TWO, 400, "bad_request"),
    ("length_with_nul", length(b": 3\x00abc"), TWO, 400, "bad_request"),
    ("length_with_space_before_colon", length(b" : 3", body=b""), TWO, 400, "bad_request"),
    ("length_with_tab_before_colon", length(b"\t: 3", body=b""), TWO, 400, "bad_request"),
    ("length_in_a_name_with_nul", length(b": 3", name=b"Content-Length\x00X", body=b""), (400,),
     400, "bad_request"),
    ("length_list", length(b": 3,3"), (400,), 400, "bad_request"),
    ("length_negative", length(b": -1"), (400,), 400, "bad_request"),
    ("length_hexadecimal", length(b": 0x3"), (400,), 400, "bad_request"),
    ("length_with_a_space_inside", length(b": 3 3"), (400,), 400, "bad_request"),
    ("length_empty", length(b":"), (400,), 400, "bad_request"),
    ("length_blank", length(b":  "), (400,), 400, "bad_request"),
    ("length_of_2_to_the_64_plus_3", length(b": 18446744073709551619"), (413,), 413, "too_large"),
    ("length_of_2_to_the_63_less_1", length(b": 9223372036854775807"), (413,), 413, "too_large"),
    # Transfer-Encoding
    ("coding_with_space_before_colon", coding(b" : chunked", body=b""), TWO, 400, "bad_request"),
    ("coding_xchunked", coding(b": xchunked", body=b""), TWO, 400, "bad_request"),
    ("coding_identity", coding(b": identity", body=b""), TWO, 400, "bad_request"),
    ("coding_behind_a_vertical_tab", coding(b": \x0bchunked", body=b""), TWO, 400, "bad_request"),
    ("coding_behind_a_tab", coding(b":\tchunked"), TWO, 400, "bad_request"),
    ("coding_gzip_chunked", coding(b": gzip, chunked"), TWO, 400, "bad_request"),
    ("coding_with_a_parameter", coding(b": chunked;a=b"), TWO, 400, "bad_request"),
    ("coding_folded", coding(b":\r\n chunked"), TWO, 400, "bad_request"),
    ("coding_on_http_1_0",
     coding(b": chunked\r\nConnection: keep-alive").replace(b"1.1", b"1.0", 1), TWO, 505,
     "http_version"),
    ("coding_empty", coding(b":", body=b""), TWO, 400, "bad_request"),
    ("coding_chunked_identity", coding(b": chunked, identity"), (400,), 400, "bad_request"),
    ("coding_with_a_comma", coding(b": chunked,"), (400,), 400, "bad_request"),
    ("coding_twice", coding(b": chunked\r\nTransfer-Encoding: chunked"), (400,), 400,
     "bad_request"),
    ("length_and_coding", coding(b": chunked\r\nContent-Length: 3"), (400,), 400, "bad_request"),
    ("coding_and_length", length(b": 3\r\nTransfer-Encoding: chunked"), (400,), 400,
     "bad_request"),
    # fields
    ("folded_field", field(b"X: a\r\n b"), TWO, 400, "bad_request"),
    ("folded_host", HEAD.replace(b"Host: ", b"Host:\r\n ") + b"\r\n", TWO, 400, "bad_request"),
    ("fold_as_first_line", LINE + b" X: a\r\n" + HOST + b"\r\n", (400,), 400, "bad_request"),
    ("bare_cr_in_a_value", field(b"X: a\rb"), (400,), 400, "bad_request"),
    ("two_cr_at_a_line_end", field(b"X: a\r"), (400,), 400, "bad_request"),
    ("no_colon", field(b"Xyz"), (400,), 400, "bad_request"),
    ("bare_lf_in_the_head", HEAD.replace(b"\r\n", b"\n") + b"\n", TWO, 400, "bad_request"),
    ("bare_lf_at_one_line", field(b"X: a").replace(b"X: a\r\n", b"X: a\n"), TWO, 400,
     "bad_request"),
    ("nul_line_ends_the_head_early",
     HEAD + b"\x00\r\nGET /hidden HTTP/1.1\r\n" + HOST + b"\r\n", THREE, 400, "bad_request"),
    ("nul_in_a_name", field(b"X\x00Y: a"), (400,), 400, "bad_request"),
    ("nul_in_a_value", field(b"X: a\x00b"), TWO, 400, "bad_request"),
    ("empty_name", field(b": a"), TWO, 400, "bad_request"),
    ("space_in_a_name", field(b"X Y: a"), TWO, 400, "bad_request"),
    ("space_before_the_colon", field(b"X : a"), TWO, 400, "bad_request"),
    ("eight_bit_name", field(b"X\xe9: a"), TWO, 400, "bad_request"),
    ("control_byte_in_a_value", field(b"X: a\x01b"), TWO, 400, "bad_request"),
    ("del_in_a_value", field(b"X: a\x7fb"), TWO, 400, "bad_request"),
    ("three_thousand_fields", HEAD + b"a:b\r\n" * 2500 + b"\r\n", TWO, 431, "head_too_large"),
    ("one_hundred_and_one_fields", HEAD + b"a:b\r\n" * 98 + b"\r\n", TWO, 431, "head_too_large"),
    ("two_authorizations", HEAD + b"Authorization: Bearer TOKEN\r\n\r\n", TWO, 400,
     "bad_request"),
    ("two_content_types", HEAD + b"Content-Type: text/plain\r\n\r\n", TWO, 400, "bad_request"),
    ("no_host", HEAD.replace(HOST, b"") + b"\r\n", TWO, 400, "bad_request"),
    ("two_hosts", HEAD + HOST + b"\r\n", TWO, 400, "bad_request"),
    ("bad_host", HEAD.replace(HOST, b"Host: a b/c@d\r\n") + b"\r\n", TWO, 400, "bad_request"),
    ("empty_host", HEAD.replace(HOST, b"Host:\r\n") + b"\r\n", TWO, 400, "bad_request"),
    # chunked bodies
    ("chunk_size_with_plus", chunks(b"+3\r\nabc\r\n0\r\n\r\n"), TWO, 400, "bad_request"),
    ("chunk_size_0x", chunks(b"0x3\r\nabc\r\n0\r\n\r\n"), TWO, 400, "bad_request"),
    ("chunk_size_behind_a_space", chunks(b" 3\r\nabc\r\n0\r\n\r\n"), TWO, 400, "bad_request"),
    ("chunk_size_and_junk", chunks(b"3 junk\r\nabc\r\n0\r\n\r\n"), TWO, 400, "bad_request"),
    ("chunk_size_and_nul", chunks(b"3\x00zz\r\nabc\r\n0\r\n\r\n"), TWO, 400, "bad_request"),
    ("chunk_lines_with_bare_lf", chunks(b"3\nabc\n0\n\n"), TWO, 400, "bad_request"),
    ("chunk_without_line_end", chunks(b"3\r\nabc0\r\n\r\n"), TWO, 400, "bad_request"),
    ("chunks_with_extra_lines", chunks(b"\r\n\r\n3\r\nabc\r\n\r\n0\r\n\r\n"), TWO, 400,
     "bad_request"),
    ("trailer_field", chunks(b"3\r\nabc\r\n0\r\nX: y\r\n\r\n"), TWO, 400, "bad_request"),
    ("chunk_size_negative", chunks(b"-5\r\nabc\r\n0\r\n\r\n"), (413,), 400, "bad_request"),
    ("chunk_size_overflow", chunks(b"ffffffffffffffffff\r\nabc"), (413,), 400, "bad_request"),
    ("chunk_size_not_hexadecimal", chunks(b"g\r\nabc\r\n0\r\n\r\n"), (413,), 400, "bad_request"),
    ("chunk_size_zero_junk", chunks(b"0junk\r\n\r\n"), (413,), 400, "bad_request"),
    # request line
    ("absolute_form", target(b"http://gateway.test/"), ONE, 400, "bad_request"),
    ("absolute_form_with_userinfo", target(b"http://u:p@gateway.test/"), ONE, 400,
     "bad_request"),
    ("two_slashes", target(b"//evil.test/p"), TWO, 400, "bad_request"),
    ("space_in_the_target", target(b"/a b"), TWO, 400, "bad_request"),
    ("two_spaces_before_the_target", target(b" /a"), TWO, 400, "bad_request"),
    ("control_byte_in_the_target", target(b"/a\x01b"), TWO, 400, "bad_request"),
    ("cr_in_the_target", target(b"/a\rb"), TWO, 400, "bad_request"),
    ("nul_in_the_target", target(b"/a\x00b"), (400,), 400, "bad_request"),
    ("eight_bit_byte_in_the_target", target(b"/\xc3\xa9"), TWO, 400, "bad_request"),
    ("fragment", target(b"/a#b"), TWO, 400, "bad_request"),
    ("encoded_nul_in_the_target", target(b"/a%00b"), TWO, 400, "bad_request"),
    ("http_1_9", version(b"HTTP/1.9"), TWO, 505, "http_version"),
    ("http_0_9", version(b"HTTP/0.9"), ONE, 505, "http_version"),
    ("http_version_of_signs", version(b"HTTP/+1.+1"), TWO, 400, "bad_request"),
    ("http_version_negative_minor", version(b"HTTP/1.-1"), ONE, 400, "bad_request"),
    ("http_version_negative", version(b"HTTP/-5.1"), ONE, 400, "bad_request"),
    ("http_2_0", version(b"HTTP/2.0"), (400,), 505, "http_version"),
    ("h2_preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400,), 400, "bad_request"),
    # methods
    ("head_with_a_body", b"HEAD / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\n", TWO, 400,
     "bad_request"),
    ("get_with_a_body", b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\nabc", TWO,
     400, "bad_request"),
    ("trace", b"TRACE / HTTP/1.1\r\n" + HOST + b"\r\n", (501,), 405, "method_not_allowed"),
    ("options", b"OPTIONS / HTTP/1.1\r\n" + HOST + b"\r\n", (501,), 204, "options"),
    ("unknown_method", b"BREW / HTTP/1.1\r\n" + HOST + b"\r\n", (501,), 405, "method_not_allowed"),
    ("lower_case_method", b"post / HTTP/1.1\r\n" + HOST + b"\r\n", (501,), 405,
     "method_not_allowed"),
    ("connect", b"CONNECT gateway.test:443 HTTP/1.1\r\n" + HOST + b"\r\n", (501, 200),
     400, "bad_request"),
    # expectations and limits
    ("unknown_expectation", field(b"Expect: 200-maybe"), (417,), 417, "expectation"),
    ("expectation_behind_a_tab", field(b"Expect:\t100-continue"), (417,), 400, "bad_request"),
    ("connection_foo_close", field(b"Connection: foo, close"), TWO, 400, "bad_body"),
    ("target_too_long", target(b"/" + b"a" * 9000), TWO, 414, "target_too_long"),
    ("head_too_large", HEAD + b"X: " + b"a" * 17000 + b"\r\n\r\n", (400,), 431, "head_too_large"),
]

def read_refusal(client, is_head=False):
    reply = client.read_head()
    if not is_head and reply.status != 204:
        client.read_body(reply)
    return reply


@pytest.mark.parametrize("name, data, alone, status, reason", ROWS, ids=[r[0] for r in ROWS])
def test_what_evhttp_lets_through_is_refused(gateway, evhttp, token, name, data, alone, status,
                                             reason):
    data = data.replace(b"TOKEN", token.encode()) + SECOND

    statuses, seen = evhttp.ask(data)
    client = gateway.connect()
    client.send(data)
    is_head = data.startswith(b"HEAD")
    reply = read_refusal(client, is_head)

    assert statuses == alone, seen
    if reason == "options":
        assert (reply.status, reply.reason, reply.field("Allow")) == (204, reason, "POST, OPTIONS")
    else:
        expect_refusal(reply, status, reason, is_head)
    client.expect_closed()  # one answer at most: nothing behind the refused bytes is served
    line = gateway.wait_for_log("exchange", id=reply.field("X-Request-Id"))
    assert (line["end"], line["status"]) == (reason, str(status))


def test_refusals_are_counted(gateway):
    """Each answer above and each of these is one count of its reason and one log line."""
    wanted = ["bad_request", "head_too_large", "target_too_long", "http_version", "too_large",
              "expectation", "method_not_allowed"]
    sent = {reason: 0 for reason in wanted}
    before = {reason: gateway.metric("tidegate_exchanges_ended_total", reason=reason)
              for reason in wanted}
    logged = gateway.ends()
    for _, data, _, _, reason in ROWS:
        if reason in sent and sent[reason] < 3:
            sent[reason] += 1
            client = gateway.connect()
            client.send(data.replace(b"TOKEN", b"a.b.c"))
            reply = client.read_head()
            # A head that is whole is judged to its end, and this token is no good.
            if reason in ("too_large", "expectation"):
                assert reply.status == 401
            else:
                assert reply.reason == reason

    for reason in wanted:
        moved = 0 if reason in ("too_large", "expectation") else sent[reason]
        gateway.wait_for_metric("tidegate_exchanges_ended_total", before[reason] + moved,
                                reason=reason)
        waiting.until(lambda: gateway.ends().count(reason) == logged.count(reason) + moved,
                      f"{moved} more log lines of {reason}")
