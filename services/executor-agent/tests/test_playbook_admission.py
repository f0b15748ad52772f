"""Playbooks of people and of requests at the door: judged by their tasks, attachments and the policy of now."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from admission_rig import CONFIG, NOW, candidate, reason_for
from executor_rig import proposal_for

from executor_agent.admission.admission import Admitted, Denied, admit, dangers_of
from mesh_core.incidents.event_types import EventType
from mesh_core.models.proposals import A_PERSON, ModelRef, Proposal, Risk
from mesh_core.policy.current_config import ConfigSnapshot
from mesh_core.policy.inventory import Inventory
from mesh_core.policy.policy import Policy


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
