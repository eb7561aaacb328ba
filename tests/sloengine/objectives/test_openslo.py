"""OpenSLO documents: what is read, and what every refusal names."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sloengine.objectives.objective import Indicator, Method, Objective, goal_sentence, judged_bound
from sloengine.objectives.openslo import InvalidObjectives, Known, parse
from sloengine.objectives.rendering import render
from sloengine.objectives.texts import Document

DOCUMENT = """\
apiVersion: openslo/v1
kind: SLO
metadata:
  name: first-token
  displayName: First token
  annotations:
    tailwatch/indicator: ttft
spec:
  service: chat
  timeWindow:
    - duration: 30d
      isRolling: true
  budgetingMethod: Timeslices
  objectives:
    - op: lte
      value: 0.25
      target: "0.995"
      timeSliceTarget: "0.95"
      timeSliceWindow: 1m
"""


TTFT = "indicator: ttft\n    tailwatch/"
INLINE = "  indicator:\n    metadata:\n      name: i\n      annotations:\n        tailwatch/indicator: ttft\n"


def read(text=DOCUMENT, services=("chat", "code")):
    return list(parse(documents=[Document("slos.yaml", text)], known=Known(services=services)).objectives)


def library():
    folder = resources.files("sloengine.objectives").joinpath("library")
    return [Document(file.name, file.read_text()) for file in folder.iterdir() if file.name.endswith(".yaml")]


def test_a_document_becomes_an_objective():
    assert read() == [
        Objective(
            service="chat", slug="first-token", title="First token", indicator=Indicator.TTFT, method=Method.TIMESLICES,
            target=Decimal("0.995"), window=timedelta(days=30), threshold=0.25, slice_seconds=60, slice_target=0.95,
        )
    ]  # fmt: skip


@pytest.mark.parametrize("written", ['"0.999"', "0.999", "0.9990"], ids=["quoted", "as OpenSLO writes it", "padded"])
def test_the_budget_is_exact(written):
    (objective,) = read(DOCUMENT.replace('"0.995"', written))
    assert objective.budget == Decimal("0.001")


@pytest.mark.parametrize(
    ("old", "new", "line", "path", "words"),
    [
        ('target: "0.995"', "target: 99.5", 17, "spec.objectives[0].target", "a ratio above 0 and below 1"),
        ('target: "0.995"', 'target: "1.2"', 17, "spec.objectives[0].target", "found '1.2'"),
        ('target: "0.995"', 'targett: "0.995"', 17, "spec.objectives[0].targett", "found key 'targett'"),
        ("duration: 30d", "duration: 30y", 11, "spec.timeWindow[0].duration", "a duration such as 30d"),
        ("duration: 30d", "duration: 30m", 11, "spec.timeWindow[0].duration", "from 1h to 366d"),
        ("isRolling: true", "isRolling: false", 12, "spec.timeWindow[0].isRolling", "false with one"),
        (
            "indicator: ttft",
            "indicator: speed",
            7,
            "metadata.annotations.tailwatch/indicator",
            "one of availability, latency",
        ),
        ("tailwatch/indicator: ttft", "owner: me", 7, "metadata.annotations", "no tailwatch/indicator"),
        ("indicator: ttft", f"{TTFT}where: planet=mars", 8, "metadata.annotations.tailwatch/where", "labels of model"),
        (
            "indicator: ttft",
            f"{TTFT}colour: red",
            8,
            "metadata.annotations.tailwatch/colour",
            "one of indicator, where",
        ),
        ("service: chat", "service: shop", 9, "spec.service", "one of chat, code"),
        ("value: 0.25", "value: -1", 16, "spec.objectives[0].value", "seconds above 0"),
        ("op: lte", "op: gte", 15, "spec.objectives[0].op", "expected lte"),
        ('      timeSliceTarget: "0.95"\n', "", 15, "spec.objectives[0].timeSliceTarget", "the share of a good slice"),
        ("Timeslices", "Occurrences", 18, "spec.objectives[0].timeSliceTarget", "no slices"),
        ("Timeslices", "Sometimes", 13, "spec.budgetingMethod", "Occurrences"),
        ("name: first-token", "name: First Token", 4, "metadata.name", "a DNS label"),
        ("apiVersion: openslo/v1", "apiVersion: openslo/v2", 1, "apiVersion", "openslo/v1"),
        ("timeSliceWindow: 1m", "timeSliceWindow: 7m", 19, "spec.objectives[0].timeSliceWindow", "divides the hour"),
        ("kind: SLO\n", "", 1, "kind", "found nothing"),
        ("metadata:\n", "metadata: [\n", 5, "(document)", "valid YAML"),
    ],
)
def test_a_refusal_names_file_line_path_found_and_expected(old, new, line, path, words):
    with pytest.raises(InvalidObjectives) as refusal:
        read(DOCUMENT.replace(old, new))
    text = str(refusal.value)
    assert f"slos.yaml:{line}: {path}: found " in text
    assert "expected" in text
    assert words in text


def test_every_problem_is_named_at_once():
    with pytest.raises(InvalidObjectives) as refusal:
        read(DOCUMENT.replace('"0.995"', "2").replace("30d", "x"))
    assert len(refusal.value.problems) == 2


def test_a_name_twice_is_refused():
    with pytest.raises(InvalidObjectives, match="a name of its own"):
        read(DOCUMENT + "---\n" + DOCUMENT)


def test_quality_is_a_mean_over_timeslices():
    with pytest.raises(InvalidObjectives, match="a mean has no single good requests"):
        read(DOCUMENT.replace("ttft", "quality").replace("lte", "gte").replace("Timeslices", "Occurrences"))


def test_availability_has_no_threshold():
    with pytest.raises(InvalidObjectives, match="no op and no value for availability"):
        read(DOCUMENT.replace("ttft", "availability"))


def test_a_percentage_will_do():
    (objective,) = read(DOCUMENT.replace('target: "0.995"', 'targetPercent: "99.5"'))
    assert objective.target == Decimal("0.995")


def test_an_inline_indicator_may_carry_the_annotation():
    inline = DOCUMENT.replace("  annotations:\n    tailwatch/indicator: ttft\n", "").replace(
        "  service: chat\n", "  service: chat\n" + INLINE
    )
    assert read(inline) == read()


def test_where_narrows_by_labels():
    (objective,) = read(DOCUMENT.replace("indicator: ttft", "indicator: ttft\n    tailwatch/where: region=eu, model=m"))
    assert objective.where == (("model", "m"), ("region", "eu"))
    assert read(render([objective])) == [objective]


def test_the_library_covers_every_service_and_reads_back():
    objectives = list(parse(documents=library(), known=Known(services=("chat", "code"))).objectives)
    assert len(objectives) == 12
    assert read(render(objectives)) == objectives


@pytest.mark.parametrize(
    ("slug", "goal"),
    [
        ("first-token-p95", "95 % of requests get their first token within 250 ms in 99.5 % of minutes, over 30 days"),
        ("first-token-300ms", "99.9 % of requests get their first token within 300 ms, over 30 days"),
        ("availability", "99.5 % of requests answered, over 30 days"),
        ("inter-token", "95 % of tokens follow within 100 ms in 99.5 % of minutes, over 30 days"),
        ("queue-delay", "95 % of requests queue for at most 300 ms in 99.5 % of minutes, over 30 days"),
        ("answer-quality", "mean answer similarity at least 0.92 in 99.5 % of minutes, over 30 days"),
    ],
)
def test_the_shipped_goals_in_words(slug, goal):
    (objective,) = (
        one for one in parse(documents=library(), known=Known(services=("chat",))).objectives if one.slug == slug
    )
    assert goal_sentence(objective) == goal


VLLM_TTFT = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0)


@pytest.mark.parametrize(
    ("threshold", "bounds", "used", "notice"),
    [
        (0.25, VLLM_TTFT, 0.25, ""),
        (0.3, VLLM_TTFT, 0.25, "Judged at 0.25 s: the engine has no 0.3 s bound."),
        (0.3, (0.3, 0.5, 0.8), 0.3, ""),
        (0.25, (0.3, 0.5), None, "Cannot be judged: the engine has no bound at or below 0.25 s."),
    ],
    ids=["exact", "nearest below, never interpolated", "vLLM's queue", "all above"],
)
def test_the_bound_that_stands_for_a_threshold(threshold, bounds, used, notice):
    bound = judged_bound(threshold=threshold, bounds=bounds)
    assert (bound.used, bound.notice) == (used, notice)


@given(st.floats(0.001, 10), st.lists(st.floats(0.001, 10), min_size=1))
def test_a_judged_bound_is_never_laxer(threshold, bounds):
    used = judged_bound(threshold=threshold, bounds=bounds).used
    assert used is None or used <= threshold
