"""The numeric precision that a name speaks of: "llama-8b-awq-int4" and "fp8" say one, "2026.11.1" says none."""

from __future__ import annotations

import re

_WORDS = re.compile(
    r"(?<![a-z0-9])(?:(?:u?int|fp|bf|nf|mxfp|nvfp|q)\d{1,2}|w\d{1,2}a\d{1,2}|awq|gptq|gguf|bnb|marlin|quanti[sz]ed)(?![a-z])",
    re.IGNORECASE,
)


def precision(text: str) -> frozenset[str]:
    """precision("llama-8b fp16 to llama-8b-int4") is {fp16, int4}."""
    return frozenset(found.group().lower() for found in _WORDS.finditer(text))
