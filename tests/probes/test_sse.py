from __future__ import annotations

import contextlib
import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes import openai
from probes.config import Canary
from probes.openai import Reader
from probes.prompts import Prompt
from probes.sse import LIMIT_BYTES, BrokenStream, Decoder

PROMPT = Prompt("p", "Where?")
CANARY = Canary("chat", "http://chat", "m", (PROMPT,), max_tokens=8)


def chunk(text: str, finish: str | None = None) -> str:
    return "data: " + json.dumps({"choices": [{"text": text, "finish_reason": finish}]}) + "\n\n"


STREAM = (chunk("In") + ": a comment\n\n" + chunk(" Zürich") + chunk(" 🚆", "stop") + "data: [DONE]\n\n").encode()


def fed(pieces, *, step: float = 0.5) -> Reader:
    reader = Reader()
    for at, piece in enumerate(pieces, 1):
        reader.feed(piece, at=at * step)
    return reader


@given(st.lists(st.integers(0, len(STREAM)), max_size=6))
def test_a_stream_reads_alike_however_it_is_split(cuts):
    edges = [0, *sorted(cuts), len(STREAM)]
    completion = fed(STREAM[low:high] for low, high in pairwise(edges)).completion()
    assert (completion.outcome, completion.text, completion.finish_reason) == ("ok", "In Zürich 🚆", "stop")
    assert len(completion.token_seconds) == 3
    assert list(completion.token_seconds) == sorted(completion.token_seconds)


def test_a_stream_reads_alike_byte_by_byte():
    assert fed(STREAM[at : at + 1] for at in range(len(STREAM))).completion().text == "In Zürich 🚆"


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=10)


@settings(max_examples=60)
@given(st.lists(_TEXT, max_size=5), st.sampled_from([b"\n", b"\r", b"\r\n"]), st.lists(st.integers(0, 200), max_size=4))
def test_any_line_end_will_do(texts, end, cuts):
    stream = b"".join(b"data: " + text.encode() + end + end for text in texts) + b":" + end
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    decoder = Decoder()
    found = [event for low, high in pairwise(edges) for event in decoder.feed(stream[low:high])]
    assert found == texts


def test_several_data_lines_are_one_event_and_other_fields_are_passed_over():
    assert Decoder().feed(b"event: x\nid: 1\ndata: a\ndata:b\n\n\n") == ["a\nb"]


def test_token_times_are_those_of_arrival():
    completion = fed(
        [chunk("a").encode(), (chunk("b") + chunk("c", "length")).encode(), b"data: [DONE]\n\n"]
    ).completion()
    assert completion.token_seconds == (0.5, 1.0, 1.0)
    assert completion.end_seconds == 1.5
    assert completion.per_token_seconds == 0.25


def test_chat_deltas_are_read_and_an_empty_first_delta_is_no_token():
    deltas = [{"role": "assistant", "content": ""}, {"content": "Hi"}, {}]
    stream = (
        "".join("data: " + json.dumps({"choices": [{"delta": delta}]}) + "\n\n" for delta in deltas)
        + "data: [DONE]\n\n"
    )
    completion = fed([stream.encode()]).completion()
    assert (completion.text, len(completion.token_seconds)) == ("Hi", 1)
    assert completion.per_token_seconds is None


def chunks(*documents: dict) -> bytes:
    return "".join("data: " + json.dumps(document) + "\n\n" for document in documents).encode() + b"data: [DONE]\n\n"


def delta(**fields: object) -> dict:
    return {"choices": [{"delta": fields, "finish_reason": None}]}


def test_a_token_without_text_is_a_token_and_the_server_s_count_is_kept():
    # as vLLM streams "7", then half a character, then its other half
    usage = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 3}}
    stream = (delta(role="assistant", content=""), delta(content="7"), delta(content=""), delta(content="é"), usage)
    completion = fed([chunks(*stream)]).completion()
    assert (completion.text, len(completion.token_seconds), completion.tokens) == ("7é", 3, 3)


def test_an_empty_last_chunk_that_the_server_does_not_count_is_no_token():
    usage = {"choices": [], "usage": {"completion_tokens": 1}}
    assert len(fed([chunks(delta(content="7"), delta(content=""), usage)]).completion().token_seconds) == 1
    assert len(fed([chunks(delta(content="7"), delta())]).completion().token_seconds) == 1


def test_pieces_of_several_tokens_count_by_the_server():
    usage = {"choices": [], "usage": {"completion_tokens": 5}}
    completion = fed([chunks(delta(content="ab"))[:-14], chunks(delta(content="cde"), usage)]).completion()
    assert completion.token_seconds == (0.5, 1.0)
    assert completion.per_token_seconds == 0.125


