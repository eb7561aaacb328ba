"""One part or all: replicas, regions, versions and configurations that differ from the rest."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from statistics import median

from incidents.diagnosis import measures
from incidents.diagnosis.evidence import Answer
from incidents.diagnosis.levels import level, moved
from incidents.diagnosis.measured import MEASURES
from incidents.diagnosis.readings import answer
from incidents.diagnosis.signals import text
from incidents.diagnosis.view import Period, Serving, View, When

UP = 0.5
#: A replica that was there in less than this part of the hour before is new.
NEW_UNDER = 0.25
HANGS_AFTER_SECONDS = 60.0
FAULTY_FROM = 1.5  # of gpu_fault_severity: 2 degraded, 3 out of service
#: Requests and no token is what an engine does; whether its board is at fault is told by the other reasons.
HANGS = "hang"
#: A board that is held down for less of the time than this, and has less to do, lowered its clock by itself.
HELD_DOWN, BUSY = 0.02, 0.8
#: So long a version must have served beside another to have been a canary.
CANARY_LENGTH = timedelta(minutes=10)
#: What still serves is written down again every five minutes; what left keeps the instant at which it was last seen.
SERVES_FOR, SEEN_TOGETHER = timedelta(minutes=6), timedelta(seconds=15)


def up_by_replica(view: View) -> dict[tuple[str, str], float]:
    """(region, replica) -> the lower of its share of the window and of the last minute in which it answered."""
    told: dict[tuple[str, str], float] = {}
    for when in (When.NOW, When.LATEST):
        for (region, replica), one in view.gauge("target_up", when, ("region", "replica")).items():
            if one.mean is not None:
                told[region, replica] = min(told.get((region, replica), 1.0), one.mean)
    return told


def _known_before(view: View) -> set[tuple[str, str]]:
    return {
        (region, replica)
        for (region, replica), one in view.gauge("target_up", When.BEFORE, ("region", "replica")).items()
        if one.n > 0
    }


def replicas_down(view: View) -> Answer:
    """Replicas that did not answer in half of the window, or of its last minute."""
    told = up_by_replica(view)
    down = sorted(replica for (_, replica), up in told.items() if up < UP)
    detail = f"{', '.join(down[:5])} of {len(told)}" if down else ""
    return answer(view, float(len(down)) if told else None, "target_up", detail=detail)


def replicas_up(view: View) -> Answer:
    """Replicas that answer now. Where none is read any more though some were: 0."""
    told = up_by_replica(view)
    if not told:
        return answer(view, 0.0 if _known_before(view) else None, "target_up", detail="none is read any more")
    return answer(view, float(sum(up >= UP for up in told.values())), "target_up", detail=f"of {len(told)}")


def replica_down_share(view: View) -> Answer:
    told = up_by_replica(view)
    return answer(view, measures.share(sum(up < UP for up in told.values()), len(told)), "target_up")


def regions_down(view: View) -> Answer:
    """Regions in which no replica answers, though another region's do or did; one that is read no more is down, too."""
    told = up_by_replica(view)
    regions = {region for region, _ in {*told, *_known_before(view)}}
    if not told and not regions:
        return answer(view, None, "target_up")
    alive = {region for (region, _), up in told.items() if up >= UP}
    down = sorted(regions - alive) if len(regions) > 1 else []
    detail = f"{', '.join(one or 'unnamed' for one in down)} of {len(regions)}" if down else f"of {len(regions)}"
    return answer(view, float(len(down)), "target_up", detail=detail)


def engine_restarts(view: View) -> Answer:
    groups = view.increments("engine_restarts_total", When.AROUND, ("replica",))
    if not groups:
        return answer(view, None, "engine_restarts_total")
    who = sorted(replica for (replica,), count in groups.items() if count > 0)
    return answer(view, float(sum(groups.values())), "engine_restarts_total", detail=", ".join(who[:5]))


def engines_hanging(view: View) -> Answer:
    groups = view.gauge("engine_stalled_seconds", When.LATEST, ("replica",))
    told = {replica: one.mean for (replica,), one in groups.items() if one.mean is not None}
    hanging = sorted(replica for replica, seconds in told.items() if seconds >= HANGS_AFTER_SECONDS)
    detail = f"{', '.join(hanging[:5])} of {len(told)}" if hanging else ""
    return answer(view, float(len(hanging)) if told else None, "engine_stalled_seconds", detail=detail)


