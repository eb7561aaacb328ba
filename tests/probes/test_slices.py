"""Where the time of one token goes, and what cannot be told apart."""

from __future__ import annotations

import pytest

from probes.exposition import Samples, series
from probes.slices import TokenTimes, split


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((0.09, 0.08, 0.95, 0.60), {"network": 0.01, "host": 0.004, "kernel": 0.028, "compute": 0.048}),
        ((0.09, 0.08, 0.95, None), {"network": 0.01, "host": 0.004, "kernel+compute": 0.076}),
        ((0.09, 0.08, None, None), {"network": 0.01, "host+kernel+compute": 0.08}),
        ((0.09, None, 0.95, 0.6), {"all": 0.09}),
        ((None, 0.08, 1.0, 0.5), {"host": 0.0, "kernel": 0.04, "compute": 0.04}),
        ((0.07, 0.08, 1.0, 1.0), {"network": 0.0, "host": 0.0, "kernel": 0.0, "compute": 0.08}),
        ((None, None, 1.0, 1.0), {}),
    ],
)
def test_slices_add_up_and_what_cannot_be_separated_is_joint(given, expected):
    client, engine, busy, active = given
    assert split(client=client, engine=engine, busy=busy, active=active) == pytest.approx(expected)


def page(
    tokens: float, *, service: str = "chat", replicas: int = 2, busy: float = 0.95, joined: bool = True
) -> Samples:
    found: Samples = {
        series("tailwatch_canary_per_token_seconds_sum", service=service, slice="short"): 0.09 * tokens,
        series("tailwatch_canary_per_token_seconds_count", service=service, slice="short"): tokens,
    }
    for at in range(replicas):
        own = {"service": service, "replica": f"{service}-{at}"}
        found[series("tailwatch_per_token_seconds_sum", **own)] = 0.08 * tokens
        found[series("tailwatch_per_token_seconds_count", **own)] = tokens
        gpu = {**own, "replica": own["replica"] if joined else "unjoined", "gpu": f"GPU-{at}"}
        found[series("tailwatch_gpu_utilisation_ratio", **gpu)] = busy
        found[series("tailwatch_gpu_sm_activity_ratio", **gpu)] = 0.6
    return found


def told(times: TokenTimes, now: float, found: Samples) -> dict[str | None, float]:
    return {one.label("reason"): value for one, value in times.samples(now=now, page=found).items()}


def test_means_are_over_what_ended_in_the_window_and_over_all_replicas():
    times = TokenTimes()
    assert told(times, 0, page(1000)) == {}
    assert told(times, 60, page(1100)) == pytest.approx(
        {"network": 0.01, "host": 0.004, "kernel": 0.028, "compute": 0.048}
    )
    assert told(times, 120, page(1100)) != {}
    assert told(times, 600, page(1100)) == {}


def test_a_gpu_that_nobody_joined_says_nothing_about_a_service():
    times = TokenTimes()
    told(times, 0, page(10, joined=False))
    assert set(told(times, 60, page(20, joined=False))) == {"network", "host+kernel+compute"}


def test_a_replica_that_restarts_leaves_the_mean_out_rather_than_bending_it():
    times = TokenTimes()
    told(times, 0, page(1000))
    assert told(times, 60, page(5)) == {}


def test_what_opening_a_connection_costs_is_spread_over_the_tokens_of_canaries():
    def asked(requests: int) -> Samples:
        own = {"service": "chat", "slice": "short"}
        seconds = {"dns": 0.004, "connect": 0.001, "tls": 0.012, "first_byte": 0.3}
        return {
            **page(1000 + 16 * requests),
            series("tailwatch_canary_tokens_total", **own): 16.0 * requests,
            **{
                series("tailwatch_canary_phase_seconds_sum", **own, reason=phase): requests * one
                for phase, one in seconds.items()
            },
        }

    times = TokenTimes()
    told(times, 0, asked(10))
    found = told(times, 60, asked(20))
    assert {phase: found[phase] for phase in ("dns", "connect", "tls")} == pytest.approx(
        {"dns": 0.00025, "connect": 0.0000625, "tls": 0.00075}
    )
    assert set(found) == {"dns", "connect", "tls", "network", "host", "kernel", "compute"}
