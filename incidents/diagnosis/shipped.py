"""The tree that ships, from its two files."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from incidents.diagnosis import treefile
from incidents.diagnosis.tree import Tree

FILES = tuple(Path(__file__).parent / name for name in ("default_tree.yaml", "default_leaves.yaml"))


@lru_cache(maxsize=1)
def tree() -> Tree:
    """Raises TreeInvalidError with all problems."""
    return treefile.parse_files(files=[(file.name, file.read_text(encoding="utf-8")) for file in FILES])


def text() -> str:
    """Both files as one document: what an organisation's own tree begins as."""
    return "\n".join(file.read_text(encoding="utf-8").rstrip() + "\n" for file in FILES)
