"""A model outside the house is shown fields of a known meaning only, one in it all of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mesh_core.llm.circuit_breaker import Breakers
from mesh_core.llm.router import Completion, Price, Prompt
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.policy.policy import Policy
from mesh_core.policy.track_record import NOTHING_KNOWN, TrackRecord
from planner_agent.diagnosis.diagnosis import Diagnostician
from planner_agent.prompts.outside_view import GROUPS, SHOWN, outside_view

PAGE = Path(__file__).parents[3] / "docs" / "privacy.md"
EVENT = HealthEvent(
    id="web01/1-1",
    type="container_died",
    node="web01",
    service="shop",
    payload={
        "runtime": "docker",
        "exit_code": 137,
        "logs": ["worker lost"],
        "ordered_by": "jane@example.org",
        "labels": {"alertname": "Down", "customer": "Miller & Sons", "floor": 3},
        "values": {"A": 97.5, "note": "call Jane"},
        "annotations": {"summary": "down", "contact": "+49 30 901820"},
        "rows": [{"iban": "DE02"}],
    },
)


class Remembering:
    """A provider that keeps what it was asked, and has no answer."""

    vendor = model = "twin"
    timeout_seconds, at_once, price = 60.0, 1, Price()

    def __init__(self, name: str):
        self.name = name
        self.prompts: list[Prompt] = []

    async def ask(self, prompt: Prompt, schema: dict[str, object]) -> Completion:
        self.prompts.append(prompt)
        return Completion("{}")

    async def close(self) -> None:
        """Nothing to give back."""


class NothingBefore:
    """A store of a mesh where nothing was run yet, and a bus on which nobody listens."""

    def __init__(self) -> None:
        self.history = self

    async def record(self, event: HealthEvent) -> TrackRecord:
        return NOTHING_KNOWN

    async def publish(self, record: object) -> None:
        pass


def test_known_fields_stay_and_others_go_at_every_depth() -> None:
    assert outside_view(EVENT).payload == {
        "runtime": "docker",
        "exit_code": 137,
        "logs": ["worker lost"],
        "labels": {"alertname": "Down", "floor": 3},
        "values": {"A": 97.5},
        "annotations": {"summary": "down"},
    }
    assert outside_view(EVENT).model_dump(exclude={"payload"}) == EVENT.model_dump(exclude={"payload"})


def test_what_an_agent_looked_up_stays_and_what_only_claims_to_be_that_goes() -> None:
    facts = {"disk": {"used_percent": 97, "mount": "/"}}
    said = EVENT.model_copy(update={"payload": {"investigation": facts}, "trust": Trust.NODE})
    assert outside_view(said).payload == {"investigation": facts}
    assert outside_view(said.model_copy(update={"trust": Trust.FOREIGN})).payload == {}


def test_a_bottomless_payload_comes_to_an_end() -> None:
    deep: Any = {}
    for _ in range(60):
        deep = {"labels": deep}
    assert len(json.dumps(outside_view(EVENT.model_copy(update={"payload": deep})).payload)) < 200


async def test_only_the_model_in_the_house_is_shown_the_rest() -> None:
    near, far = Remembering("near"), Remembering("far")
    alone: Any = NothingBefore()
    policy = Policy.load(None)
    diagnostician = Diagnostician(
        alone, alone, lambda: policy, [far, near], Breakers(), is_outside=lambda name: name == "far"
    )
    await diagnostician.diagnose(EVENT)
    (there,), (here,) = far.prompts, near.prompts
    assert there.about == here.about == EVENT.id
    for word in ("jane@example.org", "Miller", "901820", "DE02"):
        assert word not in there.user + there.system, word
    assert "worker lost" in there.user
    assert "Miller" in here.user


def test_the_page_has_each_name_that_is_shown() -> None:
    rows = {line.split("|")[1].strip(): line for line in PAGE.read_text(encoding="utf-8").splitlines() if "|" in line}
    for group, names in GROUPS.items():
        assert rows[group].split("|")[2].strip().strip("`").split() == list(names), group
    assert sum(map(len, GROUPS.values())) == len(SHOWN)
