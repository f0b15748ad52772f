"""A person's verbs over HTTP do exactly the renames of the command line, and nothing when they may not."""

from __future__ import annotations

import asyncio

import pytest
from observer_rig import Desk
from remedy_events import proposal_for as remedy_proposal

from mesh_core.actions.register import with_digest
from mesh_core.approvals import decisions
from mesh_core.approvals.proposal_files import BY_SUFFIX, REASON_SUFFIX
from mesh_core.models.proposals import Folder
from mesh_core.policy.policy_file import read_policy
from mesh_core.testing import AllFolders

NEITHER = {"put_aside": None, "verdict": None}


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
    body = await desk.detail(name.id)
    assert (body["preview"], body["no_preview"]) == (None, "")
    stale = await desk.http.post(f"/proposals/{name.id}/preview", json={"digest": "0" * 16})
    assert stale.status_code == 409
    answer = await desk.http.post(f"/proposals/{name.id}/preview", json={"digest": name.digest})
    assert answer.status_code == 200
    asked = answer.json()["id"]
    assert asked != name.id
    body = await desk.detail(name.id)
    assert body["folder"] == "pending"
    shown = body["preview"]
    assert (shown["id"], shown["folder"], shown["works"], shown["said"]) == (asked, "approved", True, None)
    its_own = await desk.detail(asked)
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
    text = (await desk.detail(name.id))["raw"].replace('"restart"', '"notify"', 1)
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
    decided = (await desk.detail(name.id))["decided"]
    assert decided == {"by": "web", "at": None, "reason": "backup is running", **NEITHER}


async def test_an_edit_waits_again_under_a_new_digest_and_the_old_digest_approves_nothing(desk: Desk) -> None:
    name = desk.propose()
    text = (await desk.detail(name.id))["raw"].replace('"restart"', '"notify"', 1)
    answer = await desk.http.post(f"/proposals/{name.id}/edit", json={"digest": name.digest, "text": text})
    assert answer.status_code == 200, answer.text
    assert answer.json()["digest"] != name.digest
    assert desk.lies_in(name) == [Folder.PENDING]
    body = await desk.detail(name.id)
    assert (body["type"], body["edited_by"]) == ("notify", "web")
    late = await desk.http.post(f"/proposals/{name.id}/approve", json={"digest": name.digest})
    assert late.status_code == 409
    assert late.json()["error"] == "changed"
    assert desk.lies_in(name) == [Folder.PENDING]


async def test_what_a_remedy_leaves_to_a_person_is_set_as_an_edit(desk: Desk) -> None:
    waiting = remedy_proposal("journal_vacuum")
    name = desk.actions.propose_again(with_digest(waiting.model_copy(update={"id": waiting.id_by_its_parts})))
    assert name is not None
    [one] = (await desk.detail(name.id))["card"]["may_set"]
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
    detail = await desk.detail(name.id)
    assert (detail["edited_by"], detail["card"]["may_set"][0]["now"]) == ("web", "200")
    assert "the newest 200 MiB of the journal stay" in detail["card"]["does"]
    assert "keep_mib: 200" in detail["playbook"]["text"]
    late = await desk.http.post(f"/proposals/{name.id}/edit", json=body)
    assert (late.status_code, late.json()["error"]) == (409, "changed")


async def test_an_edit_that_the_executor_would_refuse_is_refused_with_what_to_change(desk: Desk) -> None:
    name = desk.propose()
    raw = (await desk.detail(name.id))["raw"]
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
    assert rule["name"] in (await desk.detail(name.id))["decided"]["reason"]
    late = await desk.http.get(f"/proposals/{name.id}/rejection-rule", params={"reason": "x"})
    assert late.status_code == 409
