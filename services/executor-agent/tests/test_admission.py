"""Intake: what an approved file must be before anything believes it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from admission_rig import CONFIG, NOW, candidate, changed, reason_for
from executor_rig import event_id_for, proposal_for

from executor_agent.admission.admission import Admitted, Denied, Expired, Incomplete, admit, decide
from executor_agent.admission.candidate import Candidate
from mesh_core.approvals.previews import preview_of
from mesh_core.approvals.proposal_files import ActionName, Filed, digest_of
from mesh_core.models.events import HealthEvent
from mesh_core.models.proposals import Proposal, Risk, RulesChoice, proposal_id
from mesh_core.models.records import rfc3339
from mesh_core.policy.current_config import ConfigSnapshot
from mesh_core.policy.inventory import Inventory
from mesh_core.policy.policy import Policy


def test_the_file_as_the_planner_made_it_is_accepted_with_the_bytes_that_were_reviewed() -> None:
    proposal = proposal_for(1)
    admission = admit(candidate(proposal), CONFIG, NOW)
    assert isinstance(admission, Admitted)
    assert admission.raw == proposal.wire()
    assert admission.proposal == proposal


def test_what_is_no_plain_file_is_called_what_it_is_whatever_its_name() -> None:
    for name in ("for-ann", f"{OF.id}.0123456789abcdef.json"):
        folder = Candidate(name, (1, 2, 3), problem="it is a folder; move the proposal files here one by one")
        denied = decide(folder, None, CONFIG, NOW, settled=True)
        assert isinstance(denied, Denied)
        assert denied.reason == folder.problem


def test_a_second_attempt_has_an_id_of_its_own() -> None:
    assert isinstance(admit(candidate(proposal_for(1, attempt=2)), CONFIG, NOW), Admitted)
    assert "attempt" in reason_for(changed(attempt=2))
    assert "attempt" in reason_for(changed(attempt=0))


OF = proposal_for(1)
PREVIEW = preview_of(Filed(ActionName(OF.id, digest_of(OF.wire())), Path("x"), OF), "anna", NOW)


def test_a_preview_is_admitted_where_what_it_is_of_would_be(tmp_path: Path) -> None:
    assert isinstance(admit(candidate(PREVIEW), CONFIG, NOW), Admitted)
    of = PREVIEW.preview_of
    assert of is not None
    for changes, word in (
        ({"preview_of": None}, "id does not belong"),
        ({"created_at": rfc3339(NOW - timedelta(minutes=1))}, "id does not belong"),
        ({"type": "container_restart", "action": "restart"}, "all be those of a preview"),
        ({"action": "restart"}, "all be those of a preview"),
        ({"risk_level": Risk.HIGH}, "risk_level must be low"),
        ({"preview_of": of.model_copy(update={"type": "redeploy"})}, "what it is a preview of may not run"),
        ({"preview_of": of.model_copy(update={"type": "notify", "action": "notify"})}, "runs nothing on a host"),
        ({"preview_of": of.model_copy(update={"type": "preview", "action": "preview"})}, "it is a preview itself"),
    ):
        assert word in reason_for(Proposal.model_construct(**{**PREVIEW.__dict__, **changes})), changes
    (tmp_path / "policy.yml").write_text("never: {services: [web]}\n")
    never = replace(CONFIG, policy=Policy.load(tmp_path / "policy.yml"))
    assert "may not run: the policy does not allow restart" in reason_for(PREVIEW, never)


def test_what_a_model_chose_against_the_rules_is_guarded() -> None:
    against = {"rules_choice": RulesChoice(action="notify", reason="no rule knows this event")}
    assert "risk_level must be guarded" in reason_for(changed(**against))
    assert isinstance(admit(candidate(changed(**against, risk_level=Risk.GUARDED)), CONFIG, NOW), Admitted)
    same = {"rules_choice": RulesChoice(action="restart", reason="it does not run")}
    assert "risk_level must be low" in reason_for(changed(**same, risk_level=Risk.GUARDED))


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"node": "there"}, "event is about"),
        ({"service": "other"}, "event is about"),
        ({"service": None}, "event is about"),
        ({"type": "redeploy", "risk_level": "guarded"}, "does not belong"),
        ({"type": "service_restart"}, "does not belong"),
        ({"type": "notify"}, "does not belong"),
        ({"action": "ignore"}, "nothing to run"),
        ({"action": "redeploy", "type": "redeploy", "risk_level": "guarded"}, "policy does not allow"),
        ({"risk_level": "high"}, "risk_level"),
        ({"action": "playbook", "type": "playbook"}, "carries none"),
        ({"type": "playbook"}, "both"),
        ({"playbook": {"name": "x", "sha256": "0" * 64, "text": "[]"}}, "carries no playbook"),
    ],
)
def test_what_does_not_belong_together_is_refused_with_a_remedy(changes: dict[str, Any], word: str) -> None:
    reason = reason_for(Proposal.model_validate({**proposal_for(1).model_dump(), **changes}))
    assert word in reason
    assert ";" in reason or "," in reason


def test_the_id_must_be_that_of_the_event() -> None:
    other = changed(id=proposal_id("here/2-0", "here", "web"))
    assert "does not belong to its event" in reason_for(other)
    nameless = proposal_for(1)
    assert "no id" in reason_for(nameless.model_copy(update={"event": nameless.event.model_copy(update={"id": None})}))


def test_the_id_inside_must_be_the_id_in_the_name() -> None:
    proposal = proposal_for(1)
    name = ActionName(proposal_for(2).id, digest_of(proposal.wire())).file
    admission = admit(candidate(proposal, name=name), CONFIG, NOW)
    assert isinstance(admission, Denied)
    assert "not the one in its name" in admission.reason


def test_a_file_edited_in_place_is_not_what_was_reviewed() -> None:
    proposal = proposal_for(1)
    raw = proposal.wire().replace(b'"confidence": 0.9', b'"confidence": 0.8')
    admission = admit(candidate(proposal, raw, ActionName(proposal.id, digest_of(proposal.wire())).file), CONFIG, NOW)
    assert isinstance(admission, Denied)
    assert "mend edit" in admission.reason


def test_half_a_file_is_waited_for() -> None:
    proposal = proposal_for(1)
    name = ActionName(proposal.id, digest_of(proposal.wire())).file
    for raw in (b"", proposal.wire()[:100], proposal.wire()[:-1]):
        admission = admit(candidate(proposal, raw, name), CONFIG, NOW)
        assert isinstance(admission, Denied)
        assert admission.maybe_incomplete


@pytest.mark.parametrize(
    "raw",
    [
        b"[]",
        b"null",
        b'{"a": 1}',
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{}",
        b"\0" * 50,
        b"[" * 100000,
        b'{"id":' + b"1" * 5000 + b"}",
        b'{"id": NaN}',
        b'{"confidence": 1e999}',
        b'{"id": "\\ud800"}',
        b'{"id": 1, "id": 2}',
        b"#!/bin/sh\nrm -rf /\n",
    ],
)
def test_bytes_that_are_no_proposal_are_refused_although_the_digest_is_right(raw: bytes) -> None:
    name = ActionName(proposal_for(1).id, digest_of(raw)).file
    admission = admit(Candidate(name, (1, 1, 1), raw), CONFIG, NOW)
    assert isinstance(admission, Denied)
    assert "not a proposal" in admission.reason


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"requires_human": true', b'"requires_human": false'),
        (b'"requires_human": true', b'"requires_human": "yes"'),
        (b'"schema_version": 1', b'"schema_version": 2'),
        (b'"schema_version": 1', b'"schema_version": 1, "run": "rm"'),
        (b'"confidence": 0.9', b'"confidence": 90'),
        (b'"confidence": 0.9', b'"confidence": true'),
        (b'"node": "here"', b'"node": "here\\n"'),
        (b'"service": "web"', b'"service": "-H root@evil"'),
        (b'"service": "web"', b"\"service\": \"{{ lookup('pipe', 'id') }}\""),
    ],
)
def test_a_field_that_does_not_fit_is_refused(old: bytes, new: bytes) -> None:
    proposal = proposal_for(1)
    raw = proposal.wire().replace(old, new)
    assert raw != proposal.wire()
    admission = admit(candidate(proposal, raw), CONFIG, NOW)
    assert isinstance(admission, Denied)


def test_an_expired_proposal_is_late_not_bad() -> None:
    proposal = proposal_for(1, expires_at=rfc3339(NOW - timedelta(seconds=1)))
    assert isinstance(admit(candidate(proposal), CONFIG, NOW), Expired)


def test_without_inventory_or_policy_nothing_may_be_touched() -> None:
    assert "not in config/inventory.yml" in reason_for(proposal_for(1, node="elsewhere"))
    assert "inventory" in reason_for(proposal_for(1), ConfigSnapshot("inventory.yml: cannot be read", CONFIG.policy))
    assert "policy" in reason_for(proposal_for(1), ConfigSnapshot(CONFIG.inventory, "policy.yml: not YAML"))


def test_rules_that_are_being_saved_are_waited_for() -> None:
    admission = admit(candidate(proposal_for(1)), ConfigSnapshot("half a file", CONFIG.policy, settling=True), NOW)
    assert isinstance(admission, Denied)
    assert admission.maybe_incomplete


def test_what_may_be_incomplete_is_decided_only_when_it_no_longer_changes() -> None:
    proposal = proposal_for(1)
    half = candidate(proposal, proposal.wire()[:100], ActionName(proposal.id, digest_of(proposal.wire())).file)
    assert decide(half, None, CONFIG, NOW, settled=False) == Incomplete()
    assert isinstance(decide(half, None, CONFIG, NOW, settled=True), Denied)
    assert isinstance(decide(candidate(proposal), None, CONFIG, NOW, settled=False), Admitted)


@pytest.mark.parametrize(
    ("ran_in", "words"),
    [
        ("running", "being executed right now"),
        ("failed", "see failed/), and one id runs at most once; `mend retry`"),
        ("executed", "executed already, and one id runs at most once; `mend inject`"),
    ],
)
def test_an_id_that_ran_is_denied_whatever_the_file_says(ran_in: str, words: str) -> None:
    decision = decide(candidate(proposal_for(1)), ran_in, CONFIG, NOW, settled=False)
    assert isinstance(decision, Denied)
    assert words in decision.reason


def test_a_host_that_is_refused_is_denied_with_its_file_and_line() -> None:
    files = {"host_vars/here.yml": b"- no mapping\n"}
    inventory = Inventory.parse(b"all: {hosts: {here: {}, there: {}}}", "config/inventory.yml", files)
    refused = reason_for(proposal_for(1), ConfigSnapshot(inventory, CONFIG.policy))
    assert "config/host_vars/here.yml, line 1" in refused
    assert "back to approved/" in refused


@pytest.mark.parametrize("inventory", ["inventory.yml: cannot be read", Inventory.parse(b"all: {hosts: {other: {}}}")])
def test_a_message_to_people_needs_no_host(inventory: Inventory | str) -> None:
    told = changed(type="notify", action="notify")
    for settling in (False, True):
        config = ConfigSnapshot(inventory, CONFIG.policy, settling=settling)
        assert isinstance(admit(candidate(told), config, NOW), Admitted)
        assert isinstance(admit(candidate(proposal_for(1)), config, NOW), Denied)
    assert "policy cannot be read" in reason_for(told, ConfigSnapshot(inventory, "policy.yml: not YAML"))


def test_who_is_called_otherwise_in_the_inventory_learns_how() -> None:
    inventory = Inventory.parse(b"[all]\nHERE\n")
    said = reason_for(proposal_for(1), ConfigSnapshot(inventory, CONFIG.policy))
    assert "HERE is" in said
    assert "NODE_NAME=HERE" in said
    assert "elsewhere ansible_host=ADDRESS" in reason_for(
        proposal_for(1, node="elsewhere"), ConfigSnapshot(inventory, CONFIG.policy)
    )


def test_a_whole_node_event_cannot_be_answered_with_a_restart() -> None:
    event = HealthEvent(id=event_id_for(1), type="disk_full", node="here", payload={"runtime": "docker"})
    proposal = proposal_for(1, service=None, event=event)
    assert "policy does not allow" in reason_for(proposal)
