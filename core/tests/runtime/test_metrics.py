"""The register of metrics: names, units and labels as Prometheus wants them, and small whatever happens."""

from __future__ import annotations

import re

import pytest

from mesh_core.models.events import DecisionVerdict
from mesh_core.runtime.metric_types import Counter, Gauge, Histogram, Measure
from mesh_core.runtime.metrics import DECISIONS, declared, metrics_of, services_of
from mesh_core.runtime.services import SERVICES

UNITS = ("seconds", "bytes", "usd", "entries", "events", "info")


@pytest.mark.parametrize("measure", declared().values(), ids=lambda measure: measure.name)
def test_a_metric_says_what_it_is(measure: Measure) -> None:
    assert re.fullmatch(r"mesh_[a-z][a-z0-9_]*[a-z0-9]", measure.name)
    assert len(measure.about) > 10 or measure.name == "mesh_build_info"
    assert not measure.about.endswith(".")
    assert measure.labels == tuple(label for label in measure.labels if re.fullmatch(r"[a-z_]+", label))
    assert not {"le", "job", "instance", "node", "address"} & set(measure.labels)
    match measure:
        case Gauge():
            assert not measure.name.endswith("_total")
        case Counter():
            assert measure.name.endswith("_total")
        case Histogram():
            assert measure.name.endswith(UNITS)
    assert set(services_of(measure.name)) <= set(SERVICES)


def test_no_metric_can_hold_much_more_than_a_thousand_series() -> None:
    for measure in declared().values():
        series = 1
        for words in measure._words:
            series *= (words if isinstance(words, int) else len(words)) + 1
        assert series <= 1300, measure.name  # a result follows from its verdict: of those a fifth can be


def test_every_word_that_is_counted_has_a_place_of_its_own() -> None:
    words = dict(zip(DECISIONS.labels, DECISIONS._words, strict=True))["verdict"]
    assert set(DecisionVerdict) <= set(words)


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_shows_its_own_and_not_what_others_know(service: str) -> None:
    shown = {measure.name for measure in metrics_of(service)}
    assert "mesh_build_info" in shown
    assert ("mesh_proposals_pending" in shown) is (service == "observer")
    assert ("mesh_executions_total" in shown) is (service == "executor-agent")
