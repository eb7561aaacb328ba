from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from observability.core import clock, fields, tokens

NINE = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def test_the_clock_stands_where_it_is_set_and_runs_again_afterwards():
    with clock.frozen(NINE):
        assert clock.now() == NINE
    assert clock.now() > NINE


def test_the_clock_answers_in_utc():
    with clock.frozen(NINE.astimezone(timezone(timedelta(hours=5, minutes=45)))):
        assert clock.now().tzinfo is UTC
        assert clock.now() == NINE


def test_the_clock_refuses_a_naive_instant():
    with pytest.raises(ValueError, match="aware datetime"):
        clock.set_to(datetime(2026, 1, 5))


def test_a_token_is_kept_as_a_hash_that_does_not_hold_it():
    plain, hashed = tokens.new_token()
    assert tokens.hash_token(plain) == hashed
    assert plain not in hashed
    assert tokens.new_token()[0] != plain


def test_a_secret_survives_the_round_trip_and_is_not_readable_at_rest():
    stored = fields.encrypt("hook-secret")
    assert "hook-secret" not in stored
    assert fields.decrypt(stored) == "hook-secret"


def test_a_secret_of_another_key_says_what_to_do(settings):
    stored = fields.encrypt("hook-secret")
    settings.SECRET_KEY = "another key of at least fifty characters, long enough for all"
    with pytest.raises(fields.SecretUnreadableError, match="enter the secret again"):
        fields.decrypt(stored)
