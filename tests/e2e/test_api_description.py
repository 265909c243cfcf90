# SPDX-License-Identifier: MIT
"""docs/openapi.yaml is true: every status that it names is produced and held against it.

What it says of the program's tables (routes, end reasons, formats) is compared with them.
That it is valid OpenAPI 3.1 is one of the static checks (tests/deploy/check_openapi.mjs).
"""

import json
import re
from pathlib import Path

import pytest
from support import openai, wire
from support.api_description import ApiDescription, examples
from support.simulator import sim as say
from support.world import chat_body, chat_path

ROOT = Path(__file__).parents[2]
LONG = say(tokens=100000, pace=20)


@pytest.fixture(scope="module")
def api():
    return ApiDescription()


class Gateways:
    """The same gateway three times, each with what some answers need."""

    def __init__(self, world):
        simulator = world.simulator()
        small = {"max_body": "64k", "max_head": "8k", "body_timeout": "300ms"}
        quick = {"retries": 0, "first_token_timeout": "500ms"}
        self.plain = world.gateway(simulator, upstream=quick, limits=small, playground=True)
        self.truthful = world.gateway(simulator, upstream=quick, upstream_errors="gateway")
        self.narrow = world.gateway(simulator, limits={"exchanges": 3, "exchanges_per_subject": 1},
                                    cors={"origins": ["https://chat.example"]})
        self.token = world.token
        self.world = world

    def crowded(self, subject, *others, path=None):
        """Ask as <subject> while <others> are being answered: three at once, one each."""
        busy = [self.narrow.open(LONG, token=self.token(name)) for name in others]
        try:
            return self.narrow.ask(token=self.token(subject), path=path)
        finally:
            for client, _ in busy:
                client.close()
            self.narrow.wait_for_metric("tidegate_exchanges", 0)


    def drain(self):
        """/readyz of a gateway that is about to stop, but has an answer to finish."""
        gateway = self.world.gateway(drain_timeout="30s")
        client, _ = gateway.open(LONG)
        gateway.admin_address()  # known before it stops
        gateway.terminate()
        gateway.wait_for_log("draining")
        try:
            return gateway.admin_get("/readyz")
        finally:
            client.close()


@pytest.fixture(scope="module")
def gateways(shared_world):
    return Gateways(shared_world)


def plain(text="Hello", **options):
    return lambda gateways: gateways.plain.ask(text, **options)


def truthful(text="Hello", **options):
    return lambda gateways: gateways.truthful.ask(text, **options)


def raw(data):
    return lambda gateways: gateways.plain.raw(data)[1]


def page(method, *fields):
    """The head of an answer to HEAD says more than there is: only GET reads on."""
    def make(gateways):
        client = gateways.plain.connect()
        client.send(wire.request_bytes(method, "/", fields))
        return client.read_reply() if method == "GET" else client.read_head()
    return make


