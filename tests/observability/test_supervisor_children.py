"""Real processes: prefixed lines, deaths and returns, an end for everyone within the promised time."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from observability.supervisor import children as children_module
from observability.supervisor import processes
from observability.supervisor.children import Children
from observability.supervisor.plan import Child, Rank

Said = list[tuple[str, str]]


@pytest.fixture
def said() -> Said:
    return []


@pytest.fixture
def children(said: Said, tmp_path: Path) -> Iterator[Children]:
    family = Children(say=lambda name, line: said.append((name, line)), folder=tmp_path)
    family.environment = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"}
    yield family
    family.kill()
    family.stop()


def python(name: str, code: str, *, rank: Rank = Rank.WORK, small_talk: tuple[str, ...] = ()) -> Child:
    return Child(name, (sys.executable, "-S", "-c", code), rank=rank, small_talk=small_talk)


def pump_until(children: Children, said: Said, wanted: tuple[str, str], *, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while wanted not in said:
        assert time.monotonic() < deadline, said
        children.pump(0.05)


def test_lines_come_with_the_name_of_who_said_them(children: Children, said: Said) -> None:
    children.start(python("one", "import time; print('first'); print('hum'); time.sleep(60)", small_talk=("hum",)))
    children.start(python("two", "import sys, time; sys.stderr.write('oh\\n'); time.sleep(60)"))
    pump_until(children, said, ("one", "first"))
    pump_until(children, said, ("two", "oh"))
    assert ("one", "hum") not in said


def test_a_child_that_dies_comes_back_and_its_last_words_are_kept(children: Children, said: Said) -> None:
    first = children.start(python("web", "import os, time; print(os.getpid()); time.sleep(60)"))
    pump_until(children, said, ("web", str(first.pid)))
    first.kill()
    pump_until(
        children,
        said,
        ("up", "web was ended by SIGKILL after 0 s; again in 0.5 s: it had run well, so it comes back at once"),
    )
    deadline = time.monotonic() + 10
    while len([line for name, line in said if name == "web"]) < 2:
        assert time.monotonic() < deadline
        children.pump(0.05)


def test_an_unfinished_last_line_is_shown(children: Children, said: Said) -> None:
    children.start(python("web", "import sys; sys.stdout.write('so it ends')"))
    pump_until(children, said, ("web", "so it ends"))


def test_everyone_ends_in_order_also_those_who_refuse(
    children: Children, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children_module, "GRACE_SECONDS", {Rank.WORK: 0.3, Rank.SERVER: 2.0})
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); time.sleep(60)"
    server = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *a: (print('bye'), sys.exit())); print('up'); time.sleep(60)"
    web = children.start(python("web", stubborn))
    database = children.start(python("postgres", server, rank=Rank.SERVER))
    for name in ("web", "postgres"):
        pump_until(children, said, (name, "up"))
    children.stop()
    assert web.returncode == -signal.SIGKILL
    assert database.returncode == 0
    assert said[-2:] == [("up", "web did not end in time and was killed"), ("postgres", "bye")]


def test_grandchildren_do_not_survive(children: Children, said: Said) -> None:
    code = (
        "import os, subprocess, sys, time; p = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)']); "
        "print(p.pid); time.sleep(60)"
    )
    children.start(python("fast", code))
    deadline = time.monotonic() + 10
    while not said:
        assert time.monotonic() < deadline
        children.pump(0.05)
    children.stop()
    grandchild = int(said[0][1])
    deadline = time.monotonic() + 5
    while Path(f"/proc/{grandchild}").exists() and "Z" not in Path(f"/proc/{grandchild}/stat").read_text().split()[2]:
        assert time.monotonic() < deadline


def test_a_command_runs_to_its_end(children: Children) -> None:
    argv = [sys.executable, "-S", "-c", "print('a'); print('b'); raise SystemExit(3)"]
    heard: Said = []
    code, lines = children.run(
        argv,
        environment=children.environment,
        idle=lambda: children.pump(0.02),
        heard=lambda line: heard.append(("command", line)),
    )
    assert (code, lines) == (3, ["a", "b"])


def test_children_of_a_killed_supervisor_end_too(tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from observability.supervisor import processes\n"
        "child = processes.start(argv=[sys.executable, '-S', '-c', 'import time; time.sleep(60)'], output=-3)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = processes.start(argv=[sys.executable, "-c", code], folder=Path(__file__).parent.parent.parent)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait(5)
    assert processes.wait_until(lambda: not Path(f"/proc/{child}").exists(), timeout_seconds=5)
    processes.stop(parent)