def gpu_faults(view: View) -> Answer:
    """GPUs that the probe calls degraded or out of service, and replicas whose driver reported a critical XID.

    Not those that are busy without a token: an engine that hangs spins on a board that is well."""
    faulty: dict[tuple[str, str], str] = {}
    for (replica, gpu, reason), one in view.gauge(
        "gpu_fault_severity", When.LATEST, ("replica", "gpu", "reason")
    ).items():
        if one.mean is not None and one.mean >= FAULTY_FROM and reason != HANGS:
            faulty[replica, gpu] = reason
    critical = view.increments("gpu_xid_by_severity_total", When.AROUND, ("reason",))
    codes = view.increments("gpu_xid_total", When.AROUND, ("reason",))
    events = critical.get(("critical",), 0.0)
    if not faulty and not critical and not view.gauge("gpu_clock_hertz", When.NOW):
        return answer(view, None, "gpu_fault_severity")
    named = [f"{replica} {reason}".strip() for (replica, _), reason in sorted(faulty.items())]
    named += [f"XID {code}" for (code,), count in sorted(codes.items()) if count > 0 and events > 0]
    value = float(max(len(faulty), min(events, 1.0)))
    return answer(view, value, "gpu_fault_severity", detail=", ".join(dict.fromkeys(named[:5])))


def clock_worst_factor(view: View) -> Answer:
    """Of the replica whose gap between tokens moved furthest; where no gaps are told by replica, of the lowest clock.

    An idle board lowers its clock by itself, so the lowest clock of all accuses the wrong one; and so does a low clock that
    nothing held down, of a board with little to do."""
    now, before = (
        {name: one.mean for (name,), one in view.gauge("gpu_clock_hertz", when, ("replica",)).items() if one.mean}
        for when in (When.NOW, When.BEFORE)
    )
    found = {name: now[name] / before[name] for name in now if name in before}
    if not found:
        return answer(view, None, "gpu_clock_hertz", reason="no GPU clocks by replica now and before")
    gap = MEASURES["inter_token"]
    slowed = moved(level(view, gap, When.NOW, ("replica",)), level(view, gap, When.BEFORE, ("replica",)))
    known = [name for name in slowed if name in found]
    worst = (
        max(known, key=lambda name: (slowed[name], name)) if known else min(found, key=lambda name: (found[name], name))
    )
    detail = f"{worst} from {before[worst] / 1e6:,.0f} to {now[worst] / 1e6:,.0f} MHz"
    if found[worst] < 1 and _idles(view, worst):
        return answer(view, 1.0, "gpu_clock_hertz", detail=f"{detail}, idle: nothing holds it down")
    return answer(view, found[worst], "gpu_clock_hertz", detail=detail)


def _idles(view: View, replica: str) -> bool:
    """Whether a driver that tells how long clocks are held down tells of none, and the board has time to spare."""
    held = view.increments("gpu_throttled_seconds_total", When.NOW, ("replica",)).get((replica,))
    covered = view.covered_seconds("gpu_throttled_seconds_total", When.NOW)
    busy = view.gauge("gpu_utilisation_ratio", When.NOW, ("replica",)).get((replica,))
    if held is None or not covered or busy is None or busy.mean is None:
        return False
    return held / covered < HELD_DOWN and busy.mean < BUSY


def gpu_memory_full(view: View) -> Answer:
    """Of the fullest replica: one that has just died has given its memory back."""
    used, total = (
        {name: one.mean for (name,), one in view.gauge(family, When.LATEST, ("replica",)).items() if one.mean}
        for family in ("gpu_memory_bytes", "gpu_memory_total_bytes")
    )
    full = {name: used[name] / total[name] for name in used if name in total}
    if not full:
        return answer(view, None, "gpu_memory_bytes", reason="no GPU tells its memory and how much it has")
    fullest = max(full, key=lambda name: (full[name], name))
    return answer(view, full[fullest], "gpu_memory_bytes", detail=fullest)