# operation, status, how it is made
CASES = [
    ("chat", 200, plain()),
    ("chat", 400, plain(chat_id="")),
    ("chat", 400, plain(query="&format=nonsense")),
    ("chat", 400, plain(body={"messages": []})),
    ("chat", 400, plain(model="other/model")),
    ("chat", 400, plain(model="old/model")),
    ("chat", 400, plain(say(status=404))),
    ("chat", 400, plain(say(status=410))),
    ("chat", 401, plain(without=["Authorization"])),
    ("chat", 401, plain(token="a.b.c")),
    ("chat", 404, plain(path="/api/ai/huggingface/test/chat?chat_id=1")),
    ("chat", 405, plain(method="PUT")),
    ("chat", 408, plain(body=b"", fields=[("Content-Length", "9")])),
    ("chat", 413, plain(body=b" " * 65537)),
    ("chat", 414, plain(query="&x=" + "a" * 8000)),
    ("chat", 415, plain(fields=[("Content-Type", "text/plain")])),
    ("chat", 417, plain(fields=[("Expect", "200-maybe")])),
    ("chat", 429, lambda gateways: gateways.crowded("anna", "anna")),
    ("chat", 429, plain(say(status=429, retry_after=7))),
    ("chat", 431, plain(fields=[("X-Filler", "x" * 9000)])),
    ("chat", 500, plain(say(status=500))),
    ("chat", 500, plain(say(status=503, retry_after=3))),
    ("chat", 502, truthful(say(status=500))),
    ("chat", 503, lambda gateways: gateways.crowded("dora", "anna", "ben", "carl")),
    ("chat", 503, truthful(say(status=503))),
    ("chat", 504, truthful(say(after_head=60000))),
    ("chat", 505, raw(f"POST {chat_path()} HTTP/3.0\r\nHost: a\r\n\r\n".encode())),
    ("playground", 200, page("GET")),
    ("playground", 304, page("GET", ("If-None-Match", "*"))),
    ("playground", 405, truthful(method="GET", path="/", body=b"")),
    ("playground", 405, plain(method="PUT", path="/")),
    ("playgroundHead", 200, page("HEAD")),
    ("chatOptions", 204, raw(wire.request_bytes("OPTIONS", chat_path()))),
]


def door(operation, path):
    """The cases of a door for completions."""
    def ask(text="Hello", **options):
        return lambda gateways: openai.ask(gateways.plain, text, path=path, **options)

    def at(**options):
        return plain(path=path, **options)

    def retired(gateways):
        return openai.ask(gateways.plain, path=path.replace("test/model", "old/model"),
                          model="old/model")

    def unknown(gateways):
        return openai.ask(gateways.plain, path=path.replace("test/model", "other/model"),
                          model="other/model")

    def crowded(*names):
        return lambda gateways: gateways.crowded(*names, path=path)

    version = f"POST {path} HTTP/3.0\r\nHost: a\r\n\r\n".encode()
    return [(operation, status, make) for status, make in (
        (200, ask()), (200, ask(stream=False)), (400, ask(temperature=9)), (400, ask(raw=b"{")),
        (401, at(token="a.b.c")), (404, unknown), (404, ask(say(status=404))),
        (405, at(method="PUT")),
        (408, at(body=b"", fields=[("Content-Length", "9")])), (410, retired),
        (410, ask(say(status=410))), (413, at(body=b" " * 65537)),
        (414, plain(path=f"{path}?x={'a' * 8000}")),
        (415, at(fields=[("Content-Type", "text/plain")])),
        (417, at(fields=[("Expect", "200-maybe")])), (429, crowded("anna", "anna")),
        (429, ask(say(status=429, retry_after=7))), (431, at(fields=[("X-Filler", "x" * 9000)])),
        (502, ask(say(status=401))), (503, crowded("dora", "anna", "ben", "carl")),
        (503, ask(say(status=503))), (504, ask(say(after_head=60000))), (505, raw(version)))]


def get(path, **options):
    return lambda gateways: openai.get(gateways.plain, path, **options)


def preflight(path):
    fields = [("Origin", "https://chat.example"), ("Access-Control-Request-Method", "POST"),
              ("Access-Control-Request-Headers", "authorization,content-type")]
    return lambda gateways: gateways.narrow.raw(wire.request_bytes("OPTIONS", path, fields))[1]


def admin(path, *fields):
    def make(gateways):
        with wire.Client(gateways.plain.admin_address()) as client:
            client.send(wire.request_bytes("GET", path, [("Connection", "close"), *fields]))
            return client.read_reply()
    return make


