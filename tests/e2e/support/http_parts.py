# SPDX-License-Identifier: MIT
"""Request lines, hosts, fields and chunked bodies, good and bad, for http_variants.py.

Nothing says here which is which: http_oracle.py does.
"""

PATH = b"/api/ai/huggingface/test/model/chat"
TARGET = PATH + b"?chat_id=1"
BODY = b'{"messages":[{"role":"user","content":"canary-prompt-6b1de9 hi"}]}'

_TARGETS = [
    TARGET, PATH, PATH + b"/", PATH + b"/?chat_id=1", PATH + b"?", PATH + b"?chat_id",
    PATH + b"?chat_id=", PATH + b"?chat_id=1&chat_id=1", PATH + b"?chat_id=1&chat%5fid=2",
    PATH + b"?chat%5Fid=1", PATH + b"?Chat_id=1", PATH + b"?chat_id=1&", PATH + b"?&&chat_id=1",
    PATH + b"?a=b&chat_id=1&c", PATH + b"?chat_id=1?chat_id=2", PATH + b"?chat_id=1;chat_id=2",
    PATH + b"?chat_id=a+b", PATH + b"?chat_id=%31", PATH + b"?chat_id=%2531",
    PATH + b"?chat_id=%20",
    PATH + b"?chat_id=1=2", PATH + b"?=1", PATH + b"?chat_id=" + b"x" * 128,
    PATH + b"?chat_id=" + b"x" * 129, PATH + b"?chat_id=~._-", PATH + b"?chat_id=1#f",
    PATH + b"#?chat_id=1", PATH + b"%3Fchat_id=1", PATH + b"?chat_id=1%00",
    PATH + b"?chat_id=1%0a",
    PATH + b"?chat_id=%", PATH + b"?chat_id=%1", PATH + b"?chat_id=%g1", PATH + b"?chat_id=%u0031",
    PATH + b"?x=[]&chat_id=1", PATH + b"?x={}&chat_id=1", PATH + b"?x=|&chat_id=1",
    PATH + b"?x=^&chat_id=1", PATH + b"?x=`&chat_id=1", PATH + b'?x="&chat_id=1',
    PATH + b"?x=<>&chat_id=1", PATH + b"?x=\\&chat_id=1", PATH + b"?x=\xc3\xa9&chat_id=1",
    PATH + b"?x=%c3%a9&chat_id=1", PATH + b"?x=%ff&chat_id=1", PATH + b"?x='()*!&chat_id=1",
    b"/", b"/*", b"*", b"/chat?chat_id=1", b"/api", b"/api/",
    b"/api/ai/huggingface//model/chat?chat_id=1",
    b"/api/ai/huggingface/test//chat?chat_id=1", b"/api/ai/huggingface/test/model//chat?chat_id=1",
    b"/api/ai/huggingface/./test/model/chat?chat_id=1",
    b"/api/ai/huggingface/test/../model/chat?chat_id=1",
    b"/api/ai/huggingface/../chat?chat_id=1", b"/api/ai/huggingface/../../chat?chat_id=1",
    b"/api/ai/huggingface/%2e%2e/model/chat?chat_id=1",
    b"/api/ai/huggingface/test/%2e/chat?chat_id=1",
    b"/api/ai/huggingface/test/%2E%2E/chat?chat_id=1",
    b"/api/ai/huggingface/test%2fmodel/x/chat?chat_id=1",
    b"/api/ai/huggingface/test/mo%2Fdel/chat?chat_id=1",
    b"/api/ai/huggingface/test/mo%5cdel/chat?chat_id=1",
    b"/api/ai/huggingface/test/model%00/chat?chat_id=1",
    b"/api/ai/huggingface/test/model%2500/chat?chat_id=1",
    b"/api/ai/huggingface/test/model%20/chat?chat_id=1",
    b"/api/ai/huggingface/test/mod%65l/chat?chat_id=1",
    b"/api/ai/huggingface/test/mod%2565l/chat?chat_id=1",
    b"/api/ai/huggingface/%74est/model/chat?chat_id=1",
    b"/api/ai/huggingface/test/model;a=b/chat?chat_id=1",
    b"/api/ai/huggingface/test/model/chat;a?chat_id=1",
    b"/api/ai/huggingface/test/model/cha%74?chat_id=1",
    b"/api/ai/huggingface/test/model/CHAT?chat_id=1",
    b"/API/ai/huggingface/test/model/chat?chat_id=1",
    b"/%61pi/ai/huggingface/test/model/chat?chat_id=1",
    b"/api%2fai/huggingface/test/model/chat?chat_id=1",
    b"/api/ai/huggingface/test/model/chat/x?chat_id=1",
    b"/api/ai/huggingface/Test/model/chat?chat_id=1",
    b"/api/ai/huggingface/test/model%0d%0a/chat?chat_id=1",
    b"/api/ai/huggingface/test/m\xc3\xb6del/chat?chat_id=1",
    b"/api/ai/huggingface/test/model\\chat?chat_id=1",
    b"//" + TARGET, b"//evil.test" + TARGET, b"/" + TARGET, b"///", b"/\\evil.test",
    b"\\" + TARGET,
    b"http://gateway.test" + TARGET, b"HTTP://gateway.test" + TARGET,
    b"https://gateway.test" + TARGET,
    b"http://u:p@gateway.test" + TARGET, b"http:" + TARGET, b"http://" + TARGET, b"ftp://x/",
    b"file:///etc/passwd",
    b"gateway.test:80", b"gateway.test", b"api/ai", b"?chat_id=1", b"#", b".", b"..",
    b"%2f" + TARGET[1:], b"",
    b"/" + b"a" * 8191, b"/" + b"a" * 8192, b"/" + b"a" * 9000, b"/" + b"%41" * 2730,
    b"/" + b"%41" * 2731,
    b"/" + b"/a" * 2000, b"/" + b"../" * 1000, b"/?" + b"a=b&" * 2000,
]

