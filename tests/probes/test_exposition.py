from __future__ import annotations

import contextlib
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from probes.exposition import MalformedExposition, Parser, Renderer, Samples, Series, bound, render, series
from tests.probes.fixtures import CAPTURES, VLLM, captured


def oracle(text: str) -> Samples:
    """prometheus_client's reading of the same text; it adds _total to a counter whose name lacks it, which we take back."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = sample.name if sample.name in text else sample.name.removesuffix("_total")
            found[series(name, **sample.labels)] = float(sample.value)
    return found


def same(one: Samples, other: Samples) -> bool:
    return one.keys() == other.keys() and all(
        value == other[key] or (math.isnan(value) and math.isnan(other[key])) for key, value in one.items()
    )


@pytest.mark.parametrize("name", CAPTURES)
def test_each_capture_parses_as_prometheus_client_does_at_once_and_from_the_cache(name):
    text = captured(name)
    parser = Parser()
    expected = oracle(text)
    assert same(parser.parse(text), expected)
    assert same(parser.parse(text.encode()), expected)


@pytest.mark.parametrize("name", CAPTURES)
def test_a_rendered_capture_parses_to_itself(name):
    samples = Parser().parse(captured(name))
    assert same(Parser().parse(render(samples)), samples)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("up 1", {series("up"): 1.0}),
        ("up{} 1", {series("up"): 1.0}),
        ("up\t1", {series("up"): 1.0}),
        ("  up  1  ", {series("up"): 1.0}),
        ("up 1 1395066363000", {series("up"): 1.0}),
        ('up{b="2",a="1"} 1.5e3', {series("up", a="1", b="2"): 1500.0}),
        ('up{a="1",} 1', {series("up", a="1"): 1.0}),
        ('up { a = "1" , b = "2" } 1', {series("up", a="1", b="2"): 1.0}),
        ('up{a="1"}1', {series("up", a="1"): 1.0}),
        (r'up{a="C:\\DIR\\F \"x\"\n"} 1', {Series("up", (("a", 'C:\\DIR\\F "x"\n'),)): 1.0}),
        ('up{a="} 7 # {"} 1', {series("up", a="} 7 # {"): 1.0}),
        ("up +Inf\r", {series("up"): math.inf}),
        ("up -Inf", {series("up"): -math.inf}),
        ('x_bucket{le="1"} 2', {series("x_bucket", le="1.0"): 2.0}),
        ('x_bucket{le="1e1"} 2', {series("x_bucket", le="10.0"): 2.0}),
        ('x_bucket{le="+Inf"} 2', {series("x_bucket", le="+Inf"): 2.0}),
        ("# HELP up 1\n# anything\n\n   \nup 1", {series("up"): 1.0}),
        ("   # a comment after spaces\nup 1", {series("up"): 1.0}),
        ("", {}),
    ],
)
def test_a_line_is_read_by_the_format(line, expected):
    parser = Parser()
    assert parser.parse(line) == expected
    assert parser.parse(line) == expected


def test_not_a_number_is_a_value():
    assert math.isnan(Parser().parse("up NaN")[series("up")])


@pytest.mark.parametrize(
    ("text", "line_number", "expected"),
    [
        ("up 1\nup{", 2, "a closing brace"),
        ("up", 1, "a value"),
        ("1up 1", 1, "a metric name"),
        ("up one", 1, "a number"),
        ("up 1_000", 1, "a number"),
        ("up 1 2 3", 1, "at most a timestamp"),
        ("up 1 soon", 1, "a number"),
        ('up{a="1"', 1, "a closing brace"),
        ('up{a="1} 1', 1, "a closing brace"),
        ("up{a=1} 1", 1, "a closing brace"),
        ('up{a="1",a="2"} 1', 1, "label a once"),
        ('up{a="1"} 1\nup{a="1"} 2', 2, "each series once"),
        ('up{a="1",b="2"} 1\nup{b="2",a="1"} 2', 2, "each series once"),
        ('x_bucket{le="wide"} 1', 1, "a number as le"),
        (b"up 1\nup{a=\"\xff\"} 1", 2, "UTF-8"),
        ("<html>", 1, "a metric name"),
    ],
)  # fmt: skip
def test_a_malformed_line_is_named_with_its_number(text, line_number, expected):
    with pytest.raises(MalformedExposition) as problem:
        Parser().parse(text)
    assert problem.value.line_number == line_number
    assert expected in str(problem.value)


def test_a_line_that_is_malformed_on_a_later_scrape_is_found_though_its_series_is_known():
    parser = Parser()
    parser.parse("up 1")
    with pytest.raises(MalformedExposition):
        parser.parse("up 1_0")


def test_the_cache_does_not_grow_with_churn():
    parser = Parser()
    for at in range(50):
        parser.parse("".join(f'up{{pod="{at}-{pod}"}} 1\n' for pod in range(200)))
    assert len(parser._known) <= 2 * 200 + 1024 + 200


@pytest.mark.parametrize(
    ("text", "expected"), [("1", "1.0"), ("0.25", "0.25"), ("+Inf", "+Inf"), ("1e-3", "0.001"), (10, "10.0")]
)
def test_bounds_are_written_alike(text, expected):
    assert bound(text) == expected


def test_a_canonical_family_is_rendered_with_its_type_and_its_buckets_in_order():
    samples = {
        series("tailwatch_ttft_seconds_count", service="chat"): 3.0,
        series("tailwatch_ttft_seconds_bucket", service="chat", le="+Inf"): 3.0,
        series("tailwatch_ttft_seconds_bucket", service="chat", le="10"): 2.0,
        series("tailwatch_ttft_seconds_bucket", service="chat", le="2.5"): 1.0,
        series("tailwatch_ttft_seconds_sum", service="chat"): 20.0,
        series("tailwatch_target_up"): 1.0,
        series("another"): 1.0,
    }
    assert render(samples).splitlines() == [
        "another 1.0",
        "# TYPE tailwatch_target_up gauge",
        "tailwatch_target_up 1.0",
        "# TYPE tailwatch_ttft_seconds histogram",
        'tailwatch_ttft_seconds_bucket{le="2.5",service="chat"} 1.0',
        'tailwatch_ttft_seconds_bucket{le="10.0",service="chat"} 2.0',
        'tailwatch_ttft_seconds_bucket{le="+Inf",service="chat"} 3.0',
        'tailwatch_ttft_seconds_sum{service="chat"} 20.0',
        'tailwatch_ttft_seconds_count{service="chat"} 3.0',
    ]


_NAMES = st.text("abz_:Z", min_size=1, max_size=8)
_LABELS = st.text("abzZ", min_size=1, max_size=4)
_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=12)
_PLAIN = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8)


def _samples(names: st.SearchStrategy[str], texts: st.SearchStrategy[str]) -> st.SearchStrategy[Samples]:
    labels = st.dictionaries(_LABELS, texts, max_size=3).map(lambda found: tuple(sorted(found.items())))
    return st.dictionaries(st.builds(Series, names, labels), st.floats(), max_size=5)


@settings(max_examples=60)
@given(_samples(_NAMES, _TEXTS))
def test_text_and_mapping_are_equal(samples):
    text = render(samples)
    parser = Parser()
    assert same(parser.parse(text), samples)
    assert same(parser.parse(text), samples)


@settings(max_examples=60)
@given(_samples(st.text("abz", min_size=1, max_size=6), _PLAIN))
def test_what_we_render_prometheus_client_reads_alike(samples):
    assert same(oracle(render(samples)), samples)


@given(st.text(max_size=60) | st.binary(max_size=60))
def test_any_text_parses_or_is_malformed(text):
    with contextlib.suppress(MalformedExposition):
        assert all(isinstance(value, float) for value in Parser().parse(text).values())


def test_every_capture_is_one_of_those_that_this_suite_knows():
    folder = Path(__file__).parents[3] / "shared" / "fixtures"
    if not folder.is_dir():
        pytest.skip("needs ../shared")
    assert {file.name for file in folder.iterdir()} - {"README.md"} <= set(CAPTURES)


def test_a_page_rendered_again_and_again_is_the_page_rendered_once():
    renderer = Renderer()
    page = Parser().parse(captured(VLLM))
    for samples in (page, {one: value + 1 for one, value in page.items()}, dict(list(page.items())[:50]), {}, page):
        assert renderer.render(samples) == render(samples)
