# SPDX-License-Identifier: MIT
"""Pages of other origins: preflights, answers and errors that they may read, or may not."""

import pytest
from support import openai, wire
from support.world import chat_path

PAGE = "https://chat.example.org"
OTHER = "https://evil.example.org"
PATHS = [(chat_path(), "POST, OPTIONS"), ("/v1/chat/completions", "POST, OPTIONS"),
         ("/api/ai/huggingface/test/model/chat/completions", "POST, OPTIONS"),
         ("/v1/models", "GET, HEAD, OPTIONS"), ("/v1/models/test/model", "GET, HEAD, OPTIONS")]
ASKED = ("authorization,content-type,x-stainless-arch,x-stainless-lang,x-stainless-os,"
         "x-stainless-package-version,x-stainless-retry-count,x-stainless-runtime,"
         "x-stainless-runtime-version,x-stainless-timeout")


@pytest.fixture(scope="module")
def gateway(shared_world):
    return shared_world.gateway(cors={"origins": ["http://localhost:3000", PAGE],
                                      "max_age": "2m"},
                                limits={"max_body": "64k", "max_head": "8k"})


def preflight(gateway, path, origin=PAGE, fields=ASKED, method="POST"):
    named = [("Origin", origin), ("Access-Control-Request-Method", method)]
    named += [("Access-Control-Request-Headers", fields)] if fields else []
    return gateway.raw(wire.request_bytes("OPTIONS", path, named))[1]


def granted(reply):
    """To whom the answer is shown, and that nothing is granted but to the page itself."""
    assert reply.field("Access-Control-Allow-Credentials") is None
    return reply.field("Access-Control-Allow-Origin")


def expect_shown(reply, origin=PAGE):
    assert granted(reply) == origin
    assert "Origin" in reply.field("Vary")
    exposed = reply.field("Access-Control-Expose-Headers").split(", ")
    assert {"X-Request-Id", "X-Tidegate-Reason", "Retry-After"} <= set(exposed)


@pytest.mark.parametrize("path, methods", PATHS, ids=[path for path, _ in PATHS])
def test_a_preflight_needs_no_token_and_is_remembered(gateway, path, methods):
    reply = preflight(gateway, path)

    assert (reply.status, reply.reason, reply.body) == (204, "options", b"")
    expect_shown(reply)
    assert reply.field("Access-Control-Allow-Methods") == methods
    assert reply.field("Access-Control-Allow-Headers") == ASKED
    assert reply.field("Access-Control-Max-Age") == "120"
    assert reply.field("Allow") == methods
    assert reply.field("Content-Length") is None


@pytest.mark.parametrize("origin", [OTHER, "null", "*", PAGE.upper(), PAGE + ":443", PAGE + "/",
                                    PAGE + " " + OTHER, PAGE + "\t", "https://" + "a" * 2000])
def test_a_page_that_is_not_allowed_is_told_nothing(gateway, origin):
    reply = preflight(gateway, "/v1/models", origin)
    shown = origin.strip() == PAGE  # white space around a value is none of it

    assert reply.status == 204
    assert granted(reply) == (PAGE if shown else None)
    assert (reply.field("Access-Control-Allow-Methods") is not None) == shown
    assert "Origin" in reply.field("Vary")

    answer = gateway.ask(fields=[("Origin", origin)])
    assert answer.status == 200 and granted(answer) == (PAGE if shown else None)


@pytest.mark.parametrize("fields", [None, "a b:c", "x" * 769, "x-\u00e9"])
def test_field_names_that_are_none_are_not_reflected(gateway, fields):
    reply = preflight(gateway, "/v1/chat/completions", fields=fields)

    assert reply.field("Access-Control-Allow-Headers") == "authorization, content-type"


def test_options_without_a_preflight_is_as_it_was(gateway):
    for fields in ([], [("Origin", PAGE)], [("Access-Control-Request-Method", "POST")]):
        _, reply = gateway.raw(wire.request_bytes("OPTIONS", chat_path(), fields))
        assert (reply.status, reply.field("Allow")) == (204, "POST, OPTIONS")
        assert reply.field("Access-Control-Max-Age") is None


