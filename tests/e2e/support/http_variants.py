# SPDX-License-Identifier: MIT
"""Thousands of requests, each a lawful one with something done to it.

In the spirit of the public lists of smuggling payloads and parser torture: every byte at
every joint of the framing, every spelling of the two framing fields, pairs of them, other
forms of targets, hosts, versions, methods and line ends.
"""

import itertools

BYTES = [bytes([value]) for value in range(256)]
# Where no framing is at stake: controls, every mark, some letters, some above ASCII.
SOME = [byte for byte in BYTES if byte < b"!" or not byte.isalnum() and byte < b"\x81"]
SOME += [b"0", b"a", b"Z", b"\x85", b"\xa0", b"\xc2", b"\xe9", b"\xff"]
PATH = b"/api/ai/huggingface/test/model/chat"
CHAT_BODY = b'{"messages":[{"role":"user","content":"canary-prompt-6b1de9 hi"}]}'
CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(CHAT_BODY), CHAT_BODY)
LENGTH = b"%d" % len(CHAT_BODY)


class Request:
    """The parts of a lawful chat request, to be put together with some replaced."""

    def __init__(self, token):
        self.token = token

    def make(self, line=None, host=b"Host: gateway.test\r\n", framing=None, body=CHAT_BODY,
             auth=None, kind=b"Content-Type: application/json\r\n", more=b"", end=b"\r\n"):
        line = b"POST " + PATH + b"?chat_id=1 HTTP/1.1\r\n" if line is None else line
        framing = b"Content-Length: " + LENGTH + b"\r\n" if framing is None else framing
        auth = b"Authorization: Bearer " + self.token + b"\r\n" if auth is None else auth
        return line + host + auth + kind + more + framing + end + body

    def spoilt(self):
        """The same with a head that the contract refuses, whatever the body is."""
        yield "bad token", Request(self.token[:-4] + b"AAAA")

    def chunked(self, body, framing=b"Transfer-Encoding: chunked\r\n", more=b""):
        return self.make(framing=framing, body=body, more=more)


def bytes_in_lines(request):
    """Each byte put in at each joint of the request line and of three field lines."""
    joints = {
        "line": (b"POST " + PATH + b"?chat_id=1 HTTP/1.1\r\n",
                 [0, 2, 4, 5, 6, 20, len(PATH) + 5, len(PATH) + 6, len(PATH) + 15,
                  len(PATH) + 16, len(PATH) + 20, len(PATH) + 22, len(PATH) + 23, -2, -1]),
        "framing": (b"Content-Length: " + LENGTH + b"\r\n", [0, 7, 14, 15, 16, 17, -2, -1]),
        "more": (b"X-Other: value\r\n", [0, 3, 7, 8, 9, 11, -2, -1]),
        "host": (b"Host: gateway.test\r\n", [0, 2, 4, 5, 6, 9, -2, -1]),
    }
    for part, (text, places) in joints.items():
        for place, byte in itertools.product(places, BYTES if part == "framing" else SOME):
            at = place % len(text)
            made = {part: text[:at] + byte + text[at:]}
            yield f"{part} at {at}: {byte!r}", request.make(**made)
    coding = b"Transfer-Encoding: chunked\r\n"
    for place, byte in itertools.product([0, 8, 17, 18, 19, 22, -2, -1], BYTES):
        at = place % len(coding)
        yield (f"coding at {at}: {byte!r}",
               request.chunked(CHUNKED, framing=coding[:at] + byte + coding[at:]))


def bytes_in_chunks(request):
    """Each byte put in at each joint of a chunked body."""
    size = len(b"%x" % len(CHAT_BODY))
    data_end = size + 2 + len(CHAT_BODY)
    places = [0, 1, size, size + 1, size + 2, data_end, data_end + 1, data_end + 2, data_end + 3,
              data_end + 4, data_end + 5, data_end + 6]
    for place, byte in itertools.product(places, BYTES):
        body = CHUNKED[:place] + byte + CHUNKED[place:]
        yield f"chunks at {place}: {byte!r}", request.chunked(body)
    text = CHUNKED.replace(b"\r\n", b';ab="c"\r\n', 1)
    for place, byte in itertools.product(range(size, size + 8), BYTES):
        body = text[:place] + byte + text[place:]
        yield f"extension at {place}: {byte!r}", request.chunked(body)