_METHODS = [b"POST", b"post", b"Post", b"pOST", b"GET", b"get", b"HEAD", b"head", b"PUT",
b"DELETE", b"PATCH",
            b"OPTIONS", b"options", b"TRACE", b"TRACK", b"CONNECT", b"PROPFIND", b"BREW", b"PRI",
            b"M-SEARCH",
            b"POST2", b"POS", b"P", b"!#$%&'*+-.^_`|~", b"POST,GET", b"POST/", b"(POST)",
            b"P\xd6ST", b"POST\x00",
            b"\x00POST", b"X" * 31, b"X" * 32, b"X" * 33, b"X" * 64, b"X" * 8000, b"X" * 16400,
            b"", b" ",
            b"\xef\xbb\xbfPOST", b"POST\xa0", b"\xe2\x80\x8bPOST", b"P=ST", b"\"POST\"", b"PO:ST",
            b"HTTP/1.1"]

_VERSIONS = [b"HTTP/1.1", b"HTTP/1.0", b"HTTP/0.9", b"HTTP/1.2", b"HTTP/1.9", b"HTTP/2.0",
b"HTTP/2", b"HTTP/3",
             b"HTTP/3.0", b"HTTP/9.9", b"HTTP/0.0", b"HTTP/01.1", b"HTTP/1.01", b"HTTP/1.10",
             b"HTTP/11.1", b"HTTP/1.",
             b"HTTP/.1", b"HTTP/1", b"HTTP/", b"HTTP", b"HTTP1.1", b"HTTP /1.1", b"HTTP/ 1.1",
             b"HTTP/1 .1", b"HTTP/1. 1",
             b"http/1.1", b"Http/1.1", b"hTTP/1.1", b"HTTPS/1.1", b"XHTTP/1.1", b"HTTP/1.1x",
             b"HTTP/1.1.1", b"HTTP/1,1",
             b"HTTP/1:1", b"HTTP\\1.1", b"HTTP/+1.1", b"HTTP/-1.1", b"HTTP/1.+1", b"HTTP/1.-1",
             b"HTTP/1.1 ", b" HTTP/1.1",
             b"HTTP/1.1\t", b"\tHTTP/1.1", b"HTTP/1.1 HTTP/1.1", b"HTTP/1.\xb9",
             b"HTTP/\xef\xbc\x91.1", b"HTTP/0x1.1",
             b"HTTP/1.1\x00", b"HTTP/1.1\x0b", b"HTTP/1.1;", b"ICY/1.1", b"RTSP/1.0", b"SIP/2.0",
             b"HTTP/a.b", b"HTTP//1.1",
             b"JUNK", b"", b"HTTP/1.1\x0c", b"HTTP/1.1#", b"HTTP/1e0.1"]