CASES += [
    ("metrics", 200, admin("/metrics")),
    ("livez", 200, admin("/livez")),
    ("readyz", 200, admin("/readyz")),
    ("readyz", 503, lambda gateways: gateways.drain()),
    ("status", 200, admin("/status")),
    ("status", 200, admin("/status", ("Accept", "text/html"))),
    ("statusData", 200, admin("/status.json")),
]
CASES += door("createChatCompletion", openai.COMPLETIONS)
CASES += door("createChatCompletionOfModel", "/api/ai/huggingface/test/model/chat/completions")
CASES += [
    ("chatOptions", 204, preflight(chat_path())),
    ("createChatCompletionOptions", 204, preflight(openai.COMPLETIONS)),
    ("listModels", 200, get("/v1/models")),
    ("listModels", 400, get("/v1/models?chat_id=")),
    ("listModels", 401, get("/v1/models", token="a.b.c")),
    ("listModels", 405, plain(path="/v1/models", method="PUT")),
    ("retrieveModel", 200, get("/v1/models/test/model")),
    ("retrieveModel", 400, get("/v1/models/test/model?chat_id=")),
    ("retrieveModel", 401, get("/v1/models/test/model", token="a.b.c")),
    ("retrieveModel", 404, get("/v1/models/other/model")),
    ("retrieveModel", 405, plain(path="/v1/models/test/model", method="PUT")),
    ("retrieveModel", 410, get("/v1/models/old/model")),
]


@pytest.mark.parametrize("operation, status, make", CASES,
                         ids=[f"{row[0]}-{row[1]}-{at}" for at, row in enumerate(CASES)])
def test_an_answer_is_as_described(api, gateways, operation, status, make):
    reply = make(gateways)

    assert reply.status == status
    api.check(operation, reply, is_head=operation.endswith("Head"))


def test_nothing_is_described_that_is_not_asked_for(api):
    assert api.statuses() == {(operation, status) for operation, status, _ in CASES}


# --- the tables of the program ----------------------------------------------------

ONLY_AT_DOORS = {"answer_too_large"}  # an answer that is gathered


def end_reasons():
    """(id, token, status, message, fault) of every row that has a status of an error's."""
    table = (ROOT / "gateway/end_reason.h").read_text()
    rows = re.findall(r'X\((END_\w+),\s*"(\w+)",\s*(\d+),\s*"([^"]*)",\s*"(\w+)"\)', table)
    assert len(rows) == table.count("    X(END_")
    return [(name, token, int(status), message, fault)
            for name, token, status, message, fault in rows if status not in ("0", "200")]


def enumerated(schema):
    return set(schema.get("enum", [schema.get("const")]))


def test_the_reasons_and_words_of_each_status_are_those_of_the_program(api):
    reasons, words = {}, {}
    for _, token, status, message, fault in end_reasons():
        if token in ONLY_AT_DOORS:
            continue
        seen_as = [(status, message)]
        if fault == "upstream" and status >= 500:
            seen_as.append((500, "Internal Server Error"))
        for code, text in seen_as:
            reasons.setdefault(code, set()).add(token)
            words.setdefault(code, set()).add(text)

    described = {pair for pair in api.statuses() if api.tag(pair[0]) in ("chat", "playground")}
    for operation, status in described:
        response = api.response(operation, status)
        if status in (200, 304):
            assert "X-Tidegate-Reason" not in response["headers"]
            continue
        assert enumerated(api.header_schema(response, "X-Tidegate-Reason")) == reasons[status]
        if status != 204:
            own = response["content"]["application/json"]["schema"]["allOf"][1]["properties"]
            assert own["statusCode"] == {"const": status}
            assert enumerated(own["statusMessage"]) == words[status]
    assert {status for _, status in described} == {200, 304} | set(reasons)


def test_the_doors_reasons_and_codes_are_those_of_the_program(api):
    rows = re.findall(r'\{(END_\w+), (\d+), [^,]+, "(\w+)"',
                      (ROOT / "gateway/openai_error.c").read_text())
    own = {name: (int(status), code) for name, status, code in rows}
    # A provider's 400, 413 and 422 are a 400 here as well, with the reason's own code.
    reasons, codes = {204: {"options"}, 400: {"upstream_status"}}, {}
    for name, token, usual, _, _ in end_reasons():
        status, code = own.get(name, (0, token))
        reasons.setdefault(status or usual, set()).add(token)
        codes.setdefault(status or usual, set()).add(code)

    described = {pair for pair in api.statuses() if api.tag(pair[0]) == "openai"}
    for operation, status in described:
        response = api.response(operation, status)
        if status == 200:
            continue
        assert enumerated(api.header_schema(response, "X-Tidegate-Reason")) == reasons[status]
        # Those of 400 are for each member of a body; 414 is said before the path is known.
        if status not in (204, 400, 414):
            schema = response["content"]["application/json"]["schema"]["allOf"][1]
            assert enumerated(schema["properties"]["error"]["properties"]["code"]) == codes[status]
    assert {status for _, status in described} == {200} | set(reasons)


