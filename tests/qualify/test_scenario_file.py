"""What may stand in scenarios.yml, and what does."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError
from qualify.scenario import Scenario, read_scenarios

WEB = {"name": "a", "about": "b", "things": {"web": {}}}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"faults": []}, "Extra inputs"),
        ({"unchanged": ["db"]}, "no such thing here: db"),
        ({"proposed": [{"type": "notify", "of": "web"}], "not_proposed": ["web"]}, "proposed and not: web"),
        ({"fault": [{"docker": "ps", "node": "ls"}]}, "a step is one of"),
        ({"fault": [{"fails": True}]}, "a step is one of"),
        ({"fault": [{"encoding": "utf-16"}]}, "a step is one of"),
        ({"decision": "maybe"}, "'approve', 'reject' or 'ignore'"),
        ({"things": {"web": {"image": "nginx"}}}, "'sick' or 'base'"),
        ({"fault": [{"restart": "redis"}]}, "'engine'"),
        ({"after": {"withdrawn": ["db"]}}, "no such thing here: db"),
        ({"proposed": [{"of": "web"}], "decision": "approve"}, "what is approved has a verdict"),
        ({"proposed": [{"of": "web", "verdict": "proven"}]}, "nothing else has one"),
    ],
)
def test_what_a_scenario_may_not_say_is_named(more: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Scenario.model_validate({**WEB, **more})


def test_a_scenario_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "odd.yml").write_text("- {name: a, about: b, things: {}}\n- {name: odd, about: b}\n")
    with pytest.raises(ValueError, match=r"odd\.yml, scenario 2 \(odd\)"):
        read_scenarios(tmp_path / "odd.yml")


def test_the_file_has_each_name_once_and_two_short_ones() -> None:
    scenarios = read_scenarios()
    names = [scenario.name for scenario in scenarios]
    assert len(set(names)) == len(names) >= 32
    assert [scenario.name for scenario in scenarios if scenario.short] == ["unhealthy-approved", "unit-failed"]
    assert all(scenario.found or scenario.not_proposed for scenario in scenarios)