LINES = (
    [b"POST " + target + b" HTTP/1.1" for target in _TARGETS]
    + [b"OPTIONS " + target + b" HTTP/1.1" for target in _TARGETS[::4] + [b"*", b"**", b"*?a",
    b"/*", b"gateway.test:80"]]
    + [b"GET " + target + b" HTTP/1.1" for target in _TARGETS[1::6]]
    + [method + b" " + TARGET + b" HTTP/1.1" for method in _METHODS]
    + [method + b" * HTTP/1.1" for method in _METHODS[:20]]
    + [b"POST " + TARGET + b" " + version for version in _VERSIONS]
    + [b"GET / " + version for version in _VERSIONS]
    + [b"POST  " + TARGET + b" HTTP/1.1", b"POST\t" + TARGET + b"\tHTTP/1.1",
    b"POST " + TARGET + b"  HTTP/1.1",
       b" POST " + TARGET + b" HTTP/1.1", b"\r\nPOST " + TARGET + b" HTTP/1.1",
       b"\r\n\r\nPOST " + TARGET + b" HTTP/1.1", b"\nPOST " + TARGET + b" HTTP/1.1",
       b"\rPOST " + TARGET + b" HTTP/1.1", b"\r\n POST " + TARGET + b" HTTP/1.1",
       b"\x00POST " + TARGET + b" HTTP/1.1",
       b"POST", b"POST ", b"POST " + TARGET, b"GET /", b"GET", b"PRI * HTTP/2.0\r\n\r\nSM\r\n",
       b"POST\x0b" + TARGET + b" HTTP/1.1",
       b"POST " + TARGET + b"\x0cHTTP/1.1", b"POST\xa0" + TARGET + b"\xa0HTTP/1.1", b"SSH-2.0-x",
       b"EHLO x", b"PROXY TCP4 1 2 3 4",
       b"\x16\x03\x01\x00\x05", b"HTTP/1.1 200 OK", b"HTTP/1.1 100 Continue", b"* LIST",
       b"\x05\x01\x00"]
)

_HOST_VALUES = [
    b"gateway.test", b"GATEWAY.TEST", b"gateway.test.", b"g_w.test", b"-", b"a-b", b"127.0.0.1",
    b"127.1", b"0x7f.1", b"[::1]",
    b"[::1]:80", b"[2001:db8::1]:65535", b"[::ffff:127.0.0.1]", b"[::]", b"gateway.test:80",
    b"gateway.test:0", b"gateway.test:65535",
    b"gateway.test:65536", b"gateway.test:99999", b"gateway.test:", b"gateway.test:080",
    b"gateway.test:00000000080", b"a!$&'()*+,;=b",
    b"a,b", b"", b" ", b":", b":80", b"@", b"u@gateway.test", b"u:p@gateway.test",
    b"gateway.test@evil.test", b"gateway.test/",
    b"gateway.test/path", b"gateway.test?x", b"gateway.test#x", b"http://gateway.test",
    b"//gateway.test", b"\\gateway.test",
    b"gateway.test\\x", b"a b", b"a\tb", b"gateway.test evil.test", b"gateway.test, evil.test",
    b"gateway.test:80:80", b"gateway.test:+80",
    b"gateway.test:-1", b"gateway.test:8O", b"gateway.test:0x50", b"gateway.test: 80",
    b"gateway.test :80", b"[::1", b"::1", b"[::1]x",
    b"[::1]:x", b"[]", b"[", b"]", b"[g::]", b"[::1%25lo]", b"[::1%lo]", b"[v1.a]", b"[127.0.0.1]",
    b"[::1][::1]", b"<gateway.test>", b'"gateway.test"',
    b"`id`", b"a|b", b"a^b", b"{}", b"caf\xe9", b"caf\xc3\xa9", b"\xef\xbb\xbfgateway.test",
    b"gateway.test\x00", b"gateway.test\x00evil",
    b"\x01gateway.test", b"gateway.test\x7f", b"a%20b", b"a%00b", b"%67ateway.test", b"a%2fb",
    b"a%", b"a%zz", b"x" * 255, b"x" * 4000,
]

