"""write_days: every closed day to the folder of exports, as CSV and as Parquet."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings

from observability.core import prepared
from observability.core.models import Organisation
from sloengine.cost.focus.dataset import Basis
from sloengine.cost.focus.exports import FORMATS, encoded
from sloengine.cost.focus.queries import export
from sloengine.cost.ledger.models import FocusDay
from sloengine.cost.ledger.stretches import DAY

log = logging.getLogger(__name__)
#: A folder that is named for the first time gets so many days.
MOST_DAYS = timedelta(days=35)

_DUE = """
SELECT DISTINCT series.organisation_id, used.at FROM sloengine_usageday AS used
JOIN sloengine_costseries AS series ON series.id = used.series_id
WHERE used.at >= %s AND NOT EXISTS (
    SELECT FROM sloengine_focusday AS written
    WHERE written.organisation_id = series.organisation_id AND written.day = used.at
) ORDER BY 1, 2
"""


def write_days(*, now: datetime) -> int:
    """Days that are summed and not written yet, or changed since; the number of days. Nothing without TAILWATCH_FOCUS_DIR."""
    folder = settings.TAILWATCH_FOCUS_DIR
    if not folder:
        return 0
    due = prepared.rows(_DUE, [now - MOST_DAYS])
    written = 0
    for organisation_id, day in due:
        organisation = Organisation.objects.get(pk=organisation_id)
        try:
            rows = write_day(organisation=organisation, day=day, folder=Path(folder), now=now)
        except OSError:
            log.exception("the export of %s could not be written to %s", f"{day:%Y-%m-%d}", folder)
            return written
        FocusDay.objects.bulk_create(
            [FocusDay(organisation=organisation, day=day, rows=rows, written_at=now)], ignore_conflicts=True
        )
        written += 1
    return written


def write_day(*, organisation: Organisation, day: datetime, folder: Path, now: datetime) -> int:
    """focus-<basis>-2026-11-22.csv and .parquet in the organisation's folder, each put in its place when it is whole."""
    target = folder / organisation.slug
    target.mkdir(parents=True, exist_ok=True)
    count = 0
    for basis in Basis:
        found = export(organisation=organisation, since=day, until=day + DAY, basis=basis, now=now)
        if found.left_out:
            log.warning(
                "%s of %s: %s of %s have no price and are left out", day.date(), organisation, found.left_out, basis
            )
        for form in FORMATS:
            file = target / f"focus-{basis}-{day:%Y-%m-%d}.{form}"
            partial = file.with_suffix(f"{file.suffix}.part")
            partial.write_bytes(encoded(found.rows, form=form))
            partial.replace(file)
        count += len(found.rows)
    return count
