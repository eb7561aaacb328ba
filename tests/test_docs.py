"""The documents say what the code does: settings, make targets, commands and relative links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core.management import get_commands

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
READ_CALL = re.compile(r"""env_(?P<kind>\w+)\(\s*"(?P<name>[A-Z_]+)\"""")


def settings_read() -> set[str]:
    text = (ROOT / "observability" / "settings.py").read_text(encoding="utf-8")
    found = {match["name"] for match in READ_CALL.finditer(text)}
    return found | {f"{match['name']}_FILE" for match in READ_CALL.finditer(text) if match["kind"] == "secret"}


def settings_documented() -> set[str]:
    rows = [
        line
        for line in (ROOT / "docs" / "settings.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
    ]
    return {name for row in rows for name in re.findall(r"`([A-Z_]+)`", row.split("|")[1])}


def test_every_setting_is_documented_and_every_documented_setting_is_read():
    assert settings_documented() == settings_read()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_named_in_the_documents_exist(document):
    text = document.read_text(encoding="utf-8")
    commands = set(re.findall(r"manage\.py ([a-z_]+)", text))
    assert commands - set(get_commands()) == set()
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)`", text)) - targets == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_relative_links_lead_somewhere(document):
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_the_readme_names_every_document():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in sorted((ROOT / "docs").glob("*.md")) if f"docs/{path.name}" not in readme] == []