HOSTS = (
    [b"Host: " + value + b"\r\n" for value in _HOST_VALUES]
    + [b"", b"Host\r\n", b"Host:gateway.test\r\n", b"Host:\tgateway.test\t\r\n",
    b"host: gateway.test\r\n", b"HOST: gateway.test\r\n",
       b"Host: gateway.test\r\nHost: gateway.test\r\n",
       b"Host: gateway.test\r\nhost: evil.test\r\n", b"Host:\r\nHost: gateway.test\r\n",
       b"Host : gateway.test\r\n", b" Host: gateway.test\r\n", b"Host:\r\n gateway.test\r\n",
       b"Host: gateway\r\n .test\r\n",
       b"Host\x00: gateway.test\r\n", b"Hosts: gateway.test\r\n", b"X-Host: gateway.test\r\n",
       b"Host: gateway.test\n", b"Host: gateway.test\r",
       b"X-Forwarded-Host: evil.test\r\nHost: gateway.test\r\n",
       b"Host: gateway.test\r\nX: y\r\nHost: gateway.test\r\n"]
)

FIELDS = [
    b"X: y\r\n", b"X:\r\n", b"X:y\r\n", b"X:  y  \r\n", b"X: \ty\t\r\n", b"X: caf\xe9\r\n",
    b"X: \xff\xfe\r\n", b"X: a:b:c\r\n", b"X::\r\n",
    b"!#$%&'*+-.^_`|~: y\r\n", b"x: y\r\nX: z\r\n", b"0: y\r\n", b": y\r\n", b" : y\r\n", b":\r\n",
    b"X\r\n", b"X y\r\n", b"X y: z\r\n", b"X : z\r\n",
    b"X\t: z\r\n", b" X: y\r\n", b"\tX: y\r\n", b"X: y\r\n z\r\n", b"X: y\r\n\tz\r\n",
    b"X: y\r\n \r\n", b"X\xe9: y\r\n", b"X\xc3\xa9: y\r\n", b"X(y): z\r\n",
    b"X,y: z\r\n", b"X/y: z\r\n", b"X;y: z\r\n", b"X=y: z\r\n", b"X@y: z\r\n", b"[X]: z\r\n",
    b"{X}: z\r\n", b'"X": z\r\n', b"X\\y: z\r\n", b"<X>: z\r\n",
    b"X: y\nZ: w\r\n", b"X: y\rZ: w\r\n", b"X: y\x00z\r\n", b"X: y\x1bz\r\n", b"X: y\x08z\r\n",
    b"X: y\x7fz\r\n", b"X\x00: y\r\n", b"X\x0b: y\r\n", b"\x00: y\r\n",
    b"X: y\x0bz\r\n", b"X: y\x0cz\r\n", b"X: y\x85z\r\n", b"Connection: close\r\n",
    b"Connection: keep-alive\r\n", b"Connection: foo, CLOSE\r\n",
    b"Connection: close, close\r\n", b"Connection: Content-Length\r\n",
    b"Connection: Host, Authorization\r\n", b"Connection: \r\n", b"Connection: ,,,\r\n",
    b"Connection: Transfer-Encoding\r\n",
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
    b"Upgrade: websocket\r\nConnection: Upgrade\r\n", b"Upgrade: TLS/1.0\r\n",
    b"Keep-Alive: timeout=5\r\n", b"Proxy-Connection: close\r\n",
    b"TE: trailers\r\n", b"TE: chunked;q=0.5\r\n", b"Trailer: Content-Length\r\n",
    b"Expect: 100-continue\r\n", b"Expect: 100-CONTINUE\r\n",
    b"Expect: 200-ok\r\n", b"Expect:\r\n", b"Expect: 100-continue, 100-continue\r\n",
    b"Expect: 100-continue;q=1\r\n", b"Expect:\t100-continue\r\n",
    b"Expect: 100-continue\t\r\n", b"Expect: 100-continue\r\nExpect: 100-continue\r\n",
    b"Expect: x\r\nExpect: 100-continue\r\n", b"Expect: 100 -continue\r\n",
    b"Content-Type: application/json\r\n", b"Content-type: text/plain\r\n",
    b"Origin: a\r\nOrigin: a\r\n", b"Origin: null\r\n", b"Cookie: a=b\r\nCookie: c=d\r\n",
    b"Authorization: Bearer x\r\n", b"authorization:\r\n", b"Proxy-Authorization: Basic x\r\n",
    b"X-HTTP-Method-Override: GET\r\n", b"X-Original-URL: /admin\r\n",
    b"X-Forwarded-For: 127.0.0.1\r\n", b"Content-Encoding: gzip\r\n", b"Range: bytes=0-1\r\n",
    b"Content-Range: bytes 0-1/2\r\n", b"If-Match: *\r\n",
    b"Max-Forwards: 0\r\n", b"Via: 1.1 x\r\n", b"traceparent: x\r\ntraceparent: y\r\n",
    b"X: " + b"y" * 8000 + b"\r\n", b"X: " + b"y" * 16000 + b"\r\n",
    b"X" * 8000 + b": y\r\n", b"X" * 16500 + b": y\r\n", b"X: y\r\n" * 90, b"X: y\r\n" * 96,
    b"X: y\r\n" * 97, b"X: y\r\n" * 500, b"X:\r\n" * 5000,
    b"Transfer_Encoding: chunked\r\n", b"Content_Length: 0\r\n", b"Content-Length2: 0\r\n",
    b"XContent-Length: 0\r\n", b"GET / HTTP/1.1\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n", b"Content-Length : 0\r\n",
    b"Transfer-Encoding : chunked\r\n", b"\r\nX: y\r\n",
]

