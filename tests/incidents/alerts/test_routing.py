from __future__ import annotations

from datetime import timedelta

import pytest

from incidents.alerts.matchers import BadMatcher, Matcher, parse
from incidents.alerts.routing import RoutesRefused, load, take

TREE = """
routes:
  - name: serving
    match: ['team="serving"']
    policy: nights
    group_wait: 30s
    routes:
      - {name: europe, match: ['region=~"eu-.*"'], group_by: [region], group_wait: 1m}
      - {name: the rest, urgency: ticket}
  - {name: staging, match: ['environment="staging"'], urgency: info, continue: true}
  - {name: chat, match: ['service="chat"'], service: chat, urgency: page}
  - {name: never, match: ['service="chat"'], policy: other}
"""


@pytest.mark.parametrize(
    ("text", "labels", "fits"),
    [
        ('a="b"', {"a": "b"}, True),
        ("a=b", {"a": "b"}, True),
        ('a!="b"', {}, True),
        ('a=""', {}, True),
        ('a=~"b.*"', {"a": "bcd"}, True),
        ('a=~"b"', {"a": "bcd"}, False),
        ('a!~"x|y"', {"a": "z"}, True),
        (r'a="say \"no\""', {"a": 'say "no"'}, True),
        (r'a=~"\\d+"', {"a": "42"}, True),
        (r'a=~"\d+"', {"a": "42"}, True),
    ],
)
def test_matchers_fit_as_in_alertmanager(text: str, labels: dict[str, str], fits: bool) -> None:
    assert parse(text).fits(labels) is fits


def test_a_matcher_is_written_as_it_is_read() -> None:
    for value in ("b", 'say "no"', "back\\slash"):
        assert parse(str(Matcher("a", "=", value))).value == value


@pytest.mark.parametrize("text", ["", "a", '="b"', 'a=="b"', 'a=~"("', 'a="b" c="d"'])
def test_what_is_no_matcher_is_refused_in_words(text: str) -> None:
    with pytest.raises(BadMatcher, match=r"found .* expected"):
        parse(text)


@pytest.mark.parametrize(
    ("labels", "path"),
    [
        ({"team": "serving", "region": "eu-1"}, ("serving", "europe")),
        ({"team": "serving"}, ("serving", "the rest")),
        ({"service": "chat"}, ("chat",)),
        ({"service": "chat", "environment": "staging"}, ("staging", "chat")),
        ({}, ()),
    ],
)
def test_the_first_route_that_fits_unless_it_continues(labels: dict[str, str], path: tuple[str, ...]) -> None:
    assert take(routes=load(TREE), labels=labels).path == path


def test_a_child_adds_to_its_parent_and_counts_over_it() -> None:
    settings = take(routes=load(TREE), labels={"team": "serving", "region": "eu-1"}).settings
    assert (settings.policy, settings.group_by, settings.group_wait) == ("nights", ("region",), timedelta(minutes=1))


def test_where_two_routes_set_the_same_the_later_one_counts() -> None:
    assert take(routes=load(TREE), labels={"service": "chat", "environment": "staging"}).settings.urgency == "page"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("routes: 3", 1, "routes: found '3', expected a list"),
        ("routes:\n - match: []", 2, "routes[0]: found none, expected a name"),
        ("routes:\n - name: a\n   urgency: loud", 3, "expected one of page, ticket, info"),
        ("routes:\n - name: a\n   group_wait: soon", 3, "expected a span such as 30s"),
        ("routes:\n - name: a\n   match: ['x']", 3, "routes[0].match[0]: found 'x', expected a matcher"),
        ("routes:\n - name: a\n   colour: red", 3, "found 'colour', expected one of name, match"),
        ("routes: [", 1, "expected YAML"),
        ("inhibit:\n - {name: a, source: []}", 2, "inhibit[0]: found none, expected a target"),
    ],
)
def test_each_problem_has_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(RoutesRefused) as refused:
        load(text)
    assert said in str(refused.value)
    assert refused.value.problems[0].line == line


def test_an_empty_document_is_the_defaults() -> None:
    assert load("").routes == ()
    assert len(load("topology: false").rules) == 0
