"""One trouble as a timeline: from the first symptom over what was thought, decided and run, to its recovery."""

from __future__ import annotations

import pytest
from index_rig import BASE_MS, Shelf

from mesh_core.models.proposals import Folder
from observer.index.keys import time_of
from observer.index.results import Incident


def kinds(incident: Incident | None) -> list[str]:
    assert incident is not None
    return [step.kind.value for step in incident.steps]


def test_an_answer_tells_how_long_it_took_and_what_was_odd_about_it(shelf: Shelf) -> None:
    first = shelf.event(at=0, incident="pi4/web/1")
    shelf.attempt(first, at=1900, model="qwen", latency_ms=900, detail="1 unwrapped: thinking")
    shelf.settle()
    incident = shelf.incident(first.id or "")
    assert incident is not None
    assert [step.detail for step in incident.steps if step.kind == "attempt"] == ["0.9 s; 1 unwrapped: thinking"]


def test_the_whole_way_of_a_trouble_that_was_healed(shelf: Shelf) -> None:
    first = shelf.event(at=0, incident="pi4/web/1", payload={"reason": "exit 137"})
    shelf.attempt(first, at=900, outcome="timeout", model="smol", latency_ms=800, detail="no answer in 8 s")
    shelf.attempt(first, at=1900, model="haiku", provider="anthropic", position=2, latency_ms=900)
    name = shelf.propose(first, at=2000)
    shelf.keep(shelf.decision(first, "proposed", name.id, at=2000))
    for number in (1, 2, 3):
        shelf.event(at=60_000 * number, incident="pi4/web/1", decided=("counted", name.id))
    shelf.event(at=1, node="pi4", service="db", incident="pi4/db/7")  # somebody else's trouble
    shelf.moved(name.id, "pending", "approved", at=200_000, by="ann (uid 1000)")
    shelf.run(name, at=200_500)
    shelf.event("remediation_completed", at=204_700, incident="pi4/web/1", severity="info", trust="mesh", sequence=3)
    shelf.event("service_recovered", at=205_000, incident="pi4/web/1", severity="info")
    shelf.settle()

    for asked in (name.id, first.id or "", f"pi4/{BASE_MS + 120_000}-0"):
        incident = shelf.incident(asked)
        assert incident is not None
        assert kinds(incident) == [
            *("symptom", "attempt", "attempt", "proposal", "decision", "decision"),
            *("choice", "stage", "stage", "outcome", "recovery"),
        ]
        assert (incident.id, incident.node, incident.service, incident.type) == (asked, "pi4", "web", "container_died")
        assert (incident.state, incident.announcements, incident.severity) == ("recovered", 4, "error")
        assert (incident.began_at, incident.recovered_at) == (time_of(BASE_MS), time_of(BASE_MS + 204_600))
        assert [action.id for action in incident.actions] == [name.id]

    symptom, timeout, good, proposal, proposed, counted, choice, _, apply, outcome, recovery = incident.steps
    assert (symptom.count, symptom.until, symptom.detail) == (4, time_of(BASE_MS + 180_000), "reason exit 137"[7:])
    assert (timeout.title, timeout.good, timeout.detail) == ("smol: timeout", False, "no answer in 8 s")
    assert (good.by, good.good, good.at, good.until) == (
        *("anthropic", True),
        *(time_of(BASE_MS + 1000), time_of(BASE_MS + 1900)),
    )
    said = 'model smol says: "it died and does not run any more"'
    assert (proposal.title, proposal.detail) == ("container_restart proposed", said)
    assert (proposed.title, proposed.detail, counted.count) == ("proposed", "because of proposed", 3)
    assert (choice.title, choice.by, choice.at) == ("approved", "ann (uid 1000)", time_of(BASE_MS + 200_000))
    assert (apply.title, apply.detail, apply.good) == ("02_apply", "restarted", True)
    assert (outcome.title, outcome.good, outcome.at) == ("done, proven", True, time_of(BASE_MS + 204_600))
    assert (recovery.title, recovery.good) == ("service_recovered", True)