def test_the_parameters_of_a_completion_are_those_of_the_program(api):
    table = (ROOT / "gateway/completions_parameters.c").read_text()
    names = set(re.findall(r'^    \{"(\w+)", KIND_', table, re.MULTILINE))
    schemas = api.document["components"]["schemas"]

    assert len(names) > 30
    assert names == {"model"} | set(schemas["ChatCompletionRequestOfModel"]["properties"])


def without_names(path):
    return re.sub(r"\{\w+\}", "{}", path)


def test_the_routes_are_those_of_the_program(api):
    table = (ROOT / "gateway/route.h").read_text()
    known = re.findall(r"ROUTE_(?!UNKNOWN)[A-Z_]+,", table)
    paths = re.findall(r"ROUTE_[A-Z_]+, */\* (/[\w/{}]*)", table)

    assert len(paths) == len(known) > 0, "each route says its path beside its name"
    paths += re.findall(r'#define ROUTE_\w+_TARGET "(/\S*)"', table)
    # The admin listener's root leads to /status; here it is the playground's path.
    served = re.findall(r'^    \{"(/[\w.]+)", answer_', (ROOT / "gateway/admin.c").read_text(),
                        re.MULTILINE)
    assert len(served) >= 4
    named = {without_names(path) for path in paths + served}
    assert named == {
        without_names(path) for path in api.document["paths"]}


def test_the_formats_are_those_of_the_program(api):
    row = re.search(r"^\| `format` \| ([a-z, ]+) \| `\"text\"`",
                    (ROOT / "docs/configuration.md").read_text(), re.MULTILINE)
    described = api.document["components"]["parameters"]["format"]["schema"]["enum"]

    assert set(row.group(1).split(", ")) == set(described)


def pieces(name, text):
    """What a body of the format <name> is made of."""
    if name == "data":
        return text.splitlines()
    events = [event.removeprefix("data: ") for event in text.split("\n\n")]
    assert events[-2:] == ["[DONE]", ""], events[-2:]
    return [json.loads(event) for event in events[:-2]]


def test_a_body_is_made_of_what_its_format_says(api, gateways):
    content = api.response("chat", 200)["content"]["text/event-stream"]
    schemas = content["x-tidegate-formats"]
    formats = api.document["components"]["parameters"]["format"]["schema"]["enum"]
    assert set(schemas) == set(formats) - {"text"}

    for name, schema in schemas.items():
        reply = gateways.plain.ask(say(tokens=3), query=f"&format={name}")

        api.check("chat", reply)
        found = pieces(name, reply.text)
        assert len(found) >= 3
        assert not [problem for piece in found for problem in api.problems(schema, piece)]


# --- what may be asked ------------------------------------------------------------

