# SPDX-License-Identifier: MIT
"""Attack tokens, by family: (name, token, the check that must stop it, or "ok")."""

import hashlib
import json
import time

from .forgery import (CLAIMS, HEADER, NOW, b64, from_segments, loose_twins, mac_of, text_of, token,
                      with_claims, with_header, with_raw_claim)
from .tokens import OTHER_SECRET, SECRET

# --- algorithms (RFC 8725 sections 2.1, 3.1, 3.2) -------------------------------------------

NONES = ["none", "None", "NONE", "nOnE", "noNe", "none ", " none", "none\x00", "n\u043ene", "",
"null"]
OTHERS = ["HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES256K", "PS256", "EdDSA", "dir",
          "A128KW", "PBES2-HS256+A128KW", "RSA-OAEP", "hs256", "Hs256", "HS256 ", " HS256",
          "HS256\x00", "HS25", "HS2567", "HMAC-SHA256", "HS\uff12\uff15\uff16", "SHA256"]
NOT_STRINGS = [None, 0, 256, True, False, ["HS256"], {"alg": "HS256"}, [], {}, 1.5]


def alg_rows():
    claims = b64(text_of(CLAIMS))
    for alg in NONES + OTHERS + NOT_STRINGS + [...]:
        header = b64(text_of(with_header(alg=alg)))
        yield f"alg {alg!r} rightly signed", from_segments(header, claims), "bad_algorithm"
        yield f"alg {alg!r}, no MAC", from_segments(header, claims, ""), "bad_algorithm"
        yield f"alg {alg!r}, zeros", from_segments(header, claims, b64(bytes(32))), "bad_algorithm"
    for alg, digest in (("HS384", hashlib.sha384), ("HS512", hashlib.sha512)):
        yield f"{alg} as it says", token(with_header(alg=alg), digest=digest), "bad_algorithm"
        yield f"HS256 that is {alg}", token(digest=digest), "bad_signature"
    escaped = '{"\\u0061lg":"\\u004eone","typ":"JWT"}'
    yield "alg none by escapes", from_segments(b64(escaped.encode()), claims, ""), "bad_algorithm"


PUBLIC_KEY = (b"-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n"
              b"-----END PUBLIC KEY-----\n")


def key_rows():
    """Keys that an attacker knows, guesses or brings along (RFC 8725 sections 3.5, 3.10)."""
    for name, secret in (("other", OTHER_SECRET), ("empty", b""), ("word", b"secret"),
                         ("nul", b"\x00"), ("half", SECRET[:16]), ("public key", PUBLIC_KEY),
                         ("upper case", SECRET.upper()), ("base64", b64(SECRET).encode()),
                         ("with line end", SECRET + b"\n"), ("twice", SECRET * 2)):
        yield f"signed with {name}", token(secret=secret), "bad_signature"
        yield f"RS256 by {name}", token(with_header(alg="RS256"), secret=secret), "bad_algorithm"
    own = {"kty": "oct", "k": b64(OTHER_SECRET)}
    for name, value in (("jwk", own), ("jku", "https://evil.test/keys"),
                        ("x5u", "https://evil.test"), ("x5c", ["AAAA"]),
                        ("x5t", "AAAA"), ("x5t#S256", "AAAA")):
        brought = token({**HEADER, name: value}, secret=OTHER_SECRET)
        yield f"{name} brought along", brought, "bad_signature"
        yield f"{name} is not looked at", token({**HEADER, name: value}), "ok"
    for kid in ("x", "", "../../../dev/null", "/dev/null", "file:///dev/null", "' OR 1=1 --",
                "x' UNION SELECT 'AAAA", "|sleep 5", "old\x00", "0", "a" * 4000,
                "https://evil.test", "\u202e", "new\n", "%00"):
        yield f"kid {kid[:30]!r}, right key", token(with_header(kid=kid)), "unknown_key"
        yield f"kid {kid[:30]!r}, no key", token(with_header(kid=kid), secret=b""), "unknown_key"
    for kid in (None, 0, 1.5, True, ["new"], {"new": 1}, []):
        yield f"kid {kid!r}", token(with_header(kid=kid)), "bad_header"


