"""Intake: what an approved file must be before anything believes it."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from executor_rig import event_id_for, proposal_for

from executor_agent.admission import (
    Admitted,
    Denied,
    Expired,
    Incomplete,
    admit,
    dangers_of,
    decide,
)
from executor_agent.beginning import lifeline_problem, never_ran, owner_problem
from executor_agent.candidate import Candidate, read_candidate
from mesh_core.actions.container_state import read_containers
from mesh_core.actions.register import with_digest
from mesh_core.actions.target_state import TargetState, TargetStatus
from mesh_core.approvals.previews import preview_of
from mesh_core.approvals.proposal_files import ActionName, Filed, digest_of
from mesh_core.incidents.event_types import EventType
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.proposals import A_PERSON, ModelRef, Proposal, Risk, RulesChoice, Undoes, proposal_id
from mesh_core.models.records import rfc3339
from mesh_core.policy.current_config import ConfigSnapshot
from mesh_core.policy.inventory import Inventory
from mesh_core.policy.lifeline import Lifeline
from mesh_core.policy.policy import Policy

NOW = datetime.now(UTC)
CONFIG = ConfigSnapshot(Inventory.parse(b"all: {hosts: {here: {}, there: {}}}"), Policy.load(None))


def candidate(proposal: Proposal, raw: bytes | None = None, name: str | None = None) -> Candidate:
    data = proposal.wire() if raw is None else raw
    return Candidate(name or ActionName(proposal.id, digest_of(data)).file, (1, len(data), 1), data)


def reason_for(proposal: Proposal, config: ConfigSnapshot = CONFIG) -> str:
    admission = admit(candidate(proposal), config, NOW)
    assert isinstance(admission, Denied), admission
    assert not admission.maybe_incomplete
    return admission.reason


def changed(**changes: Any) -> Proposal:
    return Proposal.model_construct(**{**proposal_for(1).__dict__, **changes})


def test_the_file_as_the_planner_made_it_is_accepted_with_the_bytes_that_were_reviewed() -> None:
    proposal = proposal_for(1)
    admission = admit(candidate(proposal), CONFIG, NOW)
    assert isinstance(admission, Admitted)
    assert admission.raw == proposal.wire()
    assert admission.proposal == proposal


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


def test_what_turns_out_to_be_the_lifeline_is_not_touched_whatever_it_is_called() -> None:
    def seen(**facts: Any) -> TargetState:
        return TargetState(TargetStatus.UNHEALTHY, "exited", {"containers": [{"name": "web", **facts}]})

    policy = Policy.load(None, Lifeline.at(["redis://10.0.0.9:6380"], "here"))
    far = Inventory.parse(b"all: {hosts: {here: {ansible_host: 10.0.0.9}}}")
    assert "is image redis:7" in (lifeline_problem(proposal_for(1), CONFIG, seen(image="redis:7")) or "")
    assert "is port 6380" in (lifeline_problem(proposal_for(1), ConfigSnapshot(far, policy), seen(ports=[6380])) or "")
    assert lifeline_problem(proposal_for(1), ConfigSnapshot(far, policy), seen(ports=[6379], image="web:1")) is None
    assert lifeline_problem(proposal_for(1), CONFIG, TargetState(TargetStatus.UNKNOWN)) is None
    told = changed(type="notify", action="notify")
    assert lifeline_problem(told, CONFIG, seen(image="redis:7")) is None


def test_a_host_that_the_mesh_needs_is_not_taken_away_whole_nor_one_that_could_not_be_looked_at() -> None:
    policy = Policy.load(None, Lifeline.at(["redis://10.0.0.9:6380"], "elsewhere"))

    def problem(host: str, **facts: Any) -> str:
        config = ConfigSnapshot(Inventory.parse(f"all: {{hosts: {{here: {host}}}}}".encode()), policy)
        return (
            lifeline_problem(changed(type="node_reboot"), config, TargetState.seen(TargetStatus.UNKNOWN, "", **facts))
            or ""
        )

    assert problem("{ansible_host: 10.0.0.8}", carries_mesh=False) == ""
    assert "the mesh itself runs there" in problem("{ansible_host: 10.0.0.8}", carries_mesh=True)
    assert "the mesh itself runs there" in problem("{ansible_connection: local}", carries_mesh=False)
    assert "the mesh needs 10.0.0.9:6380" in problem("{ansible_host: 10.0.0.9}", carries_mesh=False)
    assert "nobody could see whether" in problem("{ansible_host: 10.0.0.8}", hung_processes=5)
    assert "nobody could see what node_reboot would interrupt on here" in problem("{ansible_host: 10.0.0.8}")


def test_what_its_owner_labelled_is_not_touched_although_no_event_told_of_the_label() -> None:
    def seen(*labels: dict[str, str]) -> TargetState:
        return read_containers([{"Name": f"/web-{n}", "Config": {"Labels": one}} for n, one in enumerate(labels, 1)])

    forbidden = owner_problem(proposal_for(1), seen({}, {"mendmesh.restart": "no"})) or ""
    assert "the owner of web-2 forbids automatic restarts by a label" in forbidden
    assert "autoheal" in (owner_problem(proposal_for(1), seen({"autoheal": "false"})) or "")
    assert owner_problem(proposal_for(1), seen({}, {"mendmesh.restart": "true", "autoheal": "false"})) is None
    assert owner_problem(changed(type="notify", action="notify"), seen({"mendmesh.restart": "no"})) is None


def playbook_proposal(text: str, sha256: str | None = None) -> Proposal:
    return Proposal.model_validate(
        {
            **proposal_for(1).model_dump(),
            "type": "playbook",
            "action": "playbook",
            "risk_level": "high",
            "playbook": {
                "name": "fix.yml",
                "sha256": sha256 or hashlib.sha256(text.encode()).hexdigest(),
                "text": text,
            },
        }
    )


HARMLESS = "- hosts: here\n  gather_facts: false\n  tasks:\n    - ansible.builtin.debug: {msg: hello}\n"


@pytest.mark.parametrize("risk", ["low", "guarded"])
def test_a_playbook_that_calls_itself_harmless_is_refused(risk: str) -> None:
    said = playbook_proposal(HARMLESS).model_copy(update={"risk_level": Risk(risk)})
    assert "risk_level must be high" in reason_for(said)


def test_what_was_asked_for_in_words_is_as_risky_as_its_tasks_and_never_less() -> None:
    asked = playbook_proposal(HARMLESS)
    event = asked.event.model_copy(update={"type": "playbook_requested"})
    asked = asked.model_copy(update={"event": event, "model": A_PERSON})
    for risk in Risk:
        assert isinstance(admit(candidate(asked.model_copy(update={"risk_level": risk})), CONFIG, NOW), Admitted)
    by_a_model = {"model": ModelRef(name="m", provider="p", position=1, latency_ms=1.0), "risk_level": Risk.LOW}
    assert "risk_level must be guarded" in reason_for(asked.model_copy(update=by_a_model))
    text = HARMLESS.replace("ansible.builtin.debug: {msg: hello}", "ansible.builtin.package: {name: x, state: absent}")
    book = playbook_proposal(text).playbook
    removes = asked.model_copy(update={"playbook": book, "risk_level": Risk.GUARDED})
    assert "risk_level must be high" in reason_for(removes)


def test_what_was_asked_for_in_words_does_not_run_once_the_policy_allows_less_or_where_it_hides_how_it_ends() -> None:
    asked = playbook_proposal(HARMLESS)
    asked = asked.model_copy(update={"event": asked.event.model_copy(update={"type": "playbook_requested"})})
    careful = ConfigSnapshot(CONFIG.inventory, Policy.from_text("rules: []\nrequests: {max_risk: guarded}"))
    assert "its risk is high, and config/policy.yml allows guarded at most" in reason_for(asked, careful)
    guarded = asked.model_copy(update={"risk_level": Risk.GUARDED})
    assert isinstance(admit(candidate(guarded), careful, NOW), Admitted)
    book = playbook_proposal(HARMLESS.replace("{msg: hello}", "{msg: hello}\n      ignore_errors: true")).playbook
    assert "of a request may not use ignore_errors" in reason_for(guarded.model_copy(update={"playbook": book}))
    assert isinstance(admit(candidate(playbook_proposal(HARMLESS)), careful, NOW), Admitted), "a person's own is high"


def test_a_reviewed_playbook_is_accepted_and_a_hazardous_or_exchanged_one_is_not() -> None:
    assert isinstance(admit(candidate(playbook_proposal(HARMLESS)), CONFIG, NOW), Admitted)
    assert "sha256" in reason_for(playbook_proposal(HARMLESS, "0" * 64))
    piped = HARMLESS.replace("hello", "\"{{ lookup('pipe', 'id') }}\"")
    assert "may not run" in reason_for(playbook_proposal(piped))
    assert "may not run" in reason_for(playbook_proposal(HARMLESS.replace("hosts: here", "hosts: all")))


def test_a_whole_node_event_cannot_be_answered_with_a_restart() -> None:
    event = HealthEvent(id=event_id_for(1), type="disk_full", node="here", payload={"runtime": "docker"})
    proposal = proposal_for(1, service=None, event=event)
    assert "policy does not allow" in reason_for(proposal)


# ---- the edge ----------------------------------------------------------------------------------------------------


def test_looking_reads_a_plain_file_once(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b"{}")
    seen = read_candidate(path)
    assert seen is not None
    assert (seen.file_name, seen.raw) == ("x.json", b"{}")
    assert read_candidate(tmp_path / "gone") is None


def test_looking_never_blocks_and_never_follows(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "folder").mkdir()
    (tmp_path / "one").write_bytes(b"{}")
    (tmp_path / "two").hardlink_to(tmp_path / "one")
    (tmp_path / "link").symlink_to("one")
    with (tmp_path / "sparse").open("wb") as handle:
        handle.truncate(10 * 1024**3)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        problems: dict[str, str] = {}

        def look() -> None:
            for path in sorted(tmp_path.iterdir()):
                seen = read_candidate(path)
                assert seen is not None
                assert seen.raw is None, path
                problems[path.name] = seen.problem

        worker = threading.Thread(target=look, daemon=True)
        worker.start()
        worker.join(60)
        assert not worker.is_alive()
    assert len(problems) == 9
    assert all("; " in trouble for trouble in problems.values()), problems


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a device")
def test_a_device_is_not_opened(tmp_path: Path) -> None:
    os.mknod(tmp_path / "device", 0o600 | 0o020000, os.makedev(1, 5))
    seen = read_candidate(tmp_path / "device")
    assert seen is not None
    assert seen.raw is None


def own_playbook(text: str, *files: str, name: str = "p") -> Proposal:
    attachments = [{"name": f"f{n}", "sha256": sha256_of(one), "text": one} for n, one in enumerate(files)]
    book = {"name": name, "sha256": sha256_of(text), "text": text, "attachments": attachments}
    said = {"type": "playbook", "action": "playbook", "risk_level": "high", "playbook": book}
    return Proposal.model_validate({**proposal_for(1).model_dump(), **said})


def sha256_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_what_a_playbook_destroys_is_said_again_with_the_policy_of_now() -> None:
    tidy = own_playbook("- hosts: here\n  tasks:\n    - file: {path: /srv/data, state: absent}\n")
    stop = own_playbook("- hosts: here\n  tasks:\n    - systemd: {name: sshd, state: stopped}\n")
    assert isinstance(admit(candidate(tidy), CONFIG, NOW), Admitted), "a person may want it"
    assert "removes a whole tree" in " ".join(dangers_of(tidy, CONFIG))
    assert "stops sshd" in " ".join(dangers_of(stop, CONFIG))
    assert dangers_of(proposal_for(1), CONFIG) == ()
    freed = Policy.from_text("rules: []")
    assert dangers_of(stop, replace(CONFIG, policy=freed)) == ()
    assert dangers_of(stop, replace(CONFIG, policy="cannot be read")) == ()


def test_a_playbook_of_ones_own_is_judged_with_its_attachments_and_the_policy_of_now() -> None:
    copies = f"- hosts: here\n  tasks: [{{copy: {{src: files/{sha256_of('x')}, dest: /etc/x}}}}]\n"
    assert isinstance(admit(candidate(own_playbook(copies, "x")), CONFIG, NOW), Admitted)
    assert "does not carry" in reason_for(own_playbook(copies, "y"))
    assert "must name an attachment" in reason_for(own_playbook(copies.replace("files/", "/etc/"), "x"))
    raw = own_playbook(copies, "x").wire().replace(b'"text": "x"', b'"text": "z"')
    admission = admit(candidate(own_playbook(copies, "x"), raw), CONFIG, NOW)
    assert isinstance(admission, Denied)
    assert "f0 does not match its sha256" in admission.reason
    shell = "- hosts: here\n  tasks: [{shell: id}]\n"
    assert "the module shell may not be used" in reason_for(own_playbook(shell))
    widened = Policy.from_text("rules: []\nrequests: {modules: {ansible.builtin.shell: [cmd]}}")
    assert isinstance(admit(candidate(own_playbook(shell)), ConfigSnapshot(CONFIG.inventory, widened), NOW), Admitted)


def test_one_byte_changed_anywhere_in_an_approved_request_is_never_admitted() -> None:
    """Of a playbook that was asked for, its attachment and all that stands around them."""
    text = f"- hosts: here\n  tasks: [{{copy: {{src: files/{sha256_of('x')}, dest: /srv/x}}}}]\n"
    own = own_playbook(text, "x")
    asked = own.model_copy(update={"event": own.event.model_copy(update={"type": EventType.PLAYBOOK_REQUESTED})})
    raw, name = asked.wire(), candidate(asked).file_name
    assert isinstance(admit(candidate(asked), CONFIG, NOW), Admitted)
    for at in range(len(raw)):
        bent = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        assert isinstance(admit(candidate(asked, bent, name), CONFIG, NOW), Denied), at


def test_a_name_that_the_inventory_gives_a_host_is_not_to_be_read_under_the_guise_of_ones_own() -> None:
    text = "- hosts: here\n  tasks: [{set_fact: {db_password: 1}, when: false}, {debug: {msg: '{{ db_password }}'}}]\n"
    assert isinstance(admit(candidate(own_playbook(text)), CONFIG, NOW), Admitted)
    secret = Inventory.parse(b"all: {vars: {db_password: s3cret}, hosts: {here: {}, there: {}}}")
    assert "db_password" in reason_for(own_playbook(text), ConfigSnapshot(secret, CONFIG.policy))


def an_undo(**changes: Any) -> Proposal:
    payload = {"runtime": "systemd", "investigation": {"unit": {"enabled": True}}}
    ran = proposal_for(1, type="unit_start", action="unit_start")
    ran = ran.model_copy(update={"event": ran.event.model_copy(update={"payload": payload, "trust": Trust.NODE})})
    undo = {"type": "undo_unit_start", "action": "undo_unit_start", "risk_level": Risk.GUARDED}
    back = Undoes(action_id=ran.id, before={"is_running": 0, "restarts": 0})
    made = ran.model_copy(update={**undo, "undoes": back})
    made = with_digest(made).model_copy(update=changes)
    return made if "id" in changes else made.model_copy(update={"id": made.id_by_its_parts})


def test_an_undo_of_what_this_event_led_to_is_accepted_and_so_is_its_second_attempt() -> None:
    for attempt in (1, 2):
        admission = admit(candidate(an_undo(attempt=attempt)), CONFIG, NOW)
        assert isinstance(admission, Admitted), admission


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"undoes": None, "id": proposal_for(1).id}, "half an undo"),
        ({"type": "container_restart", "action": "restart", "risk_level": Risk.LOW}, "half an undo"),
        ({"action": "restart"}, "half an undo"),
        ({"risk_level": Risk.LOW}, "risk_level must be guarded"),
        ({"undoes": Undoes(action_id=proposal_for(2).id, before={"is_running": 0, "restarts": 0})}, "no action of its"),
        ({"undoes": Undoes(action_id=proposal_for(1).id, before={"restarts": 0})}, "nobody knows any more"),
        ({"id": proposal_for(1).id}, "does not belong to its event"),
        ({"remedy_sha256": None}, "does not say which playbooks its remedy gave"),
        ({"remedy_sha256": "0" * 64}, "was changed since this was proposed"),
    ],
)
def test_half_an_undo_or_one_of_something_else_is_refused(changes: dict[str, Any], word: str) -> None:
    assert word in reason_for(an_undo(**changes))


def test_nothing_is_taken_away_from_the_lifeline() -> None:
    ssh = Policy.from_text("never: {services: [web]}\nrules: []\n")
    assert "never list" in reason_for(an_undo(), replace(CONFIG, policy=ssh))


@pytest.mark.parametrize(
    ("ran_in", "refused"),
    [("done", False), ("failed", False), ("executed", False), (None, True), ("running", True), ("withdrawn", True)],
)
def test_only_what_ran_here_can_be_taken_back(ran_in: str | None, refused: bool) -> None:
    assert bool(never_ran(an_undo(), lambda action_id: ran_in)) is refused
    assert never_ran(proposal_for(1), lambda action_id: None) is None
