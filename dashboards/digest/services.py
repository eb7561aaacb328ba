"""What the week's message says, from the same report as the page."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings

from dashboards.choice import Choice
from dashboards.data import executive
from dashboards.reports.executive import message
from incidents.digests import services
from incidents.digests.queries import ANY_DUE
from observability.core import questions
from observability.core.models import Organisation

WEEK = Choice(page="executive", range="7d")


@questions.first(ANY_DUE)
def send_due(*, now: datetime) -> int:
    """Write the messages that are due into the outbox; how many."""
    return services.write_due(now=now, write=text)


def text(organisation: Organisation, now: datetime) -> str:
    report = executive.load(organisation=organisation, choice=WEEK, now=now)
    return message(report, address=f"{settings.TAILWATCH_BASE_URL}{WEEK.address}")
