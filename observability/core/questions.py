"""Yes-or-no questions that beats ask every second, as SQL: compiling the same query anew takes ten times as long as its answer,
and the answer is nearly always no. Each must hold wherever the work behind it may find something.

    @questions.first(questions.due(Silence))
    def run_silences(*, now: datetime) -> int: ...

asks before it works, and whoever has several such services to call asks for all of them in one round trip (`together`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar, cast

from django.db import models

from observability.core import prepared

Given = Mapping[str, datetime | int | str | None]
Service = TypeVar("Service", bound=Callable[..., int])


def _nothing() -> Given:
    return {}


@dataclass(frozen=True, slots=True)
class Question:
    """A boolean expression of SQL over %(now)s, and over what `given` says besides, by names that no other question has."""

    sql: str
    given: Callable[[], Given] = field(default=_nothing)

    def holds(self, *, now: datetime) -> bool:
        return together([self], now=now)[0]


def holds(question: str, /, **given: datetime | int | str) -> bool:
    """The one boolean that `question` selects; `given` are its %(name)s values."""
    ((answer,),) = prepared.rows(question, given)
    return bool(answer)


def together(questions: Sequence[Question], *, now: datetime) -> list[bool]:
    """The answers to all of these, in one round trip."""
    if not questions:
        return []
    given: dict[str, Any] = {"now": now}
    for one in questions:
        given.update(one.given())
    (answers,) = prepared.rows("SELECT " + ", ".join(f"({one.sql})" for one in questions), given)
    return [bool(answer) for answer in answers]


def due(model: type[models.Model], /, *, also: str = "true") -> Question:
    """Whether a row of `model` has a `due_at` that has come. `also`: a further condition, of our own words only."""
    table = model._meta.db_table
    return Question(f"EXISTS (SELECT FROM {table} WHERE due_at <= %(now)s AND {also})")


def first(question: Question, /) -> Callable[[Service], Service]:
    """A service of beats that asks first: where the question does not hold it does nothing and gives 0."""

    def asking(service: Service) -> Service:
        @wraps(service)
        def asked(*, now: datetime, **given: Any) -> int:
            return service(now=now, **given) if question.holds(now=now) else 0

        asked.question = question  # type: ignore[attr-defined]
        return cast(Service, asked)

    return asking


def unasked(service: Callable[..., object], /) -> Callable[..., object]:
    """The service itself, for who has asked already."""
    return getattr(service, "__wrapped__", service) if question_of(service) is not None else service


def question_of(service: Callable[..., object], /) -> Question | None:
    """What it asks first; None where it always works."""
    return getattr(service, "question", None)
