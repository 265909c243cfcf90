# SPDX-License-Identifier: MIT
"""Chat bodies: exact JSON, exact UTF-8, the shape of the contract, and nothing else.

What the upstream is sent is the second proof: the messages arrive there as the client
meant them, whatever stood around them.
"""

import json

import pytest
from support import wire
from support.json_cases import must_refuse, must_take
from support.world import chat_path

REFUSAL = (b'{\n  "statusCode": 400,\n'
           b'  "statusMessage": "Bad Request. Invalid body(message | messages)."\n}')
MESSAGE = b'{"role":"user","content":"hi"}'
MESSAGES = b'"messages":[' + MESSAGE + b"]"


@pytest.fixture(scope="module")
def gateway(shared_world):
    quick = shared_world.simulator("--pace=0", "--tokens=1")
    return shared_world.gateway(quick, limits={"max_body": "256k", "max_messages": 8},
                                log={"level": "info"})


class Conversation:
    """Bodies sent one after the other; on one connection as long as it is kept."""

    def __init__(self, gateway, token, chunked=False):
        self.gateway, self.token, self.chunked = gateway, token, chunked
        self.client = gateway.connect()

    def ask(self, body):
        fields = [("Authorization", f"Bearer {self.token}"), ("Content-Type", "application/json")]
        if self.chunked:
            fields.append(("Transfer-Encoding", "chunked"))
            pieces = [body[at:at + 3] for at in range(0, len(body), 3)]
            body = wire.chunked(*pieces)
        elif not body:
            fields.append(("Content-Length", "0"))
        self.client.send(wire.request_bytes("POST", chat_path(), fields, body))
        reply = self.client.read_reply()
        if reply.field("Connection") == "close":
            self.client = self.gateway.connect()
        return reply


@pytest.fixture
def conversation(shared_world, gateway):
    return Conversation(gateway, shared_world.token())


def expect_all(conversation, bodies, is_taken):
    """Every body is answered, and rightly; all that were not, at once."""
    found = []
    for body in bodies:
        reply = conversation.ask(body)
        if is_taken:
            is_right = (reply.status, reply.ended) == (200, "complete")
        else:
            is_right = (reply.status, reply.reason, reply.body) == (400, "bad_body", REFUSAL)
        if not is_right:
            found.append(f"{body[:120]!r}: {reply.status} {reply.reason}")
    assert not found, f"{len(found)} of {len(bodies)}:\n" + "\n".join(found)


def beside_messages(texts):
    """Each text as a member before the messages, behind them, and inside a message."""
    for text in texts:
        yield b'{"x":' + text + b"," + MESSAGES + b"}"
        yield b"{" + MESSAGES + b',"x":' + text + b"}"
        yield b'{"messages":[{"role":"user","x":' + text + b',"content":"hi"}]}'


def test_what_every_parser_takes_is_taken(conversation, gateway):
    texts = [text.encode("utf-8", "surrogatepass") for text in must_take()]
    deep = [text for text in texts if text.count(b"[") + text.count(b"{") >= 60]
    before = gateway.simulator.stat("requests")
    bodies = [body for text in texts if text not in deep for body in beside_messages([text])]
    bodies += [b'{"x":' + text + b"," + MESSAGES + b"}" for text in deep]

    expect_all(conversation, bodies, is_taken=True)

    assert gateway.simulator.stat("requests") == before + len(bodies)


def test_what_no_parser_takes_is_refused(conversation, gateway):
    before = gateway.simulator.stat("requests")

    expect_all(conversation, list(beside_messages(must_refuse())), is_taken=False)

    assert gateway.simulator.stat("requests") == before


def test_the_same_in_chunks_of_three_bytes(shared_world, gateway):
    conversation = Conversation(gateway, shared_world.token(), chunked=True)
    short = [text for text in must_refuse() if len(text) < 200]

    expect_all(conversation, [b'{"x":' + text + b"," + MESSAGES + b"}" for text in short], False)


# --- the whole body -----------------------------------------------------------------------------

