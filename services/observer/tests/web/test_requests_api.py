"""Requests over HTTP: entered once, asked back, answered; where each stands is what a planner wrote."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from observer_rig import Desk

from mesh_core.approvals.request_folder import RequestFolder
from mesh_core.models.requests import OpenQuestion, Request, RequestedProposal, RequestState, RequestStatus

ASKED = {"text": "install nginx", "hosts": ["web01", "db"], "name": "front"}
PORT = OpenQuestion(slot="port", text="Which port?", choices=("80", "443"))


def planned(desk: Desk, own_id: str = "req-0123456789ab", ts: str = "2026-01-02T08:00:00Z", **changes: Any) -> None:
    """What a planner leaves of a request."""
    asked = Request(id=own_id, ts=ts, text="open the firewall", hosts=("pi4",), by="ann")
    status = RequestStatus(request=asked, entry="1-1", state=RequestState.FILED, updated_at=ts)
    folder = RequestFolder(desk.actions.root.parent)
    folder.prepare()
    folder.put(status.model_copy(update=changes))


async def entered(desk: Desk) -> list[dict[str, Any]]:
    return [json.loads(fields[b"p"]) for _, fields in await desk.bus.redis.xrange(Request.stream)]


async def test_what_is_asked_lies_in_the_stream_and_has_an_address(desk: Desk) -> None:
    said = await desk.http.post("/requests", json=ASKED)
    assert said.status_code == 202, said.text
    accepted = said.json()
    (kept,) = await entered(desk)
    assert {name: kept[name] for name in (*ASKED, "id", "by")} == {**ASKED, "id": accepted["id"], "by": "web"}
    assert (accepted["state"], accepted["href"]) == (None, f"/api/v1/requests/{accepted['id']}")
    told = await desk.http.get(f"/requests/{accepted['id']}")
    assert (told.status_code, told.json()["state"]) == (200, None), "no planner has read it"
    for wrong, word in (
        ({**ASKED, "yes": True}, "yes"),
        ({**ASKED, "text": ""}, "text"),
        ({**ASKED, "text": "\0"}, "control character"),
        ({**ASKED, "hosts": []}, "hosts"),
        ({**ASKED, "hosts": ["../x"]}, "hosts.0"),
    ):
        refused = await desk.http.post("/requests", json=wrong)
        assert (refused.status_code, word in refused.json()["detail"]) == (422, True), refused.text
    assert (await desk.http.get("/requests/req-ffffffffffff")).status_code == 404
    assert len(await entered(desk)) == 1


async def test_what_it_asks_is_answered_once_and_nothing_else(desk: Desk) -> None:
    planned(desk, state=RequestState.ASKS, questions=(PORT,))
    told = (await desk.http.get("/requests/req-0123456789ab")).json()
    assert (told["state"], told["by"]) == ("asks", "ann")
    assert told["questions"] == [{"slot": "port", "text": "Which port?", "choices": ["80", "443"]}]
    odd = await desk.http.post("/requests/req-0123456789ab/answer", json={"answers": {"name": "x"}})
    assert (odd.status_code, "it asks for port" in odd.json()["detail"]) == (422, True)
    said = await desk.http.post("/requests/req-0123456789ab/answer", json={"answers": {"port": "80"}})
    assert said.status_code == 202, said.text
    assert (await desk.http.post("/requests/req-0123456789ab/cancel")).status_code == 202
    answer, cancelled = await entered(desk)
    assert (answer["request"], answer["answers"], answer["by"]) == ("req-0123456789ab", {"port": "80"}, "web")
    assert cancelled["cancel"] is True
    planned(desk)
    for verb in ("answer", "cancel"):
        late = await desk.http.post(f"/requests/req-0123456789ab/{verb}", json={"answers": {"port": "80"}})
        assert late.status_code == 409, late.text
        none = await desk.http.post(f"/requests/req-ffffffffffff/{verb}", json={"answers": {"port": "80"}})
        assert none.status_code == 404


async def test_the_newest_come_first_page_by_page_with_where_their_proposals_lie(desk: Desk) -> None:
    waits = desk.propose()
    ours = (RequestedProposal(host="pi4", action_id=waits.id),)
    for number in range(3):
        planned(desk, f"req-00000000000{number}", f"2026-01-0{number + 1}T08:00:00Z", proposals=ours)
    planned(desk, "req-aaaaaaaaaaaa", "2026-02-01T08:00:00Z", state=RequestState.REFUSED, reason="no such host")
    first = (await desk.http.get("/requests", params={"limit": 3})).json()
    rest = (await desk.http.get("/requests", params={"limit": 3, "cursor": first["next"]})).json()
    ids = [item["id"][-1] for item in (*first["items"], *rest["items"])]
    assert (ids, rest["next"]) == (["a", "2", "1", "0"], None)
    assert first["items"][0]["reason"] == "no such host"
    assert first["items"][1]["proposals"] == [{"host": "pi4", "action_id": waits.id, "folder": "pending"}]
    refused = (await desk.http.get("/requests", params={"state": "refused"})).json()
    assert [item["state"] for item in refused["items"]] == ["refused"]


async def test_the_bundles_of_its_runs_are_one_zip_with_a_folder_for_each_host(desk: Desk) -> None:
    ran, waits = desk.propose("pi4"), desk.propose("pi5")
    both = tuple(RequestedProposal(host=host, action_id=name.id) for host, name in (("pi4", ran), ("pi5", waits)))
    planned(desk, proposals=both)
    at = "/requests/req-0123456789ab/bundle.zip"
    assert (await desk.http.get(at)).status_code == 404
    run: Path = desk.actions.root / "done" / ran.id
    run.mkdir()
    with zipfile.ZipFile(run / "bundle.zip", "w") as bundle:
        bundle.writestr("logs/02_apply.log", "ok: [pi4]")
    whole = await desk.http.get(at)
    assert whole.headers["content-disposition"] == 'attachment; filename="req-0123456789ab.zip"'
    with zipfile.ZipFile(io.BytesIO(whole.content)) as joined:
        assert joined.namelist() == ["pi4/logs/02_apply.log"]


async def test_the_names_that_may_be_asked_for_are_those_of_the_inventory_or_why_there_are_none(desk: Desk) -> None:
    none = (await desk.http.get("/inventory")).json()
    assert (none["hosts"], none["groups"]) == ([], [])
    assert "inventory.yml: cannot be read" in none["problem"]
    file = desk.actions.root.parent / "config" / "inventory.yml"
    file.parent.mkdir()
    groups = {"web": {"hosts": {"web01": {}}}, "attic": {"hosts": {}}}
    file.write_text(
        json.dumps({"all": {"hosts": {"web01": {"ansible_host": "192.0.2.7"}, "db": {}}, "children": groups}})
    )
    said = await desk.http.get("/inventory")
    assert said.json() == {
        "hosts": ["db", "web01"],
        "groups": [{"name": "web", "hosts": ["web01"]}],
        "problem": None,
    }
    assert "192.0.2.7" not in said.text
