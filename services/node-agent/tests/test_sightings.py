"""What an agent sees of its services at present, as its sign of life tells it."""

from __future__ import annotations

from typing import Any

import pytest

from mesh_core.incidents.sighting import read_note
from mesh_core.models.events import HealthEvent
from mesh_core.models.sightings import MAX_NOTE_BYTES, MAX_SIGHTINGS, SeenState, Sighting
from node_agent.agent import Agent
from node_agent.checks.check_result import CheckResult, Condition
from node_agent.checks.confirmation import ConfirmationRule
from node_agent.incidents.incident_store import IncidentStore
from node_agent.incidents.incident_tracker import IncidentTracker
from node_agent.sightings import Sightings

RULE = ConfirmationRule()
SICK, WELL, UNCLEAR = Condition.UNHEALTHY, Condition.HEALTHY, Condition.UNKNOWN


def found(key: str, condition: Condition, type_: str = "", **facts: Any) -> CheckResult:
    runtime, _, name = key.partition(":")
    return CheckResult(key, name.lstrip("/"), condition, RULE, type_, facts={"runtime": runtime, **facts})


class Looking:
    """Sightings with a clock of their own, and how often they changed."""

    def __init__(self) -> None:
        self.now = 1_000_000_000.0
        self.changes = 0
        self.sightings = Sightings("nas1", lambda: self.now, self._changed)

    def _changed(self) -> None:
        self.changes += 1

    @property
    def is_whole(self) -> bool:
        return read_note(self.sightings.note(), "nas1").complete

    @property
    def ports(self) -> dict[int, str]:
        return dict(read_note(self.sightings.note(), "nas1").ports)

    def note(self) -> dict[str, Sighting]:
        return {row.service: row for row in read_note(self.sightings.note(), "nas1").rows}


@pytest.mark.parametrize(
    ("result", "state"),
    [
        (found("docker:/web", WELL, container="web"), SeenState.RUNNING),
        (found("docker:/web", WELL, ended="stopped_by_person", status="exited"), SeenState.STOPPED),
        (found("docker:/web", WELL, ended="finished", status="exited"), SeenState.STOPPED),
        (found("docker:/web", WELL, ended="removed"), None),
        (found("docker:/web", WELL, ended="replaced by web_2"), None),
        (found("docker:/web", SICK, "container_unhealthy", status="running"), SeenState.UNHEALTHY),
        (found("docker:/web", SICK, "container_restart_loop", status="running"), SeenState.RESTARTING),
        (found("docker:/web", SICK, "container_died", status="exited"), SeenState.FAILED),
        (found("docker:/web", UNCLEAR, status="running", health="starting"), SeenState.STARTING),
        (found("docker:/web", UNCLEAR, status="restarting"), SeenState.RESTARTING),
        (found("docker:/web", UNCLEAR, status="paused"), SeenState.STOPPED),
        (found("systemd:web", UNCLEAR, active_state="activating", sub_state="auto-restart"), SeenState.RESTARTING),
        (found("systemd:web", UNCLEAR, active_state="activating", sub_state="start"), SeenState.STARTING),
        (found("supervisor:web", UNCLEAR, state="STARTING"), SeenState.STARTING),
        # what is looked at from outside only, and what has no name that an action can be aimed at
        (CheckResult("tcp:web", "web", WELL, RULE, facts={"runtime": "docker"}), None),
        (found("supervisor:many:one", WELL), None),
    ],
)
def test_a_state_is_what_the_check_found(result: CheckResult, state: SeenState | None) -> None:
    looking = Looking()
    looking.sightings.see([result])
    assert [row.state for row in looking.note().values()] == ([state] if state else [])


def test_it_runs_since_it_was_first_seen_so_in_this_life() -> None:
    looking = Looking()
    looking.sightings.see_all("docker", [found("docker:/web", WELL, container="web", container_id="a1")])
    since = looking.note()["web"].since
    looking.now += 60
    looking.sightings.see_all("docker", [found("docker:/web", WELL, container="web", container_id="a1")])
    assert (looking.note()["web"].since, looking.changes) == (since, 1)
    looking.sightings.see_all("docker", [found("docker:/web", WELL, container="web", container_id="b2")])
    assert looking.note()["web"].since > since
    assert looking.changes == 2


def test_what_its_manager_says_of_its_age_counts_more() -> None:
    looking = Looking()
    looking.sightings.see([found("systemd:web", WELL, since="2001-01-01T00:00:00Z", enabled=True)])
    assert looking.note()["web"] == Sighting(
        service="web", state=SeenState.RUNNING, since="2001-01-01T00:00:00Z", runtime="systemd", enabled=True
    )