# --- the MAC and the shape (RFC 7515 sections 5.2 and 7.1) ------------------------------------


def mac_rows():
    header, claims, mac = token().split(".")
    right = mac_of(header + "." + claims)
    for size in range(32):
        shorter = from_segments(header, claims, b64(right[:size]))
        yield f"MAC of {size} bytes", shorter, "bad_signature"
    for more in (b"\x00", right, bytes(32), b"x" * 500):
        longer = from_segments(header, claims, b64(right + more))
        yield f"MAC and {len(more)} bytes", longer, "bad_signature"
    for bit in range(0, 256, 5):
        flipped = bytearray(right)
        flipped[bit // 8] ^= 1 << bit % 8
        yield f"bit {bit} flipped", from_segments(header, claims, b64(flipped)), "bad_signature"
    yield "MAC of the header", from_segments(header, claims, b64(mac_of(header))), "bad_signature"
    yield "MAC in hex", from_segments(header, claims, right.hex()), "bad_signature"
    yield "MAC reversed", from_segments(header, claims, b64(right[::-1])), "bad_signature"
    admin = b64(text_of(with_claims(sub="admin")))
    yield "claims changed", f"{header}.{admin}.{mac}", "bad_signature"
    whole = b64(text_of({**CLAIMS, "x": "y" * (-len(text_of({**CLAIMS, "x": ""})) % 3)}))
    yield "claims added", f"{header}.{whole}{admin}.{mac}", "bad_signature"
    yield "header changed", f"{b64(text_of({'alg': 'HS256'}))}.{claims}.{mac}", "bad_signature"


def shape_rows():
    header, claims, mac = token().split(".")
    for shape in ("h", "h.c", "h.c.", ".c.m", "h..m", "..m", "h..", "..", ".", "...", "....",
                  "h.c.m.", ".h.c.m", "h.c.m.m", "h.c.c.m", "h.c.m.h.c", "h.c.m.h.c.m",
                  "h..c.m", "h.c..m",
                  "c.h.m", "m.c.h", "hcm", "h.cm", "hc.m"):
        made = shape.replace("h", "\0").replace("c", "\1").replace("m", "\2")
        made = made.replace("\0", header).replace("\1", claims).replace("\2", mac)
        verdict = "malformed"
        if shape in ("h.c.", "h..m", "h.."):
            verdict = "bad_signature"  # empty segments are lawful base64url
        elif shape == "c.h.m":
            verdict = "bad_algorithm"  # the claims are JSON, and name none
        yield f"shape {shape}", made, verdict


def base64_rows():
    """One token has one spelling: RFC 7515 section 2, RFC 4648 sections 3.5 and 5."""
    odd_header = next(b64(text_of({**HEADER, "x": "y" * n})) for n in range(3)
                      if len(b64(text_of({**HEADER, "x": "y" * n}))) % 4 == 3)
    even_claims = next(b64(text_of({**CLAIMS, "x": "y" * n})) for n in range(3)
                       if len(b64(text_of({**CLAIMS, "x": "y" * n}))) % 4 == 2)
    mac = b64(mac_of(f"{odd_header}.{even_claims}"))
    yield "as it must be", from_segments(odd_header, even_claims), "ok"
    for twin in loose_twins(odd_header):
        yield f"spare bits of the header {twin[-1]}", from_segments(twin, even_claims), "malformed"
    for twin in loose_twins(even_claims):
        yield f"spare bits of the claims {twin[-1]}", from_segments(odd_header, twin), "malformed"
    for twin in loose_twins(mac):
        loose = from_segments(odd_header, even_claims, twin)
        yield f"spare bits of the MAC {twin[-1]}", loose, "malformed"
    for pad in ("=", "==", "==="):
        yield f"header {pad}", from_segments(odd_header + pad, even_claims), "malformed"
        yield f"claims {pad}", from_segments(odd_header, even_claims + pad), "malformed"
        yield f"MAC {pad}", from_segments(odd_header, even_claims, mac + pad), "malformed"
    header = b64(b'{"alg":"HS256","x":"\xc3\xbf??>>~~\xc3\xbb\xc3\xbf"}')
    plain = header.replace("-", "+").replace("_", "/")
    assert plain != header
    yield "alphabet of URLs", from_segments(header, even_claims), "ok"
    yield "the other alphabet", from_segments(plain, even_claims), "malformed"
    for byte in " \t,;:\"'*!%&()[]{}<>?@\\^`|~#$+/\x80\xe9\xff":
        header = odd_header[:4] + byte + odd_header[4:]
        yield f"{byte!r} in the header", from_segments(header, even_claims), "malformed"
        spoilt = from_segments(odd_header, even_claims, mac[:9] + byte + mac[9:])
        yield f"{byte!r} in the MAC", spoilt, "malformed"
    yield "one character too few", from_segments(odd_header[:-2], even_claims), "malformed"


# --- the header and the claims as JSON ----------------------------------------------------------

BROKEN_JSON = [
    b"", b" ", b"null", b"true", b"1", b'"x"', b"[]", b"[{}]", b"{", b"}", b"{]", b"{}{}", b"{} x",
    b"{},",
    b"{\"a\":1,}", b"{,}", b"{'a':1}", b"{a:1}", b"{\"a\" 1}", b"{\"a\":}", b"{\"a\":01}",
    b"{\"a\":+1}",
    b"{\"a\":.5}", b"{\"a\":1.}", b"{\"a\":0x1}", b"{\"a\":NaN}", b"{\"a\":Infinity}",
    b"{\"a\":-}",
    b"{\"a\":1e}", b"{\"a\":tru}", b"{\"a\":\"x}", b"{\"a\":\"\\x\"}", b"{\"a\":\"\\u12\"}",
    b"{\"a\":\"\\ud800\"}", b"{\"a\":\"\\udc00\\ud800\"}", b"{\"a\":\"\n\"}", b"{\"a\":\"\x00\"}",
    b"{}\x00",
    b"\x00{}", b"\xef\xbb\xbf{}", b"{\"a\":\"\xff\"}", b"{\"a\":\"\xc0\x80\"}",
    b"{\"a\":\"\xed\xa0\x80\"}",
    b"{\"a\":\"\xf5\x80\x80\x80\"}", b"{\"a\":\"\xe2\x82\"}", b"{}/* */", b"// x\n{}",
    b"{\"a\":" + b"[" * 40 + b"]" * 40 + b"}", b"{\"a\":1\x0b}", b"\xff\xfe{\x00}\x00",
    b"{\"alg\":\"HS256\"",
    b"\x1f\x8b\x08\x00",
]


def json_rows():
    for text in BROKEN_JSON:
        yield f"header {text[:40]!r}", token(text), "malformed"
        yield f"claims {text[:40]!r}", token(claims=text), "bad_claims"
    for text in ('{"alg":"none","alg":"HS256"}', '{"alg":"HS256","alg":"none"}',
                 '{"alg":"HS256","al\\u0067":"HS256"}',
                 '{"alg":"HS256","kid":"x","kid":"y"}', '{"alg":"HS256","x":1,"\\u0078":2}',
                 '{"alg":"HS256","":1,"":2}'):
        yield f"header {text}", token(text), "bad_header"
    for text in (f'{{"sub":"a","sub":"b","exp":{NOW + 60}}}',
                 f'{{"sub":"a","exp":1,"exp":{NOW + 60}}}',
                 f'{{"sub":"a","exp":1,"e\\u0078p":{NOW + 60}}}',
                 f'{{"sub":"a","exp":{NOW + 60},"x":1,"\\u0078":2}}'):
        yield f"claims {text}", token(claims=text), "bad_claims"


def header_rows():
    for more in ({"crit": ["exp"]}, {"crit": []}, {"crit": None}, {"crit": "exp"},
                 {"crit": ["b64"], "b64": False}, {"b64": False}, {"b64": True}, {"zip": "DEF"},
                 {"enc": "A128GCM"}, {"cty": "JWT"}, {"cty": "jwt"}, {"cty": "application/jwt"},
                 {"cty": None}, {"typ": "JWE"}, {"typ": "JOSE"}, {"typ": "dpop+jwt"},
                 {"typ": "logout+jwt"}, {"typ": "refresh"}, {"typ": ""}, {"typ": None},
                 {"typ": ["JWT"]}, {"typ": 1}, {"typ": "application/jwt"}, {"typ": "JWT\x00"}):
        yield f"header with {more}", token({**HEADER, **more}), "bad_header"
    for typ in ("JWT", "jwt", "at+jwt", "AT+JWT", ...):
        yield f"typ {typ!r}", token(with_header(typ=typ)), "ok"
    inner = token()
    yield "a token in a token", token({**HEADER, "cty": "JWT"}, inner), "bad_header"
    yield "a token in a token, unsaid", token(claims=inner), "bad_claims"
    raw = b64(text_of(with_header(b64=False, crit=["b64"]))) + "." + "plain"
    yield "unencoded claims", raw + "." + b64(mac_of(raw)), "malformed"


NO_DATES = ["null", "true", "false", '""', '"x"', f'"{NOW + 3600}"', "[]", "{}", f"[{NOW + 3600}]",
            "1e400", "-1e400", "1e999999999999", "9223372036854775808", "18446744073709551616",
            "99999999999999999999999", "-9223372036854775809", "1e19", "1" + "0" * 400]
EXPIRED = ["0", "-0", "-1", "1", str(NOW - 60), f"{NOW - 60}.999", "1e9", "1e-400", "0.999",
           "-1e9", "-9223372036854775808", "0e999999999999", "1.7e9", "0.0000001e7"]
AHEAD = [str(NOW + 4000), f"{NOW + 4000}.5", "9e9", "9007199254740993", "9223372036854775807"]


def date_rows():
    for text in NO_DATES:
        for name in ("exp", "nbf", "iat"):
            yield f"{name} {text[:30]}", token(claims=with_raw_claim(name, text)), "bad_claims"
    for text in EXPIRED:
        yield f"exp {text}", token(claims=with_raw_claim("exp", text)), "expired"
        yield f"nbf {text}", token(claims=with_raw_claim("nbf", text)), "ok"
        yield f"iat {text}", token(claims=with_raw_claim("iat", text)), "ok"
    for text in AHEAD:
        yield f"exp {text}", token(claims=with_raw_claim("exp", text)), "ok"
        yield f"nbf {text}", token(claims=with_raw_claim("nbf", text)), "not_yet_valid"
        yield f"iat {text}", token(claims=with_raw_claim("iat", text)), "not_yet_valid"
    yield "no exp", token(claims=with_claims(exp=...)), "missing_claim"
    # The leeway of 30 s, on both sides of it and away from it by more than a test takes.
    yield "expired within the leeway", token(claims=with_claims(exp=int(time.time()) - 1)), "ok"
    yield "nbf within the leeway", token(claims=with_claims(nbf=NOW + 25)), "ok"


def subject_rows():
    for subject in (None, 0, True, [], {}, ["a"], "", " ", "   ", "x" * 129, "x" * 5000, "a\nb",
                    "a\r\nb", "a\x00b", "\x1b[31m", "a\x7f", "caf\xe9", "\u202eadmin",
                    "a\tb", "\ud83d\ude00"):
        yield f"sub {str(subject)[:20]!r}", token(claims=with_claims(sub=subject)), "bad_claims"
    yield "no sub", token(claims=with_claims(sub=...)), "missing_claim"
    yield "Sub", token(claims={**with_claims(sub=...), "Sub": "a"}), "missing_claim"
    yield "sub of 128 bytes", token(claims=with_claims(sub="x" * 128)), "ok"
    escaped = json.dumps(CLAIMS).replace("sub", "s\\u0075b")
    yield "sub by escapes", token(claims=escaped), "ok"
    for name, value in (("iss", 1), ("iss", None), ("aud", 1), ("aud", [1]), ("aud", ["a", None]),
                        ("aud", {})):
        spoilt = token(claims=with_claims(**{name: value}))
        yield f"{name} {value!r}, asked for or not", spoilt, "bad_claims"


FAMILIES = {family.__name__: family for family in (
    alg_rows, key_rows, mac_rows, shape_rows, base64_rows, json_rows, header_rows, date_rows,
    subject_rows)}
