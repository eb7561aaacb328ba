"""Yes-or-no questions that beats ask every second, as SQL: compiling the same query anew takes ten times as long as its answer,
and the answer is nearly always no. Each must hold wherever the query after it may find something.
"""

from __future__ import annotations

from datetime import datetime

from django.db import connection, models


def holds(question: str, /, **given: datetime | int | str) -> bool:
    """The one boolean that `question` selects; `given` are its %(name)s values."""
    with connection.cursor() as cursor:
        cursor.execute(question, given)
        row = cursor.fetchone()
    return bool(row and row[0])


def any_due(model: type[models.Model], /, *, now: datetime, also: str = "true") -> bool:
    """Whether a row of `model` has a `due_at` that has come. `also`: a further condition, of our own words only."""
    table = model._meta.db_table
    return holds(f"SELECT EXISTS (SELECT FROM {table} WHERE due_at <= %(now)s AND {also})", now=now)  # noqa: S608 - our own names