LINE_ENDS = [b"\n", b"\r", b"", b"\r\r\n", b"\n\r", b"\n\n", b"\r\n ", b"\r\n\t", b" \r\n",
             b"\t\r\n", b"\x0b\r\n", b"\x00\r\n", b"\r\x00\n", b"\r \n", b"\x85", b"\xe2\x80\xa8",
             b"%0d%0a", b"\\r\\n", b"\r\n\r\n"]


def line_ends(request):
    """Each line end of a request replaced by each thing that might be taken for one."""
    for name, text in (("length", request.make(more=b"X: y\r\n")),
                       ("chunked", request.chunked(CHUNKED))):
        places = [at for at in range(len(text)) if text.startswith(b"\r\n", at)]
        for place, end in itertools.product(places, LINE_ENDS):
            yield f"{name} line end at {place}: {end!r}", text[:place] + end + text[place + 2:]


LENGTHS = [
    b"", b" ", b"0", b"00", b"000000000000000000000000000000066", LENGTH + b" ", b"  " + LENGTH,
    b"+" + LENGTH, b"-" + LENGTH, b"-0", b"+0", b"0x42", b"0X42", b"0b1", b"0o7", b"42h", b"6.6e1",
    LENGTH + b".0", LENGTH + b"," + LENGTH, LENGTH + b", " + LENGTH, b"," + LENGTH, LENGTH + b",",
    LENGTH + b";", b'"' + LENGTH + b'"', b"'" + LENGTH + b"'", b"6 6", b"6\t6", b"6_6", b"6,6",
    LENGTH + b"\r\n " + LENGTH, LENGTH + b"\r\n\t", b"\r\n " + LENGTH, b"65536", b"65537",
    b"2147483647", b"2147483648", b"4294967295", b"4294967296", b"4294967362",
    b"9223372036854775807", b"9223372036854775808", b"18446744073709551615",
    b"18446744073709551616", b"18446744073709551682", b"9" * 40, b"9" * 4000, b"0" * 4000 + LENGTH,
    b"\xd9\xa6\xd9\xa6", b"\xef\xbc\x96\xef\xbc\x96", b"NaN", b"Infinity", b"null", b"none", b"*",
    LENGTH + b" bytes", b"bytes " + LENGTH, LENGTH + b"%00", b"%36%36", b"(6)" + LENGTH,
    LENGTH + b"#", b"65", b"67", b"1e2", b"LXVI",
]

CODINGS = [
    b"chunked", b"Chunked", b"CHUNKED", b"cHuNkEd", b" chunked", b"chunked ", b"  chunked  ", b"",
    b"xchunked", b"chunkedx", b"x chunked", b"chunked x", b"chunke", b"hunked", b"chunked,",
    b",chunked", b", chunked", b"chunked ,", b",,chunked", b"chunked, chunked", b"chunked,chunked",
    b"identity", b"identity, chunked", b"chunked, identity", b"gzip, chunked", b"chunked, gzip",
    b"gzip", b"deflate, chunked", b"compress", b"br", b"cow", b"cow, chunked", b"chunked, cow",
    b"chunked;", b"chunked;q=1", b"chunked; a=b", b'chunked;a="b"', b"chunked=1", b'"chunked"',
    b"'chunked'", b"[chunked]", b"(x)chunked", b"chunked(x)", b"chunk\r\n ed", b"\r\n chunked",
    b"chunked\r\n ", b"chunked\r\n\t", b"\x0bchunked", b"chunked\x0b", b"\x0cchunked",
    b"chunked\x0c", b"\x00chunked", b"chunked\x00", b"\x7fchunked", b"\xa0chunked", b"chunked\xa0",
    b"\xc2\xa0chunked", b"\xef\xbb\xbfchunked", b"chun\xc5\xb7ed", b"\xe2\x84\xaaunked",
    b"chunKed", b"chun\xe2\x84\xaaed", b"%63hunked", b"chunked%00", b"true", b"1", b"none",
    b"trailers",
    b"chunked\tx", b"chunked\rX: y", b"chunked\nX: y", b"\rchunked", b"\nchunked", b"\n chunked",
    b"chunked, trailers", b"te, chunked", b"chunked.", b".chunked", b"-chunked", b"chunked-1",
]

