"""Code out of an answer: it runs only locked down, and only where the configuration says so."""

from __future__ import annotations

import sys

import pytest

from probes import assertions, sandbox, shape

MEDIAN = (
    "def median(v):\n    o = sorted(v)\n    m = len(o) // 2\n    return o[m] if len(o) % 2 else (o[m - 1] + o[m]) / 2\n"
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the filter is Linux's")


@pytest.mark.parametrize(
    ("code", "passes"),
    [
        (MEDIAN, True),
        (MEDIAN.replace("len(o) % 2", "True"), False),
        ("def median(v)\n", False),
        ("import statistics, re, math, json, collections, dataclasses\nmedian = statistics.median", True),
    ],
)
def test_code_passes_where_its_test_does(code, passes):
    assert sandbox.run(code, "assert median([1, 2]) == 1.5") is passes


@pytest.mark.parametrize(
    "code",
    [
        "open('/etc/passwd')",
        "open('/tmp/left', 'w')",
        "import _socket; _socket.socket()",
        "import os; os.fork()",
        "import os; os.kill(os.getppid(), 9)",
        "import os; os.execv('/bin/true', ['true'])",
        "x = 'a' * 10**10",
        "import os; os._exit(0)",
        "import sys; sys.exit(0)",
        "import os\nwhile True: os.write(1, b'x' * 65536)",
        "import os; os.close(1); 1 / 0",
        "x = " + "'" + "a" * sandbox.LONGEST + "'",
    ],
)
def test_code_reaches_nothing_outside_and_an_early_end_is_no_pass(code):
    assert sandbox.run(code, "") is False


def test_code_without_end_is_stopped(monkeypatch):
    monkeypatch.setattr(sandbox, "WALL_SECONDS", 0.3)
    assert sandbox.run("while True: pass", "") is False


def test_code_is_not_run_unless_something_here_runs_it():
    one = assertions.load(shape.Node("f", "a", {"code": "assert median([1, 2]) == 1.5"}))
    assert assertions.holds(one, MEDIAN) is None
    assert assertions.holds(one, f"Here it is:\n```python\n{MEDIAN}```\nDone.", run=sandbox.run) is True
    assert assertions.holds(one, f"{MEDIAN}The middle is returned.", run=sandbox.run) is True