AUTHORIZATIONS = [
    b"", b"Authorization:\r\n", b"Authorization: \r\n", b"Authorization: Bearer\r\n",
    b"Authorization: Bearer \r\n", b"Authorization: TOKEN\r\n",
    b"Authorization: bearer TOKEN\r\n", b"AUTHORIZATION: BEARER TOKEN\r\n",
    b"authorization:Bearer   TOKEN  \r\n", b"Authorization: Bearer\tTOKEN\r\n",
    b"Authorization: Bearer TOKEN, Bearer TOKEN\r\n", b"Authorization: Bearer TOKEN TOKEN\r\n",
    b"Authorization: Basic TOKEN\r\n",
    b"Authorization: Bearer TOKEN\r\nAuthorization: Bearer TOKEN\r\n",
    b"Authorization: Bearer TOKEN\r\nauthorization: Basic x\r\n",
    b"Authorization: Bearer TOKEN;x\r\n", b'Authorization: Bearer "TOKEN"\r\n',
    b"Authorization: Bearer TOKEN=\r\n", b"Authorization: Bearer\r\n TOKEN\r\n",
    b"Authorization : Bearer TOKEN\r\n", b"Authorization: Bearer TOKEN\x00\r\n",
    b"X-Authorization: Bearer TOKEN\r\n", b"Authorizations: Bearer TOKEN\r\n",
    b"Authorization: Bearer " + b"x" * 8192 + b"\r\n",
    b"Authorization: Bearer " + b"x" * 8193 + b"\r\n",
    b"Authorization: Bearer " + b"x" * 15500 + b"\r\n",
    b"Authorization: Bearer " + b"x" * 16400 + b"\r\n", b"Cookie: token=TOKEN\r\n",
    b"Proxy-Authorization: Bearer TOKEN\r\n",
]

_SIZE = b"%x" % len(BODY)
_DATA = b"\r\n" + BODY + b"\r\n"
_LAST = b"0\r\n\r\n"
_PIECES = b"".join(b"1\r\n%c\r\n" % byte for byte in BODY)

