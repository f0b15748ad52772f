"""What stands against the playbook that a proposal brings, by the policy of now: a person's own, or an own remedy's.

A room of its own: the planner's image judges events by the policy, and no playbook.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from operator import attrgetter
from pathlib import Path

from mesh_core.actions.register import current, playbook_for
from mesh_core.models.proposals import Proposal
from mesh_core.policy.current_config import ConfigReader
from mesh_core.policy.playbook_lint import Lint, is_requested, lint_playbooks, lint_proposal
from mesh_core.policy.playbook_lint.shutting_out import nothing
from mesh_core.policy.policy import Policy
from mesh_core.policy.proposed_playbook.playbook_risk import ceiling_problem, risk_of_proposal


def lint_by_policy(policy: Policy | str, proposal: Proposal) -> Lint:
    """What stands against its playbook, and what it takes away; nothing of what is code or was shipped.

    What a policy that cannot be used would allow is not allowed, and the findings say so. An own remedy may use what a
    shipped one may. One of which no playbook can be made has none to judge.
    """
    protected = nothing if isinstance(policy, str) else policy.is_lifeline
    if current().is_own(proposal.type):
        try:
            return lint_playbooks(playbook_for(proposal), proposal.node, protected)
        except ValueError:
            return Lint()
    if isinstance(policy, str):
        return lint_proposal(proposal)
    found = lint_proposal(proposal, policy.widened, protected)
    return replace(found, problems=(*found.problems, *_above_the_ceiling(proposal, policy)))


def _above_the_ceiling(proposal: Proposal, policy: Policy) -> Iterator[str]:
    """What was asked for in words may risk less by now."""
    if is_requested(proposal) and proposal.playbook:
        riskier = max(proposal.risk_level, risk_of_proposal(proposal, policy), key=attrgetter("rank"))
        if problem := ceiling_problem(riskier, policy):
            yield problem


def lint_by_current_policy(runtime: Path, proposal: Proposal) -> Lint:
    """The same by the policy of now, for who asks once."""
    return lint_by_policy(ConfigReader(runtime).policy(), proposal)