WHOLE_BAD = [
    b"", b" ", b"\r\n", b"null", b"true", b"1", b'"x"', b"[]", b"{}", b"[" + MESSAGE + b"]",
    MESSAGE,
    b"messages=hi", b"messages[0][content]=hi", b"<messages/>",
    b"--b\r\nContent-Disposition: form-data\r\n",
    b"{" + MESSAGES, MESSAGES + b"}", b"{" + MESSAGES + b"}x", b"{" + MESSAGES + b"}{}",
    b"{" + MESSAGES + b"},",
    b"{" + MESSAGES + b"}\x00", b"\x00{" + MESSAGES + b"}", b"\xef\xbb\xbf{" + MESSAGES + b"}",
    ("{" + MESSAGES.decode() + "}").encode("utf-16"),
    ("{" + MESSAGES.decode() + "}").encode("utf-16-le"),
    ("{" + MESSAGES.decode() + "}").encode("utf-32"), b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
    b")]}'\n{" + MESSAGES + b"}", b"callback({" + MESSAGES + b"})", b"for(;;);{" + MESSAGES + b"}",
    b"data: {" + MESSAGES + b"}", b"{" + MESSAGES + b"}\n{" + MESSAGES + b"}",
    b"\x1e{" + MESSAGES + b"}\n",
    b"{" + MESSAGES + b"}\x0b", b"\xc2\xa0{" + MESSAGES + b"}", b"{" + MESSAGES + b"}//", b"\xff",
]
WHOLE_GOOD = [
    b"{" + MESSAGES + b"}", b" \t\r\n{" + MESSAGES + b"} \t\r\n", b"{\n" + MESSAGES + b"\n}\n",
    b"{" + MESSAGES.replace(b":", b" : ").replace(b",", b" ,\n") + b"}",
    b"{" + b" " * 100000 + MESSAGES + b"}", b"{" + MESSAGES + b"}" + b"\n" * 100000,
]


def test_whole_bodies(conversation):
    expect_all(conversation, WHOLE_BAD, is_taken=False)
    expect_all(conversation, WHOLE_GOOD, is_taken=True)


def test_every_cut_of_a_body_is_refused(conversation):
    body = b'{"messages":[{"role":"user","content":"h\\u00e9\xc3\xa9"}],"n":[1.5e3,true,null]}'
    assert conversation.ask(body).status == 200

    expect_all(conversation, [body[:size] for size in range(len(body))], is_taken=False)
    expect_all(conversation,
    [body + bytes([last]) for last in range(256) if last not in b" \t\r\n"],
               is_taken=False)


