"""What a request's playbook may not say, by the same judge as a person's own, and what policy lets it risk by now."""

from __future__ import annotations

import hashlib

import pytest
from lint_rig import HEAD

from mesh_core.approvals.edits import edited_proposal
from mesh_core.approvals.errors import CannotDecide
from mesh_core.models.events import HealthEvent
from mesh_core.models.proposals import A_PERSON, Playbook, Proposal, Risk, proposal_id
from mesh_core.policy.playbook_lint import Lint, lint_text
from mesh_core.policy.policy import Policy
from mesh_core.policy.proposed_playbook.proposal_lint import lint_by_policy

POLICY = Policy.load(None)


def asked(text: str) -> Lint:
    return lint_text(text, "n1", requested=True)


@pytest.mark.parametrize(
    "task",
    [
        "{ping: {}, ignore_errors: true}",
        "{ping: {}, ignore_unreachable: true}",
        "{ping: {}, failed_when: ping is not defined, vars: {ping: 1}}",
        "{ping: {}, changed_when: false}",
        "{service: {name: nginx, state: started}, changed_when: false}",
        "{service: {name: nginx, state: restarted}, changed_when: [nginx is defined], vars: {nginx: 1}}",
        "{block: [{ping: {}}], ignore_errors: true}",
        "{block: [{ping: {}}], rescue: [{ping: {}, ignore_errors: true}]}",
    ],
)
def test_it_hides_no_failure_and_no_change_from_its_proof(task: str) -> None:
    assert not lint_text(f"{HEAD}[{task}]", "n1").problems, "a person's own may"
    (problem,) = asked(f"{HEAD}[{task}]").problems
    assert "of a request may not use" in problem


def test_a_restart_says_that_it_is_no_state() -> None:
    for task in (
        "{service: {name: nginx, state: restarted}, changed_when: false}",
        "{ansible.builtin.systemd_service: {name: nginx, state: reloaded}, changed_when: false}",
        "{community.docker.docker_container: {name: shop, restart: true}, changed_when: false}",
        "{ping: {}, ignore_errors: false}",
    ):
        assert asked(f"{HEAD}[{task}]") == Lint(), task


@pytest.mark.parametrize(
    "part",
    [
        *("command: id", "shell: id", "raw: id", "script: x.sh", "expect: {command: id, responses: {}}"),
        *(
            "reboot: {}",
            "pause: {seconds: 1}",
            "wait_for_connection: {}",
            "include_tasks: x.yml",
            "import_tasks: x.yml",
        ),
        *("include_role: {name: x}", "import_role: {name: x}", "include_vars: x.yml", "async_status: {jid: '1'}"),
        *("ping: {}, environment: {A: b}", "ping: {}, become_method: su", "ping: {}, check_mode: false"),
        *("ping: {}, delegate_to: n2", "ping: {}, async: 10", "ping: {}, poll: 0", "local_action: ping"),
    ],
)
def test_what_no_request_may_use_unless_the_policy_says_so(part: str) -> None:
    assert asked(f"{HEAD}[{{{part}}}]").problems
    assert asked(f"- hosts: n1\n  roles: [x]\n  tasks: [{{{part}}}]").problems
    assert asked(f"- hosts: n1\n  handlers: [{{block: [{{{part}}}]}}]").problems


def proposal(text: str, kind: str = "playbook_requested", risk: Risk = Risk.HIGH) -> Proposal:
    return Proposal(
        id=proposal_id("n1/1-1", "n1", "p"),
        type="playbook",
        action="playbook",
        risk_level=risk,
        node="n1",
        service="p",
        reason="somebody asked for it",
        confidence=1,
        created_at="2026-01-01T00:00:00Z",
        expires_at="2027-01-01T00:00:00Z",
        event=HealthEvent(id="n1/1-1", type=kind, node="n1", service="p", timestamp="2026-01-01T00:00:00Z"),
        model=A_PERSON,
        playbook=Playbook(name="p", sha256=hashlib.sha256(text.encode()).hexdigest(), text=text),
    )


def test_an_edit_of_it_passes_the_same_gate_and_the_same_ceiling() -> None:
    filed = proposal(HEAD + "[{package: {name: nginx}}]", risk=Risk.LOW)
    hides = proposal(HEAD + "[{package: {name: nginx}, ignore_errors: true}]")
    with pytest.raises(CannotDecide, match="of a request may not use ignore_errors"):
        edited_proposal(filed, hides.wire(), "ann", POLICY)
    trouble = proposal(HEAD + "[{package: {name: nginx}}]", "container_died")
    assert edited_proposal(trouble, proposal(hides.playbook.text, "container_died").wire(), "ann", POLICY)  # type: ignore[union-attr]
    removes = proposal(HEAD + "[{package: {name: nginx, state: absent}}]")
    assert edited_proposal(filed, removes.wire(), "ann", POLICY).risk_level is Risk.HIGH
    careful = Policy.from_text("requests: {max_risk: guarded}")
    with pytest.raises(CannotDecide, match="allows guarded at most"):
        edited_proposal(filed, removes.wire(), "ann", careful)


def test_a_card_says_that_the_policy_allows_less_by_now() -> None:
    careful = Policy.from_text("requests: {max_risk: low}")
    filed = proposal(HEAD + "[{ping: {}}]", risk=Risk.LOW)
    assert not lint_by_policy(careful, filed).problems
    (by_tasks,) = lint_by_policy(careful, proposal(HEAD + "[{hostname: {name: a}}]", risk=Risk.LOW)).problems
    (by_itself,) = lint_by_policy(careful, filed.model_copy(update={"risk_level": Risk.GUARDED})).problems
    assert by_tasks == by_itself == "its risk is guarded, and config/policy.yml allows low at most (requests: max_risk)"
    assert not lint_by_policy(careful, proposal(HEAD + "[{hostname: {name: a}}]", "container_died")).problems
