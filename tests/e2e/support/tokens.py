# SPDX-License-Identifier: MIT
"""HS256 tokens, made here and not by the program under test. RFC 7515 section 3.1."""

import base64
import hashlib
import hmac
import json
import time

# Long enough for RFC 7518 section 3.2, and easy to find in a log where it must not be.
SECRET = b"canary-jwt-secret-4d1f0c9be7a25863"
OTHER_SECRET = b"canary-other-secret-a97351fe02bd84c6"


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compact(header, claims, secret=SECRET):
    """Sign <claims>; <header> and <claims> are objects, or text used as it is."""
    parts = [x if isinstance(x, str) else json.dumps(x) for x in (header, claims)]
    signed = ".".join(base64url(part.encode()) for part in parts)
    mac = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64url(mac)}"


def token(subject="tester", secret=SECRET, lifetime_s=3600, kid=None, **claims):
    """A token that verifies, unless the arguments spoil it. A claim of None is left out."""
    now = int(time.time())
    everything = {"sub": subject, "iat": now, "exp": now + lifetime_s, **claims}
    header = {"alg": "HS256", "typ": "JWT"}
    if kid is not None:
        header["kid"] = kid
    return compact(header, {k: v for k, v in everything.items() if v is not None}, secret)
