"""GET /proposals: what waits is listed, and all about one is said. Nothing moves."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
from observer_rig import Desk

from mesh_core.models.attempts import ModelAttempt
from mesh_core.models.events import HealthEvent
from mesh_core.models.proposals import Folder, ModelRef, RuleCited
from mesh_core.policy.policy import Policy
from mesh_core.runtime.executor_notes import note_targets
from mesh_core.testing import leave_heartbeat
from observer.world import HealthState, TargetHealth, World


async def test_what_waits_is_listed_with_all_that_a_queue_shows(desk: Desk) -> None:
    name = desk.propose()
    await desk.bus.redis.hset("mesh:occurrences", (await desk.detail(name.id))["event_id"], 4)
    body = (await desk.http.get("/proposals")).json()
    assert body["total"] == 1
    item = body["items"][0]
    assert (item["id"], item["digest"], item["folder"]) == (name.id, name.digest, "pending")
    assert (item["node"], item["service"], item["type"], item["risk_level"]) == (
        "pi4",
        "web",
        "container_restart",
        "low",
    )
    assert item["occurrences"] == 5
    assert (item["wrong"], item["about"]) == ("container died", "")


async def test_what_waits_under_another_name_is_said_with_its_own(desk: Desk) -> None:
    name = desk.propose()
    assert (await desk.http.get("/proposals")).json()["renamed"] == []
    own = desk.actions.folder(Folder.PENDING) / name.file
    own.rename(own.with_name("later.json"))
    body = (await desk.http.get("/proposals")).json()
    assert body["items"] == []
    (told,) = body["renamed"]
    assert told.startswith("later.json in pending/")
    assert f"call it {name.file} again" in told
    assert (await desk.http.get("/proposals?folder=rejected")).json()["renamed"] == []


async def test_the_detail_names_what_the_trouble_explains(desk: Desk) -> None:
    name = desk.propose()
    assert (await desk.detail(name.id))["explains"] == []
    await desk.bus.redis.hset(f"mesh:explained:{name.id}", mapping={"pi4/api": "container_died", "pi4/": "odd"})
    assert (await desk.detail(name.id))["explains"] == [
        {"node": "pi4", "service": None, "type": "odd"},
        {"node": "pi4", "service": "api", "type": "container_died"},
    ]


async def test_the_detail_has_the_card_with_what_else_is_wrong_on_that_node(desk: Desk) -> None:
    name = desk.propose()
    since, sick = "2026-01-01T00:00:00Z", HealthState.UNHEALTHY
    place = TargetHealth(node="pi4", service="mail", since=since, state=sick, own_state=sick, event_type="unit_failed")
    desk.seen[0] = World(places={place.target_key: place})
    card = (await desk.detail(name.id))["card"]
    assert card["others"] == [{"node": "pi4", "service": "mail", "type": "unit_failed", "since": since}]
    assert card["title"].startswith("web on pi4 ")


async def test_the_card_of_silent_nodes_says_which_are_not_back(desk: Desk) -> None:
    together = {"in_common": "silent", "nodes": ["nas", "pi4", "web01"]}
    name = desk.propose(event=HealthEvent(id="pi4/1-0", type="trouble_storm", node="all-nodes", payload=together))
    away = TargetHealth(node="nas", service=None, since="2026-01-01T00:00:00Z", state=HealthState.OFFLINE)
    back = replace(away, node="pi4", state=HealthState.HEALTHY)
    desk.seen[0] = World(places={place.target_key: place for place in (away, back)})
    assert (await desk.detail(name.id))["card"]["waiting"] == "1 of 3 nodes still silent: nas"


async def test_the_list_says_why_in_the_words_of_the_card(desk: Desk) -> None:
    rule = RuleCited(name="died", says="its container does not run")
    small = ModelRef(name="small", provider="llamacpp", position=1, latency_ms=0)
    ours = desk.propose(service="ours", rule=rule, reason="container died: whatever was asked, and whom")
    models = desk.propose(service="models", rule=rule, model=small)
    items = (await desk.http.get("/proposals")).json()["items"]
    assert {one["id"]: one["because"] for one in items} == {ours.id: rule.says, models.id: ""}


async def test_five_hundred_come_in_pages(desk: Desk) -> None:
    names = {desk.propose(service=f"s{n}").id for n in range(120)}
    first = (await desk.http.get("/proposals", params={"limit": 100})).json()
    second = (await desk.http.get("/proposals", params={"limit": 100, "cursor": first["next"]})).json()
    assert {i["id"] for i in first["items"] + second["items"]} == names
    assert second["next"] is None


async def test_the_detail_holds_the_very_playbook_and_every_model_that_was_asked(desk: Desk) -> None:
    name = desk.propose()
    event_id = (await desk.detail(name.id))["event_id"]
    for outcome, of in (("timeout", event_id), ("ok", event_id), ("ok", "other/1-0")):
        attempt = ModelAttempt(
            ts="2026-01-01T00:00:00.000Z",
            event_id=of,
            model="m",
            provider="p",
            position=1,
            outcome=outcome,
            latency_ms=5,
        )
        ms = int(event_id.rpartition("/")[2].partition("-")[0])
        await desk.bus.call("XADD", ModelAttempt.stream, f"{ms}-*", "p", attempt.wire())
    body = await desk.detail(name.id)
    assert "community.docker.docker_container" in body["playbook"]["text"]
    assert "restart: true" in body["playbook"]["text"]
    assert body["playbook"]["proof"]
    assert [a["outcome"] for a in body["attempts"]] == ["timeout", "ok"]
    assert "restart" in body["policy"]["allowed"]
    assert json.loads(body["raw"])["id"] == name.id
    assert body["decided"] is None


async def test_the_detail_names_what_only_the_policy_allows_and_the_files_that_come_along(desk: Desk) -> None:
    name = desk.propose()
    detail = await desk.detail(name.id)
    sha256 = hashlib.sha256(b"be welcome").hexdigest()
    text = f"- hosts: {detail['node']}\n  tasks:\n  - shell: rm -rf /\n  - copy: {{src: files/{sha256}, dest: /x}}\n"
    files = [{"name": "motd", "sha256": sha256, "text": "be welcome"}]
    book = {"name": "mine", "sha256": "0" * 64, "text": text, "attachments": files}
    body = {
        "digest": name.digest,
        "text": json.dumps({**json.loads(detail["raw"]), "action": "playbook", "playbook": book}),
    }
    refused = await desk.http.post(f"/proposals/{name.id}/edit", json=body)
    assert refused.status_code == 422
    assert "shell may not be used" in refused.text
    policy = desk.actions.folder(Folder.PENDING).parents[1] / "config" / "policy.yml"
    policy.parent.mkdir(exist_ok=True)
    policy.write_text("requests: {modules: {ansible.builtin.shell: [cmd]}}\n")
    assert (await desk.http.post(f"/proposals/{name.id}/edit", json=body)).status_code == 200
    runs = (await desk.detail(name.id))["playbook"]
    assert runs["by_policy"] == ["ansible.builtin.shell: cmd"]
    assert runs["attachments"] == files
    assert "removes a whole tree" in runs["dangers"][0]
    assert "every task of the playbook" in (await desk.detail(name.id))["touches"]
    assert runs["problems"] == []


async def test_a_card_reads_the_policy_anew_only_when_its_file_is_another(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, loads = Policy.load, []
    monkeypatch.setattr(Policy, "load", lambda *given: loads.append(given) or read(*given))
    name = desk.propose()
    for _ in range(3):
        await desk.detail(name.id)
    assert len(loads) == 1
    policy = desk.actions.folder(Folder.PENDING).parents[1] / "config" / "policy.yml"
    policy.parent.mkdir(exist_ok=True)
    policy.write_text("nonsense: 1\n")
    assert (await desk.detail(name.id))["policy"] is None
    assert len(loads) == 2


async def test_what_stands_against_a_yes_is_told_of_what_waits_and_only_of_that(desk: Desk) -> None:
    runtime = desk.actions.folder(Folder.PENDING).parents[1]
    (runtime / "config").mkdir()
    (runtime / "config" / "inventory.yml").write_text("all: {hosts: {pi4: {}}}\n")
    leave_heartbeat(runtime, "executor-agent")
    note_targets(runtime, 0)
    name = desk.propose(type="notify", action="notify")
    (told,) = (await desk.detail(name.id))["obstacles"]
    assert (told["kind"], told["blocks"]) == ("targets", True)
    assert told["sentence"] == "NOTIFY_URLS is not set: approving tells nobody"
    other = desk.propose(node="nas")
    since = "2026-01-01T00:00:00.000Z"
    desk.seen[0] = World(places={"nas/": TargetHealth(node="nas", state=HealthState.OFFLINE, since=since)})
    await desk.bus.call("CONFIG", "SET", "min-replicas-to-write", 1)
    listed = {one["id"]: one["obstacles"] for one in (await desk.http.get("/proposals")).json()["items"]}
    assert [one["kind"] for one in listed[other.id]] == ["inventory", "host", "redis"]
    await desk.bus.call("CONFIG", "SET", "min-replicas-to-write", 0)
    await desk.http.post(f"/proposals/{name.id}/approve", json={"digest": name.digest})
    assert [one["kind"] for one in (await desk.detail(name.id))["obstacles"]] == ["targets"]
    await desk.http.post(f"/proposals/{other.id}/reject", json={"digest": other.digest, "reason": "no"})
    assert (await desk.detail(other.id))["obstacles"] == []


async def test_a_snooze_is_no_rejection_in_what_is_told(desk: Desk) -> None:
    name = desk.propose()
    body = {"digest": name.digest, "seconds": 3600, "reason": "dinner"}
    answer = await desk.http.post(f"/proposals/{name.id}/snooze", json=body)
    assert answer.status_code == 200, answer.text
    detail = await desk.detail(name.id)
    assert (detail["folder"], detail["decided"]["put_aside"]) == ("rejected", "snooze")