NAMES = [b"%s:", b"%s :", b"%s\t:", b"%s\x00:", b" %s:", b"\t%s:", b"\x00%s:", b"\x0b%s:",
         b"X%s:", b"%sX:", b"%s.:", b"%s", b"%s::", b":%s:", b'"%s":', b"%s\xa0:", b"%s\r\n :",
         b"%s\n:", b"\r%s:", b"\n%s:", b"X: y\n%s:", b"X: y\r%s:", b"X:\r\n %s:", b"(%s):",
         b"%s;:"]


def framing_fields(request):
    for value in LENGTHS:
        yield f"length {value[:60]!r}", request.make(framing=b"Content-Length: " + value + b"\r\n")
    for value in CODINGS:
        framing = b"Transfer-Encoding: " + value + b"\r\n"
        yield f"coding {value!r}", request.chunked(CHUNKED, framing=framing)
    for name in NAMES:
        for field, value in ((b"Content-Length", LENGTH), (b"Transfer-Encoding", b"chunked")):
            body = CHAT_BODY if value == LENGTH else CHUNKED
            for spelt in (field, field.lower(), field.replace(b"-", b"_")):
                line = name % spelt + b" " + value + b"\r\n"
                yield f"{name!r} {spelt!r}", request.make(framing=line, body=body)


def framing_pairs(request):
    """Two framing fields, in both orders, beside each other and apart."""
    length = [LENGTH, b"0", b"5", b"+" + LENGTH, b"", LENGTH + b" "]
    coding = [b"chunked", b"identity", b"xchunked", b"chunked, identity", b" Chunked", b""]
    lines = [b"Content-Length: " + value + b"\r\n" for value in length]
    lines += [b"Transfer-Encoding: " + value + b"\r\n" for value in coding]
    lines += [b"Content-length:" + LENGTH + b"\r\n", b"TRANSFER-ENCODING:chunked\r\n",
              b"Transfer_Encoding: chunked\r\n", b"Content_Length: 5\r\n", b"TE: chunked\r\n"]
    for first, second in itertools.product(lines, lines):
        body = CHUNKED if b"chunked" in (first + second).lower() else CHAT_BODY
        yield f"{first!r} {second!r}", request.make(framing=first + second, body=body)
        yield (f"{first!r} X {second!r}",
               request.make(framing=first + b"X: y\r\n" + second, body=body))


def parts(request):
    """Whole lists for the other parts of a head; see http_parts.py."""
    from . import http_parts

    for text in http_parts.LINES:
        yield f"line {text[:80]!r}", request.make(line=text + b"\r\n")
        yield f"line {text[:80]!r} alone", request.make(line=text + b"\r\n", framing=b"", body=b"")
    for text in http_parts.HOSTS:
        yield f"host {text[:80]!r}", request.make(host=text)
    for text in http_parts.FIELDS:
        yield f"field {text[:80]!r}", request.make(more=text)
    for text in http_parts.AUTHORIZATIONS:
        yield f"auth {text[:80]!r}", request.make(auth=text.replace(b"TOKEN", request.token))
    for text in http_parts.CHUNKS:
        yield f"chunks {text[:80]!r}", request.chunked(text)
        for name, spoilt in request.spoilt():
            yield f"{name}, chunks {text[:80]!r}", spoilt.chunked(text)


FAMILIES = {
    "bytes_in_lines": bytes_in_lines,
    "bytes_in_chunks": bytes_in_chunks,
    "line_ends": line_ends,
    "framing_fields": framing_fields,
    "framing_pairs": framing_pairs,
    "parts": parts,
}
