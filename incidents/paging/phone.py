"""Telephone numbers, and what a call says."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape, quoteattr

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


def number(text: str) -> str:
    """A number in E.164: "+43 664 123-45 67" is "+436641234567". Raises ValueError that says what is expected."""
    bare = re.sub(r"[\s().\-/]", "", text)
    bare = "+" + bare[2:] if bare.startswith("00") else bare
    if not _E164.fullmatch(bare):
        raise ValueError(f"{text!r} is no number in international form; expected such as +436641234567.")
    return bare


def spoken(text: str) -> str:
    """What a voice reads well: "INC-4" as "incident 4", a p95 as words."""
    text = re.sub(r"\bINC-(\d+)", r"incident \1", text)
    text = re.sub(r"\bSEV(\d)", r"severity \1", text)
    return re.sub(r"\bp(\d\d)\b", r"p \1", text)


def question(*, text: str, action: str, rounds: int = 2) -> str:
    """TwiML that reads the page and waits for a key, twice; then it says that nothing was pressed.

    https://www.twilio.com/docs/voice/twiml/gather
    """
    said = escape(f"Tailwatch. {spoken(text)}. Press 1 to acknowledge. Press 2 to pass it on.")
    gather = f'<Gather numDigits="1" timeout="8" action={quoteattr(action)} method="POST"><Say>{said}</Say></Gather>'
    return (
        f"{_HEAD}<Response>{gather * rounds}<Say>Nothing was pressed. It goes on to the next person.</Say></Response>"
    )


def answer(text: str) -> str:
    """TwiML that says one sentence and hangs up."""
    return f"{_HEAD}<Response><Say>{escape(spoken(text))}</Say><Hangup/></Response>"


_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
