"""/runs: what runs and what came of it, read from folders that hold anything."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from observer_rig import Desk

from mesh_core.models.events import HealthEvent
from mesh_core.models.outcomes import Outcome
from mesh_core.models.proposals import Folder


def make_run(desk: Desk, service: str, folder: Folder = Folder.DONE, *, finished: bool = True, **changed: Any) -> Path:
    """A run's folder as an executor leaves it."""
    name = desk.propose(service=service, **changed)
    source = desk.actions.folder(Folder.PENDING) / name.file
    run = desk.actions.folder(folder) / name.id
    (run / "logs").mkdir(parents=True)
    proposal = desk.actions.proposal_at(source)
    assert proposal is not None
    source.rename(run / "proposal.json")
    (run / "by.txt").write_text("ada")
    (run / "started").write_text(json.dumps({"at": "2026-01-01T00:00:00.000Z", "host": "h", "pid": 1}))
    (run / "logs" / "02_apply.log").write_text("TASK [Restart it]\nchanged\n")
    if finished:
        outcome = Outcome(
            action_id=name.id,
            digest=name.digest,
            result=folder.value,
            verdict="proven",
            reason="healthy in 3 looks in a row",
            node="pi4",
            service=service,
            type=proposal.type,
            started_at="2026-01-01T00:00:01.000Z",
            finished_at="2026-01-01T00:00:05.000Z",
            stages=({"name": "apply", "ok": True, "rc": 0, "changed": 1, "seconds": 0.9},),
        )
        (run / "outcome.json").write_bytes(outcome.wire())
        (run / "bundle.zip").write_bytes(b"PK")
    return run


async def test_what_ran_is_taken_back_by_a_proposal_of_its_own(desk: Desk) -> None:
    payload = {"runtime": "systemd", "investigation": {"unit": {"enabled": True}}}
    event = HealthEvent(
        id="pi4/1700000000001-0", type="unit_failed", node="pi4", service="nginx", payload=payload, trust="node"
    )
    run = make_run(desk, "nginx", type="unit_start", action="unit_start", event=event)
    before = (await desk.http.get(f"/proposals/{run.name}")).json()
    assert (before["undoable"], before["can_be_undone"], before["playbook"]["undo"]) == (False, True, "")
    told = json.loads((run / "outcome.json").read_bytes()) | {"before": {"is_running": 0, "restarts": 1}}
    (run / "outcome.json").write_text(json.dumps(told))
    assert (await desk.http.get(f"/proposals/{run.name}")).json()["undoable"] is True
    answer = await desk.http.post(f"/proposals/{run.name}/undo")
    assert answer.status_code == 200, answer.text
    made = (await desk.http.get(f"/proposals/{answer.json()['id']}")).json()
    assert (made["folder"], made["type"], made["undoable"]) == ("pending", "undo_unit_start", False)
    assert "before_is_running: 0" in made["playbook"]["text"]
    assert (await desk.http.post(f"/proposals/{run.name}/undo")).status_code == 409


async def test_runs_come_newest_first_with_their_outcome(desk: Desk) -> None:
    for number, service in enumerate(("old", "new")):
        os.utime(make_run(desk, service), (1_000_000 + number, 1_000_000 + number))
    running = make_run(desk, "now", Folder.RUNNING, finished=False)
    body = (await desk.http.get("/runs")).json()
    assert [i["service"] for i in body["items"]] == ["now", "new", "old"]
    first, last = body["items"][0], body["items"][-1]
    assert (first["folder"], first["result"], first["started_at"]) == ("running", None, "2026-01-01T00:00:00.000Z")
    assert (last["result"], last["verdict"], last["stages"][0]["name"]) == ("done", "proven", "apply")
    assert last["approved_by"].startswith("ada")
    only = (await desk.http.get("/runs", params={"folder": "running"})).json()
    assert [i["id"] for i in only["items"]] == [running.name]
    paged = (await desk.http.get("/runs", params={"limit": 2})).json()
    rest = (await desk.http.get("/runs", params={"limit": 2, "cursor": paged["next"]})).json()
    assert [len(paged["items"]), len(rest["items"]), rest["next"]] == [2, 1, None]


async def test_one_run_shows_its_logs_and_its_bundle(desk: Desk) -> None:
    run = make_run(desk, "web")
    body = (await desk.http.get(f"/runs/{run.name}")).json()
    assert [log["name"] for log in body["logs"]] == ["02_apply.log"]
    assert body["bundle"] is True
    log = await desk.http.get(f"/runs/{run.name}/logs/02_apply.log")
    assert log.text == "TASK [Restart it]\nchanged\n"
    assert log.headers["content-type"].startswith("text/plain")
    assert (await desk.http.get(f"/runs/{run.name}/bundle")).content == b"PK"


async def test_a_folder_full_of_nonsense_is_shown_as_far_as_it_can_be_read(desk: Desk, tmp_path: Path) -> None:
    run = desk.actions.folder(Folder.FAILED) / "plan-pi4-web-0123456789ab"
    (run / "logs").mkdir(parents=True)
    (run / "outcome.json").write_text('{"surprise": [')
    (run / "proposal.json").symlink_to("/etc/passwd")
    (run / "logs" / "01_syntax.log").symlink_to("/etc/passwd")
    (run / "bundle.zip").symlink_to("/etc/passwd")
    body = (await desk.http.get("/runs")).json()
    assert [(i["id"], i["node"], i["result"]) for i in body["items"]] == [(run.name, None, None)]
    assert (await desk.http.get(f"/runs/{run.name}")).status_code == 200
    assert (await desk.http.get(f"/runs/{run.name}/logs/01_syntax.log")).status_code == 404
    assert (await desk.http.get(f"/runs/{run.name}/bundle")).status_code == 404


async def test_files_and_runs_are_not_confused(desk: Desk) -> None:
    assert (await desk.http.get("/runs", params={"folder": "pending"})).status_code == 422
    assert (await desk.http.get("/proposals", params={"folder": "done"})).status_code == 422
    assert (await desk.http.get("/runs/plan-pi4-web-0123456789ab")).status_code == 404
