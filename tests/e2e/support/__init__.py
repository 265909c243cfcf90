# SPDX-License-Identifier: MIT
"""What the end-to-end tests are built from: processes, conf files, tokens, raw sockets."""
