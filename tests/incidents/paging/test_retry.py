from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from incidents.paging.retry import GIVE_UP_AFTER, Next, Outcome, RetryReason, Verdict, next_try, permanent

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
GIVE_UP = NOON + GIVE_UP_AFTER


def answered(status_code: int, retry_after_seconds: float | None = None) -> Outcome:
    return Outcome(
        status_code=status_code,
        error="",
        permanent=permanent(status_code),
        arrived=True,
        retry_after_seconds=retry_after_seconds,
    )


UNREACHABLE = Outcome(status_code=None, error="refused", permanent=False, arrived=False)
SILENT = Outcome(status_code=None, error="timed out", permanent=False, arrived=None)


def after(outcome: Outcome, attempt: int = 1, ended_at: datetime = NOON) -> Next:
    return next_try(outcome=outcome, attempt=attempt, ended_at=ended_at, give_up_at=GIVE_UP)


@pytest.mark.parametrize("status_code", [200, 202, 204])
def test_any_2xx_is_an_answer(status_code: int) -> None:
    assert after(answered(status_code)) == Next(Verdict.SENT, RetryReason.ACCEPTED)


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 5), (2, 15), (3, 30), (4, 60), (5, 120), (6, 120), (40, 120)])
def test_the_wait_grows_to_two_minutes(attempt: int, seconds: int) -> None:
    assert after(answered(503), attempt) == Next(Verdict.AGAIN, RetryReason.BUSY, NOON + timedelta(seconds=seconds))


@pytest.mark.parametrize("status_code", [301, 400, 401, 404, 410, 413])
def test_redirects_and_refusals_are_final(status_code: int) -> None:
    assert after(answered(status_code)) == Next(Verdict.FAILED, RetryReason.REFUSED)


@pytest.mark.parametrize("status_code", [408, 421, 425, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(status_code: int) -> None:
    assert after(answered(status_code)).verdict is Verdict.AGAIN


def test_a_receiver_that_asks_for_time_gets_it_up_to_five_minutes() -> None:
    assert after(answered(429, 60)).due_at == NOON + timedelta(seconds=60)
    assert after(answered(429, 1)).due_at == NOON + timedelta(seconds=5)
    assert after(answered(503, 86400)).due_at == NOON + timedelta(minutes=5)
    assert after(answered(429, 60)).reason is RetryReason.THROTTLED


def test_no_connection_and_no_answer_are_told_apart() -> None:
    assert after(UNREACHABLE).reason is RetryReason.UNREACHABLE
    assert after(SILENT).reason is RetryReason.UNKNOWN


def test_a_guarded_address_is_final() -> None:
    assert after(Outcome(status_code=None, error="private", permanent=True, arrived=False)).verdict is Verdict.FAILED


def test_after_an_hour_it_is_given_up() -> None:
    late = GIVE_UP - timedelta(seconds=119)
    assert after(SILENT, 9, late) == Next(Verdict.FAILED, RetryReason.STALE)
    assert after(SILENT, 9, GIVE_UP - timedelta(seconds=120)).verdict is Verdict.AGAIN
