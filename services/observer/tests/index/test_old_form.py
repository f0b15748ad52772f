"""Events that are a file each, as they lay there before: read as ever, beside today's form, converted or not."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import Any

import pytest
from index_rig import BASE_MS, Shelf
from parts.archive import put_old, read_archive

from mesh_core.models.events import Decision, HealthEvent
from mesh_core.storage.event_conversion import convert_all
from observer.archive.retention import Retention, RetentionPolicy
from observer.index.keys import DAY_MS, time_of


def old(shelf: Shelf, at: int, verdict: str | None = None, node: str = "pi4") -> str:
    event = HealthEvent.model_validate(
        {"id": f"{node}/{BASE_MS + at}-0", "type": "container_died", "node": node, "service": "web", "trust": "node"}
    )
    decision = {"verdict": verdict, "action_id": None, "reason": f"old {verdict}", "ts": time_of(BASE_MS + at)}
    put_old(shelf.archive.root, event.id or "", json.loads(event.wire()), decision if verdict else None)
    return event.id or ""


def shown(shelf: Shelf) -> dict[str, Any]:
    return {row.id: row.verdict for row in shelf.events(limit=200, q="died").items}


@pytest.mark.parametrize("converted", ["never", "while it is open", "before it is made anew"])
def test_lists_and_timelines_are_the_same_in_either_form(shelf: Shelf, converted: str) -> None:
    wanted = {old(shelf, -day * DAY_MS - n, "counted" if n else None): n for day in range(3) for n in range(4)}
    shelf.indexer.report_broken()  # an upgrade: another index
    shelf.settle()
    assert len(shown(shelf)) == len(wanted)
    late = f"pi4/{BASE_MS}-0"  # decided after the upgrade
    shelf.keep(Decision(ts=time_of(BASE_MS + 5), event_id=late, verdict="ignored", reason="decided today"))
    again = HealthEvent(id=f"pi4/{BASE_MS - 1}-0", type="container_died", node="pi4", service="web")
    shelf.keep(again, shelf.event(at=70, decided=("ignored", None)))  # the first one is delivered again
    if converted == "while it is open":
        assert convert_all(shelf.archive.root).files == len(wanted)
    shelf.settle()
    if converted == "before it is made anew":
        convert_all(shelf.archive.root)
    for _ in range(2):
        assert shown(shelf) == {key: "counted" if n else None for key, n in wanted.items()} | {
            late: "ignored",
            f"pi4/{BASE_MS + 70}-0": "ignored",
        }
        incident = shelf.incident(late)
        assert incident is not None
        decisions = {step.detail for step in incident.steps if step.kind == "decision"}
        assert decisions & {"decided today", "because of ignored"}
        assert incident.announcements == len(wanted) + 1
        counted = shelf.incident(f"pi4/{BASE_MS - 1}-0")
        assert counted is not None
        assert any("old counted" in step.detail for step in counted.steps)
        shelf.indexer.report_broken()
        shelf.settle()
    assert len(read_archive(shelf.archive.root)) == len(wanted) + 1


def test_a_day_in_both_forms_is_forgotten_when_both_are_gone(shelf: Shelf) -> None:
    old(shelf, -40 * DAY_MS, node="pi8")
    shelf.event(at=-40 * DAY_MS, node="pi9")
    old(shelf, 0)
    shelf.indexer.report_broken()
    shelf.settle()
    assert len(shelf.events().items) == 3
    now = datetime.fromtimestamp(BASE_MS / 1000, UTC)
    for path in shelf.archive.root.glob("2026-04-*/*"):
        os.utime(path, (0, 0))
    Retention(shelf.archive.root, RetentionPolicy(30), clock=lambda: now, on_swept=shelf.indexer.days_removed).sweep()
    shelf.settle()
    assert [row.node for row in shelf.events().items] == ["pi4"]