@pytest.mark.parametrize(
    ("stream", "outcome", "detail"),
    [
        (chunk("a"), "error", "before [DONE]"),
        ("", "error", "before [DONE]"),
        (chunk("a") + 'data: {"error": {"message": "engine died"}}\n\n', "error", "engine died"),
        (chunk("a", "abort") + "data: [DONE]\n\n", "aborted", "abort"),
    ],
)
def test_a_stream_that_broke_after_its_200_is_not_ok(stream, outcome, detail):
    completion = fed([stream.encode()]).completion()
    assert completion.outcome == outcome
    assert detail in completion.detail


@pytest.mark.parametrize(
    "stream",
    [
        b"data: {\n\n",
        b"data: []\n\n",
        b'data: {"choices": [3]}\n\n',
        b'data: {"usage": {"tokens": 3}}\n\n',
        b'data: {"choices": [{"text": 3}]}\n\n',
        b"data: 7\n\n",
        b"data: \xff\n\n",
        b"x" * (LIMIT_BYTES + 1),
    ],
)
def test_a_frame_that_is_none_breaks_the_stream(stream):
    with pytest.raises(BrokenStream):
        fed([stream])


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_any_bytes_are_read_or_broken(pieces):
    with contextlib.suppress(BrokenStream):
        assert fed(pieces).completion().outcome in ("ok", "error", "aborted")


_FRAMES = st.one_of(
    st.sampled_from([STREAM[:40], STREAM, b"data: [DONE]\n\n", b"data:", b"\r", b"\n\n", b": ping\n\n", b"event: x\ndata: {}\n\n"]),
    st.builds(lambda piece: b"data: " + json.dumps(piece).encode() + b"\n\n", st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["choices", "delta", "text", "content", "usage", "completion_tokens", "error",
                                           "tool_calls", "function", "arguments", "index", "finish_reason"]), inner, max_size=4),
        max_leaves=8,
    )),
    st.binary(max_size=30),
)  # fmt: skip


@settings(max_examples=150)
@given(st.lists(_FRAMES, max_size=6), st.sampled_from(["", "$.choices[0].delta.context"]))
def test_any_frames_are_an_outcome_with_a_reason_or_a_broken_stream(frames, path):
    reader = Reader(passages_path=path)
    try:
        for at, frame in enumerate(frames):
            reader.feed(frame, at=float(at))
    except BrokenStream:
        assert reader.completion(outcome="error", reason="broken_frame").outcome == "error"
        return
    completion = reader.completion()
    assert (completion.outcome == "ok") == (completion.reason == "")
    assert completion.outcome in ("ok", "error", "aborted")


def test_a_tool_call_s_arguments_are_the_answer_and_each_piece_is_a_token():
    def call(**function: str) -> dict:
        return delta(tool_calls=[{"index": 0, "function": function}])

    completion = fed(
        [
            chunks(
                delta(role="assistant", content=None),
                call(name="order", arguments=""),
                call(arguments='{"count"'),
                call(arguments=": 2}"),
            )
        ]
    ).completion()
    assert completion.text == '{"count": 2}'
    assert len(completion.token_seconds) == 3


def test_passages_are_taken_from_where_the_configuration_says():
    reader = Reader(passages_path="$.choices[0].delta.context.citations")
    cited = delta(role="assistant", context={"citations": [{"content": "Tides."}, "Moon.", {"title": "none"}]})
    reader.feed(chunks(cited, delta(content="Yes")), at=0.1)
    assert reader.completion().retrieved == ("Tides.", "Moon.")
    assert fed([chunks(cited)]).completion().retrieved is None


def test_requests_are_repeatable_and_stream():
    url, body = openai.request(CANARY, PROMPT)
    assert url == "http://chat/v1/completions"
    assert body == {
        "model": "m",
        "prompt": "Where?",
        "max_tokens": 8,
        "temperature": 0,
        "seed": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
        "user": "tailwatch-canary",
    }
    url, body = openai.request(Canary("chat", "http://chat", "m", (PROMPT,), api="chat"), PROMPT)
    assert url == "http://chat/v1/chat/completions"
    assert body["messages"] == [{"role": "user", "content": "Where?"}]


@pytest.mark.parametrize(
    ("status", "outcome"), [(200, "ok"), (429, "rejected"), (504, "timeout"), (503, "error"), (404, "error")]
)
def test_a_status_is_an_outcome(status, outcome):
    assert openai.of_status(status)[0] == outcome
