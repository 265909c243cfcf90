# SPDX-License-Identifier: MIT
"""A second reading of request bytes, with everything in hand: what must be answered.

Written from RFC 9112, RFC 9110 and the contract, not from the gateway's lexer: regular
expressions over whole messages here, a state for each byte there. Where the two disagree
one of them is wrong.
"""

import ipaddress
import json
import re
from dataclasses import dataclass

_TCHAR = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
_TARGET = rb"/(?!/)(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%(?!00)[0-9A-Fa-f]{2})*"
_LINE = re.compile(rb"(" + _TCHAR + rb"+) (\*|" + _TARGET + rb") HTTP/([0-9]\.[0-9])\r\n")
_TARGET_START = re.compile(_TCHAR + rb"+ (" + _TARGET + rb")")
_FIELD = re.compile(rb"(" + _TCHAR + rb"+):([\t \x21-\x7e\x80-\xff]*)\r\n")
_TOKEN = _TCHAR + rb"+"
_QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"'
_EXTENSION = rb";" + _TOKEN + rb"(?:=(?:" + _TOKEN + rb"|" + _QUOTED + rb"))?"
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})((?:" + _EXTENSION + rb")*)\r\n")
_HOST = re.compile(rb"(?:[A-Za-z0-9\-._~!$&'()*+,;=]+|\[([0-9A-Fa-f:.]+)\])(?::([0-9]*))?")
_CHAT = re.compile(rb"/api/ai/huggingface/([^/?]*)/([^/?]*)/chat(?:\?(.*))?")

SINGLE = {b"host", b"authorization", b"content-type", b"origin", b"content-length",
          b"transfer-encoding", b"expect"}


@dataclass
class Limits:
    head: int
    body: int
    fields: int = 100

    @property
    def target(self):
        return self.head // 2


class Refused(Exception):
    def __init__(self, status, reason):
        super().__init__(status, reason)
        self.answer = (status, reason)


class Incomplete(Exception):
    """All is well so far, and more must come."""


def _bad():
    raise Refused(400, "bad_request")


def _request_line(data, at, limits):
    start = _TARGET_START.match(data, at)
    if start and len(start.group(1)) > limits.target:
        raise Refused(414, "target_too_long")
    line = _LINE.match(data, at)
    if not line or (line.group(2) == b"*" and line.group(1) != b"OPTIONS"):
        _bad()
    if line.group(3) != b"1.1":
        raise Refused(505, "http_version")
    return line.group(1), line.group(2), line.end()


def _check_value(name, raw, limits, later):
    value = raw.strip(b" \t")
    if name in (b"content-length", b"transfer-encoding", b"expect") and b"\t" in raw:
        _bad()
    if name == b"host":
        host = _HOST.fullmatch(value)
        if not host or int(host.group(2) or 0) > 65535:
            _bad()
        if host.group(1):
            _check_ipv6(host.group(1).decode())
    elif name == b"content-length":
        if not re.fullmatch(rb"[0-9]+", value):
            _bad()
        if int(value) > limits.body:
            later.append((413, "too_large"))
    elif name == b"transfer-encoding" and value.lower() != b"chunked":
        _bad()
    elif name == b"expect" and value.lower() != b"100-continue":
        later.append((417, "expectation"))
    return value


def _check_ipv6(text):
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        _bad()


def _fields(data, at, limits, later):
    fields, count = {}, 0
    while data[at:at + 2] != b"\r\n":
        line = _FIELD.match(data, at)
        if count == limits.fields and re.match(_TCHAR, data[at:at + 1]):
            raise Refused(431, "head_too_large")
        if not line:
            _bad()
        if line.end() > limits.head:
            raise Refused(431, "head_too_large")
        name, count, at = line.group(1).lower(), count + 1, line.end()
        if name in fields and name in SINGLE:
            _bad()
        fields.setdefault(name, _check_value(name, line.group(2), limits, later))
    return fields, at + 2


def _framing(method, fields):
    if b"host" not in fields:
        _bad()
    length, coding = fields.get(b"content-length"), fields.get(b"transfer-encoding")
    if coding is not None and length is not None:
        _bad()
    if method in (b"GET", b"HEAD") and (coding is not None or int(length or 0) > 0):
        _bad()


def _contract(method, target, fields, token):
    if method == b"OPTIONS":
        raise Refused(204, "options")
    if method != b"POST":
        raise Refused(405, "method_not_allowed")
    if not re.fullmatch(rb"(?i:bearer) +" + re.escape(token), fields.get(b"authorization", b"")):
        raise Refused(401, "unauthorized")
    chat = _CHAT.fullmatch(target)
    if not chat:
        raise Refused(404, "not_found")
    pairs = [pair.partition(b"=") for pair in (chat.group(3) or b"").split(b"&")]
    ids = [_decoded(value) for name, _, value in pairs if _decoded(name) == b"chat_id"]
    if len(ids) != 1 or not re.fullmatch(rb"[A-Za-z0-9._~\-]{1,128}", ids[0]):
        _bad()
    if (_decoded(chat.group(1)), _decoded(chat.group(2))) != (b"test", b"model"):
        raise Refused(400, "model_unknown")
    kind = fields.get(b"content-type", b"").split(b";")[0].strip(b" \t")
    if kind.lower() != b"application/json":
        raise Refused(415, "media_type")


def _decoded(text):
    return re.sub(rb"%([0-9A-Fa-f]{2})", lambda hit: bytes([int(hit.group(1), 16)]), text)


def _piece(data, at, size):
    if len(data) - at < size:
        raise Incomplete
    return data[at:at + size]


def _body(data, at, fields, limits):
    if b"transfer-encoding" not in fields:
        return _piece(data, at, int(fields.get(b"content-length", b"0")))
    body, extensions = b"", 0
    while True:
        chunk = _CHUNK.match(data, at)
        if not chunk:
            _bad()
        size, extensions = int(chunk.group(1), 16), extensions + max(len(chunk.group(2)) - 1, 0)
        if len(body) + size > limits.body or extensions > 4096:
            raise Refused(413, "too_large")
        body, at = body + _piece(data, chunk.end(), size), chunk.end() + size
        if data[at:at + 2] != b"\r\n":
            _bad()
        if size == 0:
            return body
        at += 2


def _is_chat(body):
    try:
        messages = json.loads(body)["messages"]
        return all(one["role"] and one["content"].strip() for one in messages)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def judge(data, token, limits):
    """The status and the reason of the one answer to <data>; None while none may come."""
    later = []
    try:
        at = 2 if data.startswith(b"\r\n") else 0
        method, target, at = _request_line(data, at, limits)
        fields, at = _fields(data, at, limits, later)
        _framing(method, fields)
        _contract(method, target, fields, token)
        if later:
            raise Refused(*later[0])
        if not _is_chat(_body(data, at, fields, limits)):
            raise Refused(400, "bad_body")
    except Refused as refused:
        return refused.answer
    except Incomplete:
        return None
    return 200, None