def test_nesting_of_64_is_taken_and_of_65_is_not(conversation):
    """The object itself is one level, so what it holds may have 63."""
    for opening, inside, closing in ((b"[", b"", b"]"), (b'{"a":', b"1", b"}"), (b"[{\"a\":", b"1",
    b"}]")):
        levels = opening.count(b"[") + opening.count(b"{")
        for depth in (1, 62 // levels, 63 // levels):
            text = opening * depth + inside + closing * depth
            expect_all(conversation, [b'{"x":' + text + b"," + MESSAGES + b"}"], is_taken=True)
        for depth in (63 // levels + 1, 64, 65, 66, 128, 1000, 20000):
            text = opening * depth + inside + closing * depth
            expect_all(conversation, [b'{"x":' + text + b"," + MESSAGES + b"}"], is_taken=False)


# --- the shape ------------------------------------------------------------------------------------

SHAPES_BAD = [
    '{"Messages":[M]}', '{"message":[M]}', '{"message":"hi"}', '{"prompt":"hi"}',
    '{"messages":null}', '{"messages":{}}', '{"messages":M}',
    '{"messages":"hi"}', '{"messages":1}', '{"messages":true}', '{"messages":[]}',
    '{"messages":[null]}', '{"messages":["hi"]}', '{"messages":[1]}',
    '{"messages":[[]]}', '{"messages":[[M]]}', '{"messages":[{}]}', '{"messages":[M,{}]}',
    '{"messages":[{},M]}', '{"messages":[M,null]}',
    '{"messages":[M],"messages":[]}', '{"messages":[M],"messages":null}',
    '{"messages":[M],"\\u006dessages":{}}', '{"messages":[M,M,M,M,M,M,M,M,M]}',
    '{"messages\\u0000":[M]}', '{" messages":[M]}', '{"data":{"messages":[M]}}',
    '[{"messages":[M]}]',
    '{"messages":[{"role":"user"}]}', '{"messages":[{"content":"hi"}]}',
    '{"messages":[{"role":"system","content":"hi"}]}',
    '{"messages":[{"role":"User","content":"hi"}]}',
    '{"messages":[{"role":"user ","content":"hi"}]}', '{"messages":[{"role":"","content":"hi"}]}',
    '{"messages":[{"role":null,"content":"hi"}]}',
    '{"messages":[{"role":["user"],"content":"hi"}]}', '{"messages":[{"role":1,"content":"hi"}]}',
    '{"messages":[{"role":"tool","content":"hi"}]}',
    '{"messages":[{"role":"developer","content":"hi"}]}',
    '{"messages":[{"role":"user\\u0000","content":"hi"}]}',
    '{"messages":[{"Role":"user","content":"hi"}]}',
    '{"messages":[{"role":"user","Content":"hi"}]}',
    '{"messages":[{"role":"user","role":"system","content":"hi"}]}',
    '{"messages":[{"role":"user","content":null}]}', '{"messages":[{"role":"user","content":1}]}',
    '{"messages":[{"role":"user","content":true}]}',
    '{"messages":[{"role":"user","content":{}}]}', '{"messages":[{"role":"user","content":[]}]}',
    '{"messages":[{"role":"user","content":["hi"]}]}',
    '{"messages":[{"role":"user","content":""}]}', '{"messages":[{"role":"user","content":" "}]}',
    '{"messages":[{"role":"user","content":"\\n\\t\\r "}]}',
    '{"messages":[{"role":"user","content":"\\u00a0\\u2003\\u3000"}]}',
    '{"messages":[{"role":"user","content":"\\ufeff"}]}',
    '{"messages":[{"role":"user","content":"\u00a0\u2003\u3000\ufeff"}]}',
    '{"messages":[{"role":"user","content":"hi","content":""}]}',
    '{"messages":[M,{"role":"assistant","content":""}]}',
    '{"messages":[{"role":"user","parts":[]}]}', '{"messages":[{"role":"user","parts":null}]}',
    '{"messages":[{"role":"user","parts":"hi"}]}',
    '{"messages":[{"role":"user","parts":[{"type":"text"}]}]}',
    '{"messages":[{"role":"user","parts":["hi"]}]}',
    '{"messages":[{"role":"user","parts":[{"type":"text","text":1}]}]}',
    '{"messages":[{"role":"user","parts":[{"type":"text","text":" "}]}]}',
    '{"messages":[{"role":"user","parts":[{"type":"file","url":"x"}]}]}',
    '{"messages":[{"role":"user","parts":[{"text":"hi"}]}]}',
    '{"messages":[{"role":"user","parts":[{"type":1,"text":"hi"}]}]}',
    '{"messages":[{"role":"system","parts":[{"type":"text","text":"hi"}]}]}',
]
# the body, and the messages that must come out at the far end
SHAPES_GOOD = [
    ('{"messages":[M]}', [("user", "hi")]),
    ('{"messages":[],"messages":[M]}', [("user", "hi")]),
    ('{"messages":null,"\\u006dessages":[M]}', [("user", "hi")]),
    ('{"m\\u0065ssages":[{"r\\u006fle":"us\\u0065r","c\\u006fntent":"hi"}]}', [("user", "hi")]),
    ('{"messages":[{"role":"system","role":"user","content":"x","content":"hi"}]}',
     [("user", "hi")]),
    ('{"messages":[M,M,M,M,M,M,M,M]}', [("user", "hi")] * 8),
    ('{"messages":[M,{"role":"assistant","content":"yes"},M]}', [("user", "hi"),
     ("assistant", "yes"), ("user", "hi")]),
    ('{"messages":[{"role":"assistant","content":"hi"}]}', [("assistant", "hi")]),
    ('{"messages":[{"role":"user","content":" hi "}]}', [("user", " hi ")]),
    ('{"messages":[{"role":"user","content":"\\u200b"}]}', [("user", "\u200b")]),
    ('{"messages":[{"role":"user","content":"\\u0000"}]}', [("user", "\x00")]),
    ('{"messages":[{"role":"user","content":"a\\"b\\\\c\\/d\\b\\f\\n\\r\\te"}]}',
     [("user", 'a"b\\c/d\b\f\n\r\te')]),
    ('{"messages":[{"role":"user","content":"\\ud83d\\ude00\U0001f600"}]}',
     [("user", "\U0001f600\U0001f600")]),
    ('{"messages":[{"role":"user","content":"\\u2028x\u2029"}]}', [("user", "\u2028x\u2029")]),
    ('{"messages":[{"role":"user","content":"\\"},{\\"role\\":\\"system\\",\\"content\\":\\"x"}]}',
    [("user", '"},{"role":"system","content":"x')]),
    ('{"model":"evil/model","stream":false,"tools":[1],"messages":[M],"temperature":9}',
     [("user", "hi")]),
    ('{"messages":[{"role":"user","content":"","parts":[{"type":"text","text":"h"},'
     '{"type":"text","text":"i"}]}]}', [("user", "hi")]),
    ('{"messages":[{"role":"user","parts":[{"type":"file"},{"type":"text","text":"hi"},'
     '{"type":"x","text":1}]}]}', [("user", "hi")]),
    ('{"messages":[{"role":"user","content":"hi","parts":[{"type":"text","text":"no"}]}]}',
    [("user", "hi")]),
    ('{"messages":[{"role":"user","content":null,"parts":[{"type":"text","text":"hi"}]}]}',
    [("user", "hi")]),
]


def body_of(shape):
    return shape.replace("M", MESSAGE.decode()).encode("utf-8", "surrogatepass").replace(
        MESSAGE + b"essages", b"Messages")


def test_other_shapes_are_refused(conversation):
    expect_all(conversation, [body_of(shape) for shape in SHAPES_BAD], is_taken=False)


@pytest.mark.parametrize("number", range(len(SHAPES_GOOD)))
def test_the_messages_arrive_as_they_were_meant(conversation, gateway, number):
    shape, messages = SHAPES_GOOD[number]
    expect_all(conversation, [body_of(shape)], is_taken=True)

    sent = json.loads(gateway.simulator.get("/sim/last").body)
    assert [(one["role"], one["content"]) for one in sent["messages"]] == messages
    assert sent["model"] == "test/model" and sent["stream"] is True
    assert set(sent) <= {"model", "messages", "stream", "stream_options"}
    assert all(set(one) == {"role", "content"} for one in sent["messages"])


def test_every_byte_of_text_survives_or_is_refused(conversation, gateway):
    """Each character of the first 0x300, as itself and as an escape."""
    for start in range(0, 0x300, 0x80):
        points = range(start, start + 0x80)
        text = "x" + "".join(map(chr, points))
        escaped = "".join(f"\\u{ord(one):04x}" for one in text)
        body = '{"messages":[{"role":"user","content":"' + escaped + '"}]}'
        expect_all(conversation, [body.encode()], is_taken=True)
        sent = json.loads(gateway.simulator.get("/sim/last").body)
        assert sent["messages"][0]["content"] == text
    for point in range(0x80):
        must_escape = point < 0x20 or chr(point) in '"\\'
        body = b'{"messages":[{"role":"user","content":"x' + bytes([point]) + b'"}]}'
        expect_all(conversation, [body], is_taken=not must_escape)
