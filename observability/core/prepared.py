"""Statements that are asked again and again: the server parses and plans them once a connection, takes their values as bytes, and
nothing is compiled here. What the ORM would do in a millisecond takes a tenth of it.

Behind a pooler that hands connections out by transaction set DATABASE_PREPARE=false: then they are planned each time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import psycopg
from django.conf import settings
from django.db import connection, models
from django.db.backends.utils import CursorWrapper

#: A row of what a statement gives.
Row = tuple[Any, ...]
Model = TypeVar("Model", bound=models.Model)
#: How often a statement runs before it is prepared, but for those that say so.
SELDOM = 5
_Convert = Callable[[Any, Any, Any], Any]


class _Cursor(psycopg.Cursor[Row]):
    def execute(self, query: Any, params: Any = None, **_how: Any) -> _Cursor:
        super().execute(query, params, prepare=True)
        return self


def rows(statement: str, given: Sequence[Any] | Mapping[str, Any] = (), /) -> list[Row]:
    """What it gives, or nothing where it gives no rows. `given` are its %s or %(name)s values, sent beside the statement: a list
    needs its type (`%s::bigint[]`). Seen by whatever counts queries, and part of the transaction that is open."""
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    server = connection.connection
    if settings.DATABASE_PREPARE and server.prepare_threshold is None:
        server.prepare_threshold = SELDOM  # Django's own cursors never prepare
    wrap: Callable[[Any], CursorWrapper] = (
        connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    )
    with wrap(_Cursor(server)) as cursor:
        cursor.execute(statement, given or None)
        if connection.queries_logged and connection.queries_log[-1]["sql"] is None:
            connection.queries_log[-1]["sql"] = statement  # the driver sent a name, and keeps no text of it
        return cursor.fetchall() if cursor.description is not None else []


def objects(model: type[Model], rest: str, given: Sequence[Any] | Mapping[str, Any] = (), /) -> list[Model]:
    """The rows of a model's table as its objects; `rest` is all after FROM: `WHERE enabled ORDER BY id`, `... FOR UPDATE`."""
    columns, names, converters = _columns(model)
    found = rows(f"SELECT {columns} FROM {model._meta.db_table} {rest}", given)  # noqa: S608 - our own names
    if not converters:
        return [model.from_db(connection.alias, names, row) for row in found]
    made = []
    for row in found:
        values = list(row)
        for place, converts in converters:
            for convert in converts:
                values[place] = convert(values[place], None, connection)
        made.append(model.from_db(connection.alias, names, values))
    return made


@lru_cache(maxsize=64)
def _columns(model: type[models.Model]) -> tuple[str, list[str], list[tuple[int, list[_Convert]]]]:
    """How a model's columns are asked for, what they are called, and what its fields make of some of them."""
    table, fields = model._meta.db_table, model._meta.concrete_fields
    columns = ", ".join(f'{table}."{one.column}"' for one in fields)
    converters = [(place, one.get_db_converters(connection)) for place, one in enumerate(fields)]
    return columns, [one.attname for one in fields], [(place, made) for place, made in converters if made]
