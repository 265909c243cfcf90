# SPDX-License-Identifier: MIT
"""own_httpx.py URL TOKEN MESSAGE - one chat with httpx; the answer goes to standard output."""

import sys

import httpx

url, token, content = sys.argv[1:]
with httpx.stream("POST", url, headers={"Authorization": f"Bearer {token}"},
                  json={"messages": [{"role": "user", "content": content}]}) as response:
    if response.status_code != 200:
        print(f"status {response.status_code}", file=sys.stderr)
        sys.stdout.buffer.write(response.read())
        sys.exit(1)
    try:
        for piece in response.iter_bytes():
            sys.stdout.buffer.write(piece)
    except httpx.RemoteProtocolError as error:
        print(f"broken off: {error}", file=sys.stderr)
        sys.exit(2)
