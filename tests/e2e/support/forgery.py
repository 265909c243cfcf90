# SPDX-License-Identifier: MIT
"""Tokens put together from any bytes, and what stands in for an attacker's tools."""

import base64
import hashlib
import hmac
import json
import time

from .tokens import SECRET

NOW = int(time.time())
HEADER = {"alg": "HS256", "typ": "JWT"}
CLAIMS = {"sub": "tester", "iat": NOW - 1, "exp": NOW + 3600}


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def text_of(part):
    """An object as JSON, text as UTF-8, bytes as they are."""
    if isinstance(part, bytes):
        return part
    return (part if isinstance(part, str) else json.dumps(part)).encode()


def mac_of(signed, secret=SECRET, digest=hashlib.sha256):
    return hmac.new(secret, signed.encode("latin-1"), digest).digest()


def token(header=None, claims=None, secret=SECRET, digest=hashlib.sha256):
    """Rightly signed, whatever <header> and <claims> are."""
    header = HEADER if header is None else header
    claims = CLAIMS if claims is None else claims
    signed = b64(text_of(header)) + "." + b64(text_of(claims))
    return signed + "." + b64(mac_of(signed, secret, digest))


def from_segments(header, claims, mac=None):
    """Segments as they stand, and the right MAC over them unless one is given."""
    signed = header + "." + claims
    return signed + "." + (b64(mac_of(signed)) if mac is None else mac)


def with_claims(**changes):
    """CLAIMS with some changed; ... takes one out."""
    return {key: value for key, value in {**CLAIMS, **changes}.items() if value is not ...}


def with_raw_claim(name, text):
    """CLAIMS with the claim <name> written as <text>, which need not be JSON."""
    kept = {key: value for key, value in CLAIMS.items() if key != name}
    return json.dumps(kept)[:-1] + f', "{name}": {text}}}'


def with_header(**changes):
    return {key: value for key, value in {**HEADER, **changes}.items() if value is not ...}


def long_token(size):
    """A token that verifies and is <size> bytes long, or one byte shorter."""
    filler = 1
    while True:
        made = token(claims=with_claims(filler="x" * filler))
        if len(made) >= size - 1:
            return made
        filler += max((size - len(made)) * 3 // 4 - 2, 1)


_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def loose_twins(segment):
    """Other spellings that a decoder which drops spare bits takes for <segment>."""
    spare = {2: 4, 3: 2}[len(segment) % 4]
    value = _ALPHABET.index(segment[-1])
    return [segment[:-1] + _ALPHABET[value + more] for more in range(1, 1 << spare)]
