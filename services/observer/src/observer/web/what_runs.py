"""What approval would run, and what the policy says of it: of one proposal, for who has to decide. Runs nothing."""

from __future__ import annotations

from pydantic import BaseModel, Field

from mesh_core.actions.playbook import how_it_runs
from mesh_core.actions.register import playbook_for
from mesh_core.models.proposals import Attachment, Proposal
from mesh_core.models.records import sha256_of
from mesh_core.models.run_options import AnsibleRole
from mesh_core.policy.policy import Policy
from mesh_core.policy.proposed_playbook.becoming import how_it_becomes
from mesh_core.policy.proposed_playbook.proposal_lint import lint_by_policy
from observer.web.app_context import AppContext
from observer.web.errors import HttpProblem


class WhatRuns(BaseModel):
    """The playbook that approval runs, byte for byte, and the one that proves it in check mode."""

    name: str
    text: str
    sha256: str
    proof: str
    undo: str = Field("", description="what takes it back by itself where it does not help; empty where nothing does")
    attachments: list[Attachment] = Field(description="files that it brings: its tasks say files/<sha256>")
    role: AnsibleRole | None = Field(None, description="the role that it names, all of it; its text is site.yml then")
    how: list[str] = Field(
        [], description="what is not as usual: as whom it logs in, whom it becomes, that nobody proves it"
    )
    by_policy: list[str] = Field(description="modules and arguments that only config/policy.yml allows")
    dangers: list[str] = Field(description="tasks in it that destroy a host's data, or shut the way in")
    problems: list[str] = Field(description="why the executor would refuse it")


class PolicyAnswer(BaseModel):
    allowed: list[str]
    preferred: str
    reason: str


def what_runs_for(context: AppContext, p: Proposal) -> tuple[WhatRuns | None, str | None]:
    try:
        made = playbook_for(p)
    except ValueError as error:
        return None, str(error)
    if not made.apply:
        return None, None
    name = p.playbook.name if p.playbook else p.type
    sha256 = sha256_of(made.apply)
    lint = lint_by_policy(context.config.policy(), p)
    return WhatRuns(
        name=name,
        text=made.apply,
        sha256=sha256,
        proof=made.converge,
        undo=made.undo,
        attachments=list(p.playbook.attachments) if p.playbook else [],
        role=p.playbook.role if p.playbook else None,
        how=[*how_it_runs(p.meant.playbook), *how_it_becomes(p.meant.playbook)],
        by_policy=list(lint.by_policy),
        dangers=list(lint.dangers),
        problems=list(lint.problems),
    ), None


def load_policy(context: AppContext) -> Policy:
    policy = context.config.policy()
    if isinstance(policy, str):
        raise HttpProblem(409, "bad_policy", f"the policy cannot be used: {policy}")
    return policy


def policy_answer(context: AppContext, p: Proposal) -> PolicyAnswer | None:
    try:
        allowed = load_policy(context).allows(p.event)
    except HttpProblem:
        return None
    return PolicyAnswer(
        allowed=sorted(allowed.actions),
        preferred=allowed.preferred,
        reason=allowed.reason,
    )
