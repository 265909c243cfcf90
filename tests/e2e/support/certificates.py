# SPDX-License-Identifier: MIT
"""Certificates and keys, made anew for each test by the openssl program."""

import subprocess

KINDS = {
    "ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "rsa": ["-newkey", "rsa:2048"],
}


class Certificate:
    """A self-signed certificate for localhost, and its key, in two files."""

    def __init__(self, folder, name, kind="ec", days=30):
        self.path = folder / f"{name}.pem"
        self.key_path = folder / f"{name}-key.pem"
        self.make(kind, days)

    def make(self, kind="ec", days=30):
        """Make a new pair in the same files."""
        self.key_path.touch(mode=0o600)
        subprocess.run(
            ["openssl", "req", "-x509", "-nodes", *KINDS[kind], "-days", str(days),
             "-keyout", str(self.key_path), "-out", str(self.path), "-subj", "/CN=localhost",
             "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
            check=True, capture_output=True,
        )

    def group(self):
        """The tls group of a listener."""
        return {"certificate": str(self.path), "key": str(self.key_path)}

    def key_lines(self):
        return self.key_path.read_text().split("\n")[1:-2]
