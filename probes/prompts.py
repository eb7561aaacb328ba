"""Prompt sets: what a canary asks, by slice, and what a right answer is. Pure; a set that differs is refused whole with its path.

    prompts:
      - name: order
        slice: tool-call
        text: Order two apples.
        tools: [{type: function, function: {name: order, parameters: {...}}}]
        assertions: [{schema: {type: object, required: [item, count]}}]
      - {name: first, slice: latency, text: Count to twenty in words., nonce: true}

A prompt measures quality or latency. A latency prompt says `nonce: true` and begins with a fresh one each time: without it the
second asking measures the prefix cache. A quality prompt is asked word for word alike. A slice holds one kind only, so that the
latencies under its name mean one thing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from probes import assertions, shape
from probes.assertions import Assertion

LONGEST = 200_000  # characters of a prompt
_KEYS = ("name", "text", "slice", "references", "assertions", "passages", "tools", "nonce")


@dataclass(frozen=True, slots=True)
class Prompt:
    name: str
    text: str
    slice: str = "all"
    references: tuple[str, ...] = ()
    assertions: tuple[Assertion, ...] = ()
    passages: tuple[str, ...] = ()  # what retrieval should find
    tools: str = ""  # JSON list of the tools that a chat request offers
    nonce: bool = False


def load(text: str, *, file: str, stored: Mapping[str, tuple[str, ...]]) -> tuple[Prompt, ...]:
    """A prompt set in a file of its own; `stored`: references by prompt."""
    return read(shape.read(text, file=file).only("prompts")["prompts"], stored)


def read(node: shape.Node, stored: Mapping[str, tuple[str, ...]]) -> tuple[Prompt, ...]:
    found = tuple(_prompt(one, stored) for one in node.each()) or node.wrong("at least one prompt")
    check(found, node)
    return found


def check(prompts: Sequence[Prompt], node: shape.Node) -> None:
    """Each name once, and no slice of both kinds; `node` is where the last of them stand."""
    seen: set[str] = set()
    kinds: dict[str, bool] = {}
    own = node.each() if node.given else []
    for at, one in enumerate(prompts, start=len(own) - len(prompts)):
        if one.name in seen:
            raise shape.ShapeError(node.file, node.path, one.name, "each name once")
        seen.add(one.name)
        if kinds.setdefault(one.slice, one.nonce) is not one.nonce:
            where = own[at]["slice"] if 0 <= at < len(own) else node
            where.wrong("a slice of its own: latency prompts (with a nonce) and quality prompts do not mix")


def _prompt(node: shape.Node, stored: Mapping[str, tuple[str, ...]]) -> Prompt:
    node.only(*_KEYS)
    name, text = node["name"].text(), node["text"].text()
    if len(text) > LONGEST:
        node["text"].wrong(f"a text of at most {LONGEST} characters")
    checks, nonce = node["assertions"], node["nonce"]
    references = (node["references"].texts() if node["references"].given else ()) + stored.get(name, ())
    if nonce.given and not isinstance(nonce.value, bool):
        nonce.wrong("true or false")
    if nonce.value and references:
        nonce.wrong("false: an answer that is compared with references is asked for with the same words")
    return Prompt(
        name=name,
        text=text,
        slice=node["slice"].text() if node["slice"].given else "all",
        references=tuple(dict.fromkeys(references)),
        assertions=tuple(assertions.load(one) for one in checks.each()) if checks.given else (),
        passages=node["passages"].texts() if node["passages"].given else (),
        tools=_tools(node["tools"]),
        nonce=bool(nonce.value),
    )


def _tools(node: shape.Node) -> str:
    if not node.given:
        return ""
    for one in node.each():
        one["type"].one_of(("function",))
        one["function"]["name"].text()
    tools: list[Any] = [one.value for one in node.each()]
    return json.dumps(tools)
