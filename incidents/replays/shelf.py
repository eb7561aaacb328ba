"""What the shadow log keeps. Pure.

Answers to stored prompts only: what a probe's file asks, never what users ask. Of each service the newest VERSIONS versions, PROMPTS
answers each, of at most LONGEST characters, for at most DAYS days: 3 x 500 x 4,000 characters, 6 MB a service at worst.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from hashlib import blake2b

VERSIONS, PROMPTS, LONGEST = 3, 500, 4000
KEPT = timedelta(days=90)
#: A version is asked once it has served so long: what breaks at once is found by other means.
SERVES = timedelta(minutes=10)


def key(prompt: str) -> str:
    """A prompt's name in the log: prompts may be long."""
    return blake2b(prompt.encode(), digest_size=16).hexdigest()


def kept(answers: Mapping[str, str]) -> dict[str, str]:
    """What is stored of a run: the first PROMPTS answers, cut."""
    return {prompt: answer[:LONGEST] for prompt, answer in list(answers.items())[:PROMPTS]}


def gone(versions: Sequence[str]) -> list[str]:
    """Of the versions with answers, newest first, those that are no longer kept."""
    return list(versions[VERSIONS:])
