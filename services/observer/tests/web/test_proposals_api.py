"""/proposals: a person's verbs over HTTP do exactly the renames of the command line, and nothing when they may not."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import replace

import pytest
from observer_rig import Desk
from remedy_events import proposal_for as remedy_proposal

from mesh_core.actions.register import with_digest
from mesh_core.approvals import decisions
from mesh_core.approvals.proposal_files import BY_SUFFIX, REASON_SUFFIX
from mesh_core.models.attempts import ModelAttempt
from mesh_core.models.events import HealthEvent
from mesh_core.models.proposals import Folder, ModelRef, RuleCited
from mesh_core.policy.policy import Policy
from mesh_core.policy.policy_file import read_policy
from mesh_core.runtime.executor_notes import note_targets
from mesh_core.runtime.heartbeats import heartbeat_file
from mesh_core.testing import AllFolders
from observer.world import HealthState, TargetHealth, World

NEITHER = {"put_aside": None, "verdict": None}


async def test_what_waits_is_listed_with_all_that_a_queue_shows(desk: Desk) -> None:
    name = desk.propose()
    await desk.bus.redis.hset("mesh:occurrences", (await _detail(desk, name.id))["event_id"], 4)
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
    assert (await _detail(desk, name.id))["explains"] == []
    await desk.bus.redis.hset(f"mesh:explained:{name.id}", mapping={"pi4/api": "container_died", "pi4/": "odd"})
    assert (await _detail(desk, name.id))["explains"] == [
        {"node": "pi4", "service": None, "type": "odd"},
        {"node": "pi4", "service": "api", "type": "container_died"},
    ]


async def test_the_detail_has_the_card_with_what_else_is_wrong_on_that_node(desk: Desk) -> None:
    name = desk.propose()
    since, sick = "2026-01-01T00:00:00Z", HealthState.UNHEALTHY
    place = TargetHealth(node="pi4", service="mail", since=since, state=sick, own_state=sick, event_type="unit_failed")
    desk.seen[0] = World(places={place.target_key: place})
    card = (await _detail(desk, name.id))["card"]
    assert card["others"] == [{"node": "pi4", "service": "mail", "type": "unit_failed", "since": since}]
    assert card["title"].startswith("web on pi4 ")


async def test_the_card_of_silent_nodes_says_which_are_not_back(desk: Desk) -> None:
    together = {"in_common": "silent", "nodes": ["nas", "pi4", "web01"]}
    name = desk.propose(event=HealthEvent(id="pi4/1-0", type="trouble_storm", node="all-nodes", payload=together))
    away = TargetHealth(node="nas", service=None, since="2026-01-01T00:00:00Z", state=HealthState.OFFLINE)
    back = replace(away, node="pi4", state=HealthState.HEALTHY)
    desk.seen[0] = World(places={place.target_key: place for place in (away, back)})
    assert (await _detail(desk, name.id))["card"]["waiting"] == "1 of 3 nodes still silent: nas"


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
    event_id = (await _detail(desk, name.id))["event_id"]
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
    body = await _detail(desk, name.id)
    assert "community.docker.docker_container" in body["playbook"]["text"]
    assert "restart: true" in body["playbook"]["text"]
    assert body["playbook"]["proof"]
    assert [a["outcome"] for a in body["attempts"]] == ["timeout", "ok"]
    assert "restart" in body["policy"]["allowed"]
    assert json.loads(body["raw"])["id"] == name.id
    assert body["decided"] is None


async def test_the_detail_names_what_only_the_policy_allows_and_the_files_that_come_along(desk: Desk) -> None:
    name = desk.propose()
    detail = await _detail(desk, name.id)
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
    runs = (await _detail(desk, name.id))["playbook"]
    assert runs["by_policy"] == ["ansible.builtin.shell: cmd"]
    assert runs["attachments"] == files
    assert "removes a whole tree" in runs["dangers"][0]
    assert "every task of the playbook" in (await _detail(desk, name.id))["touches"]
    assert runs["problems"] == []


async def test_a_card_reads_the_policy_anew_only_when_its_file_is_another(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, loads = Policy.load, []
    monkeypatch.setattr(Policy, "load", lambda *given: loads.append(given) or read(*given))
    name = desk.propose()
    for _ in range(3):
        await _detail(desk, name.id)
    assert len(loads) == 1
    policy = desk.actions.folder(Folder.PENDING).parents[1] / "config" / "policy.yml"
    policy.parent.mkdir(exist_ok=True)
    policy.write_text("nonsense: 1\n")
    assert (await _detail(desk, name.id))["policy"] is None
    assert len(loads) == 2


async def test_what_stands_against_a_yes_is_told_of_what_waits_and_only_of_that(desk: Desk) -> None:
    runtime = desk.actions.folder(Folder.PENDING).parents[1]
    (runtime / "config").mkdir()
    (runtime / "config" / "inventory.yml").write_text("all: {hosts: {pi4: {}}}\n")
    heartbeat_file(runtime, "executor-agent").parent.mkdir()
    heartbeat_file(runtime, "executor-agent").touch()
    note_targets(runtime, 0)
    name = desk.propose(type="notify", action="notify")
    (told,) = (await _detail(desk, name.id))["obstacles"]
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
    assert [one["kind"] for one in (await _detail(desk, name.id))["obstacles"]] == ["targets"]
    await desk.http.post(f"/proposals/{other.id}/reject", json={"digest": other.digest, "reason": "no"})
    assert (await _detail(desk, other.id))["obstacles"] == []


async def test_a_snooze_is_no_rejection_in_what_is_told(desk: Desk) -> None:
    name = desk.propose()
    body = {"digest": name.digest, "seconds": 3600, "reason": "dinner"}
    answer = await desk.http.post(f"/proposals/{name.id}/snooze", json=body)
    assert answer.status_code == 200, answer.text
    detail = await _detail(desk, name.id)
    assert (detail["folder"], detail["decided"]["put_aside"]) == ("rejected", "snooze")


async def test_approve_is_the_rename_and_says_who(desk: Desk) -> None:
    name = desk.propose()
    answer = await desk.http.post(f"/proposals/{name.id}/approve", json={"digest": name.digest})
    assert answer.status_code == 200
    assert answer.json() == {"id": name.id, "digest": name.digest, "folder": "approved"}
    assert desk.lies_in(name) == [Folder.APPROVED]
    note = desk.actions.folder(Folder.APPROVED) / (name.file + BY_SUFFIX)
    assert note.read_text() == "web"


async def test_a_preview_is_an_approved_action_of_its_own_and_its_answer_is_shown_on_the_card(desk: Desk) -> None:
    name = desk.propose()
    body = await _detail(desk, name.id)
    assert (body["preview"], body["no_preview"]) == (None, "")
    stale = await desk.http.post(f"/proposals/{name.id}/preview", json={"digest": "0" * 16})
    assert stale.status_code == 409
    answer = await desk.http.post(f"/proposals/{name.id}/preview", json={"digest": name.digest})
    assert answer.status_code == 200
    asked = answer.json()["id"]
    assert asked != name.id
    body = await _detail(desk, name.id)
    assert body["folder"] == "pending"
    shown = body["preview"]
    assert (shown["id"], shown["folder"], shown["works"], shown["said"]) == (asked, "approved", True, None)
    its_own = await _detail(desk, asked)
    assert (its_own["type"], its_own["no_preview"][:22]) == ("preview", "it is a preview itself")
    assert its_own["reason"].endswith(f"asks what {name.id} would change")
    assert its_own["touches"].startswith("changes nothing on pi4;")
    told = desk.propose(service="mail", type="notify", action="notify")
    refused = await desk.http.post(f"/proposals/{told.id}/preview", json={"digest": told.digest})
    assert (refused.status_code, "runs nothing on a host" in refused.text) == (422, True)


async def test_of_two_who_approve_at_once_one_wins_and_the_other_is_told(desk: Desk) -> None:
    name = desk.propose()
    answers = await asyncio.gather(
        *(desk.http.post(f"/proposals/{name.id}/approve", json={"digest": name.digest}) for _ in range(2))
    )
    assert sorted(a.status_code for a in answers) == [200, 409]
    loser = next(a for a in answers if a.status_code == 409).json()
    assert loser["error"] == "decided"
    assert "decided already" in loser["detail"]


@pytest.mark.parametrize("verb", ["approve", "reject", "edit"])
async def test_who_finds_it_just_when_somebody_moves_it_is_told_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    name = desk.propose()
    text = (await _detail(desk, name.id))["raw"].replace('"restart"', '"notify"', 1)
    look = decisions.find_one

    def then_moved(actions: AllFolders, said: str) -> decisions.LocatedProposal:
        found = look(actions, said)
        if found.folder is Folder.PENDING:
            found.path.rename(actions.folder(Folder.APPROVED) / found.path.name)
        return found

    monkeypatch.setattr(decisions, "find_one", then_moved)
    more = {"reject": {"reason": "no"}, "edit": {"text": text}}.get(verb, {})
    answer = await desk.http.post(f"/proposals/{name.id}/{verb}", json={"digest": name.digest, **more})
    assert (answer.status_code, answer.json()["error"]) == (409, "decided")
    assert desk.lies_in(name) == [Folder.APPROVED]


async def test_reject_keeps_the_reason(desk: Desk) -> None:
    name = desk.propose()
    body = {"digest": name.digest, "reason": "backup is running"}
    answer = await desk.http.post(f"/proposals/{name.id}/reject", json=body)
    assert answer.json()["folder"] == "rejected"
    reason = desk.actions.folder(Folder.REJECTED) / (name.file + REASON_SUFFIX)
    assert reason.read_text().splitlines() == ["backup is running", "-- web"]
    decided = (await _detail(desk, name.id))["decided"]
    assert decided == {"by": "web", "at": None, "reason": "backup is running", **NEITHER}


async def test_an_edit_waits_again_under_a_new_digest_and_the_old_digest_approves_nothing(desk: Desk) -> None:
    name = desk.propose()
    text = (await _detail(desk, name.id))["raw"].replace('"restart"', '"notify"', 1)
    answer = await desk.http.post(f"/proposals/{name.id}/edit", json={"digest": name.digest, "text": text})
    assert answer.status_code == 200, answer.text
    assert answer.json()["digest"] != name.digest
    assert desk.lies_in(name) == [Folder.PENDING]
    body = await _detail(desk, name.id)
    assert (body["type"], body["edited_by"]) == ("notify", "web")
    late = await desk.http.post(f"/proposals/{name.id}/approve", json={"digest": name.digest})
    assert late.status_code == 409
    assert late.json()["error"] == "changed"
    assert desk.lies_in(name) == [Folder.PENDING]


async def test_what_a_remedy_leaves_to_a_person_is_set_as_an_edit(desk: Desk) -> None:
    waiting = remedy_proposal("journal_vacuum")
    name = desk.actions.propose_again(with_digest(waiting.model_copy(update={"id": waiting.id_by_its_parts})))
    assert name is not None
    [one] = (await _detail(desk, name.id))["card"]["may_set"]
    assert one == {"name": "keep_mib", "now": "64", "fits": "a whole number from 16 to 10000"}
    for body, said in (
        ({"params": {"keep_mib": "5"}}, "keep_mib may not be '5'; set it to a whole number from 16 to 10000"),
        ({"params": {"mount": "/"}}, "nobody may set 'mount' here"),
        ({}, "send either text, the whole proposal, or params"),
        ({"params": {"keep_mib": "200"}, "text": "{}"}, "send either text, the whole proposal, or params"),
    ):
        answer = await desk.http.post(f"/proposals/{name.id}/edit", json={"digest": name.digest, **body})
        assert (answer.status_code, said in answer.text) == (422, True), answer.text
    assert desk.actions.pending()[0].name == name
    body = {"digest": name.digest, "params": {"keep_mib": "200"}}
    answer = await desk.http.post(f"/proposals/{name.id}/edit", json=body)
    assert (answer.status_code, answer.json()["digest"] != name.digest) == (200, True), answer.text
    detail = await _detail(desk, name.id)
    assert (detail["edited_by"], detail["card"]["may_set"][0]["now"]) == ("web", "200")
    assert "the newest 200 MiB of the journal stay" in detail["card"]["does"]
    assert "keep_mib: 200" in detail["playbook"]["text"]
    late = await desk.http.post(f"/proposals/{name.id}/edit", json=body)
    assert (late.status_code, late.json()["error"]) == (409, "changed")


async def test_an_edit_that_the_executor_would_refuse_is_refused_with_what_to_change(desk: Desk) -> None:
    name = desk.propose()
    raw = (await _detail(desk, name.id))["raw"]
    for text, word in (("{", "no proposal"), (raw.replace('"pi4"', '"other"'), "cannot be changed")):
        answer = await desk.http.post(f"/proposals/{name.id}/edit", json={"digest": name.digest, "text": text})
        assert answer.status_code == 422
        assert word in answer.json()["detail"]
    assert (desk.actions.folder(Folder.PENDING) / name.file).read_text() == raw


@pytest.mark.parametrize("verb", ["approve", "reject", "edit", "retry", "undo", "preview"])
async def test_an_unknown_id_and_an_abbreviation_are_404_and_move_nothing(desk: Desk, verb: str) -> None:
    name = desk.propose()
    body = {"digest": name.digest, "reason": "no", "text": "{}"}
    for said in ("plan-nobody-web-0123456789ab", name.id[-12:], name.id[:-2]):
        answer = await desk.http.post(f"/proposals/{said}/{verb}", json=body)
        assert answer.status_code == 404, answer.text
        assert answer.json()["error"] == "unknown"
    assert desk.lies_in(name) == [Folder.PENDING]


async def test_a_path_in_an_id_is_no_way_out_of_the_folders(desk: Desk) -> None:
    desk.propose()
    for said in ("..", "..%2f..%2fetc%2fpasswd", "%2e%2e", "a%00b"):
        answer = await desk.http.get(f"/proposals/{said}")
        assert answer.status_code in (404, 405, 422), (said, answer.text)
        answer = await desk.http.get(f"/runs/{said}")
        assert answer.status_code in (404, 405, 422), (said, answer.text)


async def test_what_was_changed_in_place_cannot_be_approved(desk: Desk) -> None:
    name = desk.propose()
    path = desk.actions.folder(Folder.PENDING) / name.file
    path.write_text(path.read_text().replace("does not run any more", "is quite well really"))
    answer = await desk.http.post(f"/proposals/{name.id}/approve", json={"digest": name.digest})
    assert answer.status_code == 409
    assert answer.json()["error"] == "changed"
    assert desk.lies_in(name) == [Folder.PENDING]


async def test_what_has_expired_cannot_be_approved(desk: Desk) -> None:
    name = desk.propose(expires_at="2026-01-01T00:00:00Z")
    answer = await desk.http.post(f"/proposals/{name.id}/approve", json={"digest": name.digest})
    assert answer.status_code == 409
    assert answer.json()["error"] == "expired"
    again = await desk.http.post(f"/proposals/{name.id}/retry")
    assert again.status_code == 409  # it still waits; the executor's sweep files it as expired


async def test_without_redis_approving_works_all_the_same(desk: Desk, redis_server: object) -> None:
    name = desk.propose()
    redis_server.stop()  # type: ignore[attr-defined]
    listed = (await desk.http.get("/proposals")).json()
    assert listed["items"][0]["occurrences"] is None
    assert (await desk.http.get(f"/proposals/{name.id}")).status_code == 200
    answer = await desk.http.post(f"/proposals/{name.id}/approve", json={"digest": name.digest})
    assert answer.status_code == 200
    assert desk.lies_in(name) == [Folder.APPROVED]


async def _detail(desk: Desk, action_id: str) -> dict:  # type: ignore[type-arg]
    answer = await desk.http.get(f"/proposals/{action_id}")
    assert answer.status_code == 200, answer.text
    body: dict = answer.json()  # type: ignore[type-arg]
    return body


async def test_a_no_for_good_is_shown_as_a_diff_and_written_only_as_it_was_shown(desk: Desk) -> None:
    name = desk.propose()
    shown = await desk.http.get(f"/proposals/{name.id}/rejection-rule", params={"reason": "it heals itself"})
    rule = shown.json()
    assert rule["writable"] is True
    assert "+  - name: rejected-web-" in rule["diff"]
    file = desk.actions.root.parent / "config" / "policy.yml"
    assert not file.exists()
    body = {"digest": name.digest, "reason": "another reason", "rule": rule["digest"]}
    refused = await desk.http.post(f"/proposals/{name.id}/reject", json=body)
    assert (refused.status_code, refused.json()["error"]) == (409, "changed")
    assert not file.exists()
    body["reason"] = "it heals itself"
    answer = await desk.http.post(f"/proposals/{name.id}/reject", json=body)
    assert answer.json()["folder"] == "rejected"
    (own,) = read_policy(file.read_text(), "policy.yml").rules
    assert (own.name, own.allow, own.when.services) == (rule["name"], ("notify",), ("web",))
    assert rule["name"] in (await _detail(desk, name.id))["decided"]["reason"]
    late = await desk.http.get(f"/proposals/{name.id}/rejection-rule", params={"reason": "x"})
    assert late.status_code == 409