def new_replicas(view: View) -> tuple[set[str], set[str]]:
    """(new, old): a replica is new where it was there in less than a quarter of the readings of the hour before."""
    now = {replica for (replica,), one in view.gauge("target_up", When.NOW, ("replica",)).items() if one.n > 0}
    before = {replica: one.n for (replica,), one in view.gauge("target_up", When.BEFORE, ("replica",)).items()}
    most = max(before.values(), default=0.0)
    new = {replica for replica in now if before.get(replica, 0.0) < NEW_UNDER * most}
    return new, now - new


def replicas_new(view: View) -> Answer:
    new, old = new_replicas(view)
    value = float(len(new)) if new or old else None
    return answer(view, value, "target_up", detail=", ".join(sorted(new)[:5]))


def new_replica_slowness(view: View) -> Answer:
    """The mean latency of the new replicas against that of the others: whichever of first token and gap stands out more."""
    new, old = new_replicas(view)
    worst: tuple[float, str] | None = None
    for name in ("ttft", "inter_token"):
        measure = MEASURES[name]
        now = level(view, measure, When.NOW, ("replica",))
        fresh, usual = ([now[one] for one in group if one in now] for group in (new, old))
        if not fresh or not usual or median(usual) <= 0:
            continue
        value = median(fresh) / median(usual)
        said = f"{measure.what} {text(median(fresh), 's')} against {text(median(usual), 's')}"
        worst = max(worst or (0.0, ""), (value, said))
    if worst is None:
        return answer(view, None, "ttft_seconds", reason="no replica is new" if not new else "no latency by replica")
    return answer(view, worst[0], "ttft_seconds", detail=worst[1])


def serving_now(view: View) -> list[Serving]:
    """Of each region what was seen when it was looked at last."""
    recent = [one for one in view.servings() if one.seen_until >= view.now - SERVES_FOR]
    looked: dict[str, datetime] = {}
    for one in recent:
        looked[one.region] = max(looked.get(one.region, one.seen_until), one.seen_until)
    return [one for one in recent if one.seen_until >= looked[one.region] - SEEN_TOGETHER]


def config_variants(view: View) -> Answer:
    """Configurations of one version that serve side by side: 1 is parity."""
    hashes: dict[str, dict[str, Serving]] = {}
    for one in serving_now(view):
        if one.config_hash:
            hashes.setdefault(one.version, {}).setdefault(f"{one.region} {one.config_hash}", one)
    if not hashes:
        return answer(view, None, "config_info", reason="no configuration is told")
    most = max(hashes.values(), key=lambda found: len({one.config_hash for one in found.values()}))
    count = len({one.config_hash for one in most.values()})
    told = sorted(most.values(), key=lambda one: one.seen_from)
    detail = ", ".join(
        f"{one.region or 'unnamed'} {one.config_hash} since {one.seen_from:%d %b %H:%M}" for one in told[:4]
    )
    return answer(view, float(count), "config_info", detail=detail if count > 1 else "")


def version_shares(view: View, when: When | Period) -> Mapping[str, float]:
    """Each version's share of the finished requests."""
    counted = view.increments("e2e_seconds", when, ("version",))
    total = sum(counted.values())
    return {version: count / total for (version,), count in counted.items()} if total > 0 else {}


def rollout_gain(view: View) -> Answer:
    """What the version that mostly serves now gained since its first minutes, where it then was a canary beside another."""
    now = version_shares(view, When.NOW)
    if not now:
        return answer(view, None, "e2e_seconds", reason="no requests by version")
    serving = max(now, key=lambda version: now[version])
    seen = [one.seen_from for one in view.servings() if one.version == serving]
    if not seen:
        return answer(view, None, "e2e_seconds", reason="the catalogue knows no versions")
    first = min(seen)
    older = any(one.version != serving and one.seen_from < first for one in view.servings())
    if not older or view.impact_started_at - first < CANARY_LENGTH:
        return answer(view, 0.0, "e2e_seconds", detail="the serving version was no canary before")
    began = version_shares(view, Period(first, first + CANARY_LENGTH)).get(serving)
    if began is None or began > 0.5:
        return answer(
            view, 0.0 if began is not None else None, "e2e_seconds", reason="no requests by version back then"
        )
    detail = f"{serving} from {text(began, 'ratio')} at {first:%H:%M} to {text(now[serving], 'ratio')}"
    return answer(view, now[serving] - began, "e2e_seconds", detail=detail)
