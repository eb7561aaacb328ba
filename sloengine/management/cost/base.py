"""What the subcommands share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from django.core.management.base import CommandError, CommandParser
from rich.console import RenderableType

from observability.core.models import Organisation
from sloengine.catalog.models import Service
from sloengine.management.slo.base import wide_console

Write = Callable[[str], None]
BARS = "▁▂▃▄▅▆▇█"


def show(what: RenderableType, write: Write) -> None:
    """As wide as the terminal, or as wide as it is where there is none."""
    console = wide_console()
    with console.capture() as captured:
        console.print(what)
    write("\n".join(line.rstrip() for line in captured.get().splitlines()))


def money(usd: Decimal | None, digits: int = 2) -> str:
    return "unknown" if usd is None else f"{usd:,.{digits}f}"


def sparkline(values: Sequence[Decimal | float | None]) -> str:
    """One character a value, from the lowest to the highest block; a space where nothing is known.

    >>> sparkline([1, 2, None, 4])
    '▁▃ █'
    """
    known = [float(value) for value in values if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    steps = (len(BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(" " if value is None else BARS[int((float(value) - low) * steps + 0.5)] for value in values)


def read_file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{error}; expected a readable file in UTF-8") from error


def add_service(parser: CommandParser) -> None:
    parser.add_argument("--service", help="slug; every service where left out")


def service_named(organisation: Organisation, slug: str | None) -> Service | None:
    """None where none is named."""
    if not slug:
        return None
    service = Service.objects.filter(organisation=organisation, slug=slug).first()
    if service is None:
        raise CommandError(f"There is no service {slug!r}.")
    return service


def add_files(parser: CommandParser, what: str) -> None:
    parser.add_argument("files", nargs="*", type=Path, help=f"YAML files of {what}: one mapping, or a list of them")


def mappings(files: Iterable[Path]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each mapping of the files with where it stands; every value a text (or a list of texts), as it was written."""
    for file in files:
        try:
            found = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506 - makes texts only
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise CommandError(f"{file}: {error}; expected a readable YAML file") from error
        several = found if isinstance(found, list) else [found]
        for number, one in enumerate(several, start=1):
            if not isinstance(one, dict):
                raise CommandError(
                    f"{file}: found {type(one).__name__}, expected a mapping of fields, or a list of them"
                )
            yield (f"{file}, number {number}" if len(several) > 1 else str(file)), one
