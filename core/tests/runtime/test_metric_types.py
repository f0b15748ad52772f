"""Counters, gauges and histograms in memory; Prometheus's own client reads what they write."""

from __future__ import annotations

import math

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mesh_core.runtime.metric_types import OTHER, Counter, Gauge, Histogram, Measure


def read(measure: Measure) -> dict[tuple[str, tuple[str, ...]], float]:
    """{(sample name, its labels' values): value}, as prometheus-client understands the text."""
    families = list(text_string_to_metric_families(measure.text()))
    assert [family.type for family in families] == [measure.kind]
    return {(s.name, tuple(s.labels.values())): s.value for family in families for s in family.samples}


def test_a_counter_counts_by_its_labels() -> None:
    counter = Counter("mesh_x_total", "things", kind=("a", "b"))
    counter.add("a")
    counter.add("a", amount=2.5)
    assert read(counter) == {("mesh_x_total", ("a",)): 3.5, ("mesh_x_total", ("b",)): 0.0}


def test_what_may_happen_is_shown_before_it_happens() -> None:
    assert read(Counter("mesh_x_total", "things")) == {("mesh_x_total", ()): 0.0}
    assert read(Gauge("mesh_x", "things", who=3)) == {}


def test_a_word_that_was_not_declared_is_other() -> None:
    counter = Counter("mesh_x_total", "things", kind=("a",))
    counter.add("hostile")
    assert read(counter) == {("mesh_x_total", ("a",)): 0.0, ("mesh_x_total", (OTHER,)): 1.0}


def test_nobody_can_make_more_series_than_were_declared() -> None:
    counter = Counter("mesh_x_total", "things", who=3)
    for number in range(1000):
        counter.add(f"stranger{number}")
    assert len(read(counter)) == 4
    assert counter.value(OTHER) == 997
    counter.add("stranger0")
    assert counter.value("stranger0") == 2


def test_a_gauge_forgets_what_is_not_said_again() -> None:
    gauge = Gauge("mesh_x", "things", state=("up", "down"), who=5)
    gauge.set_all({("up", "one"): 1, ("down", "two"): 2})
    gauge.set_all({("up", "one"): 3})
    assert read(gauge) == {("mesh_x", ("up", "one")): 3.0}


def test_a_histogram_keeps_every_size_below_its_bound() -> None:
    histogram = Histogram("mesh_x_seconds", "sizes", bounds=(0.1, 1))
    for value in (0.1, 0.5, 7):
        histogram.observe(value)
    assert read(histogram) == {
        ("mesh_x_seconds_bucket", ("0.1",)): 1,
        ("mesh_x_seconds_bucket", ("1",)): 2,
        ("mesh_x_seconds_bucket", ("+Inf",)): 3,
        ("mesh_x_seconds_sum", ()): 7.6,
        ("mesh_x_seconds_count", ()): 3,
    }
    assert histogram.count() == 3


def test_hostile_words_stay_inside_their_quotes() -> None:
    gauge = Gauge("mesh_x", 'about "this"\nand \\ that', who=5)
    word = 'a"} 1\nmesh_forged 1\\'
    gauge.set(2, word)
    assert read(gauge) == {("mesh_x", (word,)): 2.0}


@pytest.mark.parametrize("value", [math.inf, -math.inf, 1e300, 0.1, -3.0, 1e15])
def test_every_number_comes_back_as_it_was(value: float) -> None:
    gauge = Gauge("mesh_x", "a number")
    gauge.set(value)
    assert read(gauge)[("mesh_x", ())] == value


def test_not_a_number_is_written_as_such() -> None:
    gauge = Gauge("mesh_x", "a number")
    gauge.set(math.nan)
    assert math.isnan(read(gauge)[("mesh_x", ())])


def test_a_forgotten_label_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="has the labels"):
        Counter("mesh_x_total", "things", kind=("a",)).add()
