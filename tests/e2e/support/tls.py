# SPDX-License-Identifier: MIT
"""Gateways whose listener speaks TLS, and clients for them."""

import socket
import ssl
import warnings

from . import certificates, waiting

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def trusting(certificate, version=None, alpn=None):
    """A client's context that trusts this certificate alone."""
    context = ssl.create_default_context(cafile=str(certificate.path))
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # an end without close_notify is to be seen
    if version is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = version
    if alpn is not None:
        context.set_alpn_protocols(alpn)
    return context


def tls_gateway(world, simulator=None, kind="ec", version=None, **settings):
    """A gateway whose only listener speaks TLS; its clients do, too."""
    certificate = certificates.Certificate(world.folder, f"tls-{len(world.gateways)}", kind)
    settings.setdefault("listen", [{"address": "127.0.0.1:0", "tls": certificate.group()}])
    gateway = world.gateway(simulator, **settings)
    gateway.certificate = certificate
    gateway.tls = trusting(certificate, version)
    return gateway



def bare_socket(gateway):
    """A connection on which no handshake has begun."""
    host, port = gateway.address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=waiting.PATIENCE_S)
