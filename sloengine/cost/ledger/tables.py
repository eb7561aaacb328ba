"""A CSV file against its columns: each wrong cell named by row, column, what was found and what is expected. Pure.

All of a file is read before anything is said, and a file with one wrong cell gives no row at all.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

#: A file whose every row is wrong is not read to its end.
MOST_PROBLEMS = 20
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """`row` counts from 1 at the first line below the names, as a spreadsheet without its head does; 0 is the line of names."""

    row: int
    column: str
    found: str
    expected: str

    def __str__(self) -> str:
        at = f"row {self.row}, " if self.row else ""
        return f"{at}column {self.column}: found {self.found}, expected {self.expected}"


class BadTable(ValueError):
    """Nothing of the file was taken."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, problems)))


@dataclass(frozen=True, slots=True)
class Column:
    """`read` makes a value of a cell or raises ValueError; `expected` says in words what it takes."""

    read: Callable[[str], Any]
    expected: str
    default: Any = None
    required: bool = False


def read_table(text: str, columns: dict[str, Column]) -> list[Row]:
    """The rows; BadTable where a name is unknown or missing, a cell is wrong, or a line has more cells than there are names."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    try:
        lines = [line for line in reader if any(cell.strip() for cell in line)]
    except csv.Error as error:
        raise BadTable([Problem(0, "-", str(error), "a CSV file")]) from error
    if not lines:
        raise BadTable([Problem(0, "-", "an empty file", f"a line of names: {', '.join(columns)}")])
    names = [cell.strip() for cell in lines[0]]
    _check_names(names, columns)
    problems: list[Problem] = []
    rows = []
    for number, line in enumerate(lines[1:], start=1):
        if len(line) != len(names):
            problems.append(Problem(number, "-", f"{len(line)} cells", f"{len(names)}"))
        rows.append(_row(number, dict(zip(names, line, strict=False)), columns, problems))
        if len(problems) >= MOST_PROBLEMS:
            break
    if problems:
        raise BadTable(problems)
    return rows


def _check_names(names: Sequence[str], columns: dict[str, Column]) -> None:
    problems = [
        Problem(0, name or "-", "an unknown column", f"out of {', '.join(columns)}")
        for name in names
        if name not in columns
    ]
    problems += [
        Problem(0, name, "twice", "once") for name in sorted({name for name in names if names.count(name) > 1})
    ]
    missing = [name for name, column in columns.items() if column.required and name not in names]
    problems += [Problem(0, name, "no such column", columns[name].expected) for name in missing]
    if problems:
        raise BadTable(problems)


def _row(number: int, cells: dict[str, str], columns: dict[str, Column], problems: list[Problem]) -> Row:
    row: Row = {}
    for name, column in columns.items():
        cell = cells.get(name, "").strip()
        if not cell:
            if column.required and name in cells:
                problems.append(Problem(number, name, "nothing", column.expected))
            row[name] = column.default
            continue
        try:
            row[name] = column.read(cell)
        except ValueError:
            problems.append(Problem(number, name, repr(cell), column.expected))
    return row


# ---- kinds of cells -----------------------------------------------------------------------------------------------


def instant(cell: str) -> datetime:
    """2026-11-22, 2026-11-22T14:00:00Z, or Unix seconds; a time without a zone is UTC."""
    if cell.isdecimal() and len(cell) > 8:
        return datetime.fromtimestamp(int(cell), UTC)
    at = datetime.fromisoformat(cell)
    return at.astimezone(UTC) if at.tzinfo is not None else at.replace(tzinfo=UTC)


def count(cell: str) -> int:
    """A whole number of 0 or more; 1,000 and 1e3 are refused, since a guess would be worse."""
    if not cell.isascii() or not cell.isdecimal():
        raise ValueError(cell)
    number = int(cell)
    if number >= 2**62:
        raise ValueError(cell)
    return number


def amount(cell: str) -> Decimal:
    """Money, exact; credits are negative."""
    try:
        found = Decimal(cell)
    except InvalidOperation as error:
        raise ValueError(cell) from error
    if not found.is_finite() or abs(found.adjusted()) > 15:
        raise ValueError(cell)
    return found


def price(cell: str) -> Decimal:
    found = amount(cell)
    if found < 0:
        raise ValueError(cell)
    return found


def currency(cell: str) -> str:
    if len(cell) != 3 or not cell.isascii() or not cell.isalpha():
        raise ValueError(cell)
    return cell.upper()


def word(most: int = 200) -> Callable[[str], str]:
    def read(cell: str) -> str:
        if len(cell) > most or not cell.isprintable():
            raise ValueError(cell)
        return cell

    return read


def one_of(*words: str) -> Callable[[str], str]:
    def read(cell: str) -> str:
        if cell not in words:
            raise ValueError(cell)
        return cell

    return read
