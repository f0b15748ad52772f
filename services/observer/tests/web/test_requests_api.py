"""Requests over HTTP: entered once, asked back, answered; where each stands is what a planner wrote."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from observer_rig import Desk

from mesh_core.approvals import decisions
from mesh_core.approvals.request_folder import RequestFolder
from mesh_core.models.events import DeadLetter
from mesh_core.models.proposals import Folder, ModelRef, Playbook
from mesh_core.models.requests import OpenQuestion, Request, RequestedProposal, RequestState, RequestStatus
from mesh_core.testing import wait_for
from observer.web import request_output
from observer.web.routes import playbook

ASKED = {"text": "install nginx", "hosts": ["web01", "db"], "name": "front"}
WRITER = ModelRef(name="lab", provider="openai", position=1, latency_ms=1)
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
    of_models = {"model": "lab", "max_tokens": 64, "temperature": 0}
    assert (await desk.http.post("/requests", json={**ASKED, **of_models})).status_code == 202
    said_last = (await entered(desk))[-1]
    assert {name: said_last[name] for name in of_models} == of_models
    for wrong, word in (
        ({**ASKED, "max_tokens": 32}, "max_tokens"),
        ({**ASKED, "temperature": 2}, "temperature"),
        ({**ASKED, "yes": True}, "yes"),
        ({**ASKED, "text": ""}, "text"),
        ({**ASKED, "text": "\0"}, "control character"),
        ({**ASKED, "hosts": []}, "hosts"),
        ({**ASKED, "hosts": ["../x"]}, "hosts.0"),
    ):
        refused = await desk.http.post("/requests", json=wrong)
        assert (refused.status_code, word in refused.json()["detail"]) == (422, True), refused.text
    assert (await desk.http.get("/requests/req-ffffffffffff")).status_code == 404
    assert len(await entered(desk)) == 2


@pytest.mark.parametrize("path", ["/requests", "/playbook"])
async def test_what_is_refused_at_the_door_is_told_in_a_sentence_and_kept_without_its_passwords(
    desk: Desk, path: str
) -> None:
    text, where = ("text", "hosts") if path == "/requests" else ("message", "inventory")
    asked = {text: "install nginx", where: ["pi4"]}
    for number, (body, word) in enumerate(
        (
            (json.dumps({**asked, text: ""}), text),
            (json.dumps({**asked, text: "x" * 100_000}), "at most 4000"),
            (json.dumps({**asked, text: "\0"}), "control character"),
            (json.dumps({**asked, where: ["../etc"]}), "hosts.0" if where == "hosts" else where),
            (json.dumps({**asked, "name": "../../etc/cron.d/x"}), "name"),
            (json.dumps({**asked, "extra_vars": {"a": "{{ hostvars }}"}}), "holds a template"),
            (json.dumps({**asked, "password": "hunter2hunter2"}), "password"),
            ('{"text": ', "JSON"),
            ("[1]", "object"),
            ("[" * 100_000, "nested too deep"),
            ('{"text": ' + "9" * 6000 + "}", "too many digits"),
        ),
        start=1,
    ):
        said = await desk.http.post(path, content=body, headers={"Content-Type": "application/json"})
        assert (said.status_code, word in said.json()["detail"]) == (422, True), said.text
        letters = [json.loads(fields[b"p"]) for _, fields in await desk.bus.redis.xrange(DeadLetter.stream)]
        assert (len(letters), letters[-1]["source"], letters[-1]["by"]) == (number, "requests", "observer")
        assert letters[-1]["reason"][:400] == said.json()["detail"][:400]
        assert letters[-1]["raw"][:8] == body[:8]
    assert "hunter2hunter2" not in json.dumps(letters)
    assert await entered(desk) == []


async def test_what_it_asks_is_answered_once_and_nothing_else(desk: Desk) -> None:
    planned(desk, state=RequestState.ASKS, questions=(PORT,))
    told = (await desk.http.get("/requests/req-0123456789ab")).json()
    assert (told["state"], told["by"]) == ("asks", "ann")
    assert told["questions"] == [{"slot": "port", "text": "Which port?", "choices": ["80", "443"]}]
    odd = await desk.http.post("/requests/req-0123456789ab/answer", json={"answers": {"name": "x"}})
    assert (odd.status_code, "it asks for port" in odd.json()["detail"]) == (422, True)
    more = {"answers": {"port": "80"}, "cancel": True}
    odd = await desk.http.post("/requests/req-0123456789ab/answer", json=more)
    assert (odd.status_code, "cancel" in odd.json()["detail"]) == (422, True)
    said = await desk.http.post("/requests/req-0123456789ab/answer", json={"answers": {"port": "80"}})
    assert said.status_code == 202, said.text
    assert (await desk.http.post("/requests/req-0123456789ab/cancel")).status_code == 202
    answer, cancelled = await entered(desk)
    assert (answer["request"], answer["answers"], answer["by"]) == ("req-0123456789ab", {"port": "80"}, "web")
    assert cancelled["cancel"] is True
    planned(desk, state=RequestState.WRITING, written_by=WRITER)
    assert (await desk.http.get("/requests/req-0123456789ab")).json()["written_by"]["name"] == "lab"
    assert (await desk.http.post("/requests/req-0123456789ab/cancel")).status_code == 202
    assert (await desk.http.post("/requests/req-0123456789ab/answer", json={"answers": {"a": "b"}})).status_code == 409
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


async def test_each_host_is_asked_what_would_change_and_one_that_cannot_be_is_said(desk: Desk) -> None:
    first, told, gone = desk.propose("pi4"), desk.propose("pi5", type="notify", action="notify"), desk.propose("pi6")
    hosts = (("pi4", first), ("pi5", told), ("pi6", gone))
    planned(desk, proposals=tuple(RequestedProposal(host=host, action_id=name.id) for host, name in hosts))
    decisions.reject(desk.actions, gone.id, "no", "ann")
    said = await desk.http.post("/requests/req-0123456789ab/preview")
    assert said.status_code == 200, said.text
    asked, cannot = said.json()["items"]
    assert (asked["host"], asked["action_id"], asked["problem"]) == ("pi4", first.id, "")
    assert [one.name.id for one in desk.actions.filed(Folder.APPROVED)] == [asked["preview"]]
    assert (cannot["host"], cannot["preview"], "runs nothing on a host" in cannot["problem"]) == ("pi5", None, True)
    for name in (first, told):
        decisions.reject(desk.actions, name.id, "no", "ann")
    assert (await desk.http.post("/requests/req-0123456789ab/preview")).status_code == 409
    assert (await desk.http.post("/requests/req-ffffffffffff/preview")).status_code == 404


async def test_what_its_runs_say_is_told_from_the_first_line_on_until_all_have_ended(desk: Desk) -> None:
    ran, runs, waits = (desk.propose(host) for host in ("pi4", "pi5", "pi6"))
    of = tuple(
        RequestedProposal(host=host, action_id=name.id) for host, name in (("pi4", ran), ("pi5", runs), ("pi6", waits))
    )
    planned(desk, proposals=of)
    done, running = desk.actions.root / "done" / ran.id, desk.actions.root / "running" / runs.id
    for run, log in ((done, "PLAY [all]\nok: [pi4]"), (running, "PLAY [all]\nchan")):
        (run / "logs").mkdir(parents=True)
        (run / "logs" / "02_apply.log").write_text(log)
    said = _events(desk)
    first = [await anext(said) for _ in range(4)]
    assert first == [
        ("output", {"host": "pi4", "action_id": ran.id, "stage": "apply", "line": "PLAY [all]"}),
        ("output", {"host": "pi4", "action_id": ran.id, "stage": "apply", "line": "ok: [pi4]"}),
        ("ended", {"host": "pi4", "action_id": ran.id, "folder": "done"}),
        ("output", {"host": "pi5", "action_id": runs.id, "stage": "apply", "line": "PLAY [all]"}),
    ]
    with (running / "logs" / "02_apply.log").open("a") as log:
        log.write("ged: [pi5]\n")
    assert (await anext(said))[1]["line"] == "changed: [pi5]"
    (running / "logs" / "03_check_idempotency.log").write_text("ok: [pi5]\n")
    running.rename(desk.actions.root / "failed" / runs.id)
    decisions.reject(desk.actions, waits.id, "no", "ann")
    rest = [one async for one in said]
    assert {(name, value["host"], value.get("line") or value["folder"]) for name, value in rest} == {
        ("output", "pi5", "ok: [pi5]"),
        ("ended", "pi5", "failed"),
        ("ended", "pi6", "rejected"),
    }
    assert (await desk.http.get("/requests/req-ffffffffffff/output")).status_code == 404


async def test_a_run_that_is_withdrawn_before_it_does_anything_ends_its_stream(desk: Desk) -> None:
    name = desk.propose("pi4")
    planned(desk, proposals=(RequestedProposal(host="pi4", action_id=name.id),))
    run = desk.actions.root / "running" / name.id
    (run / "logs").mkdir(parents=True)
    (run / "logs" / "01_syntax.log").write_text("playbook: apply.yml\n")
    said = _events(desk)
    assert (await anext(said))[1]["line"] == "playbook: apply.yml"
    (desk.actions.folder(Folder.PENDING) / name.file).unlink()
    run.rename(desk.actions.root / "withdrawn" / name.id)
    assert await anext(said) == ("ended", {"host": "pi4", "action_id": name.id, "folder": "withdrawn"})
    assert [one async for one in said] == []


async def test_a_line_without_an_end_and_proposals_that_are_gone_hold_no_stream_open(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_output, "BLOCK_BYTES", 10)
    name = desk.propose("pi4")
    gone = RequestedProposal(host="pi5", action_id="plan-pi5-web-0123456789ab")
    planned(desk, proposals=(RequestedProposal(host="pi4", action_id=name.id), gone))
    run = desk.actions.root / "failed" / name.id
    (run / "logs").mkdir(parents=True)
    (run / "logs" / "02_apply.log").write_text("x" * 25 + "\nend\n")
    said = [one async for one in _events(desk)]
    assert [value["line"] for name, value in said if name == "output"] == ["x" * 10, "x" * 10, "x" * 5, "end"]
    assert {(value["host"], value["folder"]) for name, value in said if name == "ended"} == {
        ("pi4", "failed"),
        ("pi5", "withdrawn"),
    }


async def plans(desk: Desk, **changes: Any) -> None:
    """A planner that reads one request."""
    await wait_for(lambda: entered(desk), 10, "a request in its stream")
    (asked,) = await entered(desk)
    planned(desk, asked["id"], **changes)


async def test_a_client_of_before_waits_for_the_playbook(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "- hosts: pi4\n  tasks: []\n"
    book = Playbook(name="front", text=text, sha256=hashlib.sha256(text.encode()).hexdigest())
    waits = desk.propose("pi4", type="playbook", action="playbook", playbook=book)
    ours = (RequestedProposal(host="pi4", action_id=waits.id),)
    said = {
        "message": "Nginx 설치",
        "inventory": "pi4, pi5",
        "limit": "pi4",
        "extra_vars": {"port": 80},
        "name": "front",
    }
    answer, _ = await asyncio.gather(desk.http.post("/playbook", json=said), plans(desk, proposals=ours))
    assert answer.status_code == 200, answer.text
    (kept,) = await entered(desk)
    assert (kept["text"], kept["hosts"], kept["limit"]) == ("Nginx 설치", ["pi4", "pi5"], ["pi4"])
    assert (kept["extra_vars"], kept["name"], kept["by"]) == ({"port": 80}, "front", "web")
    assert answer.json() == {
        "task_id": kept["id"],
        "state": "filed",
        "playbook_name": "front.yml",
        "playbook_preview": text,
        "reason": "",
        "questions": [],
        "href": f"/api/v1/requests/{kept['id']}",
    }
    assert desk.lies_in(waits) == [Folder.PENDING], "it is only shown"


async def test_what_kiki_says_by_itself_is_the_inventorys_to_say_and_what_somebody_said_counts(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(playbook, "WAIT_SECONDS", 0.0)
    home = "/home/agent"
    by_itself = {"user": "rocky", "ssh_key": f"{home}/.ssh/id_rsa", "layout": "playbook", "role_hosts": "all"}
    by_itself |= {"model": "local-llama", "max_token": 256, "temperature": 0.5, "role_name": None, "name": None}
    by_itself |= {"verify": "all", "limit": None, "tags": None, "extra_vars": None, "inventory_file_content": None}
    said = {"tags": "service,copy", "layout": "role", "role_name": "front", "role_hosts": "pi4", "verify": "none"}
    said |= {"model": "lab", "max_tokens": 512, "temperature": 0.1}
    said |= {"user": "ann", "ssh_key": "lab", "inventory": [], "inventory_file_content": "[web]\npi4\npi5\n"}
    for body in ({"inventory": "pi4", **by_itself}, said):
        answer = await desk.http.post("/playbook", json={"message": "install nginx", **body})
        assert answer.status_code == 202, answer.text
    first, second = await entered(desk)
    assert first.keys() == {"schema_version", "id", "ts", "by", "text", "hosts"}
    assert {name: second[name] for name in ("hosts", "tags", "layout", "role_name", "role_hosts", "verify")} == {
        "hosts": ["pi4", "pi5"],
        "tags": ["service", "copy"],
        "layout": "role",
        "role_name": "front",
        "role_hosts": ["pi4"],
        "verify": "none",
    }
    assert (second["user"], second["ssh_key"]) == ("ann", "lab")
    assert (second["model"], second["max_tokens"], second["temperature"]) == ("lab", 512, 0.1)
    path = await desk.http.post("/playbook", json={"message": "x", "inventory": "pi4", "ssh_key": "/root/.ssh/id_rsa"})
    assert (path.status_code, "ssh_key" in path.json()["detail"]) == (422, True), path.text


@pytest.mark.parametrize(
    ("changes", "status", "told"),
    [
        ({"state": RequestState.ASKS, "questions": (PORT,)}, 200, "Which port?"),
        ({"state": RequestState.REFUSED, "reason": "no such host"}, 422, "no such host"),
    ],
)
async def test_what_a_client_of_before_is_asked_or_refused(
    desk: Desk, changes: dict[str, Any], status: int, told: str
) -> None:
    body = {"message": "open the firewall", "inventory": ["pi4"]}
    answer, _ = await asyncio.gather(desk.http.post("/playbook", json=body), plans(desk, **changes))
    assert (answer.status_code, told in answer.text) == (status, True), answer.text


async def test_a_client_of_before_is_told_where_to_look_when_no_planner_reads(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(playbook, "WAIT_SECONDS", 0.0)
    waits = await desk.http.post("/playbook", json={"message": "install nginx", "inventory": "pi4"})
    assert (waits.status_code, waits.json()["state"]) == (202, None)
    assert (await desk.http.get(waits.json()["href"].removeprefix("/api/v1"))).json()["state"] is None
    for wrong, word in (({"inventory": ""}, "hosts"), ({"inventory": "../x"}, "inventory"), ({"yes": True}, "yes")):
        refused = await desk.http.post("/playbook", json={"message": "x", "inventory": "pi4", **wrong})
        assert (refused.status_code, word in refused.json()["detail"]) == (422, True), refused.text
    assert len(await entered(desk)) == 1


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_output, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(request_output, "NEXT_LOOK_SECONDS", 0.05)


async def _events(desk: Desk) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """As a browser reads them; of a transport that gives no answer before it is whole, from the room itself."""
    (status,) = RequestFolder(desk.actions.root.parent).all()
    async with contextlib.aclosing(request_output.request_output(desk.live, desk.actions, status)) as chunks:
        async for chunk in chunks:
            for event in chunk.decode().split("\n\n"):
                if event.startswith("event: "):
                    name, _, data = event.removeprefix("event: ").partition("\ndata: ")
                    yield name, json.loads(data)


async def test_the_options_beside_the_words_are_fields_of_the_body(desk: Desk) -> None:
    options = {"layout": "role", "role_name": "front_end", "tags": ["package"], "verify": "none", "ssh_key": "lab"}
    inventory = "[front]\nweb02 ansible_user=rocky\n[back]\ndb01"
    body = {"text": "install nginx", "inventory": inventory, "role_hosts": ["front"], **options}
    said = await desk.http.post("/requests", json=body)
    assert said.status_code == 202, said.text
    (kept,) = await entered(desk)
    wanted = {**options, "hosts": ["web02", "db01"], "role_hosts": ["web02"], "logins": {"web02": {"user": "rocky"}}}
    assert {name: kept[name] for name in wanted} == wanted
    planned(desk, kept["id"], request=Request.model_validate(kept))
    told = (await desk.http.get(f"/requests/{kept['id']}")).json()
    assert {name: told[name] for name in wanted} == wanted
    for wrong, word in (
        ({"inventory": "n1 ansible_connection=local"}, "ansible_connection of n1"),
        ({"inventory": "n1,n1"}, "n1 is there twice"),
        ({"hosts": ["a"], "ssh_key": "/root/.ssh/id_rsa"}, "wants the name of a key"),
        ({"hosts": ["a"], "verify": "maybe"}, "verify"),
        ({"hosts": ["a"], "logins": {"a": {"become": True}}}, "become"),
        ({}, "hosts"),
    ):
        refused = await desk.http.post("/requests", json={"text": "install nginx", **wrong})
        assert (refused.status_code, word in refused.text) == (422, True), refused.text
    assert len(await entered(desk)) == 1
