"""What the subcommands share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from django.core.management.base import CommandError, CommandParser
from rich.console import Console

from observability.core.models import Organisation
from observability.core.services import default_organisation
from sloengine.objectives import services
from sloengine.objectives.texts import Document

WIDE = 1000
Write = Callable[[str], None]


def organisation_named(slug: str | None) -> Organisation:
    """The one with this slug; the default one where none is named."""
    if slug is None:
        return default_organisation()
    found = Organisation.objects.filter(slug=slug).first()
    if found is None:
        there = ", ".join(Organisation.objects.values_list("slug", flat=True))
        raise CommandError(f"There is no organisation {slug!r}; there are: {there}.")
    return found


def add_paths(parser: CommandParser) -> None:
    parser.add_argument(
        "paths", nargs="*", type=Path, help="YAML files or folders of them; the shipped library where left out"
    )


def documents(paths: list[Path]) -> list[Document]:
    """The files named, and the YAML files of the folders named; the library where nothing is."""
    if not paths:
        return services.library()
    files = [file for path in paths for file in (sorted(path.glob("*.y*ml")) if path.is_dir() else [path])]
    try:
        return [Document(str(file), file.read_text(encoding="utf-8")) for file in files]
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{error}; expected a readable YAML file") from error


def wide_console() -> Console:
    """As wide as the terminal; where there is none (a file, a pipe, cron) lines are as long as they are, and nothing is cut."""
    return Console(width=None if sys.stdout.isatty() else WIDE)


def say(notes: Iterable[str], write: Write) -> None:
    for note in notes:
        write(f"note: {note}")


def percent(ratio: float | None, digits: int = 3) -> str:
    """0.995 is "99.5 %"; None is "-"."""
    return "-" if ratio is None else f"{ratio * 100:.{digits}f}".rstrip("0").rstrip(".") + " %"