@pytest.mark.parametrize("ask", [
    lambda gateway, fields: gateway.ask(fields=fields),
    lambda gateway, fields: openai.ask(gateway, fields_=fields),
    lambda gateway, fields: openai.ask(gateway, stream=False, fields_=fields),
    lambda gateway, fields: openai.get(gateway, "/v1/models", fields=fields),
], ids=["chat", "streamed", "gathered", "models"])
def test_an_answer_is_shown_to_the_page(gateway, ask):
    reply = ask(gateway, [("Origin", PAGE)])

    assert reply.status == 200
    expect_shown(reply)
    assert "Vary" in [name for name, _ in ask(gateway, []).fields]


# name, options of Gateway.request(), status
ERRORS = [
    ("no_token", {"without": ["Authorization"]}, 401),
    ("method", {"method": "PUT"}, 405),
    ("unknown_path", {"path": "/nowhere"}, 404),
    ("unknown_door", {"path": "/v1/embeddings"}, 404),
    ("bad_chat_id", {"chat_id": ""}, 400),
    ("unknown_model", {"model": "other/model"}, 400),
    ("media_type", {"fields": [("Content-Type", "text/plain")]}, 415),
    ("too_large", {"body": b" " * 65537}, 413),
    ("bad_body", {"body": b"{}"}, 400),
    ("upstream", {"text": "@sim status=500"}, 500),
]


@pytest.mark.parametrize("name, options, status", ERRORS, ids=[row[0] for row in ERRORS])
def test_an_error_is_shown_to_the_page(gateway, name, options, status):
    options = {**options, "fields": options.get("fields", []) + [("Origin", PAGE)]}

    reply = gateway.ask(**options)

    assert reply.status == status
    expect_shown(reply)


def test_a_head_that_is_refused_is_shown_where_its_origin_is_known(gateway):
    """The origin stands before the fault, or behind it."""
    known = [("Origin", PAGE), ("X-Fault", "a\x01b")]
    _, reply = gateway.raw(wire.request_bytes("POST", "/v1/chat/completions", known))
    assert reply.status == 400 and openai.error_of(reply)
    expect_shown(reply)

    _, reply = gateway.raw(wire.request_bytes("POST", "/v1/chat/completions", known[::-1]))
    assert reply.status == 400 and granted(reply) is None

    known = [("Origin", PAGE), ("X-Filler", "x" * 9000)]
    _, reply = gateway.raw(wire.request_bytes("POST", chat_path(), known))
    assert reply.status == 431
    expect_shown(reply)


def test_two_origins_are_none(gateway):
    reply = gateway.ask(fields=[("Origin", PAGE), ("Origin", PAGE)])

    assert (reply.status, granted(reply)) == (400, None)


def test_a_header_cannot_be_smuggled_by_what_is_reflected(gateway):
    """What would end the line ends the request before that."""
    raw = wire.request_bytes("OPTIONS", "/v1/models", [
        ("Origin", PAGE), ("Access-Control-Request-Method", "GET"),
        ("Access-Control-Request-Headers", "a\rX-Evil: 1")])

    _, reply = gateway.raw(raw)

    assert reply.status == 400 and reply.field("X-Evil") is None


def test_any_page_may_read_where_the_conf_says_so_and_none_by_default(world):
    gateway = world.gateway(cors={"origins": ["*"]})
    for origin in (OTHER, "null"):
        reply = gateway.ask(fields=[("Origin", origin)])
        assert granted(reply) == "*" and reply.field("Vary") is None

    gateway.write_conf(cors=None)
    gateway = world.gateway(gateway.simulator)
    reply = preflight(gateway, "/v1/models")
    assert (reply.status, granted(reply), reply.field("Vary")) == (204, None, None)


@pytest.mark.parametrize("origins", [["null"], ["https://a.example/"], ["*", PAGE], [PAGE, "*"],
                                     ["https://A.example"], ["a.example"]])
def test_the_conf_takes_nothing_that_is_no_origin(world, origins):
    simulator = world.simulator()
    path = world.folder / "bad.conf"
    path.write_text(world_conf(world, simulator, origins))

    done = world.run_tidegate("-t", "-c", path)

    assert done.returncode == 2 and "cors.origins" in done.stderr


def world_conf(world, simulator, origins):
    from support import conf
    return conf.render_file(world.settings(simulator, cors={"origins": origins}))


def test_a_reload_applies_other_origins(world):
    gateway = world.gateway(supervised=True)
    assert granted(gateway.ask(fields=[("Origin", PAGE)])) is None

    gateway.write_conf(cors={"origins": [PAGE]})
    gateway.reload_and_wait()

    assert granted(gateway.ask(fields=[("Origin", PAGE)])) == PAGE
