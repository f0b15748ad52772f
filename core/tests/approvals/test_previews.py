"""A preview is an approved file of its own: asked for by a person, bound to the bytes that it is of, found again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from folders_rig import approved, pending, proposal_for

from mesh_core.actions.reading import read_proposal
from mesh_core.actions.register import SHIPPED, action_type, playbook_for, what_it_touches
from mesh_core.actions.remedies.rendering import rendered
from mesh_core.approvals import decisions, edits
from mesh_core.approvals.errors import CannotDecide, RefusalReason
from mesh_core.approvals.previews import PREVIEW_FILE, ask_preview, latest_preview, playbook_sha256, why_no_preview
from mesh_core.models.previews import Preview
from mesh_core.models.proposals import MAX_PROPOSAL_BYTES, Folder, Playbook, Proposal
from mesh_core.models.records import rfc3339
from mesh_core.models.strict_json import Refusal
from mesh_core.policy.playbook_lint.yaml_text import plays_in
from mesh_core.policy.proposed_playbook.playbook_tasks import runs_in_check_mode
from mesh_core.testing import AllFolders

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def answer(actions: AllFolders, asked: Proposal, of: Proposal, digest: str, **changes: Any) -> Path:
    """As an executor leaves it."""
    (name,) = (filed.name for filed in actions.filed(Folder.APPROVED) if filed.proposal.id == asked.id)
    run = actions.claim(name, {"proposal.json": asked.wire()})
    assert run is not None
    said = Preview(
        action_id=asked.id,
        of=of.id,
        digest=digest,
        playbook_sha256=playbook_sha256(of),
        node=of.node,
        service=of.service,
        at=rfc3339(NOW),
        sentence="1 of 2 tasks would change something: Restart it",
        **changes,
    )
    (run / PREVIEW_FILE).write_bytes(said.wire())
    return actions.finish(run, Folder.DONE)


def test_it_is_filed_and_approved_by_the_person_who_asks_and_carries_what_would_run(actions: AllFolders) -> None:
    name = pending(actions, proposal_for())
    filed, asked = ask_preview(actions, name.id, "anna", NOW, digest=name.digest)
    p = asked.proposal
    assert filed.name == name
    assert [one.name for one in actions.filed(Folder.APPROVED)] == [asked.name]
    assert [one.name for one in actions.pending()] == [name], "what it is of waits as before"
    assert actions.approver(asked.name).startswith("anna (uid ")
    assert (p.type, p.action, p.risk_level, p.evidence, p.reason) == (
        "preview", "preview", "low", (), f"anna asks what {name.id} would change",
    )  # fmt: skip
    assert p.id == p.id_by_its_parts != name.id
    assert p.expires_at == rfc3339(NOW + timedelta(minutes=10))
    assert playbook_for(p) == playbook_for(filed.proposal)
    assert what_it_touches(p).startswith("changes nothing on here; it asks there what this would change: restarts")
    assert not action_type(p.type).repairs
    assert read_proposal(p.wire(), MAX_PROPOSAL_BYTES) == p


def test_its_answer_holds_for_these_bytes_alone(actions: AllFolders) -> None:
    of = proposal_for()
    name = pending(actions, of)
    assert latest_preview(actions, of) is None
    _, first = ask_preview(actions, name.id, "anna", NOW)
    found = latest_preview(actions, of)
    assert found is not None
    assert (found.id, found.works, found.said) == (first.name.id, True, None)
    answer(actions, first.proposal, of, name.digest)
    _, second = ask_preview(actions, name.id, "ben", NOW + timedelta(seconds=9))
    answer(actions, second.proposal, of, name.digest)
    found = latest_preview(actions, of)
    assert found is not None
    assert (found.id, found.by.split()[0], found.folder, found.works) == (second.name.id, "ben", Folder.DONE, False)
    assert found.is_of(of, name.digest)
    assert not found.is_of(of, "0" * 16), "edited"
    assert not found.is_of(of.model_copy(update={"type": "redeploy", "action": "redeploy"}), name.digest)
    assert latest_preview(actions, proposal_for(2)) is None, "of the same place"


def test_who_names_a_place_means_what_would_repair_it(actions: AllFolders) -> None:
    name = pending(actions, proposal_for())
    _, asked = ask_preview(actions, name.id, "anna", NOW)
    for words in ("here/web", name.id, "plan-here-web"):
        assert decisions.find_one(actions, words).id == name.id, words
    assert decisions.find_one(actions, asked.name.id).folder is Folder.APPROVED


def own_playbook(text: str) -> dict[str, Any]:
    book = Playbook.model_construct(name="mine", sha256="0" * 64, text=text, attachments=())
    return {"type": "playbook", "action": "playbook", "playbook": book}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"type": "notify", "action": "notify"}, "a notify runs nothing on a host; it sends a notification"),
        ({"service": None}, "nothing could be run for it"),
        ({"type": "playbook", "action": "playbook"}, "carries no playbook"),
        (own_playbook("- hosts: here\n  tasks:\n  - {name: Do it, ping: {}, check_mode: false}\n"), "Do it says check"),
        (
            own_playbook("- hosts: here\n  tasks: [{block: [{ping: {}, check_mode: no}]}]\n"),
            "a task says check_mode: false, so it would run for real",
        ),
        (own_playbook("- hosts: here\n  check_mode: false\n  tasks: []\n"), "would run for real"),
        (own_playbook("- hosts: here\n  tasks: [{ping: {}, check_mode: true}]\n"), ""),
    ],
)
def test_what_cannot_be_asked_is_said_at_once(changes: dict[str, Any], words: str) -> None:
    said = why_no_preview(proposal_for().model_copy(update=changes))
    assert words in said if words else not said


@pytest.mark.parametrize("name", sorted(SHIPPED.remedies))
def test_each_shipped_remedy_can_be_asked_about(name: str) -> None:
    remedy = SHIPPED.remedies[name]
    values = {param: one.example for param, one in remedy.params.items()}
    assert runs_in_check_mode(plays_in(rendered(remedy, "n1", values).apply)) == ""


def refused(call: Callable[[], object], reason: RefusalReason, words: str) -> None:
    with pytest.raises(CannotDecide) as raised:
        call()
    assert raised.value.reason is reason
    assert words in raised.value.sentence


def test_only_what_waits_and_was_looked_at_is_asked_about(actions: AllFolders) -> None:
    name, done = pending(actions, proposal_for()), approved(actions, 2)
    told = pending(actions, proposal_for(3).model_copy(update={"type": "notify", "action": "notify"}))
    asks = lambda query, **more: lambda: ask_preview(actions, query, "anna", NOW, **more)  # noqa: E731
    refused(asks(name.id, digest="0" * 16), RefusalReason.CHANGED, "look again")
    refused(asks(done.id), RefusalReason.DECIDED, "lies in approved/")
    refused(asks(told.id), RefusalReason.INVALID, "has no preview")
    _, asked = ask_preview(actions, name.id, "anna", NOW)
    refused(asks(name.id), RefusalReason.DECIDED, "asked for already")
    path = actions.folder(Folder.APPROVED) / asked.name.file
    path.rename(actions.folder(Folder.PENDING) / path.name)
    refused(asks(asked.name.id), RefusalReason.INVALID, "it is a preview itself")
    refused(lambda: edits.find_editable(actions, asked.name.id), RefusalReason.INVALID, "a preview is not edited")
    (actions.folder(Folder.PENDING) / path.name).rename(actions.folder(Folder.EXPIRED) / path.name)
    refused(lambda: decisions.retry(actions, asked.name.id, NOW), RefusalReason.INVALID, "`mend preview")


def test_a_file_that_is_half_a_preview_is_no_proposal(actions: AllFolders) -> None:
    name = pending(actions, proposal_for())
    _, asked = ask_preview(actions, name.id, "anna", NOW)
    of = asked.proposal.preview_of
    assert of is not None
    for part, word in (("type", "no_such_type"), ("action", "no_such_action")):
        odd = asked.proposal.model_copy(update={"preview_of": of.model_copy(update={part: word})})
        said = read_proposal(odd.wire(), MAX_PROPOSAL_BYTES)
        assert isinstance(said, Refusal)
        assert said.reason.startswith(f"preview_of.{part}: ")


def test_a_proposal_from_before_previews_keeps_its_bytes() -> None:
    assert b"preview_of" not in proposal_for().wire()