def test_without_an_incident_name_a_trouble_lasts_from_recovery_to_recovery(shelf: Shelf) -> None:
    shelf.event(at=0)
    shelf.event("service_recovered", at=10, severity="info")
    middle = [shelf.event(at=at) for at in (20, 30, 40)]
    shelf.event("service_recovered", at=50, severity="info")
    shelf.event(at=60)
    shelf.event(at=35, service="db")
    shelf.event(at=36, service=None, kind="disk_full")
    shelf.settle()
    for event in middle:
        incident = shelf.incident(event.id or "")
        assert incident is not None
        assert (incident.began_at, incident.recovered_at) == (time_of(BASE_MS + 20), time_of(BASE_MS + 50))
        assert (incident.announcements, kinds(incident)) == (3, ["symptom", "recovery"])
    still_open = shelf.incident(f"pi4/{BASE_MS + 60}-0")
    assert still_open is not None
    assert (still_open.state, still_open.recovered_at) == ("open", None)


def test_the_state_says_who_has_the_next_move(shelf: Shelf) -> None:
    event = shelf.event(incident="pi4/web/1")

    def state() -> str:
        shelf.settle()
        incident = shelf.incident(event.id or "")
        assert incident is not None
        return incident.state

    assert state() == "open"
    name = shelf.propose(event)
    assert state() == "waiting"
    assert shelf.actions.approve(name, "ann")
    assert state() == "working"
    approved, pending = (shelf.actions.folder(f) / name.file for f in (Folder.APPROVED, Folder.PENDING))
    approved.rename(pending)
    (approved.parent / f"{name.file}.by.txt").unlink()
    shelf.run(name, result="failed", verdict="not_helped")
    assert state() == "closed"
    shelf.event("service_healthy", at=10_000, incident="pi4/web/1", severity="info")
    assert state() == "recovered"
    shelf.event(at=20_000, incident="pi4/web/1")
    assert state() == "closed"


def test_a_rejection_is_a_choice_with_its_reason(shelf: Shelf) -> None:
    name = shelf.propose(shelf.event())
    assert shelf.actions.reject(name, "backup is running", "ann")
    shelf.settle()
    incident = shelf.incident(name.id)
    assert incident is not None
    choice = incident.steps[-1]
    assert (choice.title, choice.by, choice.detail) == ("rejected", "ann", "backup is running")


def test_a_retry_belongs_to_the_same_trouble(shelf: Shelf) -> None:
    event = shelf.event()
    first = shelf.propose(event, at=100)
    shelf.run(first, at=200, result="failed", verdict="not_helped")
    again = shelf.propose(event, id="plan-pi4-web-000000000002", attempt=2, at=9000)
    shelf.settle()
    incident = shelf.incident(again.id)
    assert incident is not None
    assert [(action.attempt, action.result) for action in incident.actions] == [(1, "failed"), (2, "pending")]


def test_an_action_outlives_its_event(shelf: Shelf) -> None:
    event = shelf.event()
    name = shelf.propose(event)
    shelf.run(name)
    next((shelf.runtime / "events").glob("*/pi4.jsonl")).unlink()
    shelf.indexer.discard()
    shelf.indexer.files_written([], 0)
    again = shelf.reopened()
    again.settle()
    incident = again.incident(name.id)
    assert incident is not None
    assert (incident.node, incident.service, incident.state) == ("pi4", "web", "recovered")
    assert incident.began_at == time_of(BASE_MS)
    assert "outcome" in kinds(incident)
    again.indexer.close()


def test_a_long_trouble_is_cut_and_says_so(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("observer.index.incident_query.MOST_EVENTS", 10)
    for number in range(11):
        shelf.event(at=number, incident="pi4/web/1")
    shelf.settle()
    incident = shelf.incident(f"pi4/{BASE_MS}-0")
    assert incident is not None
    assert incident.cut
    assert (len(incident.steps), incident.announcements) == (1, 10)


def test_nobody_has_heard_of_it(shelf: Shelf) -> None:
    shelf.event()
    shelf.settle()
    for wanted in ("plan-pi4-web-000000000000", "pi4/1-1", "", "/", "../../etc/passwd", "x" * 5000, "\ud800"):
        assert shelf.incident(wanted) is None, wanted
