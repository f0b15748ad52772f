"""What stood against a restart and is over stands against it no more; what anybody may write into an event does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mesh_core.incidents.causes import cause_of
from mesh_core.incidents.causes_over import CAUSES_OVER, CauseOver, causes_over, with_causes_over
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.policy.policy import Policy

POLICY = Policy.load(None, learnt=False)
OPENED_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
FULL = HealthEvent(
    id="web01/1767225500000-0",
    type="disk_space_low",
    node="web01",
    severity="critical",
    payload={"mount": "/"},
    trust=Trust.NODE,
)
UNIT = {
    "runtime": "systemd",
    "unit": "paperless.service",
    "active_state": "failed",
    "result": "exit-code",
    "opened_at": "2026-01-01T00:00:00Z",
    "investigation": {"unit": {"enabled": True}},
    "log_tail": ["OSError: [Errno 28] No space left on device"],
}


def unit(**more: Any) -> HealthEvent:
    return HealthEvent(
        id=f"web01/{OPENED_MS + 600_000}-0",
        type="unit_failed",
        node="web01",
        service="paperless.service",
        severity="error",
        payload={**UNIT, **more},
        trust=Trust.NODE,
    )


def over(trouble: HealthEvent = FULL, minutes: float = 5) -> CauseOver:
    return CauseOver(cause=cause_of(trouble, "plan-x"), at_ms=int(OPENED_MS + minutes * 60_000))


def test_a_unit_that_a_full_disk_stopped_is_started_once_there_is_room() -> None:
    assert POLICY.allows(unit()).preferred == "notify"
    seen = with_causes_over(unit(), [over()])
    assert seen.payload[CAUSES_OVER] == [
        {"type": "disk_space_low", "node": "web01", "service": None, "at": "2026-01-01T00:05:00.000Z"}
    ]
    told = POLICY.allows(seen)
    assert told.preferred in ("unit_start", "restart")
    assert POLICY.permits(told.preferred, HealthEvent.model_validate_json(seen.wire())), "nor does the executor mind"


@pytest.mark.parametrize(
    "one",
    [
        over(minutes=-1),  # it was over before this began: the disk is full again, or another one is
        over(FULL.model_copy(update={"node": "web02"})),
        over(FULL.model_copy(update={"type": "load_high"})),
    ],
)
def test_what_did_not_explain_it_takes_no_word_away(one: CauseOver) -> None:
    if one.cause.type == "load_high":
        seen = unit(causes_over=[one.in_payload()])
    else:
        seen = with_causes_over(unit(), [one])
        assert CAUSES_OVER not in seen.payload
    assert POLICY.allows(seen).preferred == "notify"


@pytest.mark.parametrize("trust", [Trust.FOREIGN, Trust.OBSERVER])
def test_only_of_an_agents_trouble_it_counts(trust: Trust) -> None:
    planted = unit(causes_over=[over().in_payload()]).model_copy(update={"trust": trust})
    assert causes_over(planted) == frozenset()
    assert POLICY.allows(planted).preferred == "notify"
    assert with_causes_over(unit().model_copy(update={"trust": trust}), [over()]).payload == UNIT


def test_other_words_of_danger_stay() -> None:
    lines = [*UNIT["log_tail"], "database disk image is malformed"]
    assert POLICY.allows(with_causes_over(unit(log_tail=lines), [over()])).preferred == "notify"


def test_what_could_not_reach_a_database_is_started_again_once_that_is_back() -> None:
    company = {"runtime": "docker", "container": "db", "exit_code": 1, "dependents": ["web"]}
    dead = HealthEvent(type="container_died", node="web01", service="db", payload=company, trust=Trust.NODE)
    web = HealthEvent(
        id=f"web01/{OPENED_MS}-0",
        type="container_unhealthy",
        node="web01",
        service="web",
        payload={
            "runtime": "docker",
            "container": "web",
            "health": "unhealthy",
            "logs": ["Error: connect ECONNREFUSED"],
        },
        trust=Trust.NODE,
    )
    assert POLICY.allows(web).preferred == "notify"
    assert POLICY.allows(with_causes_over(web, [over(dead)])).preferred == "restart"


@pytest.mark.parametrize("rows", ["x", 7, [3, None, ["disk_space_low"]], [{"kind": "disk_space_low"}], {"type": "a"}])
def test_a_note_of_any_shape_is_read(rows: object) -> None:
    assert "disk_space_low" not in causes_over(unit(causes_over=json.loads(json.dumps(rows))))
