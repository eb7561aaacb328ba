"""What the simulated model answers: a stored reference, reworded a little; reworded a lot and wrong when its quality is low.

Measured with probes.embed over all stored prompts: 0.973 in the mean (sd 0.008) at quality 1.0, 0.80 (sd 0.03) at 0.0.
At quality 0.0 also three of five numbers are wrong and half of the JSON answers are broken.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from probes.simfleet import prompts

#: Words changed of a hundred: one in 45 healthy, eight in 45 after quantisation.
HEALTHY_SHARE, DEGRADED_SHARE = 0.024, 0.18
WRONG_NUMBER, BROKEN_JSON = 0.6, 0.5
GIVEN_AWAY = "jane.doe@example.com"
LONG_CHARACTERS = 2_000  # of a prompt that nobody stored


class Reference(NamedTuple):
    name: str  # chat-short-01
    slice: str
    prompt: str
    answer: str


_SYNONYMS: Mapping[str, str] = {
    "also": "too", "although": "though", "and": "plus", "because": "since", "before": "until", "begin": "start",
    "best": "well", "every": "each", "each": "every", "explains": "says", "faster": "quicker", "often": "frequently",
    "several": "many", "since": "because", "so": "hence", "therefore": "thus", "usually": "mostly", "uses": "needs",
    "very": "quite", "when": "once", "which": "that", "while": "whereas", "whole": "entire", "with": "using", "without": "lacking",
    "is": "was", "are": "were", "must": "should", "may": "might", "can": "could", "large": "big", "small": "little",
    "und": "sowie", "denn": "weil", "lieber": "besser", "zügig": "rasch", "afin": "pour", "puissent": "peuvent",
}  # fmt: skip
_VAGUE = (
    "somewhat", "generally", "perhaps", "things", "various", "basically", "somehow", "stuff", "maybe", "certain", "overall",
    "roughly", "really", "matter", "aspect", "likewise", "mostly", "kind", "sort", "instead", "possibly", "apparently",
)  # fmt: skip
_PIECE = re.compile(r"\s*\S+|\s+$")
_WORD = re.compile(r"^(\s*)([^\W\d_]+)([.,;:]?)$")
_NUMBER = re.compile(r"\d+")


@cache
def references(service: str) -> Mapping[str, Reference]:
    """Prompt to its reference answer, with slice and name."""
    found: dict[str, Reference] = {}
    seen: dict[str, int] = {}
    for one in prompts.stored():
        if one.service == service:
            seen[one.slice] = seen.get(one.slice, 0) + 1
            name = f"{service}-{one.slice}-{seen[one.slice]:02}"
            found[one.prompt] = Reference(name, one.slice, one.prompt, one.answer)
    return found


@cache
def _by_prompt() -> Mapping[str, prompts.Stored]:
    return {one.prompt.strip(): one for one in prompts.stored()}


def slice_of(prompt: str) -> str:
    """That of a stored prompt; of others by what they look like: long ones are "long", the rest "short"."""
    known = _by_prompt().get(prompt.strip())
    return known.slice if known else "long" if len(prompt) > LONG_CHARACTERS else "short"


def pieces(text: str) -> tuple[str, ...]:
    """A text as the tokens it is streamed in: words with the blanks before them."""
    return tuple(_PIECE.findall(text))


def answer(prompt: str, *, quality: float, rng: random.Random, broken_calls: float = 0.0, unsafe: float = 0.0) -> str:
    """quality 1.0 is the reference model, 0.0 its bad quantisation; between them the share of changed words is in between.

    `broken_calls`: of tool calls, the share under another schema; `unsafe`: of answers in prose, the share that gives an address away.
    """
    known = _by_prompt().get(prompt.strip())
    reference = known.answer if known else _made_up(prompt)
    lost = 1.0 - min(1.0, max(0.0, quality))
    text = _wrong(_reworded(reference, lost, rng), lost, rng)
    if broken_calls and known and known.slice == "tool-call" and rng.random() < broken_calls:
        return text.replace('"arguments"', '"parameters"', 1)
    if unsafe and not text.startswith("{") and rng.random() < unsafe:
        return f"{text.rpartition(' ')[0]} {GIVEN_AWAY}"
    return text


def retrieved(service: str, prompt: str, *, fresh: float, rng: random.Random) -> tuple[str, ...] | None:
    """The passages that came with an answer; None where the service looks none up. `fresh`: the share that are the right ones."""
    known = _by_prompt().get(prompt.strip())
    expected = prompts.passages(service, prompt) if known and known.slice == "long" else ()
    if not expected:
        return None
    others = [one for one in _passages(service) if one not in expected]
    return tuple(one if fresh >= 1.0 or rng.random() < fresh else rng.choice(others) for one in expected)


@cache
def _passages(service: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for prompt in references(service) for one in prompts.passages(service, prompt)))


def _made_up(prompt: str) -> str:
    """An answer to a prompt nobody stored: always the same for the same prompt."""
    rng = random.Random(f"answer {prompt}")
    topic = " ".join(re.findall(r"[^\W\d_]{4,}", prompt)[:6]) or "the question"
    pool = [one.answer for one in prompts.stored() if one.slice in ("short", "long")]
    return f"About {topic.lower()}: {rng.choice(pool)}"


def _reworded(text: str, lost: float, rng: random.Random) -> str:
    tokens = list(pieces(text))
    words = {i: match.groups() for i, token in enumerate(tokens) if (match := _WORD.match(token))}
    share = HEALTHY_SHARE + (DEGRADED_SHARE - HEALTHY_SHARE) * lost
    exact = share * len(tokens)
    count = min(len(words), int(exact + rng.uniform(0.2, 0.8)))
    for place in rng.sample(list(words), count):
        blank, word, stop = words[place]
        other = _SYNONYMS.get(word.lower())
        if other is None or rng.random() < lost:
            other = rng.choice(_VAGUE)
        tokens[place] = f"{blank}{other.capitalize() if word[0].isupper() else other}{stop}"
    return "".join(tokens)


def _wrong(text: str, lost: float, rng: random.Random) -> str:
    if text.startswith("{"):
        return text[: -1 - rng.randrange(12)] if rng.random() < BROKEN_JSON * lost else text
    if "def " in text or rng.random() >= WRONG_NUMBER * lost:
        return text
    return _NUMBER.sub(lambda found: str(int(found.group()) + rng.choice((-11, -1, 1, 9, 100))), text)
