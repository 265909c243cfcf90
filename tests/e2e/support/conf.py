# SPDX-License-Identifier: MIT
"""Conf files in libconfig syntax, from plain Python values."""

import json


def render(value, depth=0):
    """dict: group; list with dicts in it: list; list of anything else: array; str, bool, int."""
    pad = "  " * (depth + 1)
    if isinstance(value, dict):
        rows = (f"{pad}{key} = {render(item, depth + 1)};\n" for key, item in value.items())
        return "{\n" + "".join(rows) + "  " * depth + "}"
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return "( " + ", ".join(render(item, depth) for item in value) + " )"
    if isinstance(value, list):
        return "[ " + ", ".join(render(item, depth) for item in value) + " ]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return json.dumps(value)


def render_file(settings):
    return "".join(f"{key} = {render(value)};\n" for key, value in settings.items())


def merge(base, changes):
    """<base> with <changes> laid over it; groups are merged, all else is replaced."""
    merged = dict(base)
    for key, value in changes.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = value
    return merged
