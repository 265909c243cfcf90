# SPDX-License-Identifier: MIT
"""The step of the build that makes a page out of its parts (cmake/make-page.cmake)."""

import base64
import hashlib
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "cmake" / "make-page.cmake"
PAGE = """<!doctype html>
<title>Ebbe & Flut \u2013 [a;b]</title>
<link rel="stylesheet" href="page.css">
<link rel="stylesheet" href="more.css">
<p>${NOT_A_VARIABLE} @nor_this@ \\n \\; ;; [[x]]</p>
<script src="page.js"></script>
"""


def make(folder, page=PAGE, **files):
    """(the page's bytes, its policy) as they would be compiled in; or the failed run."""
    (folder / "page.html").write_text(page)
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    run = subprocess.run(
        ["cmake", f"-DPAGE={folder}/page.html", "-DNAME=probe", f"-DOUTPUT={folder}/probe.c",
         "-P", str(TOOL)], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        return run, None
    source = (folder / "probe.c").read_text()
    made = bytes(int(byte, 16) for byte in re.findall(r"0x([0-9a-f]{2})", source))
    assert int(re.search(r"\.length = (\d+)", source).group(1)) == len(made)
    return made, re.search(r'\.policy = "(.*)"', source).group(1)


def hashes(made, element):
    texts = re.findall(rf"<{element}>(.*?)</{element}>".encode(), made, re.S)
    return ["'sha256-" + base64.b64encode(hashlib.sha256(text).digest()).decode() + "'"
            for text in texts]


def test_page_holds_its_parts_byte_for_byte_and_the_policy_their_hashes(tmp_path):
    css = "p::before { content: '\\201c[;]'; }\n"
    more = "b{}"  # no line end
    js = 'const a = `${1};\\n[[`; // "\u00fc" @x@ #;\nlet b = [1, 2][0];\n'

    made, policy = make(tmp_path, page_css=css, more_css=more, page_js=js)

    expected = PAGE.replace('<link rel="stylesheet" href="page.css">', f"<style>\n{css}</style>")
    expected = expected.replace('<link rel="stylesheet" href="more.css">',
                                f"<style>\n{more}</style>")
    expected = expected.replace('<script src="page.js"></script>', f"<script>\n{js}</script>")
    assert made.decode() == expected
    assert policy.split("; ")[1].split(" ") == ["script-src", *hashes(made, "script")]
    assert policy.split("; ")[2].split(" ") == ["style-src", *hashes(made, "style")]
    assert len(hashes(made, "style")) == 2 and "unsafe" not in policy


@pytest.mark.parametrize(("page", "word"), [
    ('<script async src="page.js"></script>', "not in the page itself"),
    ('<link rel=stylesheet href=page.css>', "not in the page itself"),
    ('<img src="https://elsewhere.invalid/a.png">', "not in the page itself"),
    ("<img src='//elsewhere.invalid/a.png'>", "not in the page itself"),
])
def test_page_that_would_ask_for_more_is_refused(tmp_path, page, word):
    run, _ = make(tmp_path, page=page, page_css="", page_js="")

    assert word in run.stderr


def test_script_that_would_end_its_own_element_is_refused(tmp_path):
    run, _ = make(tmp_path, page_css="", more_css="", page_js="a('</SCRIPT>')")

    assert "would end its own element" in run.stderr