CHUNKS = (
    [size + _DATA + _LAST for size in (
        _SIZE, _SIZE.upper(), b"0" + _SIZE, b"0" * 14 + _SIZE, b"0" * 15 + _SIZE,
        b"0" * 100 + _SIZE, b"+" + _SIZE, b"-" + _SIZE,
        b"0x" + _SIZE, b"0X" + _SIZE, b" " + _SIZE, _SIZE + b" ", _SIZE + b"\t", b"\t" + _SIZE,
        b"", b" ", b"g", b"0g", _SIZE + b"g", _SIZE + b"h",
        b"66 ", b"4_2", b"4,2", b"4.2", b"4e1", b"'" + _SIZE, b'"' + _SIZE + b'"', b"\\x" + _SIZE,
        b"%34%32", b"\xef\xbc\x94\xef\xbc\x92", _SIZE + b"\x00",
        _SIZE + b"\x0b", _SIZE + b"\xa0", b"41", b"43", b"1", b"ffff", b"10000", b"10001",
        b"7fffffff", b"80000000", b"ffffffff", b"100000000", b"100000042",
        b"7fffffffffffffff", b"8000000000000000", b"ffffffffffffffff", b"10000000000000042",
        b"f" * 40, _SIZE + b";", _SIZE + b";a", _SIZE + b";a=b", _SIZE + b";a=",
        _SIZE + b";=b", _SIZE + b";a;b;c", _SIZE + b";;", _SIZE + b'; a="b"', _SIZE + b'; a',
        _SIZE + b" ;a", _SIZE + b";a =b", _SIZE + b";a= b", _SIZE + b';a="b\\"c"',
        _SIZE + b';a="b', _SIZE + b';a=b"c"', _SIZE + b';a="b"c', _SIZE + b';a="\t\xff"',
        _SIZE + b';a="\x00"', _SIZE + b';a="\n"', _SIZE + b";a\n", _SIZE + b";\n",
        _SIZE + b";a\rb", _SIZE + b";" + b"a" * 4000, _SIZE + b";" + b"a" * 4096,
        _SIZE + b";" + b"a" * 4097, _SIZE + b";" + b"a=b;" * 900 + b"a",
        _SIZE + b";a/b", _SIZE + b";a,b", _SIZE + b";(a)", b";a" + _SIZE, _SIZE + b"\r",
        _SIZE + b"\n", _SIZE + b"\r\r",
    )]
    + [_SIZE + _DATA + last for last in (
        b"0\r\n\r\n", b"00\r\n\r\n", b"0000000000000000\r\n\r\n", b"00000000000000000\r\n\r\n",
        b"0;a=b\r\n\r\n", b"0;\r\n\r\n", b"0 \r\n\r\n", b" 0\r\n\r\n", b"+0\r\n\r\n",
        b"-0\r\n\r\n", b"0x0\r\n\r\n", b"\r\n0\r\n\r\n", b"0\n\n", b"0\r\n\n", b"0\r\r\n\r\n",
        b"0\r\n\r\r\n", b"0\r\nX: y\r\n\r\n", b"0\r\nContent-Length: 5\r\n\r\n",
        b"0\r\nX: y\r\nZ: w\r\n\r\n", b"0\r\n X: y\r\n\r\n",
        b"0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", b"0\r\nGET / HTTP/1.1\r\n\r\n",
        b"\x00\r\n\r\n",
        b"O\r\n\r\n", b"0,\r\n\r\n", b"0\r\n0\r\n\r\n", b"0\r\n\x00\r\n",
    )]
    + [_LAST, b"00\r\n\r\n", _PIECES + _LAST, _PIECES.replace(b"1\r\n", b"1;a\r\n") + _LAST,
    _PIECES.replace(b"1\r\n", b"01\r\n") + _LAST,
       _SIZE + b"\n" + BODY + b"\n0\n\n", _SIZE + b"\r\n" + BODY + _LAST,
       _SIZE + b"\r\n" + BODY + b"\n" + _LAST, _SIZE + b"\r\n" + BODY + b"\r" + _LAST,
       _SIZE + b"\r\n" + BODY + b"X\r\n" + _LAST, _SIZE + b"\r\n" + BODY + b"\r\n\r\n" + _LAST,
       BODY, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
       b"8000\r\n" + b"a" * 32768 + b"\r\n8000\r\n" + b"a" * 32768 + b"\r\n1\r\na\r\n" + _LAST,
       b"".join(b"1;" + b"a" * 60 + b"\r\n%c\r\n" % byte for byte in BODY) + _LAST,
       b"".join(b"1;" + b"a" * 64 + b"\r\n%c\r\n" % byte for byte in BODY) + _LAST]
)
