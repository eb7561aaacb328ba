"""What fails: errors, rejections, and whether failures are what arrives more."""

from __future__ import annotations

from collections.abc import Mapping

from incidents.diagnosis import measures
from incidents.diagnosis.evidence import Answer
from incidents.diagnosis.readings import against, answer
from incidents.diagnosis.view import View, When, Window

FAILED = ("error", "timeout", "rejected")
#: Arrivals must have grown by so much of what they were before anybody asks what the growth is made of.
GREW = 0.1


def outcomes(view: View, when: Window) -> Mapping[str, float]:
    """Requests by outcome. An engine's own requests_total lacks what failed; where nobody else counts, its HTTP answers do."""
    told = {outcome: count for (outcome,), count in view.increments("requests_total", when, ("outcome",)).items()}
    if any(outcome in told for outcome in FAILED):
        return told
    served = {
        outcome: count for (outcome,), count in view.increments("http_responses_total", when, ("outcome",)).items()
    }
    return served or told


def _failed(counts: Mapping[str, float]) -> float:
    return sum(count for outcome, count in counts.items() if outcome in FAILED)


def _all(counts: Mapping[str, float]) -> float:
    return sum(count for outcome, count in counts.items() if outcome != "aborted")


def error_share(view: View) -> Answer:
    counts = outcomes(view, When.NOW)
    failed, total = _failed(counts), _all(counts)
    return answer(
        view, measures.share(failed, total), "requests_total", detail=f"{failed:,.0f} of {total:,.0f} requests"
    )


def rejected_share(view: View) -> Answer:
    """Of what failed, what our own gateway turned away; a tenant over its own quota is not among it."""
    counts = outcomes(view, When.NOW)
    failed = _failed(counts)
    if not counts or failed <= 0:
        return answer(view, 0.0 if counts else None, "requests_total", detail="nothing failed")
    rejected = counts.get("rejected", 0.0)
    told = ", ".join(f"{count:,.0f} {name}" for name, count in sorted(counts.items()) if name in FAILED and count > 0)
    return answer(view, rejected / failed, "requests_total", detail=told)


def _rates(view: View, when: When) -> tuple[float, float] | None:
    """(failed, all) per second."""
    counts, covered = outcomes(view, when), view.covered_seconds("requests_total", when)
    return (_failed(counts) / covered, _all(counts) / covered) if counts and covered else None


def failed_growth_share(view: View) -> Answer:
    """A retry storm grows by its failures; a crowd grows by what is answered. 10 failed of 50 before, 90 of 130 now: 1.0."""
    now, before = _rates(view, When.NOW), _rates(view, When.BEFORE)
    if now is None or before is None:
        return answer(view, None, "requests_total", reason="no requests counted now or before")
    grown = now[1] - before[1]
    if grown <= GREW * before[1]:
        return answer(view, None, "requests_total", reason="no more requests end than before")
    return answer(view, max(now[0] - before[0], 0.0) / grown, "requests_total")


def ok_rate_factor(view: View) -> Answer:
    now, before = _rates(view, When.NOW), _rates(view, When.BEFORE)
    return against(
        view,
        "requests_total",
        now[1] - now[0] if now is not None else None,
        before[1] - before[0] if before is not None else None,
        "per_s",
    )