USER = {"role": "user", "content": "a"}
TEXT = {"type": "text", "text": "a"}
BODIES = [
    {"messages": [USER]},
    {"messages": [USER, {"role": "assistant", "content": "b"}, USER], "id": 7, "more": {}},
    {"messages": [{"role": "user", "parts": [TEXT]}]},
    {"messages": [{"role": "user", "parts": [{"type": "step-start"}, TEXT], "content": ""}]},
    {"messages": [{"role": "user", "parts": [TEXT], "content": None}]},
    {"messages": [{"role": "user", "content": "a", "parts": "ignored"}]},
    [],
    {},
    {"messages": {}},
    {"messages": []},
    {"messages": ["a"]},
    {"messages": [{"content": "a"}]},
    {"messages": [{"role": "system", "content": "a"}]},
    {"messages": [{"role": "user"}]},
    {"messages": [{"role": "user", "content": " \t\n"}]},
    {"messages": [{"role": "user", "content": 7}]},
    {"messages": [USER, {"role": "user", "content": ""}]},
    {"messages": [{"role": "user", "parts": []}]},
    {"messages": [{"role": "user", "parts": [{"type": "text", "text": " "}]}]},
    {"messages": [{"role": "user", "parts": [TEXT, {"type": "text"}]}]},
    {"messages": [{"role": "user", "parts": [TEXT, {"text": "a"}]}]},
    {"messages": [{"role": "user", "parts": [TEXT, 7]}]},
]


@pytest.mark.parametrize("body", BODIES, ids=json.dumps)
def test_the_schema_and_the_program_agree_on_a_body(api, gateways, body):
    reply = gateways.plain.ask(body=body)
    problems = api.schema_problems("ChatRequest", body)

    assert (reply.status == 200) == (not problems), problems


COMPLETIONS = [
    {},
    {"stream": False},
    {"temperature": 2, "top_p": 0, "n": 1, "seed": -7, "stop": ["a", "b"], "max_tokens": 1},
    {"temperature": None, "tools": None, "stream_options": {"include_usage": True}},
    {"messages": [{"role": "system", "content": "a"},
                  {"role": "user", "content": [{"type": "text", "text": "b"}]}]},
    {"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "auto"},
    {"stop": "a", "logit_bias": {"7": -100}, "response_format": {"type": "json_object"}},
    {"something_new": {"a": 1}, "stop": []},
    {"model": None},
    {"model": 7},
    {"messages": []},
    {"messages": [{"role": "robot", "content": "a"}]},
    {"messages": [{"role": "user"}]},
    {"temperature": 2.1},
    {"temperature": "1"},
    {"n": 2},
    {"max_tokens": 0},
    {"stop": ["a"] * 5},
    {"logit_bias": {"7": 101}},
    {"tools": [{"type": "function"}]},
    {"stream": "yes"},
    {"stream_options": {"include_usage": 1}},
    {"prompt": "a"},
    {"models": ["a"]},
]


@pytest.mark.parametrize("members", COMPLETIONS, ids=json.dumps)
def test_the_schema_and_the_program_agree_on_a_completion(api, gateways, members):
    body = openai.body(**members)
    reply = openai.ask(gateways.plain, raw=json.dumps(body).encode())
    problems = api.schema_problems("ChatCompletionRequest", body)

    assert (reply.status == 200) == (not problems), (problems, reply.text[:300])


def test_the_examples_fit_their_schemas(api):
    shown = list(examples(api))

    assert shown
    for operation, body in shown:
        content = api.operations[operation][2]["requestBody"]["content"]["application/json"]
        assert not api.problems(content["schema"], body)
    assert not api.schema_problems("ChatRequest", chat_body())


# model_publisher/model_name, chat_id; of those that fit, each is let through.
NAMES = [("test/model", "a"), ("test/model:together", "A._~-9"), ("test/m", "x" * 128),
         ("test/" + "m" * 97, "a"), ("test/mo*del", "a"), ("test/a:b:c", "a"),
         ("test/model", "x" * 129), ("test/model", ""), ("test/model", "a+b")]


@pytest.mark.parametrize("model, chat_id", NAMES)
def test_the_parameters_and_the_program_agree(api, gateways, model, chat_id):
    parameters = api.document["components"]["parameters"]
    publisher, name = model.split("/")
    problems = [problem for key, value in (("model_publisher", publisher), ("model_name", name),
                                           ("chat_id", chat_id))
                for problem in api.problems(parameters[key]["schema"], value)]

    reply = gateways.plain.ask(model=model, chat_id=chat_id)

    assert (reply.status == 200) == (not problems), problems
