from __future__ import annotations

import json

import pytest

from probes import embedders
from probes.config import EmbedderConfig
from probes.embed import EmbedderFailed, HashedNgrams
from probes.judging import Judge
from probes.prompts import Prompt
from tests.probes.servers import Page, nobody, serving, text

VECTORS = {"up": [0.0, 2.0], "right": [3.0, 0.0], "both": [1.0, 1.0], "flat": [0.0, 0.0]}


def answering(request) -> None:
    asked = request.server.bodies[-1]["input"]
    rows = [{"index": at, "embedding": VECTORS[one]} for at, one in enumerate(asked)]
    text(json.dumps({"data": rows[::-1]}))(request)


def endpoint(url: str, **more) -> EmbedderConfig:
    return EmbedderConfig("endpoint", "e5", url, **more)


def test_an_endpoint_gives_cosines_and_references_are_embedded_once(tmp_path):
    (tmp_path / "key").write_text("secret\n")
    with serving(v1__embeddings=answering) as server:
        one = embedders.build(endpoint(server.url, api_key_file=str(tmp_path / "key")))
        assert one.similarities("up", ["up", "right", "both"]) == pytest.approx([1.0, 0.0, 0.5**0.5])
        assert one.similarities("flat", ["up", "right"]) == [0.0, 0.0]
    assert [body["input"] for body in server.bodies] == [["up", "right", "both"], ["flat"]]
    assert server.headers[0]["authorization"] == "Bearer secret"
    assert (one.name, one.lexical) == ("e5@endpoint", False)


@pytest.mark.parametrize(
    "page",
    [
        text("", status=500),
        text("<html>"),
        text('{"data": [{"index": 0, "embedding": ["x"]}]}'),
        text('{"data": []}'),
        text('{"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [1, 2]}]}'),
        text('{"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [NaN]}]}'),
    ],
)
def test_an_endpoint_that_gives_none_leaves_the_answer_uncompared(page: Page):
    with serving(v1__embeddings=page) as server:
        one = embedders.build(endpoint(server.url))
        with pytest.raises(EmbedderFailed):
            one.similarities("up", ["right"])
        judged = Judge(embedder=one).judge(Prompt("a", "A?", references=("right",)), "up")
    assert judged.similarity is None
    assert judged.problem


def test_nobody_there_is_a_failure_and_no_references_are_no_question():
    one = Judge(embedder=embedders.build(endpoint(nobody(), timeout_seconds=0.2)))
    assert "embeddings" in one.judge(Prompt("a", "A?", references=("right",)), "up").problem
    assert one.judge(Prompt("a", "A?"), "up").problem == ""


def test_what_is_not_installed_is_said_with_how_to_install_it():
    with pytest.raises(EmbedderFailed, match=r"pip install 'tailwatch\[embeddings\]'"):
        embedders.build(EmbedderConfig("sentence-transformers", "all-MiniLM-L6-v2")).similarities("a", ["b"])


def test_the_default_needs_nothing():
    assert isinstance(embedders.build(EmbedderConfig()), HashedNgrams)