def test_who_answers_at_a_port_is_the_one_that_is_up_and_nobody_where_two_may() -> None:
    looking = Looking()
    old = found("docker:/web-old", WELL, ended="stopped_by_person", status="exited", ports=[8080, 9090])
    looking.sightings.see_all("docker", [found("docker:/web", WELL, ports=[8080]), old])
    assert looking.ports == {8080: "web", 9090: "web-old"}
    looking.sightings.see([found("docker:/web", SICK, "container_died", status="exited", ports=[8080])])
    assert looking.ports == {9090: "web-old"}
    looking.sightings.see_all("docker", [old])
    assert looking.ports == {8080: "web-old", 9090: "web-old"}


def test_what_a_full_round_does_not_find_and_what_a_lost_source_saw_is_forgotten() -> None:
    looking = Looking()
    looking.sightings.see_all("docker", [found("docker:/a", WELL), found("docker:/b", WELL)])
    looking.sightings.see_all("systemd", [found("systemd:c", WELL)])
    looking.sightings.see([found("docker:/b", SICK, "container_died", status="exited", exit_code=1, logs=["x"])])
    assert looking.note()["b"].facts == {"status": "exited", "exit_code": 1}
    looking.sightings.see_all("docker", [found("docker:/b", WELL)])
    assert set(looking.note()) == {"b", "c"}
    assert looking.is_whole
    looking.sightings.lose("docker")
    assert set(looking.note()) == {"c"}
    assert not looking.is_whole
    looking.sightings.see_all("docker", [])
    assert looking.is_whole


def test_an_agent_in_a_container_sees_no_units_and_says_of_no_name_that_it_is_not_there() -> None:
    looking = Looking()
    looking.sightings.see_all("docker", [found("docker:/a", WELL)])
    assert not looking.is_whole
    looking.sightings.see_all("systemd", [])
    assert looking.is_whole


def test_a_note_is_bounded_and_begins_with_what_is_in_trouble() -> None:
    looking = Looking()
    names = [f"service-{number:04}-{'x' * 90}" for number in range(2000)]
    results = [found(f"docker:/{name}", WELL, container=name) for name in names]
    last = found("docker:/zzz", SICK, "container_died", status="exited", error="e" * 5000)
    looking.sightings.see_all("docker", [*results, last])
    assert len(looking.sightings.note()) <= MAX_NOTE_BYTES
    rows = read_note(looking.sightings.note(), "nas1").rows
    assert rows[0].service == "zzz"
    assert 50 < len(rows) <= MAX_SIGHTINGS
    assert not looking.is_whole


def test_an_agent_that_sees_nothing_says_of_no_name_that_it_is_not_there() -> None:
    assert not Looking().is_whole


class ListedProbe:
    """Tells of trouble in its check, and of the rest in its list."""

    name, every_seconds = "systemd", 0.01

    def __init__(self) -> None:
        self.listing_fails = False
        self.rounds = 0

    async def check(self, only: frozenset[str] | None) -> list[CheckResult]:
        self.rounds += 1
        return [found("systemd:web", SICK, "unit_failed", result="exit-code")]

    async def evidence(self, result: CheckResult) -> dict[str, Any]:
        return {}

    async def listing(self) -> list[CheckResult]:
        if self.listing_fails:
            raise OSError("systemctl: no answer")
        since = "2001-01-01T00:00:00Z"
        return [
            found("systemd:web", SICK, "unit_failed", enabled=True, since=since),
            found("systemd:cron", WELL, enabled=True, since=since),
        ]


async def test_the_list_of_a_probe_is_seen_beside_its_check_and_its_failure_costs_no_incident(
    tmp_path: Any,
) -> None:
    looking, sent = Looking(), list[HealthEvent]()
    store, probe = IncidentStore(tmp_path / "open.json"), ListedProbe()
    agent = Agent(IncidentTracker("nas1"), sent.append, store, sightings=looking.sightings)
    await agent._check(probe, None)
    assert {name: row.state for name, row in looking.note().items()} == {
        "web": SeenState.FAILED,
        "cron": SeenState.RUNNING,
    }
    assert looking.note()["web"].enabled is True
    assert looking.note()["web"].facts == {"result": "exit-code"}
    probe.listing_fails = True
    await agent._check(probe, None)
    assert not looking.note()
    assert [event.type for event in sent] == ["unit_failed"]
