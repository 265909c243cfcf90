# SPDX-License-Identifier: MIT
"""The checks must be able to fail: each is shown a small tree with one fault in it."""

import os
import subprocess
from pathlib import Path

import check_banned
import check_end_reasons
import check_hardening
import check_includes
import check_sizes
import check_spec_refs
import check_threat_model
import pytest

RULES = {
    "base": "base\n",
    "auth": "auth\nbase\n",
    "upstream": "upstream\nbase\n",
    "gateway": "gateway\nauth/auth.h\nauth/keys.h by worker\nbase\n"
    "layer main\nlayer worker\nlayer exchange\nlayer format_* log\n",
}


@pytest.fixture
def tree(tmp_path):
    """A tree with rules and no code; call it to add a file."""
    for folder, rules in RULES.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / ".may_include").write_text(rules)
    for folder in ("loop", "e2e", "unit"):
        (tmp_path / "tests" / folder).mkdir(parents=True)

    def add(path, text):
        (tmp_path / path).write_text(text)
        return tmp_path

    add("gateway/log.h", "/* nothing */\n")
    return add


def test_arrows_that_are_allowed_pass(tree):
    tree("gateway/worker.c", '#include "auth/keys.h"\n#include "gateway/exchange.h"\n')
    tree("gateway/exchange.h", '#include "gateway/log.h"\n#include "auth/auth.h"\n')
    root = tree("auth/auth.c",
                '#include "auth/auth.h"\n#include "base/span.h"\n#include <time.h>\n')

    assert check_includes.check(root) == []


@pytest.mark.parametrize(
    "path, text, words",
    [
        ("auth/jws.c", '#include "upstream/sse.h"\n', "may not include"),
        ("upstream/sse.c", '#include "gateway/log.h"\n', "may not include"),
        ("base/span.c", '#include "auth/auth.h"\n', "may not include"),
        ("base/span.c", "#include <event2/event.h>\n", "base/ may not"),
        ("gateway/exchange.c", '#include "gateway/worker.h"\n', "a layer above"),
        ("gateway/exchange.c", '#include "auth/keys.h"\n', "may not include"),
        ("gateway/format_text.c", '# include "gateway/exchange.h"\n', "a layer above"),
        ("gateway/stray.c", "", "stands in no layer"),
    ],
)
def test_an_include_against_the_arrows_is_found(tree, path, text, words):
    root = tree(path, text)

    problems = check_includes.check(root)

    assert len(problems) == 1 and words in problems[0], problems


def test_an_include_in_a_comment_is_none(tree):
    root = tree("auth/jws.c", '/*\n#include "upstream/sse.h"\n*/\n')

    assert check_includes.check(root) == []


def test_modules_that_include_each_other_are_found(tree):
    tree("auth/jws.h", '#include "auth/keys.h"\n')
    root = tree("auth/keys.h", '#include "auth/jws.h"\n')

    assert check_includes.check(root) == ["auth: modules include each other: jws -> keys -> jws"]


@pytest.mark.parametrize(
    "path, line",
    [
        ("base/span.c", "    strcpy(a, b);"),
        ("tests/unit/test_span.c", "    int n = atoi(text);"),
        ("auth/hs256.c", "    if (memcmp(mac, other, 32) == 0) {"),
        ("gateway/exchange.c", "    evhttp_send_reply_end(req);"),
        ("upstream/pool.c", "    now = time(NULL);"),
    ],
)
def test_a_banned_call_is_found_with_its_line(tree, path, line):
    root = tree(path, "/* file */\n" + line + "\n")

    problems = check_banned.check(root)

    assert len(problems) == 1 and problems[0].startswith(f"{path}:2: "), problems


@pytest.mark.parametrize(
    "path, line",
    [
        ("base/span.c", "    /* strcpy(a, b) would be wrong */"),
        ("base/span.c", '    puts("system(x)");'),
        ("base/span.c", "    stop_time(x); x->time(y); snprintf(a, n, f);"),
        ("base/clock.c", "    clock_gettime(CLOCK_MONOTONIC, &now);"),
        ("gateway/edge.c", "    evhttp_free(http);"),
        ("base/span.c", "    return memcmp(a, b, n) == 0;"),
    ],
)
def test_what_only_looks_banned_passes(tree, path, line):
    assert check_banned.check(tree(path, line + "\n")) == []


TABLE = '#define END_REASONS(X) X(END_DONE, "done", 200) X(END_CUT, "cut", 0)\n'


def test_an_end_reason_without_a_test_is_found(tree):
    tree("gateway/end_reason.h", TABLE)
    tree("tests/unit/test_end_reason.c", "int a = END_CUT;\n")
    root = tree("tests/loop/test_x.c", "int a = END_DONE; /* END_CUT */\n")

    problems = check_end_reasons.check(root)

    assert len(problems) == 1 and "END_CUT (cut)" in problems[0]


