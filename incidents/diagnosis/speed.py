"""Question one: what burns, and where the time is."""

from __future__ import annotations

from incidents.diagnosis import measures
from incidents.diagnosis.evidence import Answer
from incidents.diagnosis.readings import (
    Reader,
    against,
    answer,
    findings,
    from_to,
    gauge,
    mean,
    only_told,
    rate,
    stages,
)
from incidents.diagnosis.signals import text
from incidents.diagnosis.view import View, When
from sloengine.objectives.objective import budget_name

SPEED = frozenset({"availability", "latency", "ttft", "inter_token", "per_token", "queue", "burst"})


def stage_share(stage: str, whole: tuple[str, ...]) -> Reader:
    def read(view: View) -> Answer:
        means = only_told({one: mean(view, f"{one}_seconds", When.NOW) for one in whole})
        total = sum(means.values()) if len(means) == len(whole) else None
        return answer(view, measures.share(means.get(stage), total), f"{stage}_seconds")

    return read


def stage_growth(stage: str) -> Reader:
    def read(view: View) -> Answer:
        family = f"{stage}_seconds"
        now, before = mean(view, family, When.NOW), mean(view, family, When.BEFORE)
        detail = from_to(before, now, "s") if now is not None and before is not None else ""
        return answer(view, measures.growth(now, before), family, reason=f"no {family} now or before", detail=detail)

    return read


def stage_growth_share(stage: str) -> Reader:
    def read(view: View) -> Answer:
        now, before = stages(view, When.NOW), stages(view, When.BEFORE)
        reason = "the time to first token has not grown" if now.keys() & before.keys() else "no stages now or before"
        value = measures.growth_share(stage=stage, now=now, before=before)
        detail = from_to(before[stage], now[stage], "s") if value is not None else ""
        return answer(view, value, f"{stage}_seconds", reason=reason, detail=detail)

    return read


def per_request(family: str) -> Reader:
    def length(view: View, when: When) -> float | None:
        return measures.share(rate(view, family, when), rate(view, "requests_total", when))

    return lambda view: against(view, family, length(view, When.NOW), length(view, When.BEFORE), "count")


def burn_rate(view: View) -> Answer:
    burning = findings(frozenset({"burn"}), SPEED, True)(view)
    rated = [(fast, one) for one in burning if (fast := one.number("burn_rate_long")) is not None]
    if not rated:
        return answer(
            view, 0.0, "findings", sentence=f"{view.service} burns no budget of availability or speed at page tier"
        )
    fast, worst = max(rated, key=lambda pair: pair[0])
    limit, long_window = worst.number("threshold"), worst.number("long_window_seconds")
    detail = "" if limit is None else f"limit {limit:g}"
    if long_window:
        detail += (
            f" over {text(long_window / 3600, 'count')} h" if long_window >= 3600 else f" over {long_window / 60:g} min"
        )
    said = f"{view.service} is burning its {budget_name(worst.indicator)} budget {text(fast, 'x')} too fast"
    return answer(view, fast, "findings", detail=detail.strip(), sentence=said)


def backlog(view: View, when: When) -> float | None:
    """Requests inside the service, running or waiting, over all replicas."""
    inside = [view.gauge(family, when, ("replica",)) for family in ("requests_running", "requests_waiting")]
    told = [one.mean for groups in inside for one in groups.values() if one.mean is not None]
    return sum(told) if told else None


def traffic_factor(view: View) -> Answer:
    """Arrivals now against before. What ended is counted; what arrived and still waits is what the backlog gained.

    A full service ends no more than it can: 40/s ended before, 52/s now while the backlog gains 8,000 in 180 s: 96/s arrive,
    2.4 times as many.
    """
    ended, before = rate(view, "requests_total", When.NOW), rate(view, "requests_total", When.BEFORE)
    covered = view.covered_seconds("requests_total", When.NOW)
    gained = measures.growth(backlog(view, When.LATEST), backlog(view, When.BEFORE))
    arrived = ended if ended is None or gained is None or not covered else max(ended + gained / covered, 0.0)
    return against(view, "requests_total", arrived, before, "per_s")


def request_rate(view: View) -> Answer:
    return answer(view, rate(view, "requests_total", When.NOW), "requests_total")


def queue_skew(view: View) -> Answer:
    means = only_told(
        {replica: one.mean for (replica,), one in view.histogram("queue_seconds", When.NOW, ("replica",)).items()}
    )
    found = measures.skew(means)
    if found is None:
        return answer(view, None, "queue_seconds", reason="fewer than two replicas report a queue delay")
    detail = f"{found[0]}, {len(means)} replicas" if found[1] > 1.5 else f"{len(means)} replicas"
    return answer(view, found[1], "queue_seconds", detail=detail)


def preemption_share(view: View) -> Answer:
    value = measures.share(rate(view, "preemptions_total", When.NOW), rate(view, "requests_total", When.NOW))
    return answer(view, value, "preemptions_total")


def prefix_hit_fall(view: View) -> Answer:
    def ratio(when: When) -> float | None:
        return measures.share(
            rate(view, "prefix_cache_hits_total", when), rate(view, "prefix_cache_queries_total", when)
        )

    now, before = ratio(When.NOW), ratio(When.BEFORE)
    detail = from_to(before, now, "ratio") if now is not None and before is not None else ""
    return answer(view, measures.growth(before, now), "prefix_cache_hits_total", detail=detail)


def clock_factor(view: View) -> Answer:
    now, before = (gauge(view, "gpu_clock_hertz", when) for when in (When.NOW, When.BEFORE))
    value = measures.factor(now, before)
    detail = f"from {before / 1e6:,.0f} to {now / 1e6:,.0f} MHz" if value is not None and now and before else ""
    return answer(view, value, "gpu_clock_hertz", detail=detail)


def throttled_share(view: View) -> Answer:
    groups = view.increments("gpu_throttled_seconds_total", When.NOW, ("reason",))
    covered = view.covered_seconds("gpu_throttled_seconds_total", When.NOW)
    gpus = max(len(view.gauge("gpu_clock_hertz", When.NOW, ("replica", "gpu"))), 1)
    if not groups or not covered:
        return answer(view, None, "gpu_throttled_seconds_total")
    (reason,), worst = max(groups.items(), key=lambda item: item[1])
    return answer(view, min(worst / covered / gpus, 1.0), "gpu_throttled_seconds_total", detail=reason if worst else "")
