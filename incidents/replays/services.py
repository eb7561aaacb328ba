"""Keep what a replay was told; ask new versions while they are well."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction

from incidents.diagnosis import replay
from incidents.diagnosis.replay import Question, ReplayPrompt
from incidents.replays import queries, shelf
from incidents.replays.models import StoredAnswer
from observability.core import questions
from sloengine.catalog.models import Service

log = logging.getLogger(__name__)


@questions.first(queries.NEW_VERSION)
def keep_due(*, now: datetime) -> int:
    """Ask one version that is new and well for its answers to the suite, and keep them; how many versions were asked.

    A fleet in memory answers for every version it ever ran and needs no log. What fails is tried again at the next beat.
    """
    for service, version in queries.unheard(now=now):
        replayer = replay.replayer_of(service.slug)
        if replayer is None or replayer.instant:
            continue
        suite = [one for one in replayer.suite(service.slug) if one.references][: shelf.PROMPTS]
        asked = [Question(one.prompt, version, True) for one in suite]
        try:
            replies = replayer.ask(service.slug, asked)
        except Exception:
            log.exception("the suite of %s could not be asked of %s", service.slug, version)
            continue
        said = {one.prompt: reply.text for one, reply in zip(asked, replies, strict=True) if reply.text is not None}
        if said:
            keep(service=service, version=version, said=said, suite=suite, now=now)
            return 1
    return 0


@transaction.atomic
def keep(
    *, service: Service, version: str, said: Mapping[str, str], suite: Sequence[ReplayPrompt], now: datetime
) -> None:
    """Add what is not stored of that version yet, and let go of what is too old or of too many versions."""
    slices = {one.prompt: one.slice for one in suite}
    StoredAnswer.objects.bulk_create(
        [
            StoredAnswer(
                service=service,
                version=version,
                prompt_key=shelf.key(prompt),
                slice=slices.get(prompt, ""),
                prompt=prompt,
                answer=answer,
                at=now,
            )
            for prompt, answer in shelf.kept(said).items()
        ],
        ignore_conflicts=True,
    )
    mine = StoredAnswer.objects.filter(service=service)
    mine.filter(at__lt=now - shelf.KEPT).exclude(version=version).delete()
    mine.filter(version__in=shelf.gone(queries.versions(service=service))).delete()