def test_an_end_reason_in_a_python_test_counts(tree):
    tree("gateway/end_reason.h", TABLE)
    tree("tests/e2e/test_y.py", 'ROWS = [("done", 200)]\ndef test_cut():\n    expect("cut")\n')

    assert check_end_reasons.check(tree("tests/loop/test_x.c", "")) == []


def test_a_clause_without_a_test_is_listed(tree):
    tree("auth/jws.c", "/* RFC 7515 section 5.2 and\n * RFC 7519 section\n * 4.1 */\n")
    root = tree("tests/unit/test_jws.c", '{"x", "RFC 7515 section 5.2"}\n')

    problems = check_spec_refs.check(root)

    assert problems == ["auth/jws.c: RFC 7519 section 4.1: cited in code, by no test"]


def test_a_long_function_and_a_long_file_are_found(tree):
    body = "static int f(int a,\n             int b)\n{\n" + "    a++;\n" * 79 + "}\n"
    tree("base/span.c", "static const int t[] =\n{\n" + "    1,\n" * 90 + "};\n\n" + body)
    root = tree("base/json.c", "\n" * 601)

    problems = check_sizes.check(root)

    assert problems == ["base/json.c: 601 lines (at most 600)",
                        "base/span.c:97: f: 81 lines (at most 80)"]


# --- hardening ---------------------------------------------------------------------

HARD_COMPILE = ["-O2", "-D_FORTIFY_SOURCE=3", "-fstack-protector-strong", "-fPIE"]
HARD_LINK = ["-pie", "-Wl,-z,relro", "-Wl,-z,now", "-Wl,-z,noexecstack"]


def build_probe(folder, compile_flags, link_flags):
    source, program = Path(__file__).with_name("hardening_probe.c"), folder / "probe"
    subprocess.run(["gcc", *compile_flags, "-c", "-o", folder / "probe.o", source], check=True)
    subprocess.run(["gcc", *link_flags, "-o", program, folder / "probe.o"], check=True)
    return program


def test_a_hardened_program_passes(tmp_path):
    assert check_hardening.check(build_probe(tmp_path, HARD_COMPILE, HARD_LINK)) == []


@pytest.mark.parametrize(
    "flag, instead, words",
    [
        ("-D_FORTIFY_SOURCE=3", "-D_FORTIFY_SOURCE=0", "checked calls"),
        ("-fstack-protector-strong", "-fno-stack-protector", "stack protector"),
        ("-pie", "-no-pie", "position independent"),
        ("-Wl,-z,relro", "-Wl,-z,norelro", "RELRO"),
        ("-Wl,-z,now", "-Wl,-z,lazy", "at the start"),
        ("-Wl,-z,noexecstack", "-Wl,-z,execstack", "executable"),
    ],
)
def test_each_flag_that_is_missing_is_named(tmp_path, flag, instead, words):
    def without(flags):
        return ["-U_FORTIFY_SOURCE", *(instead if one == flag else one for one in flags)]

    program = build_probe(tmp_path, without(HARD_COMPILE), without(HARD_LINK)[1:])

    assert any(words in problem for problem in check_hardening.check(program))


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the flag is of one processor")
def test_an_object_without_the_processors_guards_is_named(tmp_path):
    program = build_probe(tmp_path, [*HARD_COMPILE, "-fcf-protection=none"], HARD_LINK)

    problems = check_hardening.check(program, tmp_path / "probe.o")

    assert len([problem for problem in problems if "no mark" in problem]) == 2


# --- threat model --------------------------------------------------------------------

PROMISES = "| promise | mechanism | proved by |\n|---|---|---|\n"


@pytest.fixture
def promise(tree):
    """A tree in which one promise is proved by <tests>; the problems found."""
    def look(tests):
        root = tree("tests/e2e/test_x.py", "def test_it():\n    pass\n")
        tree("tests/unit/test_y.c", "static void it_holds(void **state)\n{\n}\n")
        (root / "docs").mkdir()
        tree("docs/threat-model.md", f"{PROMISES}| all is well | magic | {tests} |\n")
        return check_threat_model.check(root)
    return look


def test_a_promise_with_tests_passes(promise):
    assert promise("`e2e/test_x::test_it`, `unit/test_y::it_holds`") == []


@pytest.mark.parametrize(
    "tests, words",
    [
        ("", "without a test"),
        ("`e2e/test_z::test_it`", "there is no tests/e2e/test_z.py"),
        ("`e2e/test_x::test_i`", "has no test_i"),
        ("`unit/test_y::holds`", "has no holds"),
        ("`unit/test_y`", "names no test"),
        ("`fuzz/nothing`", "there is no"),
    ],
)
def test_a_promise_without_its_test_is_named(promise, tests, words):
    assert any(words in problem for problem in promise(tests))


def test_a_mechanism_that_is_not_there_is_named(promise):
    problems = promise("`e2e/test_x::test_it` in `log.h`, `gone.c` and `base/gone.c`")

    assert [problem.split()[-1] for problem in problems] == ["gone.c", "base/gone.c"]


def test_a_missing_threat_model_is_named(tree):
    assert check_threat_model.check(tree("base/a.h", "")) == ["docs/threat-model.md: missing"]
