"""Carry runs out: ask the guards a last time, say so in the row, send, write down the answer.

A row says `in_flight` from before its order leaves until its answer is written. Who finds a row like that without a lease knows that a
worker was lost in between: the order is sent again with the same key where the executor carries a key out once, else a person looks.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import connection, transaction

from incidents.actions import course, permits, queries
from incidents.actions.course import Progress, Reason, Result, State
from incidents.actions.document import Binding
from incidents.actions.executors import base
from incidents.actions.kinds import KINDS
from incidents.actions.models import ActionRun, ActionSecret
from incidents.actions.permits import Permit, Why
from incidents.actions.services.asking import plan_undo
from incidents.actions.services.rows import LONGEST_REASON, ended, locked, note, tell
from incidents.diagnosis.answers import ServiceSignals
from incidents.diagnosis.conditions import judge, parse_test
from incidents.response.timeline import TimelineKind
from observability.core import claims, questions
from observability.core.fields import SecretUnreadableError
from observability.core.permissions import Verb

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
AT_ONCE = 8
#: One worker acts at a time, so that executors that hang hold up one worker and never the pages.
ONE_WORKER = 0x7461_696C


@questions.first(questions.due(ActionRun, also="state IN ('started', 'running')"))
def run_due(*, now: datetime) -> int:
    """Send what is due; how many orders left."""
    with _alone() as alone:
        if not alone:
            return 0
        rows = claims.claim(ActionRun.objects.active(), now=now, lease=LEASE, limit=AT_ONCE)
        orders = [(run, order) for run in rows if (order := _begin(run, now)) is not None]
        with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="actions") as threads:
            results = list(threads.map(lambda pair: _send(*pair), orders))
        for (run, _), result in zip(orders, results, strict=True):
            _write(run, result, now)
        return len(orders)


@contextmanager
def _alone() -> Iterator[bool]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [ONE_WORKER])
        row = cursor.fetchone()
        alone = bool(row and row[0])
        try:
            yield alone
        finally:
            if alone:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [ONE_WORKER])


def _begin(run: ActionRun, now: datetime) -> base.Order | None:
    """The order to send, after the row has said that it is about to leave; None where it does not."""
    with transaction.atomic():
        run = locked(run)
        if run.state not in course.ACTIVE:
            return None
        if run.in_flight:
            found = course.found_in_flight(repeatable=run.bound.executor.repeatable or run.taken, now=now)
            if found.state is State.UNKNOWN:
                _close(run, State.UNKNOWN, found.reason.value, now)
                return None
            run.perhaps = True
        permit = _last_look(run, now)
        if not permit.allowed:
            _close(run, State.REFUSED, permit.sentence, now)
            return None
        try:
            order = _order(run, now)
        except (KeyError, SecretUnreadableError) as problem:
            said = f"the secret {problem} is gone" if isinstance(problem, KeyError) else str(problem)
            _close(run, State.FAILED, said, now)
            return None
        run.state, run.in_flight, run.began_at = State.RUNNING.value, True, run.began_at or now
        run.attempts += not run.taken
        run.save(update_fields=["state", "in_flight", "perhaps", "began_at", "attempts", "evidence"])
        if run.attempts == 1 and not run.taken:
            note(run, Verb.RUN_ACTION, now=now, began=True)
        return order


def _last_look(run: ActionRun, now: datetime) -> Permit:
    """Everything that was true when it was proposed, asked again. What the executor has taken already is not called back."""
    if run.taken or run.perhaps:
        return permits.GRANTED
    facts = queries.facts(organisation_id=run.organisation_id, incident=run.incident if not run.undo_of_id else None)
    if facts.stopped:
        return Permit(Why.STOPPED)
    if run.incident is None:
        return permits.GRANTED  # a rehearsal from the settings asks the executor to change nothing
    permit = permits.may_act(facts=facts)
    if run.undo_of_id is not None or run.attempts or not permit.allowed:
        return permit
    binding = run.bound
    permit = permits.may_begin(
        now=now,
        history=queries.history(run=run, now=now, window=timedelta(seconds=binding.most_in_seconds)),
        cool_down=timedelta(seconds=binding.cool_down_seconds),
        most_runs=binding.most_runs,
        window=timedelta(seconds=binding.most_in_seconds),
    )
    return _still_true(run, binding, now) if permit.allowed else permit


def _still_true(run: ActionRun, binding: Binding, now: datetime) -> Permit:
    """The blast radius, the advice and the binding's own conditions, by signals read now; the numbers stay with the run."""
    incident = run.incident
    found = queries.offers(incident=incident, now=now) if incident is not None else None
    if incident is None or found is None:
        return Permit(Why.ADVICE)
    removes = KINDS[run.action].removes
    seen = found.fleet
    there = [
        one
        for one in seen.replicas
        if removes and getattr(one, "name" if removes == "replica" else "region") == run.target
    ]
    going = {one.name for one in there} - seen.out
    permit = permits.may_take(
        out=len(seen.out), replicas=seen.count, takes=len(going), blast_radius=binding.blast_radius
    )
    if not permit.allowed:
        return permit
    judged = queries.for_target(found=found, binding=binding, target=run.parameters.get("replica")).of(run.action)
    if judged is None or not judged.offered:
        return Permit(Why.ADVICE, judged.reason if judged is not None else "")
    signals = ServiceSignals(queries.view_of(incident=incident, service=run.service, now=now))
    for text in binding.only_if:
        verdict = judge(condition=parse_test(text), signals=signals)
        run.evidence = [*run.evidence, *(piece.sentence for piece in verdict.evidence)]
        said = f"{text}; {verdict.evidence[0].sentence}"
        if verdict.holds is not True:
            return Permit(Why.CONDITION if verdict.holds is False else Why.CANNOT_TELL, said)
    return permits.GRANTED


