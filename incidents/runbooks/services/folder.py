"""Runbooks from a Git-tracked folder: each file taken whole or refused with line and reason, the last good one kept."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import transaction

from incidents.runbooks.models import RunbookFolder, RunbookVersion
from incidents.runbooks.services.editing import RunbookUnusable, add_version, validated
from observability.core import permissions
from observability.core.models import Organisation

log = logging.getLogger(__name__)

MOST_FILES = 500
LARGEST_FILE = 1_000_000


@dataclass(frozen=True, slots=True)
class Found:
    """What a folder holds: texts by slug, and what was refused, by file."""

    texts: Mapping[str, str]
    problems: Mapping[str, str]
    #: Slugs of files that are there, good or not: what is refused today was not taken away.
    there: frozenset[str]
    whole: bool = True


def read_folder(*, now: datetime) -> int:
    """Read the folder again where a file of it has changed; how many runbooks did. Without a folder, nothing."""
    path = settings.TAILWATCH_RUNBOOKS_DIR
    if not path:
        return 0
    changed = 0
    signature = _signature(Path(path))
    for organisation in Organisation.objects.order_by("pk"):
        row = RunbookFolder.objects.filter(organisation=organisation).first()
        if row is None or (row.signature, row.path) != (signature, path):
            changed += _take(organisation, Path(path), signature, now)
    return changed


def _files(path: Path) -> list[Path]:
    """The runbooks of the folder: a README is none."""
    found = (file for file in path.glob("*.md") if file.stem.lower() != "readme" and not file.name.startswith("."))
    return sorted(found)[: MOST_FILES + 1]


def _signature(path: Path) -> str:
    """Names, sizes and times of the files: the same as long as nobody wrote to one."""
    try:
        if not path.is_dir():
            return "missing"
        seen = [(file.name, (stat := file.stat()).st_size, stat.st_mtime_ns) for file in _files(path)]
    except OSError as error:
        return f"unreadable: {error.strerror}"[:64]
    return hashlib.sha256(repr(seen).encode()).hexdigest()


def found_in(path: Path) -> Found:
    """Every file of the folder, taken or refused."""
    try:
        files = _files(path) if path.is_dir() else None
    except OSError as error:
        return Found({}, {path.name: f"the folder cannot be read: {error.strerror}"}, frozenset(), whole=False)
    if files is None:
        return Found({}, {str(path): "there is no such folder"}, frozenset(), whole=False)
    if len(files) > MOST_FILES:
        return Found({}, {str(path): f"more than {MOST_FILES} files; none was read"}, frozenset(), whole=False)
    texts: dict[str, str] = {}
    problems: dict[str, str] = {}
    for file in files:
        try:
            texts[file.stem] = _text(file)
        except (RunbookUnusable, OSError, UnicodeDecodeError) as error:
            problems[file.name] = _said(file, error)
    return Found(texts, problems, frozenset(file.stem for file in files))


def _text(file: Path) -> str:
    if file.stat().st_size > LARGEST_FILE:
        raise OSError(0, f"larger than {LARGEST_FILE:,} bytes")
    text = file.read_text(encoding="utf-8").replace("\r\n", "\n")
    validated(text=text, slug=file.stem)
    return text


def _said(file: Path, error: RunbookUnusable | OSError | UnicodeDecodeError) -> str:
    match error:
        case UnicodeDecodeError():
            return f"{file.name}: found byte {error.object[error.start]:#04x} at {error.start}, expected UTF-8"
        case OSError():
            return f"{file.name}: cannot be read: {error.strerror}"
        case _:
            return str(error)


def _take(organisation: Organisation, path: Path, signature: str, now: datetime) -> int:
    found = found_in(path)
    actor = permissions.system(organisation, "folder of runbooks")
    folder = RunbookVersion.Origin.FOLDER
    changed = 0
    with transaction.atomic():
        Organisation.objects.select_for_update(no_key=True).get(pk=organisation.pk)
        current = {row.slug: row for row in RunbookVersion.objects.filter(organisation=organisation, current=True)}
        for slug, text in found.texts.items():
            held = current.get(slug)
            if held is None or held.text != text or held.origin != folder:
                note = "over the one written here" if held is not None and held.text and held.origin != folder else ""
                add_version(
                    organisation=organisation, slug=slug, text=text, origin=folder, note=note, actor=actor, now=now
                )
                changed += 1
        for slug, held in current.items():
            if found.whole and held.origin == folder and held.text and slug not in found.there:
                add_version(
                    organisation=organisation,
                    slug=slug,
                    text="",
                    origin=folder,
                    note="its file is gone",
                    actor=actor,
                    now=now,
                )
                changed += 1
        RunbookFolder.objects.update_or_create(
            organisation=organisation,
            defaults={
                "path": str(path)[:500],
                "signature": signature,
                "read_at": now,
                "files": len(found.there),
                "problems": dict(found.problems),
            },
        )
    for problem in found.problems.values():
        log.error("a runbook was refused, the last good one counts on: %s", problem)
    return changed
