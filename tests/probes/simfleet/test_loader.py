"""fleet.yaml: what it may say, and the sentence for what it may not."""

from __future__ import annotations

import pytest

from probes.shape import ShapeError
from probes.simfleet.config import Tenant, default_config
from probes.simfleet.loader import load

FULL = """
seed: 7
listen: 0.0.0.0:9999
services:
  - name: chat
    replicas: 2
    requests_per_second: 2.5
    trace: conv.csv
    context: {median: 500, sigma: 0.5, low: 10, high: 2000}
    prefix_cache: {share: 0.5, low: 0.1, high: 0.2, system_tokens: 16}
    tenants: {web: {share: 0.7, tag: live}, mobile: 0.3}
    engine: {max_num_seqs: 12, step_seconds: 0.03}
  - name: search
    model: tiny
"""


def test_an_empty_file_is_the_default_fleet() -> None:
    assert load("", file="fleet.yaml") == default_config()


def test_what_is_given_replaces_the_default_and_the_rest_stays() -> None:
    config = load(FULL, file="conf/fleet.yaml")
    chat, search = config.services
    assert (config.seed, config.host, config.port) == (7, "0.0.0.0", 9999)
    assert (chat.replicas, chat.requests_per_second, chat.trace) == (2, 2.5, "conf/conv.csv")
    assert (chat.context.median, chat.prefix.high, chat.tenants[0]) == (500, 0.2, Tenant("web", 0.7, "live"))
    assert (chat.engine.max_num_seqs, chat.engine.step_seconds, chat.engine.chunk_tokens) == (12, 0.03, 1_536)
    assert chat.generated == default_config().service("chat").generated
    assert (search.name, search.model, search.replicas) == ("search", "tiny", 4)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("services: [", r"fleet.yaml: line \d: "),
        ("speed: 3", r"fleet.yaml: \(whole file\): found 'speed', expected only seed, listen, services"),
        ("seed: 1.5", "fleet.yaml: seed: found 1.5, expected a whole number"),
        ("listen: here", "fleet.yaml: listen: found 'here', expected address:port, as 127.0.0.1:9850"),
        ("services: []", r"fleet.yaml: services: found \[\], expected at least one service"),
        ("services: [{replicas: 2}]", r"fleet.yaml: services\[0\].name: found None, expected a text"),
        ("services: [{name: chat, replicas: 0}]", r"services\[0\].replicas: found 0, expected a number from 1 to 1000"),
        ("services: [{name: chat, tenants: {}}]", r"services\[0\].tenants: found {}, expected at least one tenant"),
        (
            "services: [{name: chat, engine: {cores: 2}}]",
            r"services\[0\].engine: found 'cores', expected only step_seconds, ",
        ),
        ("services: [{name: a}, {name: a}]", r"fleet.yaml: services\[1\].name: found 'a', expected each name once"),
        (
            "services: [{name: chat, context: {median: 5, sigma: 1, low: 9, high: 3}}]",
            r"services\[0\].context.high: found 3, expected a number from 9 to",
        ),
    ],
)
def test_a_wrong_file_names_path_found_and_expected(text: str, sentence: str) -> None:
    with pytest.raises(ShapeError, match=sentence):
        load(text, file="fleet.yaml")
