# SPDX-License-Identifier: MIT
"""What every refusal of the gateway looks like, to the byte."""

MESSAGES = {
    "bad_request": "Bad Request.",
    "bad_body": "Bad Request. Invalid body(message | messages).",
    "method_not_allowed": "HTTP method is not allowed.",
    "too_large": "Content Too Large",
    "target_too_long": "URI Too Long",
    "expectation": "Expectation Failed",
    "head_too_large": "Request Header Fields Too Large",
    "http_version": "HTTP Version Not Supported",
    "request_timeout": "Request Timeout",
}


def expect_refusal(reply, status, reason, is_head=False):
    """Our own words and never evhttp's: JSON to the byte, and all that the contract adds."""
    body = f'{{\n  "statusCode": {status},\n  "statusMessage": "{MESSAGES[reason]}"\n}}'
    assert (reply.status, reply.reason) == (status, reason), reply.head
    assert reply.field("Content-Type") == "application/json"
    assert reply.field("Content-Length") == str(len(body))
    assert reply.body == (b"" if is_head else body.encode())
    assert reply.field("X-Request-Id") and reply.field("Date")
    assert reply.field("Cache-Control") == "no-store"
    assert reply.field("Connection") == "close"