def _order(run: ActionRun, now: datetime) -> base.Order:
    executor = run.bound.executor
    kept = {row.name: row.value for row in ActionSecret.objects.filter(organisation_id=run.organisation_id)}
    places = {
        "service": run.service.slug,
        "action": run.action,
        "incident": run.incident.name if run.incident is not None else "",
        **{key: str(value) for key, value in run.parameters.items() if isinstance(value, str | int)},
    }
    return base.Order(
        kind=executor.kind,
        key=run.key,
        action=run.action,
        service=run.service.slug,
        incident=places["incident"],
        parameters=run.parameters,
        places=places,
        settings=executor.settings,
        secrets={key: kept[name] for key, name in executor.secrets.items()},
        rehearse=run.rehearsal,
        undo=run.undo_of.key if run.undo_of is not None else "",
        perhaps=run.perhaps,
        at=int(now.timestamp()),
    )


def _send(run: ActionRun, order: base.Order) -> Result:
    """In a thread, without the database. Once the executor is done only the completion is asked for."""
    try:
        if run.executed_at is not None and (completion := run.bound.completion) is not None:
            return base.completed(order=order, completion=completion)
        return base.executor(order.kind).send(order)
    except ImportError as problem:
        return Result(progress=Progress.FAILED, detail=f"not installed here: {problem}")
    except Exception as problem:
        log.exception("%s: the executor %s broke", run, order.kind)
        return Result(progress=Progress.LOST, detail=f"an error of ours: {type(problem).__name__}: {problem}")


def _write(run: ActionRun, result: Result, now: datetime) -> None:
    with transaction.atomic():
        run = locked(run)
        if run.state != State.RUNNING:
            return
        binding, run.in_flight, run.lease_until = run.bound, False, None
        run.output = (result.output or run.output)[: base.LONGEST_OUTPUT]
        completion = binding.completion if not run.rehearsal and run.undo_of_id is None else None
        if run.executed_at is not None and completion is not None:
            _completed(run, result, timedelta(seconds=completion.within_seconds), now)
            return
        next_ = course.after(
            result=result,
            attempt=run.attempts,
            began_at=run.began_at or now,
            now=now,
            repeatable=binding.executor.repeatable,
            taken=run.taken,
        )
        run.taken = run.taken or result.progress in {Progress.DONE, Progress.RUNNING}
        run.perhaps = run.perhaps or result.progress is Progress.LOST
        said = result.detail or next_.reason.value
        if next_.state is State.DONE and completion is not None:
            run.executed_at = now
            _again(run, f"{said}; a completion is waited for", now)
        elif next_.state is State.DONE:
            run.executed_at = now
            _done(run, said, now)
        elif next_.state is State.RUNNING:
            _again(
                run, said if next_.reason is Reason.WORKING else f"{next_.reason.value}: {said}", next_.due_at or now
            )
        else:
            _close(run, next_.state, f"{next_.reason.value}: {said}", now)


def _completed(run: ActionRun, result: Result, within: timedelta, now: datetime) -> None:
    if result.progress is Progress.DONE:
        _done(run, result.detail, now)
    elif now - (run.executed_at or now) > within:
        _close(run, State.FAILED, f"it was carried out, and no completion has come back: {result.detail}", now)
    else:
        _again(run, result.detail, now + course.POLL)


def _again(run: ActionRun, reason: str, due_at: datetime) -> None:
    run.reason, run.due_at = reason[:LONGEST_REASON], due_at
    run.save(
        update_fields=[
            "reason", "due_at", "in_flight", "lease_until", "taken", "perhaps", "executed_at", "output",
        ]
    )  # fmt: skip


def _done(run: ActionRun, said: str, now: datetime) -> None:
    binding = run.bound
    run.done_at, run.reason = now, said[:LONGEST_REASON]
    real = not run.rehearsal and run.undo_of_id is None
    if real and binding.verify is not None:
        run.state, run.due_at, run.ended_at = State.VERIFYING.value, now + course.FIRST_LOOK, None
    else:
        run.state, run.ended_at = State.DONE.value, now
    run.save()
    if real and binding.undo_after_seconds is not None:
        at = now + timedelta(seconds=binding.undo_after_seconds)
        plan_undo(run, at=at, now=now, because="the binding takes it back after its time")
    word = "rehearsed, nothing was changed" if run.rehearsal else "done"
    tell(run, TimelineKind.ACTION_RAN, said=f"{run.title}, {word}: {said}", now=now, state=run.state)
    note(run, Verb.RUN_ACTION, now=now, state=run.state, reason=said)
    if run.undo_of is not None:
        _taken_back(run.undo_of, now)


def _taken_back(original: ActionRun, now: datetime) -> None:
    """What is taken back is verified no more."""
    original = locked(original)
    if original.state == State.VERIFYING:
        ended(original, State.DONE, reason="taken back before it was verified", now=now)


def _close(run: ActionRun, state: State, reason: str, now: datetime) -> None:
    ended(run, state, reason=reason, now=now)
    kind = TimelineKind.ACTION_REFUSED if state is State.REFUSED else TimelineKind.ACTION_RAN
    tell(run, kind, said=f"{run.title}, {state.value}: {reason}", now=now, state=state.value)
    note(run, Verb.RUN_ACTION, now=now, state=state.value, reason=reason)
