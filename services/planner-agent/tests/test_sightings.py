"""Somebody else's alert meets what the node's agent sees, in a whole planner on a real Redis."""

from __future__ import annotations

from typing import Any

import pytest
from planner_rig import Mesh

from mesh_core.approvals.proposal_files import Filed
from mesh_core.incidents.sighting import note_of
from mesh_core.models.events import HealthEvent, Severity, Trust
from mesh_core.models.sightings import SeenState, Sighting
from mesh_core.testing import wait_for

FACTS = {"active_state": "failed", "result": "exit-code", "exit_code": 1, "unit": "web.service"}
SINCE = "2026-01-31T10:00:00Z"
FAILED = Sighting(
    service="web.service",
    state=SeenState.FAILED,
    since=SINCE,
    runtime="systemd",
    enabled=True,
    type="unit_failed",
    facts=FACTS,
)
RUNNING = Sighting(service="web.service", state=SeenState.RUNNING, since=SINCE, runtime="systemd")


async def filed_for(mesh: Mesh, **said: Any) -> Filed:
    event = HealthEvent(
        **{
            "type": "service_down",
            "node": "nas1",
            "service": "web",
            "severity": Severity.ERROR,
            "payload": {"alertname": "ServiceDown"},
            **said,
        }
    )
    await mesh.bus.enter(event, Trust.FOREIGN)
    await wait_for(lambda: bool(mesh.actions.pending()), 30, "a proposal")
    return mesh.actions.pending()[0]


async def noted(mesh: Mesh, node: str, note: bytes) -> None:
    await mesh.bus.call("SET", f"mesh:alive:{node}", note, "EX", 120)


async def test_an_alert_of_any_name_about_what_does_not_run_is_answered_by_its_start(mesh: Mesh) -> None:
    await noted(mesh, "nas1", note_of("nas1", [FAILED]))
    await mesh.start()
    proposal = (await filed_for(mesh, type="weird_thing", payload={"alertname": "WeirdThing"})).proposal
    assert (proposal.action, proposal.type) == ("restart", "service_restart")
    assert proposal.event.sighting == FAILED
    assert proposal.rule is not None
    assert proposal.rule.name == "does-not-run"
    assert proposal.evidence[0].source == "agent"
    assert proposal.evidence[0].text.startswith("the agent on nas1 sees web.service not running")


async def test_an_alert_that_it_is_down_becomes_a_message_where_the_agent_sees_it_run(mesh: Mesh) -> None:
    await noted(mesh, "nas1", note_of("nas1", [RUNNING]))
    await mesh.start()
    proposal = (await filed_for(mesh)).proposal
    assert proposal.action == "notify"
    assert proposal.rule is not None
    assert "the agent on nas1 sees web.service running" in proposal.rule.says


async def test_a_monitor_that_is_called_like_nothing_on_its_node_restarts_nothing(mesh: Mesh) -> None:
    await noted(mesh, "nas1", note_of("nas1", [RUNNING], complete=True))
    await mesh.start()
    proposal = (await filed_for(mesh, type="http_probe_failed", service="kitchen-wiki")).proposal
    assert proposal.action == "notify"
    assert proposal.rule is not None
    assert "the agent on nas1 sees nothing that is called kitchen-wiki" in proposal.rule.says


@pytest.mark.parametrize(
    ("node", "note"),
    [
        ("nas1", b"1"),
        ("nas1", note_of("web01", [RUNNING])),
        ("web01", note_of("nas1", [RUNNING])),
        ("nas1", b"{" * 200_000),
    ],
)
async def test_what_is_no_word_of_the_nodes_own_agent_changes_nothing(mesh: Mesh, node: str, note: bytes) -> None:
    await noted(mesh, node, note)
    await mesh.start()
    proposal = (await filed_for(mesh)).proposal
    assert proposal.action == "restart"
    assert proposal.event.sighting is None


async def test_a_sighting_that_an_alert_brings_along_counts_for_nothing(mesh: Mesh) -> None:
    await mesh.start()
    proposal = (await filed_for(mesh, sighting=RUNNING)).proposal
    assert proposal.action == "restart"
    assert proposal.event.sighting is None


async def test_an_agents_own_event_is_its_own_word(mesh: Mesh) -> None:
    await noted(mesh, "nas1", note_of("nas1", [RUNNING]))
    await mesh.start()
    await mesh.happens("unit_failed", "nas1", "web.service", payload={"runtime": "systemd"})
    await wait_for(lambda: bool(mesh.actions.pending()), 30, "a proposal")
    assert mesh.actions.pending()[0].proposal.event.sighting is None


@pytest.mark.parametrize(("speaks", "said"), [(True, None), (False, True)])
async def test_of_a_node_that_is_said_to_be_away_it_is_noted_that_its_agent_speaks(
    mesh: Mesh, speaks: bool, said: bool | None
) -> None:
    """And only by a planner: what an alert brings along is nobody's word."""
    await noted(mesh, "nas1", note_of("nas1", []) if speaks else b"1")
    await mesh.start()
    payload = {"alertname": "InstanceDown"} | ({"agent_speaks": said} if said else {})
    filed = await filed_for(mesh, type="node_unreachable", service=None, payload=payload)
    assert filed.proposal.event.payload.get("agent_speaks") is (True if speaks else None)
