"""Reference sets: recorded, signed, compared, declared; by the command line against a server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from probes import __main__ as cli
from probes import config, recording, references
from probes.calibration import Baseline
from probes.canary import Completion
from probes.config import Canary, ProbeConfig
from probes.embed import HashedNgrams
from probes.judging import Judge
from probes.prompts import Prompt
from probes.references import ReferenceSet, State
from probes.shape import Node, ShapeError
from tests.probes.servers import serving, silent, stream
from tests.probes.test_agent import Memory

AT = "2026-11-22T16:00:00+00:00"
PROMPTS = (Prompt("a", "A?", "short"), Prompt("b", "B?", "short"), Prompt("fresh", "C?", "latency", nonce=True))
CONFIG = ProbeConfig(canaries=(Canary("chat", "http://x", "m", PROMPTS, version="7"),))


def recorded(memory: Memory | None = None, **before: int) -> tuple[ReferenceSet, list[str]]:
    memory = memory or Memory()
    memory.answer = Completion("ok", "It is A.", (0.1,), 0.2)
    sets, problems = recording.record(CONFIG, memory, Judge(), times=3, at=AT, before=before)
    return sets[0], problems


def test_quality_prompts_are_asked_and_their_baseline_is_kept():
    memory = Memory()
    one, problems = recorded(memory, chat=4)
    assert problems == []
    assert sorted(memory.asked) == ["a", "a", "a", "b", "b", "b"]
    assert (one.version, one.model_version, one.embedder, one.lexical) == (5, "7", "hashed-ngrams-1", True)
    assert one.references == {"a": ("It is A.",), "b": ("It is A.",)}
    assert one.slices == {"short": Baseline(1.0, 0.0, 6)}


def test_a_set_is_written_and_read_back_alike():
    one, _ = recorded()
    assert references.load(references.dump(one), file="r") == one
    signed = recording.sign(one, by="alice", at=AT)
    assert references.load(references.dump(signed), file="r") == signed


def test_an_answer_that_fails_is_no_reference():
    memory = Memory()
    memory.complete = lambda canary, prompt: Completion("timeout", detail="30 s")  # type: ignore[method-assign]
    sets, problems = recording.record(CONFIG, memory, Judge(), times=2, at=AT, before={})
    assert sets[0].references == {}
    assert problems == ["chat, prompt a: timeout 30 s"] * 2 + ["chat, prompt b: timeout 30 s"] * 2


def test_only_a_signed_set_of_this_embedder_judges():
    one, _ = recorded()
    signed = recording.sign(one, by="alice", at=AT)

    def state(which: ReferenceSet, embedder: str = "hashed-ngrams-1", serving: str = "7") -> State:
        return which.state(embedder=embedder, serving=serving)

    assert state(ReferenceSet()) is State.NO_BASELINE
    assert state(one) is State.UNSIGNED
    assert state(signed) is State.OK
    assert state(replace(signed, references={"a": ("It is B.",)})) is State.UNSIGNED  # changed after it was signed
    assert state(signed, embedder="other@endpoint") is State.OTHER_EMBEDDER
    declared = recording.declare(signed, version="8", because="a larger model", by="bob", at=AT)
    assert state(declared, serving="8") is State.REBASELINING
    assert state(declared, serving="9") is State.OK  # that change was not declared
    assert state(declared, serving="7") is State.OK


def test_versions_are_compared_prompt_by_prompt():
    one, _ = recorded()
    other = replace(
        one, version=2, references={"a": ("It is A.",), "c": ("Sea.",), "b": ("It is Bremen.",)}, baselines={}
    )
    rows = recording.compared(one, other, HashedNgrams()).splitlines()
    assert rows[0] == "chat: version 1 to 2, by hashed-ngrams-1"
    assert rows[2].startswith("b ")
    assert rows[3].split()[:4] == ["a", "1.0000", "1.0000", "to"]
    assert rows[4].split()[:5] == ["c", "only", "in", "the", "new"]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("references: 3", "references"),
        ("references: {a: [1]}", "references.a[0]"),
        ("references: {}\nbaselines: {a: {mean: 2, noise: 0, answers: 3}}", "baselines.a.mean"),
        ("references: {}\nsigned: {by: alice}", "signed.at"),
        ("references: {}\nsinged: {}", "(whole file)"),
        ("references: {}\nlexical: perhaps", "lexical"),
    ],
)
def test_a_file_that_differs_is_refused_with_its_place(text, path):
    with pytest.raises(ShapeError) as problem:
        references.load(text, file="r.yaml")
    assert (problem.value.file, problem.value.path) == ("r.yaml", path)


def test_a_set_is_recorded_signed_declared_and_used_by_the_command_line(tmp_path: Path, capsys):
    file = tmp_path / "probes.yaml"
    with serving(v1__completions=stream("Pa", "ris")) as server:
        file.write_text(
            f"canaries: [{{service: chat, url: '{server.url}', model: m, "
            "prompts: [{name: a, text: 'A?', assertions: [{regex: Paris}]}]}]\n"
        )
        into = str(tmp_path / "sets")
        for _ in range(2):
            assert cli.main(["references", "record", "--config", str(file), "--into", into, "--times", "2"]) == 0
    first, second = Path(into) / "chat-v1.yaml", Path(into) / "chat-v2.yaml"
    assert f"sign it: references sign {second} --by YOU" in capsys.readouterr().out
    assert cli.main(["references", "compare", str(first), str(second)]) == 0
    assert "1.0000" in capsys.readouterr().out
    assert cli.main(["references", "sign", str(second), "--by", "alice"]) == 0
    text = file.read_text().replace("model: m,", "model: m, references_file: sets/chat-v2.yaml,")
    loaded = config.load(text, file="probes.yaml", read_file=lambda name: (tmp_path / name).read_text())
    found = loaded.canaries[0].reference_set
    assert found.state(embedder="hashed-ngrams-1", serving="7") is State.OK
    assert found.slices["all"] == Baseline(1.0, 0.0, 2, 1.0)
    assert loaded.canaries[0].prompts[0].references == ("Paris",)
    declared = ["references", "declare", str(second), "--model-version", "8", "--because", "larger", "--by", "bob"]
    assert cli.main(declared) == 0
    assert (
        references.load(second.read_text(), file="r").state(embedder="hashed-ngrams-1", serving="8")
        is State.REBASELINING
    )
    assert cli.main(["references", "sign", str(tmp_path / "none.yaml"), "--by", "alice"]) == 2


def test_a_server_that_does_not_answer_leaves_no_set(tmp_path: Path, capsys):
    file = tmp_path / "probes.yaml"
    with serving(v1__completions=silent) as server:
        file.write_text(
            f"canaries: [{{service: chat, url: '{server.url}', model: m, timeout_seconds: 0.1, prompts: [{{name: a, text: 'A?'}}]}}]\n"
        )
        assert (
            cli.main(["references", "record", "--config", str(file), "--into", str(tmp_path / "r"), "--times", "1"])
            == 1
        )
    assert list((tmp_path / "r").iterdir()) == []
    assert "chat, prompt a: timeout" in capsys.readouterr().err


def test_latency_and_quality_prompts_do_not_share_a_slice():
    from probes import prompts

    rows = [{"name": "a", "text": "A?", "slice": "short"}, {"name": "b", "text": "B?", "slice": "short", "nonce": True}]
    with pytest.raises(ShapeError) as problem:
        prompts.read(Node("f", "prompts", rows), {})
    assert problem.value.path == "prompts[1].slice"
