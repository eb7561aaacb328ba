"""Going round the beat table: whose period has come, and who of them has something to do; all are asked in one statement.

Virtual time plays a round itself, one beat after the other. The workers ask in the same way each second and send what is due to
its queue (`observability.tasks`): an idle platform is one message and one short statement a second and queue.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from django.utils.module_loading import import_string

from observability.celery import Beat
from observability.core import questions
from observability.core.questions import Question

Service = Callable[..., object]


class Round:
    """The beats of one process, with when each was last asked."""

    def __init__(self, beats: Collection[Beat]) -> None:
        self._services: dict[Beat, Service] = {beat: import_string(beat.service) for beat in beats}
        self._questions: dict[Beat, Question | None] = {
            beat: questions.question_of(service) for beat, service in self._services.items()
        }
        self._last: dict[Beat, datetime] = {}

    def due(self, *, now: datetime) -> list[Beat]:
        """Those whose period has come and whose question holds, or that have none."""
        come = self._come(now)
        answers = self._answers(come, now)
        return [beat for beat in come if answers.get(beat, True)]

    def play(self, *, now: datetime) -> None:
        """Do what is due, in the order of the table. Who worked may have made work for those after it: they are asked again."""
        come = self._come(now)
        answers: dict[Beat, bool] | None = None
        for place, beat in enumerate(come):
            if self._questions[beat] is not None:
                answers = answers if answers is not None else self._answers(come[place:], now)
                if not answers[beat]:
                    continue
            questions.unasked(self._services[beat])(now=now)
            answers = None

    def _come(self, now: datetime) -> list[Beat]:
        come = [beat for beat in self._services if self._has_come(beat, now)]
        self._last.update(dict.fromkeys(come, now))
        return come

    def _has_come(self, beat: Beat, now: datetime) -> bool:
        last = self._last.get(beat)
        return last is None or not 0 <= (now - last).total_seconds() < beat.every_seconds

    def _answers(self, beats: Sequence[Beat], now: datetime) -> dict[Beat, bool]:
        asked = {beat: question for beat in beats if (question := self._questions[beat]) is not None}
        return dict(zip(asked, questions.together(list(asked.values()), now=now), strict=True))
